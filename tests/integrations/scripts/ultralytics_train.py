from pathlib import Path

import cv2
import numpy as np
import ultralytics
from report import report
from ultralytics import YOLO, settings

settings.update({"wandb": True, "datasets_dir": str(Path.cwd())})
random = np.random.default_rng(1)
for part in ("train", "val"):
    Path(f"data/images/{part}").mkdir(parents=True)
    Path(f"data/labels/{part}").mkdir(parents=True)
    for n in range(4):
        picture = random.integers(0, 50, (64, 64, 3), dtype=np.uint8)
        picture[16:48, 16:48] = 255
        cv2.imwrite(f"data/images/{part}/{n}.png", picture)
        Path(f"data/labels/{part}/{n}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
Path("data.yaml").write_text(f"path: {Path.cwd()}/data\ntrain: images/train\nval: images/val\nnames: [box]\n")
model = YOLO("yolov8n.yaml")
model.train(
    data="data.yaml",
    epochs=2,
    imgsz=64,
    batch=4,
    device="cpu",
    workers=0,
    project="yolo",
    name="tiny",
    amp=False,
    plots=True,
    verbose=False,
)
report(version=ultralytics.__version__, csv=Path("yolo/tiny/results.csv").read_text())
