"""Plain lists of what callers have: arrays, tensors, columns of data frames."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

#: Most rows that the table of a chart has.
MAX_ROWS = 10_000


def is_sequence(value: object) -> bool:
    """Say whether it has items; a text, and an array without dimensions, has none."""
    if isinstance(value, (str, bytes)) or getattr(value, "shape", None) == ():
        return False
    return hasattr(value, "__iter__")


def as_list(values: Any, what: str) -> list[Any]:
    """Return the items as plain Python values, or raise a TypeError that names what they are."""
    if not is_sequence(values):
        raise TypeError(f"{what} must be a list or an array, not `{type(values).__name__}`")
    # A data frame's items are its columns, but here rows are wanted.
    if hasattr(values, "columns") and hasattr(values, "to_numpy"):
        values = values.to_numpy()
    for method in ("tolist", "to_list"):
        if callable(getattr(values, method, None)):
            found: list[Any] = getattr(values, method)()
            return found
    return [plain(value) for value in values]


def plain(value: Any) -> Any:
    """Return a number or text of Python for one of numpy or another library, a list for an array."""
    if type(value) in (int, float, str, bool) or value is None:
        return value
    if is_sequence(value):
        return as_list(value, "an item")
    item = getattr(value, "item", None)
    if callable(item):
        return item()
    convert = getattr(value, "numpy", None)
    return plain(convert()) if callable(convert) else value


def is_missing(value: object) -> bool:
    """Say whether a label stands for none: None, NaN, or what pandas has for them."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value


def as_array(values: Any) -> Any:
    """Return numbers in one or two dimensions as an array of numpy; None for all else, or without it."""
    np = numpy_if_there()
    if np is None:
        return None
    if isinstance(values, (list, tuple)) and values and hasattr(values[0], "tolist"):
        values = as_list(values, "a list of arrays")
    try:
        array = np.asarray(values)
    except Exception:
        # Rows of different lengths, or a tensor that is not in the memory of the CPU.
        return None
    return array if array.dtype.kind in "fiub" and array.ndim in (1, 2) else None


def numpy_if_there() -> Any:
    """Return the module numpy; None if it is not installed."""
    try:
        import numpy
    except ImportError:
        return None
    return numpy


def rounded(number: float) -> float:
    """Round to three decimals, halves to even as numpy does."""
    scaled = number * 1000
    return round(scaled) / 1000 if scaled - scaled == 0 else number


def evenly(rows: Sequence[Any], count: int) -> Sequence[Any]:
    """Return as many of the rows, the first and the last among them."""
    if len(rows) <= count:
        return rows
    last = len(rows) - 1
    return [rows[number * last // (count - 1)] for number in range(count)]
