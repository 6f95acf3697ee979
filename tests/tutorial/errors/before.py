"""What the snippet takes for granted: a training that fails."""

import wandb


def train():
    raise RuntimeError("out of memory")


wandb.init(project="errors")
