"""The names of wandb's interface, and the page that says what becomes of each."""
