"""Gradient boosting, and what is done around scikit-learn."""

from __future__ import annotations

import pytest
from conftest import Trainer


def test_xgboost(train: Trainer) -> None:
    run = train("xgboost_train")
    said, report = run.report["said"], run.report
    for data, metrics in said.items():
        for metric, values in metrics.items():
            assert run.series(f"{data}-{metric}") == pytest.approx(values)
    rounds = len(said["valid"]["auc"])
    assert run.series("epoch") == list(range(rounds))
    assert run.series("best_iteration") == [report["best_iteration"]]
    assert run.series("best_score") == pytest.approx([report["best_score"]])
    config = run.config()
    assert config["depth"] == 2
    assert config["learner"]["objective"]["name"] == "binary:logistic"
    assert {name: one["summary"] for name, one in run.metrics().items()} == {
        "train-logloss": ["min"],
        "train-auc": ["max"],
        "valid-logloss": ["min"],
        "valid-auc": ["max"],
    }
    [(name, model)] = run.artifacts().items()
    assert name == f"model_{report['id']}:v0"
    assert list(model["manifest"]) == [f"{report['id']}_model.json"]
    [table] = [path for path in run.files() if path.endswith(".table.json")]
    [chart] = [key for key in run.keys() if key.startswith("Feature Importance")]
    assert run.summary()[chart]["path"] == table


def test_lightgbm(train: Trainer) -> None:
    run = train("lightgbm_train")
    report = run.report
    for metric, values in report["said"]["valid"].items():
        logged = run.series(f"valid_{metric}")
        assert logged == pytest.approx(values)
        assert run.series("iteration") == list(range(len(values)))
    assert run.config()["learning_rate"] == 0.3
    summary = run.summary()
    assert summary["best_iteration"] == report["best_iteration"]
    scores = {key: value for key, value in summary.items() if key.startswith("best_score.")}
    assert scores == {
        f"best_score.{data}.{metric}": pytest.approx(value)
        for data, metrics in report["best_score"].items()
        for metric, value in metrics.items()
    }
    assert {name: one["summary"] for name, one in run.metrics().items()} == {
        "valid_binary_logloss": ["min"],
        "valid_auc": ["max"],
    }
    assert list(run.artifacts()) == [f"model_{report['id']}:v0"]


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


def test_scikit_learn(train: Trainer) -> None:
    run = train("sklearn_plots")
    assert run.series("accuracy") == [run.report["accuracy"]]
    assert run.keys() == {"accuracy", "confusion_matrix", "roc_table", "summary_metrics"}


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
