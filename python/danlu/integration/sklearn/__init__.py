"""Charts of scikit-learn's models. Each function computes one and logs it to the current run.

    danlu.init()
    danlu.sklearn.plot_classifier(model, X_train, X_test, y_train, y_test, y_pred, y_probas, labels)

What cannot be drawn, as of a model that is not fitted, is said and not logged. Models are never fitted again:
where one has to be trained, a clone is.
"""

from __future__ import annotations

from ._classifier import (
    plot_calibration_curve,
    plot_class_proportions,
    plot_classifier,
    plot_confusion_matrix,
    plot_decision_boundaries,
    plot_feature_importances,
    plot_precision_recall,
    plot_roc,
)
from ._clusterer import plot_clusterer, plot_elbow_curve, plot_silhouette
from ._regressor import plot_outlier_candidates, plot_regressor, plot_residuals
from ._shared import plot_learning_curve, plot_summary_metrics

__all__ = [
    "plot_calibration_curve",
    "plot_class_proportions",
    "plot_classifier",
    "plot_clusterer",
    "plot_confusion_matrix",
    "plot_decision_boundaries",
    "plot_elbow_curve",
    "plot_feature_importances",
    "plot_learning_curve",
    "plot_outlier_candidates",
    "plot_precision_recall",
    "plot_regressor",
    "plot_residuals",
    "plot_roc",
    "plot_silhouette",
    "plot_summary_metrics",
]
