"""What TensorFlow and Keras write for TensorBoard, logged with `sync_tensorboard`."""

from __future__ import annotations

import pytest
from conftest import Trainer


def test_a_file_writer_is_mirrored(train: Trainer) -> None:
    run = train("tensorflow_writer")
    assert run.points("loss") == [
        (step * 5, pytest.approx(loss)) for step, loss in enumerate(run.report["losses"])
    ]
    [(step, picture)] = run.points("picture")
    assert (step, picture["_type"], picture["width"], picture["height"]) == (7, "image-file", 6, 4)
    [(step, weights)] = run.points("weights")
    assert (step, sum(weights["values"])) == (8, 6)
    history = run.report["history"]
    [train_key] = [key for key in run.keys() if key.endswith("train/epoch_loss")]
    [val_key] = [key for key in run.keys() if key.endswith("validation/epoch_loss")]
    assert run.series(train_key) == pytest.approx(history["loss"])
    assert run.series(val_key) == pytest.approx(history["val_loss"])
