"""Callback for xgboost: `xgboost.train(…, callbacks=[WandbCallback()])`."""

from __future__ import annotations

import xgboost

from .._session import current
from ._models import log_importance, log_model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["MAXIMIZE_METRICS", "MINIMIZE_METRICS", "WandbCallback", "wandb_callback"]

#: Metrics of xgboost of which less is better.
MINIMIZE_METRICS = [
    "rmse",
    "rmsle",
    "mae",
    "mape",
    "mphe",
    "logloss",
    "error",
    "mlogloss",
    "merror",
    "poisson-nloglik",
    "gamma-nloglik",
    "cox-nloglik",
    "gamma-deviance",
    "tweedie-nloglik",
    "aft-nloglik",
]
#: Metrics of which more is better.
MAXIMIZE_METRICS = ["auc", "aucpr", "ndcg", "map", "pre", "interval-regression-accuracy"]


class WandbCallback(xgboost.callback.TrainingCallback):  # type: ignore[misc]
    """Logs the metrics of every round as `<data>-<metric>`, and what is known when the training is over.

    The booster's configuration goes to the config, `best_score` and `best_iteration` of an early stop are
    logged, `log_feature_importance` draws the importance by `importance_type`, `log_model` stores the
    model as an artifact, and with `define_metric` the summary has the best value of every metric.
    """

    def __init__(
        self,
        log_model: bool = False,
        log_feature_importance: bool = True,
        importance_type: str = "gain",
        define_metric: bool = True,
    ) -> None:
        """Make a callback for the current run. Raises `Error` if there is none."""
        super().__init__()
        self.log_model = log_model
        self.log_feature_importance = log_feature_importance
        self.importance_type = importance_type
        self.define_metric = define_metric
        self._defined: set[str] = set()
        #: What xgboost keeps of all rounds.
        self._history: dict[str, dict[str, Any]] = {}
        self._rounds = 0
        self._next = 0
        self._run = current("WandbCallback()")

    def before_training(self, model: Any) -> Any:
        """Put the configuration of the booster in the config."""
        import json

        # Of `xgboost.cv` it is several boosters, in as many folds.
        save_config = getattr(model, "save_config", None)
        if save_config is not None:
            self._run.config.update(json.loads(save_config()), allow_val_change=True)
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, Any]]) -> bool:
        """Log the metrics of a round."""
        del model
        self._history = evals_log
        self._rounds = self._known_rounds()
        self._next = epoch + 1
        self._log_round(epoch)
        return False

    def _known_rounds(self) -> int:
        return max(
            (len(values) for metrics in self._history.values() for values in metrics.values()), default=0
        )

    def _log_round(self, epoch: int) -> None:
        row: dict[str, Any] = {}
        for data, metrics in self._history.items():
            for metric, values in metrics.items():
                key = f"{data}-{metric}"
                value = values[-1]
                # Of `xgboost.cv` the mean of the folds and their deviation.
                row[key], *deviation = value if isinstance(value, (tuple, list)) else (value,)
                if deviation:
                    row[f"{key}-std"] = deviation[0]
                self._define(key, metric)
        self._run.log({**row, "epoch": epoch})

    def after_training(self, model: Any) -> Any:
        """Log what is known of the model as a whole."""
        # In the last round an early stop may have come before this callback: xgboost 1 has them in no order.
        if self._known_rounds() > self._rounds:
            self._log_round(self._next)
        if not hasattr(model, "get_score"):
            # The folds of `xgboost.cv`.
            return model
        if self.log_model:
            name = f"{self._run.id}_model.json"
            log_model(self._run, f"model_{self._run.id}", name, model.save_model)
        if self.log_feature_importance:
            log_importance(self._run, lambda: self._importance(model))
        best = model.attr("best_score")
        if best is not None:
            iteration = int(model.attr("best_iteration"))
            self._run.log({"best_score": float(best), "best_iteration": iteration}, commit=False)
        self._run.log({})
        return model

    def _importance(self, model: Any) -> list[tuple[str, float]]:
        scores = model.get_score(importance_type=self.importance_type)
        names = model.feature_names or list(scores)
        # A score of several classes is a list.
        total = {name: sum(value) if isinstance(value, list) else value for name, value in scores.items()}
        return [(name, total.get(name, 0.0)) for name in names]

    def _define(self, key: str, metric: str) -> None:
        if not self.define_metric or key in self._defined:
            return
        self._defined.add(key)
        base = metric.partition("@")[0]
        if base in MINIMIZE_METRICS:
            self._run.define_metric(key, summary="min")
        elif base in MAXIMIZE_METRICS:
            self._run.define_metric(key, summary="max")


def wandb_callback() -> Any:
    """Return a callback as old versions of xgboost called it: with an environment, after every round."""
    run = current("wandb_callback()")

    def callback(env: Any) -> None:
        run.log(
            {
                name: value[0] if isinstance(value, tuple) else value
                for name, value, *_ in env.evaluation_result_list
            }
        )

    return callback
