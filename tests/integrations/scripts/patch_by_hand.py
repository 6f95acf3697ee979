import wandb
from torch.utils.tensorboard import SummaryWriter


def write(directory, tag):
    writer = SummaryWriter(directory)
    writer.add_scalar(tag, 1.0, 3)
    writer.close()


write("logs/before", "no_patch")
wandb.tensorboard.patch(root_logdir="logs", save=False)
write("logs/a", "no_run")
run = wandb.init(project="writer")
write("logs/a/b", "loss")
write("elsewhere", "loss")
wandb.tensorboard.unpatch()
write("logs/c", "unpatched")
run.finish()
