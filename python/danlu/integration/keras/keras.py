"""The callback of old programs, which did everything."""

from __future__ import annotations

import os

from ..._say import text_of
from ..._session import current
from ._library import callbacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._library import Callback
else:
    Callback = callbacks().Callback

#: What only TensorFlow's graphs could do, or nobody used.
_IGNORED = frozenset(
    (
        "class_colors",
        "compute_flops",
        "generator",
        "infer_missing_processors",
        "log_evaluation",
        "log_evaluation_frequency",
        "log_gradients",
        "prediction_row_processor",
        "training_data",
        "validation_indexes",
        "validation_row_processor",
        "validation_steps",
    )
)


class WandbCallback(Callback):
    """Logs the metrics of every epoch with `epoch`, and the best value of `monitor` in the summary.

    `save_model` stores the best model as `model-best.keras`, or its weights with `save_weights_only`;
    `log_weights` logs histograms of the weights; `log_batch_frequency` logs every n-th batch too. If
    `input_type` is `"image"`, `predictions` examples of `validation_data` are logged as pictures, with what
    the model says of them. New programs use `WandbMetricsLogger` and `WandbModelCheckpoint`.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        verbose: int = 0,
        mode: str = "auto",
        save_weights_only: bool = False,
        log_weights: bool = False,
        save_model: bool = True,
        validation_data: Any = None,
        labels: list[str] | None = None,
        predictions: int = 36,
        input_type: str | None = None,
        output_type: str | None = None,
        log_batch_frequency: int | None = None,
        log_best_prefix: str | None = "best_",
        save_graph: bool = True,
        **old: Any,
    ) -> None:
        """Make a callback for the current run. Raises `Error` if there is none."""
        super().__init__()
        del verbose, output_type
        self._run = current("WandbCallback()")
        unknown = sorted(old.keys() - _IGNORED)
        if unknown:
            raise TypeError(f"WandbCallback() got an unexpected keyword argument {unknown[0]!r}")
        ignored = sorted(name for name, value in old.items() if value)
        if ignored:
            self._run._warn(f"WandbCallback accepts and ignores {', '.join(f'`{name}`' for name in ignored)}")
        self.monitor = monitor
        self.save_model = save_model
        self.save_weights_only = save_weights_only
        self.log_weights = log_weights
        self.validation_data = validation_data
        self.labels: list[str] = labels or []
        self.predictions = predictions
        self.input_type = input_type
        self.log_batch_frequency = log_batch_frequency
        self.log_best_prefix = log_best_prefix
        self.save_graph = save_graph
        if mode not in ("auto", "min", "max"):
            self._run._warn(f"WandbCallback has no mode `{mode}`: it is `auto`")
            mode = "auto"
        more = mode == "max" or (mode == "auto" and ("acc" in monitor or monitor.startswith("fmeasure")))
        self._sign = -1.0 if more else 1.0
        self.best: float = float("-inf") if more else float("inf")
        ending = ".weights.h5" if save_weights_only else ".keras"
        self.filepath: str = os.path.join(self._run.dir, f"model-best{ending}")

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Log the graph of the model."""
        del logs
        if self.save_graph and getattr(self.model, "built", True):
            from ...media.graph import Graph

            try:
                self._run.summary["graph"] = Graph.from_keras(self.model)
            except Exception as e:
                self._run._warn(f"The model has no graph: {type(e).__name__}: {text_of(e)}")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Log a batch, if it is its turn."""
        if self.log_batch_frequency and batch % self.log_batch_frequency == 0:
            self._run.log(dict(logs or {}))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Log an epoch; if it is the best so far, store the model."""
        logs = dict(logs or {})
        row: dict[str, Any] = {"epoch": epoch, **logs}
        if self.log_weights:
            row.update(_weights(self.model))
        if self.input_type in ("image", "images") and self.validation_data is not None:
            row["examples"] = self._examples()
        self._run.log(row)
        current_value = logs.get(self.monitor)
        if current_value is None or not self._sign * float(current_value) < self._sign * self.best:
            return
        self.best = float(current_value)
        if self.log_best_prefix:
            self._run.summary[f"{self.log_best_prefix}{self.monitor}"] = self.best
            self._run.summary[f"{self.log_best_prefix}epoch"] = epoch
        if self.save_model:
            self._save()

    def _save(self) -> None:
        try:
            if self.save_weights_only:
                self.model.save_weights(self.filepath, overwrite=True)
            else:
                self.model.save(self.filepath, overwrite=True)
            self._run.save(self.filepath, base_path=os.path.dirname(self.filepath), policy="now")
        except Exception as e:
            self._run._lose(f"The best model is not saved: {type(e).__name__}: {text_of(e)}")

    def _examples(self) -> list[Any]:
        """Return the first pictures of the validation data, captioned with what the model says of them."""
        from ...media.image import Image

        inputs = self.validation_data[0][: self.predictions]
        said = self.model.predict(inputs, verbose=0)
        return [Image(one, caption=self._caption(answer)) for one, answer in zip(inputs, said)]

    def _caption(self, answer: Any) -> str:
        if getattr(answer, "size", 1) == 1:
            value = float(answer.item() if hasattr(answer, "item") else answer)
            return self.labels[round(value)] if len(self.labels) == 2 else f"{value:.4g}"
        best = int(answer.argmax())
        return self.labels[best] if best < len(self.labels) else str(best)


def _weights(model: Any) -> dict[str, Any]:
    """Return histograms of the weights of a model by the name of the weight."""
    from ...media.histogram import Histogram

    found: dict[str, Any] = {}
    for layer in model.layers:
        for variable, value in zip(layer.weights, layer.get_weights()):
            name = variable.name.partition(":")[0].rpartition("/")[2]
            found[f"parameters/{layer.name}.{name}"] = Histogram(value)
    return found
