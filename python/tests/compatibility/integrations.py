"""Callbacks and hooks for other libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .entries import Topic, wandb

integrations = Topic(
    "Integrations",
    "The tests train with each library and compare the run with what the library itself reports; "
    "[integrations.md](integrations.md) has the versions, and the libraries that bring their own callback "
    "(Lightning, transformers, accelerate, Ultralytics, optuna).",
)
TOPICS = [integrations]
_DIRECTORY = "tests/integrations"

integrations.yes(
    "integration.keras.WandbMetricsLogger(log_freq, initial_global_step)",
    "integration.keras.WandbModelCheckpoint(filepath, monitor, verbose, save_best_only, save_weights_only, "
    "mode, save_freq, initial_value_threshold)",
    "integration.keras.WandbEvalCallback(data_table_columns, pred_table_columns)",
    "keras",
    test=f"{_DIRECTORY}/test_keras.py::test_keras",
)
integrations.partly(
    "integration.keras.WandbCallback(monitor, save_model, log_weights)",
    note="What only TensorFlow 1 could do (`log_gradients`, `compute_flops`) is accepted and does nothing. "
    "wandb has removed it.",
    test=f"{_DIRECTORY}/test_keras.py::test_keras",
)
integrations.yes(
    "integration.xgboost.WandbCallback(log_model, log_feature_importance, importance_type, define_metric)",
    "integration.xgboost.wandb_callback()",
    "xgboost",
    test=f"{_DIRECTORY}/test_boosting.py::test_xgboost",
)
integrations.yes(
    "integration.lightgbm.wandb_callback(log_params, define_metric)",
    "integration.lightgbm.log_summary(model, feature_importance, save_model_checkpoint)",
    "lightgbm",
    test=f"{_DIRECTORY}/test_boosting.py::test_lightgbm",
)
integrations.yes(
    "integration.catboost.WandbCallback(metric_period)",
    "integration.catboost.log_summary(model, log_all_params, save_model_checkpoint, log_feature_importance)",
    "catboost",
    test=f"{_DIRECTORY}/test_more.py::test_catboost",
)
integrations.yes(
    "integration.sb3.WandbCallback(verbose, model_save_path, model_save_freq, gradient_save_freq, log)",
    "integration.gym.monitor()",
    "gym",
    test=f"{_DIRECTORY}/test_reinforcement.py::test_stable_baselines3",
)
integrations.yes(
    "integration.tensorboard.patch(save, tensorboard_x, pytorch, root_logdir)",
    "integration.tensorboard.unpatch()",
    "tensorboard",
    test=f"{_DIRECTORY}/test_writers.py::test_patch_and_unpatch_by_hand",
)


def _data() -> Any:
    import numpy as np

    points = np.random.default_rng(0).normal(size=(60, 3))
    return points, (points[:, 0] > 0).astype(int)


@integrations.yes(
    "sklearn",
    "sklearn.plot_classifier",
    "sklearn.plot_confusion_matrix",
    "sklearn.plot_roc",
    "sklearn.plot_precision_recall",
    "sklearn.plot_feature_importances",
    "sklearn.plot_class_proportions",
    "sklearn.plot_calibration_curve",
    "sklearn.plot_decision_boundaries",
    "sklearn.plot_learning_curve",
    "sklearn.plot_summary_metrics",
)
def _(run: Any) -> None:
    from sklearn.linear_model import LogisticRegression

    x, y = _data()
    model = LogisticRegression().fit(x[:40], y[:40])
    said, probabilities = model.predict(x[40:]), model.predict_proba(x[40:])
    charts = wandb.sklearn
    charts.plot_classifier(model, x[:40], x[40:], y[:40], y[40:], said, probabilities, ["a", "b"])
    charts.plot_confusion_matrix(y[40:], said, ["a", "b"])
    charts.plot_roc(y[40:], probabilities, ["a", "b"])
    charts.plot_precision_recall(y[40:], probabilities, ["a", "b"])
    charts.plot_feature_importances(model, ["u", "v", "w"])
    charts.plot_class_proportions(y[:40], y[40:], ["a", "b"])
    charts.plot_calibration_curve(model, x, y, "model")
    charts.plot_decision_boundaries(LogisticRegression().fit(x[:, :2], y), x[:, :2], y)
    charts.plot_learning_curve(model, x, y)
    charts.plot_summary_metrics(model, x[:40], y[:40], x[40:], y[40:])
    run.finish()
    found = wandb.Api().run("p/r").keys
    for name in ("confusion_matrix", "roc", "learning_curve", "summary_metrics", "class_proportions"):
        assert any(name in key for key in found), name


@integrations.yes("sklearn.plot_regressor", "sklearn.plot_residuals", "sklearn.plot_outlier_candidates")
def _(run: Any) -> None:
    from sklearn.linear_model import Ridge

    x, _ = _data()
    target = x @ [1.0, 2.0, 3.0] + x[:, 0] ** 2
    model = Ridge().fit(x[:40], target[:40])
    wandb.sklearn.plot_regressor(model, x[:40], x[40:], target[:40], target[40:], "ridge")
    wandb.sklearn.plot_residuals(model, x, target)
    wandb.sklearn.plot_outlier_candidates(model, x, target)
    run.finish()
    found = wandb.Api().run("p/r").keys
    assert any("residuals" in key for key in found)
    assert any("outlier" in key for key in found)


@integrations.yes("sklearn.plot_clusterer", "sklearn.plot_elbow_curve", "sklearn.plot_silhouette")
def _(run: Any) -> None:
    from sklearn.cluster import KMeans

    x, _ = _data()
    model = KMeans(n_clusters=3, n_init=1, random_state=0).fit(x)
    wandb.sklearn.plot_clusterer(model, x, model.labels_, ["a", "b", "c"], "kmeans")
    wandb.sklearn.plot_elbow_curve(KMeans(n_init=1), x, cluster_ranges=[1, 2, 3])
    wandb.sklearn.plot_silhouette(model, x, model.labels_)
    run.finish()
    found = wandb.Api().run("p/r").keys
    assert any("elbow" in key for key in found)
    assert any("silhouette" in key for key in found)


integrations.yes(
    "integration.torch",
    note="`watch` and `unwatch` by themselves.",
    test=f"{_DIRECTORY}/test_watch.py::test_the_graph_is_in_the_summary",
)


@integrations.yes(
    "profiler.torch_trace_handler()", note="The traces are files of the run, below `pytorch_traces/`."
)
def _(run: Any) -> None:
    class Profiler:
        def export_chrome_trace(self, path: str) -> None:
            Path(path).write_text("{}")

    handler = wandb.profiler.torch_trace_handler()
    handler(Profiler())
    handler(object())
    assert run.lost == 1
    run.finish()
    names = [file.name for file in wandb.Api().run("p/r").files()]
    assert "pytorch_traces/trace_0.pt.trace.json" in names
