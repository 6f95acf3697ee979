"""The rows of a run: all of them, or some that are equally far apart."""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from itertools import groupby

from .columns import columns
from .reader import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from .columns import Column
    from .reader import Reader

    Row = dict[str, Any]

#: What every row has.
_AUTOMATIC = ("_step", "_timestamp", "_runtime", "_rank")


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
    runtime = runtime_of(reader)
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


def runtime_of(reader: Reader) -> Any:
    """Return what says how long the run had run at a time, in seconds."""
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
    if len(reader.parts) > 1:
        rows = list(scan(reader, keys))
        return [rows[n] for n in spread(len(rows), samples)]
    found = columns_of(reader, keys)
    if not found:
        return []
    kinds = {column.steps.tobytes(): column.steps for column in found.values()}.values()
    steps = sorted(set.intersection(*map(set, kinds)) if own_keys(keys) else set[int]().union(*kinds))
    runtime = runtime_of(reader)
    picked = (steps[n] for n in spread(len(steps), samples))
    return [_row_at(found, step, runtime) for step in picked]


def columns_of(reader: Reader, keys: Sequence[str] | str | None) -> dict[str, Column]:
    """Return the columns of a run that has one file; none unless it has all keys that are asked for."""
    wanted = own_keys(keys)
    found = columns(reader, reader.parts[0], wanted or reader.keys())
    return {} if len(found) < len(wanted or ()) else found


def _row_at(found: dict[str, Column], step: int, runtime: Any) -> Row:
    row: Row = {}
    time = -math.inf
    for key, column in found.items():
        n = bisect_left(column.steps, step)
        if n < len(column.steps) and column.steps[n] == step:
            row[key] = column.values[n]
            time = max(time, column.times[n])
    return {"_step": step, "_timestamp": time, "_runtime": runtime(time), **row}


def system_rows(reader: Reader) -> list[Row]:
    """Return the samples of system metrics in order of their times, keys with `system.` in front."""
    rows: dict[tuple[float, int], Row] = {}
    runtime = runtime_of(reader)
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
