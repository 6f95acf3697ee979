"""What torch and tensorboardX write for TensorBoard, logged with `sync_tensorboard`."""

from __future__ import annotations

import pytest
from conftest import Trainer


@pytest.mark.parametrize("library", ["torch", "tensorboardX"])
def test_a_summary_writer_is_mirrored(train: Trainer, library: str) -> None:
    run = train("torch_writer", library)
    assert run.points("train/loss") == [
        (step * 5, pytest.approx(loss)) for step, loss in enumerate(run.report["losses"])
    ]
    assert run.series("note/text_summary") == ["hello"]
    [(step, picture)] = run.points("picture")
    assert (step, picture["_type"], picture["width"], picture["height"]) == (7, "image-file", 6, 4)
    assert picture["path"] in run.files()
    [(step, weights)] = run.points("weights")
    assert (step, weights["values"], weights["bins"]) == (8, [1, 2, 3], [0, 1, 2, 3])
    assert run.points("second/loss") == [(3, 0.25)]
    assert run.points("second/global_step") == [(3, 3)]
    assert [step for step, _ in run.points("global_step")] == sorted([*range(0, 100, 5), 7, 8, 9])
    assert run.points("mine") == [(0, 1)]
    assert {"lr": 0.1, "kind": "adam"}.items() <= run.config().items()
    assert [key for key in run.keys() if key.endswith("accuracy")] != []
    assert not [key for key in run.keys() if "too_late" in key]
    assert len([path for path in run.files() if "tfevents" in path]) == 3


def test_a_killed_training_has_what_was_written(train: Trainer) -> None:
    run = train("killed_writer", exit_code=-9)
    # Completes the run.
    run.danlu("ls")
    assert run.points("loss") == [(step, step / 2) for step in range(100)]


def test_patch_and_unpatch_by_hand(train: Trainer) -> None:
    run = train("patch_by_hand")
    assert run.keys() == {"a/b/loss", "a/b/global_step", "loss", "global_step"}
    assert [path for path in run.files() if "tfevents" in path] == []
