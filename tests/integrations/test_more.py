"""catboost and optuna."""

from __future__ import annotations

import pytest
from conftest import Trainer


def test_catboost(train: Trainer) -> None:
    run = train("catboost_fit")
    report = run.report
    for data, metrics in report["said"].items():
        for metric, values in metrics.items():
            # catboost counts iterations from 1.
            assert run.series(f"{data}-{metric}") == pytest.approx(values[2::3])
    assert run.series("iteration@metric-period-3") == [3, 6, 9, 12]
    assert run.summary()["best_iteration"] == report["best_iteration"]
    assert run.config()["depth"] == 2
    assert list(run.artifacts()) == [f"model_{report['id']}:v0"]


@pytest.mark.parametrize("several", [False, True])
def test_optuna(train: Trainer, several: bool) -> None:
    run = train("optuna_study", *(["multirun"] if several else []))
    trials = run.report["trials"]
    assert len(trials) == 3
    if several:
        assert len(run.paths) == len(trials)
        return
    assert run.series("loss") == [trial["value"] for trial in trials]
    assert run.series("x") == [trial["params"]["x"] for trial in trials]
