"""Rows of a table, as others refer to them: by a key, or by their place."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .table import ColumnKey, Table


class TableKey(str):
    """A text that stands for a row of a table: the value of its primary key."""

    __slots__ = ("_column", "_table")

    _table: Table | None
    _column: ColumnKey | None

    def __new__(cls, text: str, table: Table | None = None, column: ColumnKey | None = None) -> TableKey:
        """Make the key of a row of a table."""
        key = super().__new__(cls, text)
        key._table = table
        key._column = column
        return key

    def set_table(self, table: Table, col_name: ColumnKey) -> None:
        """Say which column of which table the key is of."""
        self._table, self._column = table, col_name


class TableIndex(int):
    """A number that stands for a row of a table: its place."""

    _table: Table | None = None

    def set_table(self, table: Table) -> None:
        """Say which table the row is of."""
        self._table = table

    def get_row(self) -> dict[ColumnKey, Any]:
        """Return the row's values by column; empty if no table has been set."""
        if self._table is None:
            return {}
        return dict(zip(self._table.columns, self._table.data[self]))


def index_of(table: Table, row: int) -> TableIndex:
    """Return what stands for a row."""
    index = TableIndex(row)
    index.set_table(table)
    return index
