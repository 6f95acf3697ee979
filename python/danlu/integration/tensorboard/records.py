"""Records of a TensorBoard event file, as TensorFlow frames them.

A record is its length (8 bytes, little endian), the checksum of these 8 bytes (4), the data, and the checksum
of the data (4). A checksum is a CRC-32C, rotated and with a constant added.
"""

from __future__ import annotations

import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = struct.Struct("<QI")
_CHECK = struct.Struct("<I")
#: The checksum of longer data is not looked at: in Python that takes a second for ten megabytes.
_MAX_CHECKED = 1 << 20


def _table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


_TABLE = _table()


def checksum(data: bytes) -> int:
    """Return the masked CRC-32C of data."""
    crc = 0xFFFFFFFF
    table = _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class EventFile:
    """An event file that may still grow; every record of it is given once."""

    def __init__(self, path: str) -> None:
        self.path = path
        #: Where the next record begins.
        self._offset = 0
        #: How many records were passed over because their checksum is wrong.
        self.damaged: int = 0

    def read(self) -> Iterator[bytes]:
        """Give the records that are complete by now.

        What is at the end and not whole, or not what its checksum says, may be on its way: it is looked at
        again the next time. A record that is wrong and has another one behind it is passed over.
        """
        with open(self.path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            while self._offset + _HEAD.size <= size:
                file.seek(self._offset)
                head = file.read(_HEAD.size)
                length, check = _HEAD.unpack(head)
                end = self._offset + _HEAD.size + length + _CHECK.size
                if checksum(head[:8]) != check or end > size:
                    return
                data = file.read(length)
                (check,) = _CHECK.unpack(file.read(_CHECK.size))
                whole = length > _MAX_CHECKED or checksum(data) == check
                if not whole and end == size:
                    return
                self._offset = end
                if whole:
                    yield data
                else:
                    self.damaged += 1

    def rest(self) -> int:
        """Return how many bytes at the end are no record yet."""
        return os.path.getsize(self.path) - self._offset
