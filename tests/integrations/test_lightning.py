"""Lightning's own logger."""

from __future__ import annotations

import pytest
from conftest import Trainer


def test_lightning(train: Trainer) -> None:
    run = train("lightning_fit")
    report = run.report
    assert run.series("train_loss") == pytest.approx(report["train"])
    assert run.series("val_loss") == pytest.approx(report["val"])
    assert run.metrics()["*"]["step_metric"] == "trainer/global_step"
    assert {"lr": 0.1, "width": 4}.items() <= run.config().items()
    passes = len(report["train"])
    for key in ("gradients/layers.0.weight", "parameters/layers.2.bias"):
        assert len(run.series(key)) == passes // 4
    [pictures] = run.series("pictures")
    assert (pictures["_type"], pictures["count"], pictures["captions"]) == ("images/separated", 2, ["a", "b"])
    [rows] = run.series("rows")
    assert (rows["ncols"], rows["nrows"]) == (2, 2)
    models = run.artifacts()
    assert {name.partition(":")[0] for name in models} == {f"model-{report['id']}"}
    assert max(one["metadata"]["score"] is not None for one in models.values())
    assert [entry for one in models.values() for entry in one["manifest"]] == ["model.ckpt"] * len(models)
    assert "best" in [alias for one in models.values() for alias in one["aliases"]]
    assert run.rows("SELECT name FROM run") == [("tiny",)]
