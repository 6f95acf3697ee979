"""Charts of classifiers."""

from __future__ import annotations

from ...plot import pr_curve, roc_curve
from ._log import UndrawableError, array, chart_of, each, fitted, logs, model_of
from ._shared import plot_learning_curve, plot_summary_metrics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Points of a decision boundary along each axis.
GRID = 50
#: Bins of the probabilities of a calibration curve.
BINS = 10


def plot_classifier(
    model: Any,
    X_train: Any,  # noqa: N803
    X_test: Any,  # noqa: N803
    y_train: Any,
    y_test: Any,
    y_pred: Any,
    y_probas: Any,
    labels: Any,
    is_binary: bool = False,
    model_name: str = "Classifier",
    feature_names: Any = None,
    log_learning_curve: bool = False,
) -> None:
    """Log all charts of a classifier; that of its calibration and its boundary only if it `is_binary`."""
    charts = [
        lambda: plot_feature_importances(model, feature_names),
        lambda: plot_confusion_matrix(y_test, y_pred, labels),
        lambda: plot_summary_metrics(model, X_train, y_train, X_test, y_test),
        lambda: plot_class_proportions(y_train, y_test, labels),
        lambda: plot_roc(y_test, y_probas, labels),
        lambda: plot_precision_recall(y_test, y_probas, labels),
    ]
    if log_learning_curve:
        charts.append(lambda: plot_learning_curve(model, X_train, y_train))
    if is_binary:
        charts.append(lambda: plot_calibration_curve(model, X_train, y_train, model_name))
        charts.append(lambda: plot_decision_boundaries(model, X_train, y_train))
    each("plot_classifier", *charts)


@logs("roc")
def plot_roc(
    y_true: Any = None,
    y_probas: Any = None,
    labels: Any = None,
    plot_micro: bool = True,
    plot_macro: bool = True,
    classes_to_plot: Any = None,
) -> Any:
    """Log the ROC curve of each class (`roc`): see `danlu.plot.roc_curve`."""
    del plot_micro, plot_macro
    return roc_curve(y_true, y_probas, labels, classes_to_plot)


@logs("precision_recall")
def plot_precision_recall(
    y_true: Any = None,
    y_probas: Any = None,
    labels: Any = None,
    plot_micro: bool = True,
    classes_to_plot: Any = None,
) -> Any:
    """Log the precision over the recall of each class (`precision_recall`): see `danlu.plot.pr_curve`."""
    del plot_micro
    return pr_curve(y_true, y_probas, labels, classes_to_plot)


@logs("confusion_matrix")
def plot_confusion_matrix(
    y_true: Any = None,
    y_pred: Any = None,
    labels: Any = None,
    true_labels: Any = None,
    pred_labels: Any = None,
    normalize: bool = False,
) -> Any:
    """Log how often which class was predicted for which (`confusion_matrix`).

    `labels` names the classes in their order. `true_labels` and `pred_labels` are the classes to show as
    actual and as predicted ones, by default all. With `normalize` a count is a share of the samples of the
    actual class.
    """
    import numpy as np
    from sklearn.metrics import confusion_matrix

    truth, predicted = array(y_true, "y_true"), array(y_pred, "y_pred")
    classes = np.unique(np.concatenate([truth, predicted]))
    counts = confusion_matrix(truth, predicted, labels=classes)
    if normalize:
        counts = np.round(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), 2)
    names = _names(classes.tolist(), labels)
    shown = list(zip(classes.tolist(), names))
    rows = [
        [prediction, actual, counts[i, j].item()]
        for i, (label, actual) in enumerate(shown)
        if true_labels is None or label in true_labels or actual in true_labels
        for j, (found, prediction) in enumerate(shown)
        if pred_labels is None or found in pred_labels or prediction in pred_labels
    ]
    return chart_of("confusion_matrix", ["Predicted", "Actual", "Count"], rows)


def _names(classes: list[Any], labels: Any) -> list[Any]:
    """Return what classes are called: what `labels` has at the place that the class is, or in their order."""
    if labels is None:
        return classes
    names = list(labels)
    if all(isinstance(label, int) and 0 <= label < len(names) for label in classes):
        return [names[label] for label in classes]
    return names if len(names) == len(classes) and not set(names) & set(classes) else classes


@logs("feature_importances")
def plot_feature_importances(
    model: Any = None,
    feature_names: Any = None,
    title: str = "Feature Importance",
    max_num_features: int = 50,
) -> Any:
    """Log how important features are, the most important ones first (`feature_importances`).

    These are the model's `feature_importances_`, or the mean absolute value by class of its `coef_` or
    `feature_log_prob_`.
    """
    import numpy as np

    del title
    fitted(model)
    attributes = ("feature_importances_", "coef_", "feature_log_prob_")
    found = next((getattr(model, name) for name in attributes if hasattr(model, name)), None)
    if found is None:
        raise UndrawableError(f"a `{type(model).__name__}` has none of {', '.join(attributes)}")
    importances = array(found, "the importances")
    if importances.ndim > 1:
        importances = importances[0] if len(importances) == 1 else np.abs(importances).mean(axis=0)
    names = feature_names if feature_names is not None else getattr(model, "feature_names_in_", None)
    names = list(range(len(importances))) if names is None else array(names, "feature_names").tolist()
    if len(names) != len(importances):
        raise UndrawableError(f"there are {len(names)} feature_names for {len(importances)} features")
    order = np.argsort(-importances, kind="stable")[:max_num_features].tolist()
    rows = [[str(names[place]), float(importances[place])] for place in order]
    return chart_of("feature_importances", ["feature_names", "importances"], rows)


