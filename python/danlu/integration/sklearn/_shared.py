"""Charts of classifiers and regressors alike."""

from __future__ import annotations

from ._log import UndrawableError, array, chart_of, fitted, logs, model_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@logs("learning_curve")
def plot_learning_curve(
    model: Any = None,
    X: Any = None,  # noqa: N803
    y: Any = None,
    cv: Any = None,
    shuffle: bool = False,
    random_state: int | None = None,
    train_sizes: Any = None,
    n_jobs: int = 1,
    scoring: Any = None,
) -> Any:
    """Log the scores in training and in cross-validation over the number of samples (`learning_curve`)."""
    import numpy as np
    from sklearn.model_selection import learning_curve

    sizes, train, test = learning_curve(
        model_of(model, "fit"),
        array(X, "X"),
        array(y, "y"),
        cv=cv,
        n_jobs=n_jobs,
        train_sizes=np.linspace(0.1, 1.0, 5) if train_sizes is None else train_sizes,
        scoring=scoring,
        shuffle=shuffle,
        random_state=random_state,
    )
    rows = []
    for size, in_training, in_test in zip(sizes.tolist(), train.mean(axis=1), test.mean(axis=1)):
        rows += [["train", float(in_training), size], ["test", float(in_test), size]]
    return chart_of("learning_curve", ["dataset", "score", "train_size"], rows)


@logs("summary_metrics")
def plot_summary_metrics(
    model: Any = None,
    X: Any = None,  # noqa: N803
    y: Any = None,
    X_test: Any = None,  # noqa: N803
    y_test: Any = None,
) -> Any:
    """Log what the model achieves on the test data (`summary_metrics`).

    Of a classifier accuracy, precision, recall and F1, weighted by class; of a regressor the mean absolute
    and squared error and R². `X` and `y` only serve to train a clone of a model that is not fitted.
    """
    from sklearn import metrics
    from sklearn.base import is_classifier, is_regressor

    samples, truth = array(X_test, "X_test"), array(y_test, "y_test")
    predicted = _ready(model, X, y).predict(samples)
    if is_classifier(model):
        weighted: dict[str, Any] = {"average": "weighted", "zero_division": 0}
        found = {
            "accuracy_score": metrics.accuracy_score(truth, predicted),
            "precision": metrics.precision_score(truth, predicted, **weighted),
            "recall": metrics.recall_score(truth, predicted, **weighted),
            "f1_score": metrics.f1_score(truth, predicted, **weighted),
        }
    elif is_regressor(model):
        found = {
            "mae": metrics.mean_absolute_error(truth, predicted),
            "mse": metrics.mean_squared_error(truth, predicted),
            "r2_score": metrics.r2_score(truth, predicted),
        }
    else:
        raise UndrawableError(f"a `{type(model).__name__}` is neither a classifier nor a regressor")
    rows = [[name, round(float(value), 4), type(model).__name__] for name, value in found.items()]
    return chart_of("metrics", ["metric_name", "metric_value", "model_name"], rows)


def _ready(model: Any, samples: Any, labels: Any) -> Any:
    """Return the model, or a trained clone of one that is not fitted."""
    from sklearn.base import clone

    try:
        return fitted(model_of(model, "predict"))
    except UndrawableError:
        if samples is None or labels is None or model is None:
            raise
    return clone(model).fit(array(samples, "X"), array(labels, "y"))
