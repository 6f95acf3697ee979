# PyTorch Lightning 集成
from pytorch_lightning.loggers import WandbLogger

wandb_logger = WandbLogger(project="my-project")

trainer = Trainer(
    logger=wandb_logger,
    max_epochs=10
)
trainer.fit(model)
