"""What of all values is encoded after `log` has returned."""

from __future__ import annotations

from .arrays import library_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Callable


#: Most elements of an array that is stored as a list; a larger one becomes a histogram.
MAX_ELEMENTS = 32
#: Keeps a value from being asked.
_PLAIN = (str, int, float, bool, bytes, dict, type(None))


def later(value: object) -> Any:
    """Return what is to be stored later for a value, or None for a value of any other kind.

    That is the value itself if it is media, and what is made of a figure, a data frame or a large array of
    numbers. It is told by the modules of its type; none is imported for that.
    """
    kind = type(value)
    if kind in _PLAIN or isinstance(value, type):
        return None
    if getattr(kind, "_danlu_later", False):
        return value
    if isinstance(value, (list, tuple)):
        return _of_list(value)
    if getattr(value, "__name__", "") == "matplotlib.pyplot":
        return _of_figure(value)
    for base in kind.__mro__:
        make = _MAKERS.get((getattr(base, "__module__", None) or "").partition(".")[0])
        if make is not None:
            return make(value)
    return _of_array(value) if library_of(kind) else None


def is_later(value: object) -> bool:
    """Say whether a value is media itself."""
    return getattr(type(value), "_danlu_later", False) is True


def weight_of(deferrable: Any) -> int:
    """Return how many bytes of memory wait with what is stored later."""
    weight = getattr(deferrable, "_weight", None)
    return int(weight()) if callable(weight) else 0


def is_large(deferrable: Any) -> bool:
    """Say whether it cannot wait in memory."""
    large = getattr(deferrable, "_is_large", None)
    return callable(large) and bool(large())


def _of_list(items: Sequence[Any]) -> Any:
    if (
        not items
        or type(items[0]) in _PLAIN
        or isinstance(items[0], (list, tuple))
        or later(items[0]) is None
    ):
        return None
    from .batch import Batch, Mixed

    found = [later(item) for item in items]
    kind = type(found[0])
    if getattr(kind, "_list_type", "") and all(type(item) is kind for item in found):
        return Batch(found)
    if hasattr(kind, "_listed") and all(hasattr(type(item), "_listed") for item in found):
        return kind._listed(found)
    return Mixed([item if made is None else made for item, made in zip(items, found)])


def _of_figure(value: Any) -> Any:
    from .picture import is_figure

    if not is_figure(value):
        return None
    from .plotly import of_matplotlib

    return of_matplotlib(value)


def _of_plotly(value: Any) -> Any:
    if not hasattr(value, "to_plotly_json") or not hasattr(value, "layout"):
        return None
    from .plotly import Plotly

    return Plotly(value)


def _of_bokeh(value: Any) -> Any:
    from .bokeh import Bokeh, is_bokeh

    return Bokeh(value) if is_bokeh(value) else None


def _of_frame(value: Any) -> Any:
    if type(value).__name__ != "DataFrame":
        return None
    from .table import Table

    return Table._of(value)


def _of_pillow(value: Any) -> Any:
    if not hasattr(value, "getbands"):
        return None
    from .image import Image

    return Image(value)


_MAKERS: dict[str, Callable[[Any], Any]] = {
    "matplotlib": _of_figure,
    "plotly": _of_plotly,
    "bokeh": _of_bokeh,
    "pandas": _of_frame,
    "polars": _of_frame,
    "PIL": _of_pillow,
}


def _of_array(value: Any) -> Any:
    """Return the histogram of an array of more than a few numbers."""
    from .._values import _count

    if _count(value) <= MAX_ELEMENTS:
        return None
    from .arrays import is_numeric, to_numpy

    array = to_numpy(value, "The histogram of an array")
    if not is_numeric(array):
        return None
    from .histogram import Histogram

    return Histogram._of(array)
