"""Callback for lightgbm: `lightgbm.train(…, callbacks=[wandb_callback()])`, and `log_summary` afterwards."""

from __future__ import annotations

from .._session import current
from ._models import log_importance, log_model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._run import Run

__all__ = ["log_summary", "wandb_callback"]


class _Callback:
    """Logs the metrics of every iteration."""

    #: Before early stopping ends the training, which is 30.
    order = 20
    before_iteration = False

    def __init__(self, run: Run, log_params: bool, define_metric: bool) -> None:
        self._run = run
        self._log_params = log_params
        self._define_metric = define_metric

    def __call__(self, env: Any) -> None:
        if env.iteration == env.begin_iteration and self._log_params:
            self._run.config.update(dict(env.params), allow_val_change=True)
        row: dict[str, Any] = {}
        for data, metric, value, higher_is_better, *deviation in env.evaluation_result_list:
            key = f"{data}_{metric}"
            row[key] = value
            if deviation:
                # Of `lightgbm.cv` the mean of the folds and their deviation.
                row[f"{key}-stdv"] = deviation[0]
            if env.iteration == env.begin_iteration and self._define_metric:
                self._run.define_metric(key, summary="max" if higher_is_better else "min")
        self._run.log({**row, "iteration": env.iteration})


def wandb_callback(log_params: bool = True, define_metric: bool = True) -> Any:
    """Return a callback that logs the metrics of every iteration as `<data>_<metric>`, and `iteration`.

    `log_params` puts the parameters of the training in the config; with `define_metric` the summary has the
    best value of every metric. Raises `Error` without a run.
    """
    return _Callback(current("wandb_callback()"), log_params, define_metric)


def log_summary(model: Any, feature_importance: bool = True, save_model_checkpoint: bool = False) -> None:
    """Put the best iteration and score of a booster in the summary.

    `feature_importance` draws how often each feature is split at, `save_model_checkpoint` stores the model as
    an artifact. A model of lightgbm's scikit-learn interface will do.
    """
    run = current("log_summary()")
    booster = getattr(model, "booster_", model)
    if not hasattr(booster, "best_iteration"):
        raise TypeError(f"log_summary() takes a lightgbm Booster, not `{type(model).__name__}`")
    run.summary["best_iteration"] = booster.best_iteration
    run.summary["best_score"] = {data: dict(scores) for data, scores in booster.best_score.items()}
    if feature_importance:
        log_importance(run, lambda: zip(booster.feature_name(), booster.feature_importance().tolist()))
        run.log({})
    if save_model_checkpoint:
        log_model(run, f"model_{run.id}", f"model_{run.id}.txt", booster.save_model)
