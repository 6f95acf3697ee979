"""Tensors in event files."""

from __future__ import annotations

import struct

from . import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STRING = 7
_BFLOAT16 = 14
_HALF = 19
#: By the number of a type: how `struct` calls it, and the field that has values if the bytes do not.
_TYPES = {
    1: ("f", 5),
    2: ("d", 6),
    3: ("i", 7),
    4: ("B", 7),
    5: ("h", 7),
    6: ("b", 7),
    9: ("q", 10),
    10: ("?", 11),
    _BFLOAT16: ("H", 13),
    17: ("H", 7),
    _HALF: ("e", 13),
    22: ("I", 16),
    23: ("Q", 17),
}
#: Elements of a tensor that are taken; no event that a library writes has that many.
_MAX_ELEMENTS = 1 << 22


class Tensor:
    """The elements of a tensor in a row, and its shape."""

    def __init__(self, data: bytes) -> None:
        """Read a TensorProto. Raises ValueError for what is none, or of a type that is not known."""
        found = wire.message(data)
        kind = wire.varints(found.get(1, []))[-1:] or [0]
        shape = wire.parts(found.get(2, []))
        self.shape: list[int] = [
            wire.varints(wire.message(dim).get(1, [0]))[-1]
            for number, dim in (wire.fields(shape[-1]) if shape else ())
            if number == 2 and isinstance(dim, bytes)
        ]
        count = 1
        for length in self.shape:
            count *= length
        if not 0 <= count <= _MAX_ELEMENTS:
            raise ValueError(f"a tensor has {count} elements")
        if kind[0] == STRING:
            self.items: list[Any] = list(wire.parts(found.get(8, [])))
            return
        if kind[0] not in _TYPES:
            raise ValueError(f"a tensor is of type {kind[0]}")
        self.items = _items(kind[0], found)
        if self.items and len(self.items) < count:
            # What is repeated to the end is written once.
            self.items += self.items[-1:] * (count - len(self.items))

    def nested(self) -> Any:
        """Return the elements as lists in lists of this shape, or the one element of a scalar."""
        items = self.items
        if not self.shape:
            return items[0] if items else None
        for length in reversed(self.shape[1:]):
            items = [items[at : at + length] for at in range(0, len(items), max(length, 1))]
        return items


def _items(kind: int, found: dict[int, list[wire.Field]]) -> list[Any]:
    letter, field = _TYPES[kind]
    content = b"".join(wire.parts(found.get(4, [])))
    if content:
        items: list[Any] = wire.numbers([content], letter)
    elif field in (5, 6):
        items = wire.numbers(found.get(field, []), letter)
    else:
        items = wire.varints(found.get(field, []))
        if kind == _HALF:
            items = [struct.unpack("<e", struct.pack("<H", bits))[0] for bits in items]
    if kind == _BFLOAT16:
        items = [struct.unpack("<f", struct.pack("<I", int(bits) << 16))[0] for bits in items]
    if kind == 10:
        items = [bool(item) for item in items]
    return items
