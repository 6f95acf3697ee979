"""Charts of scikit-learn's models, each logged to the current run."""

from __future__ import annotations

import json
from typing import Any

import danlu
import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
import sklearn.metrics
from conftest import Reader
from danlu.integration import sklearn as charts
from sklearn.cluster import DBSCAN, KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

CHARTS = [getattr(charts, name) for name in charts.__all__]


class Logged:
    """The tables and drawings of a run."""

    def __init__(self, read: Reader, run: danlu.Run) -> None:
        contents = dict(
            read.rows(
                run.file,
                "SELECT f.path, c.bytes FROM file AS f JOIN blob AS b ON b.sha256 = f.sha256 "
                "JOIN chunk AS c ON c.id = b.n << 24 WHERE f.path LIKE 'media/table/%'",
            )
        )
        self.tables = {}
        for _, key, value in read.history(run.file):
            body = json.loads(contents[json.loads(value)["path"]])
            self.tables[key] = [dict(zip(body["columns"], row)) for row in body["data"]]
        kept = json.loads(read.table(run.file, "config").get("_wandb", "{}"))
        self.drawings = {key: drawing["id"] for key, drawing in kept.get("viz", {}).items()}
        assert run.lost == 0


def classification(classes: int = 2) -> Any:
    samples, truth = sklearn.datasets.make_classification(
        120, n_features=5, n_informative=4, n_redundant=0, n_classes=classes, random_state=0
    )
    return train_test_split(samples, truth, random_state=0)


def regression() -> Any:
    samples, truth = sklearn.datasets.make_regression(80, 3, noise=5, random_state=0)
    return train_test_split(samples, truth, random_state=0)


def test_all_charts_of_a_classifier(read: Reader) -> None:
    train, test, train_truth, test_truth = classification()
    model = LogisticRegression().fit(train, train_truth)
    predicted, probabilities = model.predict(test), model.predict_proba(test)
    with danlu.init() as run:
        charts.plot_classifier(
            model,
            train,
            test,
            train_truth,
            test_truth,
            predicted,
            probabilities,
            ["no", "yes"],
            is_binary=True,
            model_name="Logit",
            feature_names=list("abcde"),
            log_learning_curve=True,
        )
    logged = Logged(read, run)
    assert logged.drawings == {
        "calibration_curve": "wandb/calibration/v1",
        "class_proportions": "wandb/class_proportions/v1",
        "confusion_matrix": "wandb/confusion_matrix/v1",
        "decision_boundaries": "wandb/decision_boundaries/v1",
        "feature_importances": "wandb/feature_importances/v1",
        "learning_curve": "wandb/learning_curve/v1",
        "summary_metrics": "wandb/metrics/v1",
    }
    assert set(logged.tables) == {*logged.drawings, "roc_table", "precision_recall_table"}
    counts = sklearn.metrics.confusion_matrix(test_truth, predicted)
    found = {(row["Actual"], row["Predicted"]): row["Count"] for row in logged.tables["confusion_matrix"]}
    names = ["no", "yes"]
    assert found == {(a, p): counts[i, j] for i, a in enumerate(names) for j, p in enumerate(names)}
    metrics = {row["metric_name"]: row["metric_value"] for row in logged.tables["summary_metrics"]}
    assert metrics["accuracy_score"] == round(sklearn.metrics.accuracy_score(test_truth, predicted), 4)
    assert set(metrics) == {"accuracy_score", "precision", "recall", "f1_score"}
    importances = {row["feature_names"]: row["importances"] for row in logged.tables["feature_importances"]}
    np.testing.assert_allclose([importances[name] for name in "abcde"], model.coef_[0])
    assert list(importances.values()) == sorted(importances.values(), reverse=True)
    sizes = {(row["class"], row["dataset"]): row["count"] for row in logged.tables["class_proportions"]}
    assert sizes["yes", "train"] == int(train_truth.sum())
    assert {row["class"] for row in logged.tables["roc_table"]} == {"no", "yes"}
    assert {row["dataset"] for row in logged.tables["learning_curve"]} == {"train", "test"}
    assert len(logged.tables["decision_boundaries"]) == 50 * 50 + len(train)
    calibrated = {row["model"] for row in logged.tables["calibration_curve"]}
    assert calibrated == {"Perfectly calibrated", "Logistic", "Logit", "Logit + Isotonic", "Logit + Sigmoid"}


