"""What the snippet takes for granted."""

import wandb
