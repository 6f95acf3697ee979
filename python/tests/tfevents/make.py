"""Makes the files beside this one with an installed library: `make.py torch|tensorboardx|tensorflow`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
PICTURE = (np.arange(4 * 6 * 3, dtype=np.uint8) * 3).reshape(4, 6, 3)
VALUES = np.linspace(-1, 3, 101).astype("float32")
SOUND = np.sin(np.arange(800) / 8).astype("float32")


def summary_writer(writer: Any, sound: Any) -> None:
    for step in range(3):
        writer.add_scalar("loss", 1 / (step + 1), step * 10)
    writer.add_scalar("nan", float("nan"), 30)
    writer.add_image("picture", PICTURE, 40, dataformats="HWC")
    counts, edges = np.histogram(VALUES, 4)
    writer.add_histogram_raw(
        "weights",
        min=-1.0,
        max=3.0,
        num=101,
        sum=float(VALUES.sum()),
        sum_squares=float((VALUES**2).sum()),
        bucket_limits=edges[1:].tolist(),
        bucket_counts=counts.tolist(),
        global_step=50,
    )
    writer.add_text("note", "größer *than* before", 60)
    writer.add_audio("sound", sound, 70, sample_rate=8000)
    writer.close()


def torch(directory: str) -> None:
    from torch import from_numpy
    from torch.utils.tensorboard import SummaryWriter
    from torch.utils.tensorboard.summary import hparams

    writer = SummaryWriter(directory)
    for summary in hparams({"lr": 0.1, "optimizer": "adam", "nesterov": True}, {"accuracy": 0.5}):
        writer.file_writer.add_summary(summary)
    summary_writer(writer, from_numpy(SOUND))


def tensorboardx(directory: str) -> None:
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(directory)
    # That of torch 1.13 does not work with numpy 1.24.
    writer.add_histogram("binned", VALUES, 45)
    summary_writer(writer, SOUND)


def tensorflow(directory: str) -> None:
    import tensorflow as tf

    with tf.summary.create_file_writer(directory).as_default():
        for step in range(3):
            tf.summary.scalar("loss", 1 / (step + 1), step * 10)
        tf.summary.scalar("nan", float("nan"), 30)
        tf.summary.image("picture", PICTURE[None], 40)
        tf.summary.histogram("weights", VALUES, 50, buckets=10)
        tf.summary.text("note", "größer *than* before", 60)
        tf.summary.audio("sound", SOUND[None, :, None], 8000, 70)
        tf.summary.write("half", tf.constant([1.5, -2.0], tf.float16), 80)
        tf.summary.write("many", tf.zeros([2, 3], tf.int32), 90)


def main() -> None:
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as directory:
            globals()[name](directory)
            (made,) = Path(directory).glob("*tfevents*")
            shutil.copy(made, HERE / f"{name}.tfevents")


if __name__ == "__main__":
    main()