def test_all_charts_of_a_classifier_of_many_classes(read: Reader) -> None:
    train, test, train_truth, test_truth = classification(4)
    model = RandomForestClassifier(5, random_state=0).fit(train, train_truth)
    with danlu.init() as run:
        charts.plot_classifier(
            model, train, test, train_truth, test_truth, model.predict(test), model.predict_proba(test), None
        )
    logged = Logged(read, run)
    assert "calibration_curve" not in logged.tables
    assert len(logged.tables["confusion_matrix"]) == 16
    assert {row["class"] for row in logged.tables["precision_recall_table"]} == {0, 1, 2, 3}


def test_all_charts_of_a_regressor(read: Reader) -> None:
    train, test, train_truth, test_truth = regression()
    train[3] += 100
    model = LinearRegression().fit(train, train_truth)
    with danlu.init() as run:
        charts.plot_regressor(model, train, test, train_truth, test_truth)
    logged = Logged(read, run)
    assert logged.drawings == {
        "learning_curve": "wandb/learning_curve/v1",
        "outlier_candidates": "wandb/outliers/v1",
        "residuals": "wandb/residuals_plot/v1",
        "summary_metrics": "wandb/metrics/v1",
    }
    metrics = {row["metric_name"]: row["metric_value"] for row in logged.tables["summary_metrics"]}
    assert metrics["r2_score"] == round(model.score(test, test_truth), 4)
    outliers = logged.tables["outlier_candidates"]
    assert max(outliers, key=lambda row: row["distance"])["instance_indices"] == 3
    assert outliers[0]["influence_threshold"] == 4 / len(train)
    residuals = logged.tables["residuals"]
    assert len(residuals) == len(train)
    assert {row["dataset"] for row in residuals} == {"train", "test"}


@pytest.mark.parametrize(("intercept", "rank"), [(False, 3), (True, 4)])
def test_outliers_by_the_definition_of_cooks_distance(read: Reader, intercept: bool, rank: int) -> None:
    train, _, truth, _ = regression()
    model = LinearRegression(fit_intercept=intercept)
    with danlu.init() as run:
        charts.plot_outlier_candidates(model, train, truth)
    predicted = model.fit(train, truth).predict(train)
    variance = ((truth - predicted) ** 2).sum() / (len(train) - rank)
    distances = []
    for left_out in range(len(train)):
        kept = np.arange(len(train)) != left_out
        without = model.fit(train[kept], truth[kept]).predict(train)
        distances.append(((predicted - without) ** 2).sum() / (rank * variance))
    found = [row["distance"] for row in Logged(read, run).tables["outlier_candidates"]]
    np.testing.assert_allclose(found, distances)


def test_all_charts_of_a_clustering(read: Reader) -> None:
    samples, _ = sklearn.datasets.make_blobs(60, 2, centers=3, random_state=0)
    model = KMeans(3, n_init=1, random_state=0)
    labels = model.fit_predict(samples)
    with danlu.init() as run:
        charts.plot_clusterer(model, samples, labels, ["a", "b", "c"])
    logged = Logged(read, run)
    assert logged.drawings == {
        "elbow_curve": "wandb/elbow/v1",
        "silhouette_plot": "wandb/silhouette_/v1",
    }
    elbow = logged.tables["elbow_curve"]
    assert [row["cluster_ranges"] for row in elbow] == [1, 3, 5, 7, 9]
    errors = [row["errors"] for row in elbow]
    assert errors == sorted(errors, reverse=True)
    rows = logged.tables["silhouette_plot"]
    assert len(rows) == 60
    assert {row["colors"] for row in rows} == {"a", "b", "c"}
    score = sklearn.metrics.silhouette_score(samples, labels)
    assert rows[0]["silhouette_avg"] == pytest.approx(score)
    assert np.mean([row["x_sil"] for row in rows]) == pytest.approx(score)
    assert model.n_clusters == 3


