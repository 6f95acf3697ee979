"""Figures of plotly and matplotlib that one can zoom into."""

from __future__ import annotations

import sys

from .base import FileMedia, require
from .content import Content
from .image import Image
from .picture import figure_of, is_figure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .base import Media


class Plotly(FileMedia):
    """A figure of plotly, or one of matplotlib that plotly can convert.

    It is copied here, and its JSON is written after `log` has returned. Raises ValueError for what is none.
    """

    _log_type = "plotly-file"
    _kind = "plotly"

    def __init__(self, val: Any) -> None:
        """Copy the figure."""
        if is_figure(val):
            val = _converted(val)
        elif not hasattr(val, "to_dict") or not hasattr(val, "layout"):
            raise ValueError(f"Plotly takes a figure of plotly or matplotlib, not `{type(val).__name__}`")
        self._figure: Any = val.to_dict()

    @classmethod
    def make_plot_media(cls, val: Any) -> Media:
        """Return a figure as `Plotly`, or as `Image` if it has pictures in it."""
        return of_matplotlib(val) if is_figure(val) else cls(val)

    def _weight(self) -> int:
        figure = self._figure
        return super()._weight() + (0 if figure is None else _size(figure))

    def _encode(self) -> Content:
        json = require("plotly.io", "Plotly", "plotly").json
        text = json.to_json_plotly(self._figure)
        self._content, self._figure = Content(".plotly.json", text.encode()), None
        return self._content


def of_matplotlib(value: Any) -> Media:
    """Return a figure of matplotlib as `Plotly` if that can show all of it, else as `Image`."""
    import importlib.util

    figure = figure_of(value)
    pictures = any(axes.get_images() for axes in figure.get_axes())
    if pictures or ("plotly" not in sys.modules and importlib.util.find_spec("plotly") is None):
        return Image(figure)
    try:
        return Plotly(figure)
    except Exception:
        # plotly does not know all that matplotlib can draw, nor always its newest release.
        return Image(figure)


def _converted(value: Any) -> Any:
    import warnings

    tools = require("plotly.tools", "A figure of matplotlib as Plotly", "plotly")
    figure = figure_of(value)
    if not figure.get_axes():
        raise ValueError("The figure of matplotlib is empty: draw before you log it")
    with warnings.catch_warnings():
        # What it warns of, such as markers that it draws in another way, is nothing that one can change.
        warnings.simplefilter("ignore")
        return tools.mpl_to_plotly(figure)


def _size(tree: Any) -> int:
    """Estimate the bytes of memory that a figure takes."""
    if isinstance(tree, dict):
        return sum(_size(item) for item in tree.values())
    if isinstance(tree, (list, tuple)):
        return 32 * len(tree) if tree and isinstance(tree[0], (int, float)) else sum(map(_size, tree))
    return int(getattr(tree, "nbytes", 0)) or (len(tree) if isinstance(tree, str) else 8)
