"""Rows and columns of what a table is made from: lists, arrays, data frames."""

from __future__ import annotations

from .. import _say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .table import ColumnKey

DEFAULT_COLUMNS = ("Input", "Output", "Expected")


def is_frame(value: Any) -> bool:
    """Say whether it is a data frame of pandas or polars."""
    return hasattr(value, "columns") and (hasattr(value, "iloc") or hasattr(value, "iter_rows"))


def columns_of(columns: Any) -> list[ColumnKey]:
    """Return the names of columns, texts or whole numbers."""
    if columns is None:
        return list(DEFAULT_COLUMNS)
    if isinstance(columns, (str, bytes)) or not hasattr(columns, "__iter__"):
        raise TypeError(f"Table takes a list of names as `columns`, not `{type(columns).__name__}`")
    return [_name(column) for column in columns]


def _name(column: Any) -> ColumnKey:
    if isinstance(column, (str, int)):
        return column
    if hasattr(column, "__index__"):
        return int(column)
    raise TypeError(
        f"The columns of a table are strings or ints, not {column!r} of type `{type(column).__name__}`"
    )


def rows_of(data: Any) -> Iterable[list[Any]]:
    """Return the rows of a list of rows, or of an array of two dimensions."""
    shape = getattr(data, "shape", None)
    if shape is not None and hasattr(data, "tolist"):
        if len(shape) != 2:
            raise ValueError(f"Table takes an array of two dimensions as `data`; this one has {len(shape)}")
        rows: list[list[Any]] = data.tolist()
        return rows
    if isinstance(data, (str, bytes, dict)) or not hasattr(data, "__iter__"):
        raise TypeError(
            f"Table takes a list of rows, an array or a DataFrame as `data`, not `{type(data).__name__}`"
        )
    return [_row(row, number) for number, row in enumerate(data)]


def _row(row: Any, number: int) -> list[Any]:
    if isinstance(row, (str, bytes, dict)) or not hasattr(row, "__iter__"):
        raise TypeError(f"Row {number} of a table's data must be a list of cells, not `{type(row).__name__}`")
    return list(row)


def frame_of(frame: Any, columns: Any) -> tuple[list[ColumnKey], Iterable[list[Any]]]:
    """Return the columns of a data frame, or those of them that are asked for, and the rows."""
    if not is_frame(frame):
        raise TypeError(f"Table takes a DataFrame as `dataframe`, not `{type(frame).__name__}`")
    there = list(frame.columns)
    wanted = there
    if columns is not None:
        missing = [column for column in columns if column not in there]
        if missing:
            _say.warn(f"A DataFrame has no columns {missing}: the table has the DataFrame's own, {there}")
        else:
            wanted = list(columns)
    places = (
        [there.index(column) for column in wanted] if len(set(there)) == len(there) else range(len(there))
    )
    names = [column if isinstance(column, (str, int)) else str(column) for column in wanted]
    cells = [_column(frame, place) for place in places]
    return names, [list(row) for row in zip(*cells)]


def _column(frame: Any, place: int) -> list[Any]:
    """Return the cells of a column, None for what pandas has for a missing one."""
    if not hasattr(frame, "iloc"):
        cells: list[Any] = frame.to_series(place).to_list()
        return cells
    series = frame.iloc[:, place]
    return [None if type(cell).__name__ in ("NAType", "NaTType") else cell for cell in series.tolist()]