def test_a_clustering_without_a_number_of_clusters(read: Reader) -> None:
    samples, _ = sklearn.datasets.make_blobs(60, 1, centers=3, random_state=0)
    model = DBSCAN(eps=0.3).fit(samples)
    with danlu.init() as run:
        charts.plot_clusterer(model, samples, None)
    logged = Logged(read, run)
    assert list(logged.tables) == ["silhouette_plot"]
    assert logged.tables["silhouette_plot"][0]["centerx"] is None


def test_models_are_not_trained_again(read: Reader) -> None:
    train, test, train_truth, test_truth = classification()
    model = RandomForestClassifier(5, random_state=0).fit(train[:30], train_truth[:30])
    before = model.predict_proba(test)
    with danlu.init() as run:
        charts.plot_calibration_curve(model, train, train_truth)
        charts.plot_learning_curve(model, train, train_truth, cv=2, train_sizes=[0.5, 1.0])
        charts.plot_summary_metrics(model, train, train_truth, test, test_truth)
        # One that is not trained is trained for the chart, as a clone.
        fresh = LogisticRegression()
        charts.plot_summary_metrics(fresh, train, train_truth, test, test_truth)
    assert (model.predict_proba(test) == before).all()
    assert not hasattr(fresh, "coef_")
    assert len(Logged(read, run).tables["learning_curve"]) == 4


def test_inputs_may_be_data_frames_and_texts(read: Reader) -> None:
    train, _, train_truth, _ = classification()
    frame = pd.DataFrame(train, columns=list("abcde"))
    names = pd.Series(np.array(["no", "yes"])[train_truth])
    model = RandomForestClassifier(5, random_state=0).fit(frame, names)
    with danlu.init() as run:
        charts.plot_feature_importances(model, max_num_features=2)
        charts.plot_class_proportions(names, names[:10])
        charts.plot_roc(names, model.predict_proba(frame))
        charts.plot_precision_recall(names.tolist(), model.predict_proba(frame), classes_to_plot=["yes"])
        charts.plot_confusion_matrix(names, names, true_labels=["yes"], normalize=True)
        charts.plot_calibration_curve(LinearSVC(random_state=0), frame, names, "SVC")
    logged = Logged(read, run)
    assert len(logged.tables["feature_importances"]) == 2
    assert {row["feature_names"] for row in logged.tables["feature_importances"]} <= set("abcde")
    assert {row["class"] for row in logged.tables["precision_recall_table"]} == {"yes"}
    assert logged.tables["confusion_matrix"] == [
        {"Predicted": "no", "Actual": "yes", "Count": 0.0},
        {"Predicted": "yes", "Actual": "yes", "Count": 1.0},
    ]


def test_features_of_a_model_of_many_classes(read: Reader) -> None:
    train, _, truth, _ = classification(3)
    linear = LogisticRegression(max_iter=1000).fit(train, truth)
    counting = MultinomialNB().fit(np.abs(train), truth)
    with danlu.init() as run:
        charts.plot_feature_importances(linear)
        charts.plot_feature_importances(counting)
    found = {
        row["feature_names"]: row["importances"] for row in Logged(read, run).tables["feature_importances"]
    }
    expected = np.abs(counting.feature_log_prob_).mean(axis=0)
    np.testing.assert_allclose([found[str(place)] for place in range(5)], expected)


def test_points_of_a_large_chart_are_sampled(read: Reader) -> None:
    generator = np.random.default_rng(0)
    samples = generator.random((12_000, 2))
    with danlu.init() as run:
        charts.plot_residuals(LinearRegression(), samples, samples[:, 0] + generator.random(12_000))
    [(value,)] = read.rows(run.file, "SELECT value FROM history")
    assert json.loads(value)["nrows"] == 10_000


