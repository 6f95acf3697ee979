"""As much of protocol buffers as event files need: fields of a message, without its description."""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Union

    #: A varint, or the bytes of anything else.
    Field = Union[int, bytes]


def fields(data: bytes) -> Iterator[tuple[int, Field]]:
    """Give the number and value of every field of a message. Raises ValueError where it is none."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        kind = key & 7
        value: Field
        if kind == 0:
            value, at = _varint(data, at)
        else:
            if kind == 2:
                length, at = _varint(data, at)
            elif kind in (1, 5):
                length = 8 if kind == 1 else 4
            else:
                raise ValueError(f"a field is of unknown kind {kind}")
            if at + length > end:
                raise ValueError("a field is longer than its message")
            value = data[at : at + length]
            at += length
        yield key >> 3, value


def message(data: bytes) -> dict[int, list[Field]]:
    """Return the values of a message by the number of the field."""
    found: dict[int, list[Field]] = {}
    for number, value in fields(data):
        found.setdefault(number, []).append(value)
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("a number has no end")


def signed(value: Field) -> int:
    """Return a varint as the int64 it stands for."""
    number = value if isinstance(value, int) else 0
    return number - (1 << 64) if number >= 1 << 63 else number


def text(values: list[Field]) -> str:
    """Return the last of the values as text; nothing where there is none."""
    return _bytes(values[-1]).decode("utf-8", "replace") if values else ""


def number(values: list[Field], kind: str) -> float:
    """Return the last of the values, a fixed-size number of this `struct` kind; 0 where there is none."""
    return float(struct.unpack(f"<{kind}", _bytes(values[-1]))[0]) if values else 0.0


def numbers(values: list[Field], kind: str) -> list[float]:
    """Return repeated numbers of a fixed size, packed or not."""
    data = b"".join(_bytes(value) for value in values)
    return [found for (found,) in struct.iter_unpack(f"<{kind}", data)]


def varints(values: list[Field]) -> list[int]:
    """Return repeated varints, packed or not."""
    found = []
    for value in values:
        if isinstance(value, int):
            found.append(signed(value))
            continue
        at = 0
        while at < len(value):
            one, at = _varint(value, at)
            found.append(signed(one))
    return found


def parts(values: list[Field]) -> list[bytes]:
    """Return repeated bytes, texts or messages."""
    return [_bytes(value) for value in values]


def _bytes(value: Field) -> bytes:
    if isinstance(value, int):
        raise ValueError("a field is a number where bytes should be")
    return value
