"""What the snippet takes for granted: a model that Lightning trains."""

import json

import torch

# Debian's torch 1.13 has, for training on many machines, a class that Python 3.11 refuses,
# and Lightning imports it.
torch.distributed.is_available = lambda: False

import pytorch_lightning as pl
from pytorch_lightning import Trainer

pl.seed_everything(7)
told = []


class Classifier(pl.LightningModule):
    def __init__(self, width=8):
        super().__init__()
        self.save_hyperparameters()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(4, width), torch.nn.ReLU(), torch.nn.Linear(width, 2)
        )

    def training_step(self, batch, _):
        inputs, labels = batch
        loss = torch.nn.functional.cross_entropy(self.layers(inputs), labels)
        self.log("train_loss", loss)
        told.append(loss.item())
        return loss

    def train_dataloader(self):
        inputs = torch.randn(512, 4)
        data = torch.utils.data.TensorDataset(inputs, (inputs.sum(dim=1) > 0).long())
        return torch.utils.data.DataLoader(data, batch_size=8)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)

    def on_train_end(self):
        with open("told.json", "w") as file:
            json.dump(told, file)


model = Classifier()
