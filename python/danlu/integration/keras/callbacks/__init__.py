"""Callbacks, each for one thing."""

from __future__ import annotations

from .metrics_logger import WandbMetricsLogger
from .model_checkpoint import WandbModelCheckpoint
from .tables_builder import WandbEvalCallback

__all__ = ["WandbEvalCallback", "WandbMetricsLogger", "WandbModelCheckpoint"]
