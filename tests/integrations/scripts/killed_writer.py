import os
import signal

import wandb

wandb.init(project="writer", sync_tensorboard=True)

# Hooked although it is imported later.
from torch.utils.tensorboard import SummaryWriter  # noqa: E402

writer = SummaryWriter("logs")
for step in range(100):
    writer.add_scalar("loss", step / 2, step)
os.kill(os.getpid(), signal.SIGKILL)