@logs("class_proportions")
def plot_class_proportions(y_train: Any = None, y_test: Any = None, labels: Any = None) -> Any:
    """Log how many samples each class has for training and for testing (`class_proportions`)."""
    import numpy as np

    truth = {"train": array(y_train, "y_train"), "test": array(y_test, "y_test")}
    classes = np.unique(np.concatenate(list(truth.values()))).tolist()
    names = dict(zip(classes, _names(classes, labels)))
    rows = []
    for dataset, values in truth.items():
        counted = zip(*(part.tolist() for part in np.unique(values, return_counts=True)))
        rows += [[names[label], dataset, count] for label, count in counted]
    return chart_of("class_proportions", ["class", "dataset", "count"], rows)


@logs("calibration_curve")
def plot_calibration_curve(
    clf: Any = None,
    X: Any = None,  # noqa: N803
    y: Any = None,
    clf_name: str = "Classifier",
) -> Any:
    """Log how often a class is right over how probable it is said to be (`calibration_curve`).

    Beside a clone of the classifier of two classes it shows that clone with isotonic and sigmoid calibration,
    and a logistic regression. Half of the samples train them, the other half is drawn.
    """
    import numpy as np
    from sklearn.base import clone
    from sklearn.calibration import CalibratedClassifierCV, calibration_curve
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    model_of(clf, "fit", "clf")
    classes, truth = np.unique(array(y, "y"), return_inverse=True)
    if len(classes) != 2:
        raise UndrawableError(f"calibration is drawn for two classes, and y has {len(classes)}")
    parts = train_test_split(array(X, "X"), truth, test_size=0.5, random_state=42, stratify=truth)
    train, test, train_truth, test_truth = parts
    models = {
        "Logistic": LogisticRegression(max_iter=1000),
        clf_name: clone(clf),
        f"{clf_name} + Isotonic": CalibratedClassifierCV(clone(clf), cv=2, method="isotonic"),
        f"{clf_name} + Sigmoid": CalibratedClassifierCV(clone(clf), cv=2, method="sigmoid"),
    }
    rows: list[list[Any]] = [["Perfectly calibrated", end, end, None, None] for end in (0.0, 1.0)]
    for name, model in models.items():
        scores = _positive(model.fit(train, train_truth), test)
        shares, means = calibration_curve(test_truth, scores, n_bins=BINS)
        edges = np.linspace(0, 1, BINS + 1)
        counts = np.bincount(np.searchsorted(edges[1:-1], scores), minlength=BINS)
        filled = np.nonzero(counts)[0]
        for share, mean, place in zip(shares.tolist(), means.tolist(), filled.tolist()):
            rows.append([name, share, mean, int(counts[place]), float(edges[place])])
    columns = ["model", "fraction_of_positives", "mean_predicted_value", "hist_dict", "edge_dict"]
    return chart_of("calibration", columns, rows)


def _positive(model: Any, samples: Any) -> Any:
    """Return the probabilities of the second class, or scores that lie between 0 and 1 as such."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(samples)[:, 1]
    scores = model_of(model, "decision_function", "clf").decision_function(samples)
    spread = scores.max() - scores.min()
    return (scores - scores.min()) / (spread if spread > 0 else 1.0)


@logs("decision_boundaries")
def plot_decision_boundaries(binary_clf: Any, X: Any, y: Any) -> Any:  # noqa: N803
    """Log what a classifier predicts where, and where the samples are (`decision_boundaries`).

    More than two features are projected to the two directions of the largest variance, and points of that
    plane are what is predicted. `kind` tells `boundary` from `sample`.
    """
    import numpy as np
    from sklearn.decomposition import PCA

    samples, truth = array(X, "X"), array(y, "y")
    model = fitted(model_of(binary_clf, "predict", "binary_clf"), "binary_clf")
    if samples.ndim != 2 or samples.shape[1] < 2:
        raise UndrawableError("X must have two features or more")
    plane = PCA(n_components=2).fit(samples) if samples.shape[1] > 2 else None
    points = samples if plane is None else plane.transform(samples)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.1 * (high - low)
    axes = [np.linspace(low[i] - margin[i], high[i] + margin[i], GRID) for i in (0, 1)]
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    predicted = model.predict(grid if plane is None else plane.inverse_transform(grid))
    rows = [[*point, color, "boundary"] for point, color in zip(grid.tolist(), predicted.tolist())]
    rows += [[*point, color, "sample"] for point, color in zip(points.tolist(), truth.tolist())]
    return chart_of("decision_boundaries", ["x", "y", "color", "kind"], rows)
