"""What kinds of values the columns of a table hold.

A type grows as cells are added: that of an empty column becomes that of its first cell, and a column of lists
of numbers becomes one of lists of numbers or texts. It never turns into another: a number does not fit into a
column of texts.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, ClassVar

    Types = list["Type"]

#: Kinds of which a value cannot be changed.
_SCALARS = ("none", "string", "number", "boolean", "timestamp", "primaryKey", "foreignKey", "foreignIndex")
#: What goes into a column of keys.
_KEYS = {"primaryKey": "string", "foreignKey": "string", "foreignIndex": "number"}


class Type:
    """A kind of values: its name as in JSON, and what there is to say besides."""

    __slots__ = ("name", "params")

    def __init__(self, name: str, **params: Any) -> None:
        self.name: str = name
        self.params: dict[str, Any] = params

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Type) or self.name != other.name:
            return False
        # Keys are equal whatever table they are of: tables that refer to each other would be compared for
        # ever.
        return self.name in _KEYS or self.params == other.params

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if self.name == "union":
            return " or ".join(repr(member) for member in self.params["allowed_types"])
        if self.name == "list":
            return f"list of {self.params.get('element_type', UNKNOWN)!r}"
        if self.name == "pythonObject":
            return f"`{self.params['class_name']}`"
        return self.name

    @property
    def members(self) -> Types:
        """The types of which it is one; itself if it is no union."""
        found: Types = self.params["allowed_types"] if self.name == "union" else [self]
        return found

    @property
    def is_scalar(self) -> bool:
        """Whether its values are nothing that can change."""
        return all(member.name in _SCALARS for member in self.members)

    def has(self, name: str) -> bool:
        """Say whether values of the kind of that name are among its values."""
        return any(member.name == name for member in self.members)

    def to_json(self, path_of: Callable[[Any], str | None]) -> dict[str, Any]:
        """Return what the file of a table says of it; `path_of` says where another table is stored."""
        params = {key: _json_of(value, path_of) for key, value in self.params.items()}
        params = {key: value for key, value in params.items() if value is not None}
        return {"wb_type": self.name, "params": params} if params else {"wb_type": self.name}


def _json_of(value: Any, path_of: Callable[[Any], str | None]) -> Any:
    if isinstance(value, Type):
        return value.to_json(path_of)
    if isinstance(value, list):
        return [_json_of(item, path_of) for item in value]
    if isinstance(value, dict):
        return {str(key): _json_of(item, path_of) for key, item in value.items()}
    return value if value is None or isinstance(value, (str, int, float)) else path_of(value)


def from_json(json: Any) -> Type:
    """Return the type that the file of a table speaks of."""
    if not isinstance(json, dict) or "wb_type" not in json:
        raise ValueError(f"The type of a column is a dict with `wb_type`, not {json!r}")
    params = dict(json.get("params", {}))
    for key in ("element_type", "allowed_types", "type_map"):
        if key in params:
            params[key] = _types_of(params[key])
    if json["wb_type"] == "union":
        return union(*params["allowed_types"])
    return Type(json["wb_type"], **params)


def _types_of(json: Any) -> Any:
    if isinstance(json, list):
        return [from_json(item) for item in json]
    if isinstance(json, dict) and "wb_type" not in json:
        return {key: from_json(item) for key, item in json.items()}
    return from_json(json)


ANY = Type("any")
UNKNOWN = Type("unknown")
NONE = Type("none")
STRING = Type("string")
NUMBER = Type("number")
BOOLEAN = Type("boolean")
TIMESTAMP = Type("timestamp")


def union(*types: Type) -> Type:
    """Return the type of what has one of several types."""
    members: Types = []
    for given in types:
        members += [member for member in given.members if member not in members]
    if ANY in members:
        return ANY
    return members[0] if len(members) == 1 else Type("union", allowed_types=members)


def optional(given: Type) -> Type:
    """Return the type of values that may be None."""
    return given if given.name == "any" or given.has("none") else union(NONE, given)


def joined(kind: Type, other: Type) -> Type | None:
    """Return the type of a column of one kind that takes in the other; None if that does not fit."""
    if kind.name == "any" or other.name == "unknown":
        return kind
    if kind.name == "unknown":
        return other
    if other.name == "union":
        found: Type | None = kind
        for member in other.members:
            found = None if found is None else joined(found, member)
        return found
    for place, member in enumerate(kind.members):
        same = _joined_single(member, other)
        if same is not None:
            members = list(kind.members)
            members[place] = same
            return kind if same is member else union(*members)
    if kind.has("unknown"):
        return union(*(member for member in kind.members if member.name != "unknown"), other)
    return None


def _joined_single(kind: Type, other: Type) -> Type | None:
    """Return the type that two have in common, neither a union; None if there is none."""
    if kind == other or _KEYS.get(kind.name) == other.name:
        return kind
    if kind.name != other.name or kind.name == "pythonObject":
        return None
    if kind.name == "list":
        elements = (given.params.get("element_type", UNKNOWN) for given in (kind, other))
        return Type("list", element_type=_either(*elements))
    if kind.name == "typedDict":
        maps = (given.params.get("type_map", {}) for given in (kind, other))
        return Type("typedDict", type_map=_merged(*maps))
    if kind.name == "ndarray":
        shapes = (given.params.get("shape", []) for given in (kind, other))
        return Type("ndarray", shape=_common_shape(*shapes))
    return kind


def _either(kind: Type, other: Type) -> Type:
    found = joined(kind, other)
    return union(kind, other) if found is None else found


def _merged(types: dict[str, Type], others: dict[str, Type]) -> dict[str, Type]:
    """Return the types of the items of dicts, which one lacks where the other does not."""
    return {key: _either(types.get(key, NONE), others.get(key, NONE)) for key in {**types, **others}}


def _common_shape(shape: list[int | None], other: list[int | None]) -> list[int | None]:
    """Return the shape of arrays of two shapes, None where lengths differ; empty if there is none."""
    if len(shape) != len(other):
        return []
    return [length if length == length_there else None for length, length_there in zip(shape, other)]
