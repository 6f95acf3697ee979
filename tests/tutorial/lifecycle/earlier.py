"""The runs that the snippet finds: one that was killed, and three to compare."""

import os

import wandb

for name, losses in {"good": [0.9, 0.2, 0.3], "better": [0.8, 0.1], "worse": [0.9, 0.5]}.items():
    with wandb.init(project="project-name", name=name) as run:
        for loss in losses:
            run.log({"val_loss": loss})
        with open("model-best.h5", "w") as file:
            file.write(f"the model of {name}")
        run.save("model-best.h5")
os.remove("model-best.h5")
with wandb.init(project="project-name", name="without a loss"):
    pass

run = wandb.init(id="previous-run-id", config={"lr": 0.1})
for step in range(5):
    run.log({"loss": 1 / (step + 1)})
os._exit(9)
