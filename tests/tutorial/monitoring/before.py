"""What the snippet takes for granted."""

import torch
import wandb
