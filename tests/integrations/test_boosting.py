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
    assert run.series("epoch") == [*range(rounds), *range(4)]
    for data in ("train", "test"):
        assert run.series(f"{data}-error") == pytest.approx(report["folds"][f"{data}-error-mean"])
        assert run.series(f"{data}-error-std") == pytest.approx(report["folds"][f"{data}-error-std"])
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
        "train-error": ["min"],
        "test-error": ["min"],
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
        assert run.series("iteration") == [*range(len(values)), *range(4)]
    assert run.series("valid_binary_error") == pytest.approx(report["folds"]["valid binary_error-mean"])
    assert run.series("valid_binary_error-stdv") == pytest.approx(report["folds"]["valid binary_error-stdv"])
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
        "valid_binary_error": ["min"],
    }
    assert list(run.artifacts()) == [f"model_{report['id']}:v0"]


def test_scikit_learn(train: Trainer) -> None:
    run = train("sklearn_plots")
    assert run.series("accuracy") == [run.report["accuracy"]]
    assert run.keys() == {"accuracy", "confusion_matrix", "roc_table", "summary_metrics"}
