"""Callback for catboost: `model.fit(…, callbacks=[WandbCallback()])`, and `log_summary` afterwards."""

from __future__ import annotations

from .._session import current
from ._models import log_importance, log_model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["WandbCallback", "log_summary"]


class WandbCallback:
    """Logs the metrics of every `metric_period`-th iteration as `<data>-<metric>`.

    The iteration is logged as `iteration@metric-period-<metric_period>`, and the training goes on.
    """

    def __init__(self, metric_period: int = 1) -> None:
        """Make a callback for the current run. Raises `Error` if there is none."""
        self.metric_period = metric_period
        self._run = current("WandbCallback()")

    def after_iteration(self, info: Any) -> bool:
        """Log the metrics of an iteration; return that the training goes on."""
        if info.iteration % self.metric_period == 0:
            row: dict[str, Any] = {
                f"{data}-{metric}": values[-1]
                for data, metrics in info.metrics.items()
                for metric, values in metrics.items()
            }
            self._run.log({**row, f"iteration@metric-period-{self.metric_period}": info.iteration})
        return True


def log_summary(
    model: Any,
    log_all_params: bool = True,
    save_model_checkpoint: bool = False,
    log_feature_importance: bool = True,
) -> None:
    """Put the parameters of a model in the config, and its best iteration and score in the summary.

    `log_all_params` includes those that were not given; `save_model_checkpoint` stores the model as an
    artifact, and `log_feature_importance` draws the importance of the features.
    """
    run = current("log_summary()")
    if not hasattr(model, "get_all_params"):
        raise TypeError(f"log_summary() takes a model of catboost, not `{type(model).__name__}`")
    params = model.get_all_params() if log_all_params else model.get_params()
    run.config.update(params, allow_val_change=True)
    run.summary["best_iteration"] = model.get_best_iteration()
    run.summary["best_score"] = {data: dict(scores) for data, scores in model.get_best_score().items()}
    if save_model_checkpoint:
        log_model(run, f"model_{run.id}", "model", model.save_model)
    if log_feature_importance:
        log_importance(run, lambda: zip(model.feature_names_, model.get_feature_importance().tolist()))
        run.log({})
