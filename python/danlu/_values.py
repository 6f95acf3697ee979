"""Conversion of any object to values that a run can hold.

A value is a float, an int of 64 bits, or JSON text. The binding converts plain numbers and texts itself; what
arrives here is rarer or may run code of its own. Such code may raise: then the value is not stored and the
reason is given back, always in the same words, so that it is told once.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping

from .media import later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Union

    #: A float, an int of 64 bits, or JSON text.
    Leaf = Union[float, int, str]
    Converted = tuple[list[tuple[str, Leaf]], list[str], list[tuple[str, object]]]

#: Deepest nesting of a value; the same as in the core.
MAX_DEPTH = 64
#: Most elements of an array that is stored as a JSON array.
MAX_ELEMENTS = 65_536
#: What `_type` says in the JSON of a media value.
_MEDIA_TYPES = frozenset(
    f"{kind}{suffix}"
    for kinds, suffix in (
        ("image video audio html object3D molecule plotly bokeh graph classes table", "-file"),
        ("incremental-table", "-file"),
        ("images/separated videos audio html object3D molecule histogram", ""),
        ("joined-table partitioned-table wb_trace_tree boxes2D mask classes", ""),
    )
    for kind in kinds.split()
)
#: How often the outcome of `item()` and the like may itself have to be converted.
MAX_UNWRAPS = 8

#: What was said about a key, by the type of the value and the kind of problem.
_said: dict[tuple[str, type, str], str] = {}


class UnstorableError(Exception):
    """A value cannot be stored; the message says why."""


def flatten(key: object, value: object) -> Converted:
    """Return the values by key, why others are not stored, and what is encoded and stored later, by key.

    A nested dict gives keys joined with dots, unless it is the JSON of media, which stays whole.
    """
    outcome = _Outcome()
    try:
        name = _name(key)
    except Exception as e:
        outcome.refuse("?", key, e)
    else:
        outcome.add(name, value, ())
    return outcome.leaves, outcome.problems, outcome.deferred


def whole(key: object, value: object) -> Converted:
    """Return the value, a nested dict as one JSON object, or why it is not stored."""
    outcome = _Outcome()
    name = "?"
    try:
        name = _name(key)
        outcome.leaves.append((name, _leaf(value, _simplify(value), ())))
    except _MediaError as e:
        outcome.refuse(name, value, UnstorableError(f"it is or has {e}, which only log can store"))
    except Exception as e:
        outcome.refuse(name, value, e)
    return outcome.leaves, outcome.problems, []


def as_dict(data: object) -> dict[Any, Any]:
    """Return what was given to `log` as a dict, or raise a TypeError that says why it cannot be one."""
    kind = type(data).__name__
    try:
        if isinstance(data, Mapping):
            return dict(data)
    except Exception as e:
        raise TypeError(f"A row is not stored: `{kind}` raised {type(e).__name__}: {_safe_text(e)}") from None
    raise TypeError(f"log() takes a dict of values by name, not `{kind}`; the row is not stored")


class _MediaError(Exception):
    """There is media in a value; the message says which."""


class _Outcome:
    """What became of a value: parts of it may be stored and others not.

    Only an `Exception` is a reason not to store something. What ends the program, as KeyboardInterrupt does,
    passes.
    """

    def __init__(self) -> None:
        self.leaves: list[tuple[str, Leaf]] = []
        self.problems: list[str] = []
        self.deferred: list[tuple[str, object]] = []

    def add(self, name: str, value: object, parents: tuple[int, ...]) -> None:
        try:
            found = later.later(value)
            if found is None:
                found = self._add_plain(name, value, parents)
            if found is not None:
                self.deferred.append((name, found))
        except Exception as e:
            self.refuse(name, value, e)

    def _add_plain(self, name: str, value: object, parents: tuple[int, ...]) -> object:
        """Add a value that is not media; return it to be stored later if there is media in it."""
        plain = _simplify(value)
        if isinstance(plain, dict) and not _is_media_json(plain):
            self._add_items(name, plain, _enter(value, parents))
            return None
        try:
            self.leaves.append((name, _leaf(value, plain, parents)))
        except _MediaError:
            from .media.batch import Mixed

            return Mixed(plain)
        return None

    def _add_items(self, name: str, items: dict[Any, Any], parents: tuple[int, ...]) -> None:
        for key, item in list(items.items()):
            try:
                below = f"{name}.{_name(key)}"
            except Exception as e:
                self.refuse(name, key, e)
            else:
                self.add(below, item, parents)

    def refuse(self, name: str, value: object, error: Exception) -> None:
        """Add why a value is not stored, as it was worded the first time: errors may differ every time."""
        kind = type(error).__name__
        if isinstance(error, UnstorableError):
            why = kind = str(error)
        else:
            why = f"`{type(value).__name__}` raised {kind}: {_safe_text(error)}"
        short = name if len(name) <= 80 else name[:80] + "…"
        said = _said.setdefault((name, type(value), kind), f"A value of `{short}` is not stored: {why}")
        self.problems.append(said)


def _is_media_json(items: dict[Any, Any]) -> bool:
    kind = items.get("_type")
    return isinstance(kind, str) and kind in _MEDIA_TYPES


def _safe_text(error: Exception) -> str:
    try:
        return str(error).encode("utf-8", "backslashreplace").decode()
    except Exception:
        return "its message cannot be shown"


def _name(key: object) -> str:
    text = str(key)
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    return text


def _enter(container: object, parents: tuple[int, ...]) -> tuple[int, ...]:
    """Return the containers that are open inside of this one."""
    if id(container) in parents:
        raise UnstorableError("it contains itself")
    if len(parents) >= MAX_DEPTH:
        raise UnstorableError(f"it is nested deeper than {MAX_DEPTH} levels")
    return (*parents, id(container))


def _leaf(value: object, plain: object, parents: tuple[int, ...]) -> Leaf:
    """Return what the core stores for a value, `plain` being what `_simplify` made of it."""
    if type(plain) is float:
        return plain
    if type(plain) is int and -(2**63) <= plain < 2**63:
        return plain
    text = json.dumps(
        _jsonable(value, plain, parents), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    # A lone surrogate has no UTF-8, but JSON has an escape for it, which is what this writes.
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _jsonable(value: object, plain: object, parents: tuple[int, ...]) -> object:
    """Return the value with everything inside converted too."""
    if isinstance(plain, float):
        return plain if plain - plain == 0 else _non_finite(plain)
    if isinstance(plain, dict):
        below = _enter(value, parents)
        return {_name(key): _jsonable(item, _simplify(item), below) for key, item in list(plain.items())}
    if isinstance(plain, list):
        below = _enter(value, parents)
        return [_jsonable(item, _simplify(item), below) for item in plain]
    return plain


def _non_finite(number: float) -> str:
    """Name a float that JSON has no number for."""
    if number != number:
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def _simplify(value: object) -> object:
    """Return a float, int, bool, str, None, list or dict for the value, its items not yet converted."""
    for _ in range(MAX_UNWRAPS):
        if value is None or isinstance(value, bool):
            return value
        for plain in (float, int, str):
            if isinstance(value, plain):
                # Not `plain(value)`: a subclass may have its own idea of that.
                return getattr(plain, f"__{plain.__name__}__")(value)
        if getattr(type(value), "_danlu_later", False):
            raise _MediaError(f"media (`{type(value).__name__}`)")
        for convert in _CONVERSIONS:
            found = convert(value)
            if found is not None:
                break
        else:
            return str(value)
        if isinstance(found, (dict, list)):
            return found
        value = found
    raise UnstorableError(f"`{type(value).__name__}` cannot be converted")


def _scalar(value: Any) -> object:
    """Return the one element of an array, a tensor or a scalar of some library."""
    item = None if isinstance(value, type) else getattr(value, "item", None)
    if not callable(item) or _count(value) != 1:
        return None
    found = item()
    # numpy.longdouble gives itself.
    return float(found) if type(found) is type(value) and hasattr(found, "__float__") else found


def _mapping(value: object) -> dict[object, object] | None:
    if isinstance(value, Mapping):
        return dict(value)
    fields = getattr(type(value), "__dataclass_fields__", None)
    return None if fields is None else {name: getattr(value, name) for name in fields}


def _sequence(value: object) -> list[object] | None:
    if isinstance(value, (list, tuple)):
        return list(value)
    return _ordered(value) if isinstance(value, (set, frozenset)) else None


def _ordered(items: set[Any] | frozenset[Any]) -> list[object]:
    """Order a set where it can be ordered, so that the same set is stored alike."""
    try:
        return sorted(items)
    except TypeError:
        return list(items)


def _text(value: object) -> str | None:
    if isinstance(value, complex):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            raise UnstorableError("it is bytes that are no UTF-8 text; use save for binary data") from None
    if isinstance(value, os.PathLike):
        return str(value)
    enum = sys.modules.get("enum")
    return str(value) if enum is not None and isinstance(value, enum.Enum) else None


def _array(value: object) -> object:
    """Return the elements of a small array."""
    tolist = None if isinstance(value, type) else getattr(value, "tolist", None)
    if not callable(tolist):
        return None
    count = _count(value)
    if count > MAX_ELEMENTS:
        raise UnstorableError(
            f"it has {count} elements, at most {MAX_ELEMENTS} can be; use save for large arrays"
        )
    return tolist()


def _count(array: object) -> int:
    """Return the number of elements: 1 if it has no shape."""
    shape = getattr(array, "shape", ())
    count = 1
    # tensorflow has a type of its own for shapes.
    for length in shape if isinstance(shape, (tuple, list)) or hasattr(shape, "as_list") else ():
        count *= length
    return count


def _other(value: object) -> object:
    """Return what a date, a tensor of other libraries or a type of numbers gives."""
    if isinstance(value, type):
        return None
    for method in ("isoformat", "numpy"):
        call = getattr(value, method, None)
        if callable(call):
            return call()
    if hasattr(value, "__float__"):
        return float(value)
    return int(value) if hasattr(value, "__index__") else None


#: Each returns None for what it does not know. Scalars come first: they are what a loop logs.
_CONVERSIONS: tuple[Callable[[object], object], ...] = (_scalar, _mapping, _sequence, _text, _array, _other)
