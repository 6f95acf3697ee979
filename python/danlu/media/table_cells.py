"""What a cell of a table is in JSON, and what is made of it again.

Everybody can read the JSON: it has no bare NaN. A float that JSON has no number for is written as the text
`NaN`, `Infinity` or `-Infinity`. In a column of numbers that says it all; elsewhere the place of such a text
is kept in the list `float_text` beside the rows: `[row, column, ...]`, down to where it is in a list or a
dict.
"""

from __future__ import annotations

import sys

from .base import WBValue
from .table_keys import TableKey, index_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .table_types import Type

    Path = tuple[Any, ...]

_FLOATS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
#: Classes of cells that are JSON already.
READY = frozenset((str, int, bool, type(None)))


def encode(value: Any, store: Callable[[WBValue], Any], path: Path, floats: list[Path]) -> Any:
    """Return the JSON of a cell; `store` is asked for that of media. Adds where floats became texts."""
    cls = type(value)
    if cls is float and value - value == 0:
        return value
    if cls in READY:
        return value
    if isinstance(value, float):
        value = float.__float__(value)
        if value - value == 0:
            return value
        floats.append(path)
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, WBValue):
        return store(value)
    if isinstance(value, dict):
        return {str(key): encode(item, store, (*path, str(key)), floats) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item, store, (*path, place), floats) for place, item in enumerate(value)]
    milliseconds = _milliseconds(value)
    if milliseconds is not None:
        return milliseconds
    return None if cls.__name__ in ("NAType", "NaTType") else encode(_plain(value), store, path, floats)


def _plain(value: Any) -> Any:
    """Return what is simpler: of an array a list, of any object in the end its text."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "backslashreplace")
    tolist = None if isinstance(value, type) else getattr(value, "tolist", None)
    if callable(tolist):
        return tolist()
    from .. import _values

    return _values._simplify(value)


def _milliseconds(value: Any) -> int | None:
    """Return a time as milliseconds since 1970, without a time zone as one of UTC; None if it is no time."""
    datetime = sys.modules.get("datetime")
    if datetime is not None and isinstance(value, datetime.date):
        if value != value:  # pandas has a time that is none
            return None
        if not isinstance(value, datetime.datetime):
            value = datetime.datetime(value.year, value.month, value.day)
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        since: float = (value - _epoch()).total_seconds()
        return round(since * 1000)
    if type(value).__name__ == "datetime64" and value == value:
        return int(value.astype("datetime64[ms]").astype("int64"))
    return None


def _epoch() -> Any:
    import datetime

    return datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def frozen(value: Any) -> Any:
    """Return a cell that does not change when the caller changes what he gave."""
    if isinstance(value, WBValue):
        freeze = getattr(value, "_freeze", None)
        kept = freeze() if callable(freeze) else None
        return value if kept is None else kept
    if isinstance(value, dict):
        return {key: frozen(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [frozen(item) for item in value]
    if not hasattr(value, "shape"):
        return value
    for copy in ("clone", "copy"):
        if callable(getattr(value, copy, None)):
            detach = getattr(value, "detach", None)
            return getattr(detach() if callable(detach) else value, copy)()
    return value


def decoder(kind: Type, source: Any) -> Callable[[Any], Any]:
    """Return what makes cells of a column of that type from their JSON."""
    if kind.has("number") and not kind.has("string"):
        return lambda cell: _FLOATS.get(cell, cell) if isinstance(cell, str) else _media(cell, source)
    if kind.has("timestamp") and not kind.has("number"):
        return _time
    if kind.has("ndarray"):
        return _array
    for member in kind.members:
        if member.name in ("primaryKey", "foreignKey", "foreignIndex"):
            return _keys(member)
    return lambda cell: _media(cell, source)


def _keys(kind: Type) -> Callable[[Any], Any]:
    table, column = kind.params.get("table"), kind.params.get("col_name")
    if kind.name == "foreignIndex":
        return lambda cell: cell if cell is None or table is None else index_of(table, cell)
    return lambda cell: cell if cell is None else TableKey(cell, table, column)


def _time(cell: Any) -> Any:
    import datetime

    if isinstance(cell, (int, float)):
        return _epoch() + datetime.timedelta(milliseconds=cell)
    return cell


def _array(cell: Any) -> Any:
    try:
        import numpy as np
    except ImportError:
        return cell
    return np.asarray(cell) if isinstance(cell, list) else cell


def _media(cell: Any, source: Any) -> Any:
    """Return a cell with media for what JSON there is of such in it."""
    if isinstance(cell, list):
        return [_media(item, source) for item in cell]
    if not isinstance(cell, dict):
        return cell
    where = _CLASSES.get(cell.get("_type", ""))
    if where is None:
        return {key: _media(item, source) for key, item in cell.items()}
    import importlib

    return getattr(importlib.import_module(f".{where[0]}", __package__), where[1]).from_json(cell, source)


#: The module and the class of media, by `_type`.
_CLASSES = {
    "audio-file": ("audio", "Audio"),
    "bokeh-file": ("bokeh", "Bokeh"),
    "classes": ("classes", "Classes"),
    "graph-file": ("graph", "Graph"),
    "histogram": ("histogram", "Histogram"),
    "html-file": ("html", "Html"),
    "image-file": ("image", "Image"),
    "molecule-file": ("molecule", "Molecule"),
    "object3D-file": ("object3d", "Object3D"),
    "plotly-file": ("plotly", "Plotly"),
    "table": ("table", "Table"),
    "video-file": ("video", "Video"),
}


def restore_floats(rows: list[list[Any]], places: list[list[Any]]) -> None:
    """Make floats of the texts at the places that `float_text` names."""
    for *path, last in places:
        inside: Any = rows
        for part in path:
            inside = inside[part]
        inside[last] = _FLOATS[inside[last]]