@pytest.mark.parametrize("chart", CHARTS, ids=charts.__all__)
def test_without_a_run_there_is_no_chart(chart: Any) -> None:
    with pytest.raises(
        danlu.Error, match=rf"{chart.__name__}\(\) logs to the current run, and there is none"
    ):
        chart(*[None] * {"plot_classifier": 8, "plot_regressor": 5}.get(chart.__name__, 3))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("plot_roc", ([0, 1], None), "y_probas is missing"),
        ("plot_precision_recall", (None, [[0, 1]]), "y_true is missing"),
        ("plot_confusion_matrix", (None, [0]), "y_true is missing"),
        ("plot_confusion_matrix", ([np.nan, 1.0], [0, 1]), "y_true has missing values"),
        ("plot_confusion_matrix", (1, [0]), "y_true must be a list or an array, not `int`"),
        ("plot_class_proportions", ([0], None), "y_test is missing"),
        ("plot_feature_importances", (None,), "model is missing"),
        ("plot_feature_importances", ("model",), "model is a `str`, which has no fit"),
        ("plot_feature_importances", (LogisticRegression(),), "the LogisticRegression is not fitted"),
        ("plot_feature_importances", (KNeighborsClassifier(1).fit([[0], [1]], [0, 1]),), "has none of"),
        (
            "plot_feature_importances",
            (LinearRegression().fit([[0], [1]], [0, 1]), ["a", "b"]),
            "2 feature_names for 1",
        ),
        ("plot_calibration_curve", (LogisticRegression(), [[0]] * 3, [0, 1, 2]), "two classes, and y has 3"),
        (
            "plot_decision_boundaries",
            (LinearRegression().fit([[0], [1]], [0, 1]), [[0]], [0]),
            "two features or more",
        ),
        ("plot_learning_curve", (None, [[0]], [0]), "model is missing"),
        ("plot_learning_curve", (LogisticRegression(), None, [0]), "X is missing"),
        ("plot_summary_metrics", (KMeans(1).fit([[0]]), None, None, [[0]], [0]), "neither a classifier nor"),
        ("plot_summary_metrics", (LogisticRegression(), None, None, [[0]], [0]), "is not fitted"),
        (
            "plot_outlier_candidates",
            (LinearRegression(), [[0.0]], [0.0]),
            "1 samples with features of rank 1",
        ),
        ("plot_outlier_candidates", (None, [[0.0]], [0.0]), "regressor is missing"),
        ("plot_outlier_candidates", (LinearRegression(), [0.0], [0.0]), "X must have two dimensions"),
        ("plot_residuals", (LinearRegression(), None, [0]), "X is missing"),
        ("plot_elbow_curve", (DBSCAN(), [[0]]), "has no n_clusters"),
        ("plot_silhouette", (KMeans(1).fit([[0], [1]]), [[0], [1]]), "there are 1 clusters"),
        ("plot_silhouette", (KMeans(2), [[0], [1]]), "the KMeans is not fitted"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    read: Reader, name: str, arguments: tuple[Any, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    with danlu.init() as run:
        getattr(charts, name)(*arguments)
    assert re.search(message, capsys.readouterr().err)
    assert Logged(read, run).tables == {}


def test_one_chart_that_fails_leaves_the_others(read: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    train, test, train_truth, test_truth = classification()
    model = RandomForestClassifier(5, random_state=0).fit(train, train_truth)
    with danlu.init() as run:
        charts.plot_classifier(
            model,
            train,
            test[:, :2],
            train_truth,
            test_truth,
            model.predict(test),
            model.predict_proba(test),
            None,
        )
    assert "plot_classifier() leaves out a chart: ValueError" in capsys.readouterr().err
    assert set(Logged(read, run).tables) == {
        "class_proportions",
        "confusion_matrix",
        "feature_importances",
        "precision_recall_table",
        "roc_table",
    }
