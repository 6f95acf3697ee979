import sys

import numpy as np
import wandb
from report import report

if "tensorboardX" in sys.argv:
    from tensorboardX import SummaryWriter
else:
    from torch.utils.tensorboard import SummaryWriter

run = wandb.init(project="writer", sync_tensorboard=True)
writer = SummaryWriter("logs/first")
losses = [1 / (step + 1) for step in range(20)]
for step, loss in enumerate(losses):
    writer.add_scalar("train/loss", loss, step * 5)
writer.add_image("picture", np.full((3, 4, 6), 0.5, "float32"), 7)
writer.add_histogram_raw("weights", 0.0, 3.0, 6, 9.0, 20.0, [1.0, 2.0, 3.0], [1, 2, 3], 8)
writer.add_text("note", "hello", 9)
writer.add_hparams(
    {"lr": 0.1, "kind": "adam"},
    {"accuracy": 0.5},
    **({"name": "hp"} if "tensorboardX" in sys.argv else {"run_name": "hp"}),
)
other = SummaryWriter("logs/second")
other.add_scalar("loss", 0.25, 3)
run.log({"mine": 1})
report(losses=losses)
# Neither writer is closed, nor is what they hold flushed.
run.finish()
after = SummaryWriter("logs/third")
after.add_scalar("too_late", 1, 1)
after.close()
