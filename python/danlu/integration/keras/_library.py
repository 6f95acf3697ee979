"""The Keras that the program uses."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    class Callback:
        """What type checkers know of the callbacks of whatever Keras there is."""

        model: Any
        params: dict[str, Any]

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            """Take what that of Keras takes."""

    class ModelCheckpoint(Callback):
        """The same of Keras's checkpoints."""

        save_best_only: bool

        def _get_file_path(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> Any: ...

        def _save_model(self, epoch: int, batch: int | None, logs: dict[str, Any] | None) -> None: ...


def callbacks() -> Any:
    """Return the module of the callbacks, of `tf_keras` if TensorFlow is told to use that."""
    import importlib

    legacy = os.environ.get("TF_USE_LEGACY_KERAS", "").lower() in ("1", "true")
    tried = ["keras.callbacks", "tensorflow.keras.callbacks"]
    if legacy and ("tensorflow" in sys.modules or "tf_keras" in sys.modules):
        tried.insert(0, "tf_keras.callbacks")
    for name in tried:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError("danlu.keras needs Keras, which cannot be imported: pip install keras")


def learning_rate(model: Any, step: int) -> float | None:
    """Return the learning rate of a model at a step, or None if its optimizer has none."""
    rate = getattr(getattr(model, "optimizer", None), "learning_rate", None)
    if callable(rate) and not hasattr(rate, "numpy"):
        # A schedule, as Keras 2 gives it.
        rate = rate(step)
    try:
        return None if rate is None else float(rate.numpy() if hasattr(rate, "numpy") else rate)
    except (TypeError, ValueError):
        return None
