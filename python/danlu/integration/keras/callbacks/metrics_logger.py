"""Metrics of the training."""

from __future__ import annotations

from ...._session import current
from .._library import callbacks, learning_rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._library import Callback
else:
    Callback = callbacks().Callback


class WandbMetricsLogger(Callback):
    """Logs the metrics of every epoch as `epoch/<metric>`, with `epoch/epoch` and `epoch/learning_rate`.

    With `log_freq="batch"`, or a number n, those of every (n-th) batch are logged too, as `batch/<metric>`,
    with `batch/batch_step`, which counts the batches from `initial_global_step`.
    """

    def __init__(self, log_freq: str | int = "epoch", initial_global_step: int = 0, **kwargs: Any) -> None:
        """Make a callback for the current run. Raises `Error` if there is none."""
        super().__init__(**kwargs)
        self._run = current("WandbMetricsLogger()")
        if log_freq not in ("epoch", "batch") and (
            isinstance(log_freq, bool) or not isinstance(log_freq, int) or log_freq < 1
        ):
            raise ValueError(
                f'WandbMetricsLogger takes log_freq="epoch", "batch" or a number, not {log_freq!r}'
            )
        self.log_freq: str | int = 1 if log_freq == "batch" else log_freq
        self.logging_batch_wise: bool = self.log_freq != "epoch"
        self.global_step: int = initial_global_step
        self.global_batch = 0
        if self.logging_batch_wise:
            self._run.define_metric("batch/batch_step")
            self._run.define_metric("batch/*", step_metric="batch/batch_step")
        self._run.define_metric("epoch/epoch")
        self._run.define_metric("epoch/*", step_metric="epoch/epoch")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Log an epoch."""
        self._log("epoch", logs, {"epoch/epoch": epoch})

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Log a batch, if it is its turn."""
        self.global_step += 1
        if isinstance(self.log_freq, int) and batch % self.log_freq == 0:
            self._log("batch", logs, {"batch/batch_step": self.global_step})

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Log a batch, if it is its turn."""
        self.on_batch_end(batch, logs if logs is not None else {})

    def _log(self, group: str, logs: dict[str, Any] | None, row: dict[str, Any]) -> None:
        for name, value in (logs or {}).items():
            row[f"{group}/{name}"] = value
        rate = learning_rate(self.model, self.global_step)
        if rate is not None:
            row[f"{group}/learning_rate"] = rate
        self._run.log(row)
