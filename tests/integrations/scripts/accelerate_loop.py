import numpy as np
import torch
from accelerate import Accelerator
from report import report

accelerator = Accelerator(cpu=True, log_with="wandb")
accelerator.init_trackers(
    "accelerate", config={"lr": 0.1}, init_kwargs={"wandb": {"tags": ["a"], "name": "tiny"}}
)
model = torch.nn.Linear(3, 1)
model, optimizer = accelerator.prepare(model, torch.optim.SGD(model.parameters(), 0.1))
losses = []
for step in range(5):
    loss = model(torch.rand(8, 3)).pow(2).mean()
    accelerator.backward(loss)
    optimizer.step()
    optimizer.zero_grad()
    losses.append(loss.item())
    accelerator.log({"loss": loss.item()}, step=step * 10)
tracker = accelerator.get_tracker("wandb")
tracker.log_images({"pictures": np.zeros((2, 4, 6, 3), "uint8")}, step=50)
tracker.log_table("rows", columns=["n", "text"], data=[[1, "x"]], step=60)
report(losses=losses)
accelerator.end_training()
