"""The history of a run as data frames."""

from __future__ import annotations

import math
from array import array

from ..._errors import Error
from .history import columns_of, own_keys, runtime_of, sample, spread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .reader import Reader

    Row = dict[str, Any]


def frame(reader: Reader, keys: Sequence[str] | str | None, samples: int | None) -> dict[str, Any]:
    """Return the sampled rows as numpy arrays by key, which every data frame takes.

    A column of whole numbers with gaps has floats, and NaN in the gaps.
    """
    if len(reader.parts) > 1:
        return _turned(sample(reader, keys, samples), keys)
    import numpy as np

    found = columns_of(reader, keys)
    if not found:
        return _turned([], keys)
    at = {key: np.frombuffer(column.steps, np.int64) for key, column in found.items()}
    steps = _rows(np, list(at.values()), bool(own_keys(keys)))
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
    runtime = runtime_of(reader)
    lasted = np.fromiter(map(runtime, times.tolist()), np.float64, len(times))
    return {"_step": steps, "_timestamp": times, "_runtime": lasted}


def _turned(rows: list[Row], keys: Sequence[str] | str | None) -> dict[str, Any]:
    """Return columns of rows."""
    names = dict.fromkeys(["_step", "_timestamp", "_runtime", *(own_keys(keys) or ())])
    for row in rows:
        names.update(dict.fromkeys(row))
    return {name: [row.get(name, math.nan) for row in rows] for name in names}


def has(module: str) -> bool:
    """Say whether a module is installed."""
    import importlib.util

    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False


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
