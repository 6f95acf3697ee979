"""Callbacks for Keras 2 and 3, with any backend."""

from __future__ import annotations

from .eval_callback import WandbEvalCallback
from .metrics_logger import WandbMetricsLogger
from .model_checkpoint import WandbModelCheckpoint
from .old import WandbCallback

__all__ = ["WandbCallback", "WandbEvalCallback", "WandbMetricsLogger", "WandbModelCheckpoint"]
