"""Charts of regressors."""

from __future__ import annotations

from ._log import UndrawableError, array, chart_of, each, logs, model_of
from ._shared import plot_learning_curve, plot_summary_metrics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def plot_regressor(
    model: Any,
    X_train: Any,  # noqa: N803
    X_test: Any,  # noqa: N803
    y_train: Any,
    y_test: Any,
    model_name: str = "Regressor",
) -> None:
    """Log all charts of a regressor: metrics, learning curve, outliers and residuals."""
    del model_name
    each(
        "plot_regressor",
        lambda: plot_summary_metrics(model, X_train, y_train, X_test, y_test),
        lambda: plot_learning_curve(model, X_train, y_train),
        lambda: plot_outlier_candidates(model, X_train, y_train),
        lambda: plot_residuals(model, X_train, y_train),
    )


@logs("outlier_candidates")
def plot_outlier_candidates(regressor: Any = None, X: Any = None, y: Any = None) -> Any:  # noqa: N803
    """Log how much each sample influences a linear regression, its Cook's distance (`outlier_candidates`).

    Samples from 4 / n on, the `influence_threshold`, may be outliers.
    """
    import numpy as np
    from sklearn.base import clone

    samples, truth = array(X, "X").astype(float), array(y, "y").astype(float)
    if samples.ndim != 2 or truth.ndim != 1:
        raise UndrawableError("X must have two dimensions, and y one")
    predicted = clone(model_of(regressor, "predict", "regressor")).fit(samples, truth).predict(samples)
    if getattr(regressor, "fit_intercept", False):
        samples = np.column_stack([np.ones(len(samples)), samples])
    count, rank = len(samples), int(np.linalg.matrix_rank(samples))
    if not 0 < rank < count:
        raise UndrawableError(f"{count} samples with features of rank {rank} determine no outliers")
    # The diagonal of the hat matrix, which itself would be of the size of the samples squared.
    leverage = np.minimum((samples * np.linalg.pinv(samples).T).sum(axis=1), 1 - 1e-12)
    residuals = truth - predicted
    variance = float(residuals @ residuals) / (count - rank)
    scaled = residuals**2 / (variance if variance > 0 else 1.0) / (1 - leverage)
    distances = scaled / rank * leverage / (1 - leverage)
    threshold = 4 / count
    share = round(float((distances >= threshold).mean()) * 100, 2)
    rows = [[distance, place, share, threshold] for place, distance in enumerate(distances.tolist())]
    columns = ["distance", "instance_indices", "outlier_percentage", "influence_threshold"]
    return chart_of("outliers", columns, rows)


@logs("residuals")
def plot_residuals(regressor: Any = None, X: Any = None, y: Any = None) -> Any:  # noqa: N803
    """Log what a clone predicts too much, trained with four fifths of the samples (`residuals`)."""
    from sklearn.base import clone
    from sklearn.model_selection import train_test_split

    parts = train_test_split(array(X, "X"), array(y, "y"), test_size=0.2, random_state=42)
    train, test, train_truth, test_truth = parts
    model = clone(model_of(regressor, "predict", "regressor")).fit(train, train_truth)
    scores = [float(model.score(train, train_truth)), float(model.score(test, test_truth))]
    rows = []
    for name, samples, truth in (("train", train, train_truth), ("test", test, test_truth)):
        predicted = model.predict(samples)
        pairs = zip(predicted.tolist(), (predicted - truth).tolist())
        rows += [[name, prediction, residual, *scores] for prediction, residual in pairs]
    columns = ["dataset", "y_pred", "residuals", "train_score", "test_score"]
    return chart_of("residuals_plot", columns, rows)
