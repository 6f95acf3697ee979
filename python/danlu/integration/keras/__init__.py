"""Callbacks for Keras 2 and 3, with any backend."""

from __future__ import annotations

from .callbacks import WandbEvalCallback, WandbMetricsLogger, WandbModelCheckpoint
from .keras import WandbCallback

__all__ = ["WandbCallback", "WandbEvalCallback", "WandbMetricsLogger", "WandbModelCheckpoint"]
