import debian_torch  # noqa: F401
import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.loggers import WandbLogger
from report import report
from torch.utils.data import DataLoader, TensorDataset


class Model(pl.LightningModule):
    def __init__(self, lr=0.1, width=4):
        super().__init__()
        self.save_hyperparameters()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(3, width), torch.nn.ReLU(), torch.nn.Linear(width, 1)
        )

    def training_step(self, batch, _):
        loss = torch.nn.functional.mse_loss(self.layers(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, _):
        self.log("val_loss", torch.nn.functional.mse_loss(self.layers(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), self.hparams.lr)


class Said(Callback):
    def __init__(self):
        self.train, self.val = [], []

    def on_train_batch_end(self, trainer, *_):
        self.train.append(float(trainer.callback_metrics["train_loss"]))

    def on_validation_epoch_end(self, trainer, *_):
        if not trainer.sanity_checking:
            self.val.append(float(trainer.callback_metrics["val_loss"]))


pl.seed_everything(1)
x = torch.rand(32, 3)
data = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8)
logger = WandbLogger(project="lightning", name="tiny", log_model="all", tags=["a"])
said, model = Said(), Model()
logger.watch(model, log="all", log_freq=4)
saved = ModelCheckpoint(monitor="val_loss", save_top_k=2)
trainer = pl.Trainer(
    logger=logger,
    max_epochs=3,
    log_every_n_steps=1,
    callbacks=[said, saved],
    enable_progress_bar=False,
    enable_model_summary=False,
    accelerator="cpu",
)
trainer.fit(model, data, data)
logger.log_image(
    "pictures", [np.zeros((4, 6, 3), "uint8"), np.full((4, 6, 3), 255, "uint8")], caption=["a", "b"]
)
logger.log_table("rows", columns=["n", "text"], data=[[1, "x"], [2, "y"]])
report(train=said.train, val=said.val, id=logger.version, best=saved.best_model_score)
logger.experiment.finish()
