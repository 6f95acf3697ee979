"""Ultralytics' callback."""

from __future__ import annotations

import csv

import pytest
from conftest import Trainer


def test_ultralytics(train: Trainer) -> None:
    run = train("ultralytics_train", WANDB_MODE="offline", YOLO_OFFLINE="true")
    rows = [
        {key.strip(): float(value) for key, value in row.items()}
        for row in csv.DictReader(run.report["csv"].splitlines())
    ]
    assert len(rows) == 2
    for key in ("train/box_loss", "val/box_loss", "metrics/mAP50(B)", "lr/pg0"):
        # The best model is evaluated once more at the end.
        assert run.series(key)[:2] == pytest.approx([row[key] for row in rows], abs=1e-4), key
    assert run.config()["epochs"] == 2
    assert list(run.artifacts()) != []
