"""Makes Debian's torch 1.13 whole under Python 3.11, which refuses a dataclass of it."""

from __future__ import annotations

import dataclasses
from typing import Any

_dataclass = dataclasses.dataclass


def _hashable(cls: Any = None, /, **options: Any) -> Any:
    if cls is None:
        return lambda cls: _hashable(cls, **options)
    return _dataclass(cls, **{"unsafe_hash": "__hash__" not in vars(cls), **options})


dataclasses.dataclass = _hashable
try:
    import torch.distributed._shard.sharded_tensor.metadata  # noqa: F401
finally:
    dataclasses.dataclass = _dataclass
