"""The history of a run as columns, and rows and data frames made of them."""

from __future__ import annotations

import heapq
import math
import operator
import sys
from array import array
from bisect import bisect_left
from itertools import groupby, islice

from ... import _core
from ..._errors import Error
from .reader import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from .reader import Reader

    Row = dict[str, Any]

#: Whole numbers up to here are the same as a float.
_EXACT = 2.0**53

#: What every row has.
_AUTOMATIC = ("_step", "_timestamp", "_runtime", "_rank")

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
    for key, (steps, times, values) in _core.series([part], wanted).items():
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


def all_keys(keys: Sequence[str] | str) -> list[str]:
    """Return the keys that are asked for."""
    names = [keys] if isinstance(keys, str) else list(keys)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"`keys` takes a list of names, and `{name!r}` is none")
    return list(dict.fromkeys(names))


def own_keys(keys: Sequence[str] | str | None) -> list[str] | None:
    """Return the keys that are asked for without those that every row has; None if all are."""
    return None if keys is None else [name for name in all_keys(keys) if name not in _AUTOMATIC]


def shown(row: dict[str, Any], keys: Sequence[str] | None) -> dict[str, Any]:
    """Return a row, or the columns of a frame, with the keys that were asked for, and the rank."""
    if keys is None:
        return row
    return {name: row[name] for name in [*keys, "_rank"] if name in row}


def scan(
    reader: Reader, keys: Sequence[str] | str | None, low: int | None = None, high: int | None = None
) -> Iterator[Row]:
    """Yield the rows in order of their steps, from step `low` on, before step `high`.

    With keys only rows that have them all. Each row has `_step`, `_timestamp` and `_runtime`; where ranks
    wrote the run, each rank has a row of its own, with `_rank`.
    """
    wanted = own_keys(keys)
    names = wanted or reader.keys()
    ranks = {part: reader.rank(part) for part in reader.parts}
    several = len(set(ranks.values())) > 1
    streams = []
    for n, part in enumerate(reader.parts):
        rank = ranks[part]
        place = -1 if rank is None else rank
        found = {key: column.between(low, high) for key, column in columns(reader, part, names).items()}
        streams += [_points(place, n, key, column) for key, column in found.items()]
    runtime = _runtime_of(reader)
    for (step, place), points in groupby(heapq.merge(*streams), lambda point: point[:2]):
        row: Row = {}
        time = -math.inf
        for _, _, _, key, when, values, n in points:
            row[key] = values[n]
            time = max(time, when)
        if wanted and len(row) < len(wanted):
            continue
        if several and place >= 0:
            row["_rank"] = place
        row.setdefault("_step", step)
        row.setdefault("_timestamp", time)
        row.setdefault("_runtime", runtime(time))
        yield row


def _points(place: int, n: int, key: str, column: Column) -> Iterator[tuple[Any, ...]]:
    """Yield what orders a point and what finds its value, so that values are never compared."""
    values = column.values
    for at, (step, time) in enumerate(zip(column.steps, column.times)):
        yield step, place, n, key, time, values, at


def _runtime_of(reader: Reader) -> Any:
    attempts = reader.processes()
    if len(attempts) == 1:
        began = attempts[0].began
        return lambda time: max(0.0, time - began)
    return reader.runtime


def spread(count: int, samples: int | None) -> list[int]:
    """Return at most so many of `count` places, equally far apart, with the first and the last."""
    if samples is None or count <= samples:
        return list(range(count))
    if samples < 1:
        raise ValueError(f"`samples` is {samples}, and must be a number from 1 on")
    if samples == 1:
        return [count - 1]
    return [round(n * (count - 1) / (samples - 1)) for n in range(samples)]


def sample(reader: Reader, keys: Sequence[str] | str | None, samples: int | None) -> list[Row]:
    """Return at most so many rows, equally far apart."""
    rows = list(scan(reader, keys))
    return [rows[n] for n in spread(len(rows), samples)]


