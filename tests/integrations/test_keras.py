"""Keras, with the backend that is installed."""

from __future__ import annotations

import pytest
from conftest import Trainer


def test_keras(train: Trainer) -> None:
    run = train("keras_fit")
    history, run_id = run.report["history"], run.report["id"]
    for metric, values in history.items():
        assert run.series(f"epoch/{metric}") == pytest.approx(values)
        # Of the old callback.
        assert run.series(metric) == pytest.approx(values)
    assert run.series("epoch/epoch") == [0, 1, 2]
    assert run.series("epoch/learning_rate") == pytest.approx([0.05] * 3)
    assert run.series("batch/batch_step") == [1, 3, 4, 6, 7, 9]
    assert run.series("batch/loss")[1::2] == pytest.approx(history["loss"])
    metrics = run.metrics()
    assert metrics["batch/*"]["step_metric"] == "batch/batch_step"
    assert metrics["epoch/*"]["step_metric"] == "epoch/epoch"

    summary = run.summary()
    assert summary["best_val_loss"] == pytest.approx(min(history["val_loss"]))
    best = min(range(3), key=lambda epoch: history["val_loss"][epoch])
    assert summary["best_epoch"] == best
    kernels = [value for key, value in summary.items() if key.startswith("parameters/") and "kernel" in key]
    assert sorted(sum(one["values"]) for one in kernels) == [8, 12]
    assert summary["graph"]["_type"] == "graph-file"

    made = run.artifacts()
    models = [one for name, one in made.items() if name.startswith(f"run_{run_id}_model:")]
    improved = sum(
        value == min(history["val_loss"][: epoch + 1]) for epoch, value in enumerate(history["val_loss"])
    )
    assert len(models) == improved
    assert {"best", f"epoch_{best}"} <= set(models[-1]["aliases"])
    [entry] = models[-1]["manifest"].values()
    assert entry["size"] == run.report["best"]
    assert f"run_{run_id}_pred:v2" in run.artifacts("evaluation")
