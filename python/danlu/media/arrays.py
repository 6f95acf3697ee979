"""Arrays of numpy, torch, jax, tensorflow and others as numpy arrays."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Libraries whose arrays are arrays of numbers, and not lists of things.
LIBRARIES = frozenset(("numpy", "torch", "jax", "jaxlib", "tensorflow", "cupy", "mlx", "paddle"))


def library_of(kind: type) -> str:
    """Return the library of an array type, also of a class that is made from one; empty if it is none."""
    for base in kind.__mro__:
        root = (getattr(base, "__module__", None) or "").partition(".")[0]
        if root in LIBRARIES:
            return root
    return ""


def is_array(value: object) -> bool:
    """Say whether it is an array of numbers."""
    return hasattr(value, "shape") and library_of(type(value)) != ""


def is_torch(value: object) -> bool:
    """Say whether it is a tensor of torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def to_numpy(value: Any, what: str) -> Any:
    """Return a copy of an array, or of nested lists, as a numpy array."""
    from .base import require

    np = require("numpy", what, "numpy")
    if is_torch(value):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":
            value = value.float()
        value = value.resolve_conj().resolve_neg().numpy()
    elif hasattr(value, "get") and library_of(type(value)) == "cupy":
        value = value.get()
    array = np.array(value)
    if array.dtype == np.longdouble and array.dtype.itemsize > 8:
        # Python has no floats of such precision.
        return array.astype(np.float64)
    # Types that numpy does not know by itself, such as bfloat16 of jax and tensorflow.
    return array.astype(np.float32) if array.dtype.kind == "V" and array.dtype.names is None else array


def is_numeric(array: Any) -> bool:
    """Say whether a numpy array holds real numbers."""
    return array.dtype.kind in "biuf"


def unit_scaled(array: Any) -> Any:
    """Return floats as bytes, each from 0 to 255, by the range that they are in.

    NaN and infinity count as 0. All in [0, 1] is times 255; all in [-1, 1] is from black to white; all in
    [0, 255] is as it is; anything else is stretched from its lowest to its highest value, if these differ.
    """
    import numpy as np

    values = np.where(np.isfinite(array), array, 0).astype(np.float64)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if low >= 0 and high <= 1:
        values *= 255
    elif low >= -1 and high <= 1:
        values = (values + 1) * 127.5
    elif (low < 0 or high > 255) and low != high:
        # Brought down first: the difference of two numbers may be none.
        values /= max(-low, high)
        values -= values.min()
        values *= 255 / values.max()
    return as_bytes(values)


def as_bytes(array: Any) -> Any:
    """Return numbers as bytes, those out of range as the nearest one."""
    import numpy as np

    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind == "f":
        array = np.rint(np.where(np.isfinite(array), array, 0))
    return np.clip(array, 0, 255).astype(np.uint8)


def pixels(array: Any, normalize: bool) -> Any:
    """Return the bytes of a picture's numbers; see `unit_scaled`."""
    return unit_scaled(array) if normalize and array.dtype.kind == "f" else as_bytes(array)