def frame(reader: Reader, keys: Sequence[str] | str | None, samples: int | None) -> dict[str, Any]:
    """Return the sampled rows as numpy arrays by key, which every data frame takes.

    A column of whole numbers with gaps has floats, and NaN in the gaps.
    """
    if len(reader.parts) > 1:
        return _turned(sample(reader, keys, samples), keys)
    import numpy as np

    wanted = own_keys(keys)
    found = columns(reader, reader.parts[0], wanted or reader.keys())
    if not found or len(found) < len(wanted or ()):
        return _turned([], keys)
    at = {key: np.frombuffer(column.steps, np.int64) for key, column in found.items()}
    steps = _rows(np, list(at.values()), bool(wanted))
    steps = steps[spread(len(steps), samples)]
    times = np.zeros(len(steps))
    table: dict[str, Any] = {}
    for key, column in found.items():
        there = np.searchsorted(at[key], steps).clip(max=len(at[key]) - 1)
        has = at[key][there] == steps
        table[key] = _filled(np, column.values, there, has)
        times = np.where(has, np.maximum(times, np.frombuffer(column.times)[there]), times)
    return {**_automatic(np, reader, steps, times), **table}


def _rows(np: Any, steps: list[Any], all_of_them: bool) -> Any:
    """Return the steps of the rows: those that every column has, or that any has."""
    first, *others = steps
    others = [other for other in others if not np.array_equal(first, other)]
    if all_of_them:
        for other in others:
            first = np.intersect1d(first, other, assume_unique=True)
        return first
    return np.unique(np.concatenate([first, *others])) if others else first


def _filled(np: Any, values: Sequence[Any], there: Any, has: Any) -> Any:
    """Return the values of the rows, and NaN where a row has none."""
    if isinstance(values, array):
        found = np.frombuffer(values, np.int64 if values.typecode == "q" else np.float64)[there]
        return found if has.all() else np.where(has, found, np.nan)
    found = np.empty(len(there), object)
    found[:] = [values[n] if h else math.nan for n, h in zip(there.tolist(), has.tolist())]
    kinds = {type(value) for value in found}
    if kinds == {int}:
        return found.astype(np.int64)
    return found.astype(np.float64) if kinds <= {float, int} else found


def _automatic(np: Any, reader: Reader, steps: Any, times: Any) -> dict[str, Any]:
    runtime = _runtime_of(reader)
    lasted = np.fromiter(map(runtime, times.tolist()), np.float64, len(times))
    return {"_step": steps, "_timestamp": times, "_runtime": lasted}


def _turned(rows: list[Row], keys: Sequence[str] | str | None) -> dict[str, Any]:
    """Return columns of rows."""
    names = dict.fromkeys(["_step", "_timestamp", "_runtime", *(own_keys(keys) or ())])
    for row in rows:
        names.update(dict.fromkeys(row))
    return {name: [row.get(name, math.nan) for row in rows] for name in names}


def system_rows(reader: Reader) -> list[Row]:
    """Return the samples of system metrics in order of their times, keys with `system.` in front."""
    rows: dict[tuple[float, int], Row] = {}
    runtime = _runtime_of(reader)
    for time, key, value, rank in reader.sql("SELECT time, key, value, rank FROM system"):
        row = rows.setdefault((time, -1 if rank is None else rank), {})
        row[system_key(key)] = plain(value)
    for (time, place), row in rows.items():
        row.update({"_timestamp": time, "_runtime": runtime(time)})
        if place >= 0:
            row["_rank"] = place
    return [rows[key] for key in sorted(rows)]


def system_key(key: str) -> str:
    """Return the name that wandb gives a system metric."""
    return key if key.startswith("system.") else f"system.{key}"


def has(module: str) -> bool:
    """Say whether a module is installed."""
    import importlib.util

    return importlib.util.find_spec(module) is not None


def need(module: str) -> Any:
    """Return a module; raise an error that says how to install it."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError:
        raise Error(f"A DataFrame needs {module}, which is not installed: pip install {module}") from None


def pandas_frame(table: dict[str, Any] | list[Row]) -> Any:
    """Return a pandas DataFrame."""
    return need("pandas").DataFrame(table)


def polars_frame(rows: dict[str, Any] | list[Row]) -> Any:
    """Return a polars DataFrame."""
    pl = need("polars")
    if isinstance(rows, dict):
        return pl.DataFrame({name: _for_polars(values) for name, values in rows.items()}, strict=False)
    return pl.DataFrame(rows, infer_schema_length=None, strict=False)


def _for_polars(values: Any) -> Any:
    """Mixed objects as lists, from which polars finds a type."""
    if getattr(getattr(values, "dtype", None), "kind", None) != "O":
        return values
    return [None if isinstance(value, float) and value != value else value for value in values.tolist()]
