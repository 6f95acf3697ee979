"""Of which type a value is, and which type is meant by a type of Python."""

from __future__ import annotations

import sys
from functools import partial

from .base import WBValue
from .table_keys import TableIndex, TableKey
from .table_types import (
    ANY,
    BOOLEAN,
    NONE,
    NUMBER,
    STRING,
    TIMESTAMP,
    UNKNOWN,
    Type,
    joined,
    optional,
    union,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

#: How many levels of lists and dicts are looked into.
MAX_DEPTH = 8

_PLAIN = {type(None): NONE, bool: BOOLEAN, int: NUMBER, float: NUMBER, str: STRING}
_TIMES = ("datetime64", "datetime", "date", "Timestamp")
_MISSING = ("NAType", "NaTType")


def fits(kind: Type, value: Any) -> Type | None:
    """Return the type of a column of one kind after a further cell; None if the cell does not fit."""
    if kind.name == "any":
        return kind
    if isinstance(value, float) and value != value and not kind.has("number") and kind.has("none"):
        # Data frames say NaN for what is missing, in columns of texts too.
        return kind
    return joined(kind, type_of(value))


def type_of(value: Any, depth: int = 0) -> Type:
    """Return the type of a value."""
    cls = type(value)
    if cls in _PLAIN:
        return _PLAIN[cls]
    if isinstance(value, TableKey) and value._table is not None:
        return Type("foreignKey", table=value._table, col_name=value._column)
    if isinstance(value, TableIndex) and value._table is not None:
        return Type("foreignIndex", table=value._table)
    for plain in (bool, int, float, str):
        if isinstance(value, plain):
            return _PLAIN[plain]
    if isinstance(value, WBValue):
        return Type(value._log_type or cls.__name__)
    if cls.__name__ in _MISSING:
        return NONE
    if cls.__name__ in _TIMES or _is_date(value):
        return TIMESTAMP
    return _type_of_container(value, depth)


def _is_date(value: Any) -> bool:
    datetime = sys.modules.get("datetime")
    return datetime is not None and isinstance(value, datetime.date)


def _type_of_container(value: Any, depth: int) -> Type:
    if depth >= MAX_DEPTH:
        return ANY
    if isinstance(value, dict):
        return Type("typedDict", type_map={str(key): type_of(item, depth + 1) for key, item in value.items()})
    if isinstance(value, (list, tuple, set, frozenset)):
        element = UNKNOWN
        for item in value:
            kind = type_of(item, depth + 1)
            element = joined(element, kind) or union(element, kind)
        return Type("list", element_type=element)
    shape: Any = getattr(value, "shape", None)
    if hasattr(shape, "__iter__"):
        lengths = [int(length) for length in shape]
        item = getattr(value, "item", None)
        if lengths or not callable(item):
            return Type("ndarray", shape=lengths) if lengths else NUMBER
        return type_of(item(), depth + 1)
    if hasattr(value, "__float__") or hasattr(value, "__index__"):
        return NUMBER
    return Type("pythonObject", class_name=type(value).__name__)


def type_meant(dtype: Any) -> Type:
    """Return the type that is meant by a type of Python, `[type]`, `{"key": type}`, None or an example."""
    if isinstance(dtype, Type):
        return dtype
    if dtype is None:
        return UNKNOWN
    if isinstance(dtype, list):
        return Type("list", element_type=union(*map(type_meant, dtype)) if dtype else UNKNOWN)
    if isinstance(dtype, dict):
        return Type("typedDict", type_map={str(key): type_meant(item) for key, item in dtype.items()})
    if isinstance(dtype, type):
        return _type_of_class(dtype)
    name = getattr(dtype, "kind", None)
    if isinstance(name, str) and name in _NUMPY_KINDS:
        return _NUMPY_KINDS[name]
    typing_name = getattr(dtype, "__name__", None) or getattr(dtype, "_name", None)
    return ANY if typing_name == "Any" else type_of(dtype)


#: By the letter that numpy's dtypes have.
_NUMPY_KINDS = {"b": BOOLEAN, "i": NUMBER, "u": NUMBER, "f": NUMBER, "U": STRING, "M": TIMESTAMP, "O": ANY}


def _type_of_class(cls: type) -> Type:
    if cls is object or cls.__name__ == "Any":
        return ANY
    if issubclass(cls, WBValue):
        return Type(cls._log_type or cls.__name__)
    for base in cls.__mro__:
        for known, make in _CLASSES.items():
            if (base.__module__, base.__name__) == known:
                return make()
    return Type("pythonObject", class_name=cls.__name__)


#: What classes mean, and what is derived of them, by name: libraries are not imported for it.
_CLASSES: dict[tuple[str, str], Callable[[], Type]] = {
    **{("builtins", cls.__name__): partial(_PLAIN.__getitem__, cls) for cls in (bool, int, float, str)},
    **{
        ("builtins", name): partial(Type, "list", element_type=UNKNOWN)
        for name in ("list", "tuple", "set", "frozenset")
    },
    ("builtins", "NoneType"): lambda: NONE,
    ("builtins", "dict"): lambda: Type("typedDict", type_map={}),
    ("datetime", "date"): lambda: TIMESTAMP,
    ("numpy", "bool"): lambda: BOOLEAN,
    ("numpy", "bool_"): lambda: BOOLEAN,
    ("numpy", "datetime64"): lambda: TIMESTAMP,
    ("numpy", "ndarray"): lambda: Type("ndarray", shape=[]),
    ("numpy", "number"): lambda: NUMBER,
    ("numpy", "str_"): lambda: STRING,
}


class Column:
    """The type of a column, and which cells need no second look because one of their class has fitted."""

    __slots__ = ("classes", "kind", "odd")

    def __init__(self, kind: Type) -> None:
        self.kind: Type = kind
        self.classes: set[type] = set()
        #: Whether some cell is of no class of Python's own, as a tensor with one element.
        self.odd: bool = False

    @property
    def changes(self) -> bool:
        """Whether some cell may be changed by whoever gave it."""
        return self.odd or not self.kind.is_scalar

    @classmethod
    def meant(cls, dtype: Any, is_optional: bool) -> Column:
        """Return a column of a type that the caller means."""
        kind = type_meant(dtype)
        return cls(optional(kind) if is_optional else kind)

    def take(self, kind: Type, value: Any) -> None:
        """Set the type after a cell was added."""
        self.kind = kind
        if type(value) not in _PLAIN:
            self.odd = True
        elif value == value:
            # A NaN may stand for nothing: it says nothing of other floats.
            self.classes.add(type(value))
