"""Reading runs back with wandb's interface: see `danlu.apis.public`."""
