"""The history of a run as columns."""

from __future__ import annotations

import operator
import sys
from array import array
from bisect import bisect_left
from itertools import islice

from ... import _core
from .reader import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .reader import Reader

#: Whole numbers up to here are the same as a float.
_EXACT = 2.0**53

_FIRST_TYPES = """
SELECT k.name,
    (SELECT typeof(p.value) FROM extent AS e JOIN point AS p ON p.id = e.first WHERE e.key = k.id LIMIT 1)
FROM key AS k WHERE k.system = 0 ORDER BY k.id DESC
"""


class Column:
    """The values of one key in order of steps: steps, times in seconds, and values, one a step."""

    def __init__(self, steps: array[int], times: array[float], values: Sequence[Any]) -> None:
        if not all(map(operator.lt, steps, islice(steps, 1, None))):
            # Logged late, or twice at one step: then the last one counts.
            newest = {step: n for n, step in enumerate(steps)}
            order = [newest[step] for step in sorted(newest)]
            steps = array("q", [steps[n] for n in order])
            times = array("d", [times[n] for n in order])
            values = [values[n] for n in order]
        self.steps = steps
        self.times = times
        self.values = values

    def between(self, low: int | None, high: int | None) -> Column:
        """Return the part from step `low` on, before step `high`."""
        begin = 0 if low is None else bisect_left(self.steps, low)
        end = len(self.steps) if high is None else bisect_left(self.steps, high)
        return Column(self.steps[begin:end], self.times[begin:end], self.values[begin:end])


def numbers(kind: str, data: bytes) -> array[Any]:
    """Return little-endian numbers as an array."""
    found = array(kind)
    found.frombytes(data)
    if sys.byteorder == "big":
        found.byteswap()
    return found


def columns(reader: Reader, part: str, keys: Sequence[str]) -> dict[str, Column]:
    """Read keys of one file; keys that are not in it are left out."""
    first: dict[str, str | None] = dict(reader.sql(_FIRST_TYPES, parts=[part]))
    wanted = [key for key in keys if key in first]
    found: dict[str, Column] = {}
    series = _core.series([part], wanted)
    for key in wanted:
        steps, times, values = series[key]
        if steps:
            at, when, what = numbers("q", steps), numbers("d", times), numbers("d", values)
            found[key] = Column(*_exact(reader, part, key, first[key], (at, when, what)))
    return found


def _exact(
    reader: Reader, part: str, key: str, kind: str | None, read: tuple[array[int], array[float], array[float]]
) -> tuple[array[int], array[float], Sequence[Any]]:
    """Put in what floats cannot hold: texts, and whole numbers as such."""
    steps, times, values = read
    if any(map(operator.ne, values, values)) or kind == "text":
        texts = "SELECT 1 FROM history WHERE key = ? AND typeof(value) = 'text' LIMIT 1"
        if reader.sql(texts, key, parts=[part]):
            return _from_sql(reader, part, key)
    if kind == "integer" and all(map(float.is_integer, values)):
        if max(map(abs, values)) >= _EXACT:
            return _from_sql(reader, part, key)
        return steps, times, array("q", map(int, values))
    return read


def _from_sql(reader: Reader, part: str, key: str) -> tuple[array[int], array[float], list[Any]]:
    rows = reader.sql("SELECT step, time, value FROM history WHERE key = ?", key, parts=[part])
    steps, times, values = zip(*rows)
    return array("q", steps), array("d", times), list(map(plain, values))
