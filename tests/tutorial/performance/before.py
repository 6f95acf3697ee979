"""What the snippet takes for granted: a loop that is in epoch 5, and files."""

import wandb

epoch = 5
for name in ("model.pt", "last.pt", "notes.txt"):
    with open(name, "w") as file:
        file.write(name)
