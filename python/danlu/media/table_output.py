"""Cells of a table as arrays and data frames, and whether they are the same."""

from __future__ import annotations

from .arrays import is_torch, to_numpy
from .base import require

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def as_array(cells: list[Any]) -> Any:
    """Return a column as an array of numpy; of objects if its cells have no common shape."""
    np = require("numpy", "Table.get_column(convert_to='numpy')", "numpy")
    values = [_data(cell) for cell in cells]
    try:
        return np.array(values)
    except ValueError:
        array = np.empty(len(values), dtype=object)
        for place, value in enumerate(values):
            array[place] = value
        return array


def _data(cell: Any) -> Any:
    """Return the numbers of media and of a tensor."""
    if hasattr(cell, "to_data_array"):
        return cell.to_data_array()
    return to_numpy(cell, "A column as an array") if is_torch(cell) else cell


def as_frame(columns: list[Any], rows: list[list[Any]]) -> Any:
    """Return rows as a DataFrame of pandas."""
    pandas = require("pandas", "Table.get_dataframe()", "pandas")
    return pandas.DataFrame.from_records(rows, columns=columns)


def same_cells(cells: Iterable[Any], others: Iterable[Any]) -> bool:
    """Say whether cells are equal, NaN to NaN, and arrays in all their elements."""
    cells, others = list(cells), list(others)
    return len(cells) == len(others) and all(map(_same, cells, others))


def _same(cell: Any, other: Any) -> bool:
    if isinstance(cell, float) and cell != cell:
        return isinstance(other, float) and other != other
    if isinstance(cell, (list, tuple)) and isinstance(other, (list, tuple)):
        return same_cells(cell, other)
    if isinstance(cell, dict) and isinstance(other, dict):
        return cell.keys() == other.keys() and all(_same(cell[key], other[key]) for key in cell)
    if callable(getattr(cell, "tolist", None)) and callable(getattr(other, "tolist", None)):
        return _same(cell.tolist(), other.tolist())
    return cell is other or bool(cell == other)
