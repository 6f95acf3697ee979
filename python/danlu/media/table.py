"""Tables: rows of cells of any kind, media among them, in columns of one type each."""

from __future__ import annotations

from .. import _say
from .table_input import columns_of, frame_of, is_frame, rows_of
from .table_keys import TableIndex, TableKey, index_of
from .table_kinds import Column, fits, type_meant, type_of
from .table_logged import LoggedTable
from .table_types import ANY, Type
from .table_types import optional as optional_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Callable, ClassVar, Union

    ColumnKey = Union[str, int]

__all__ = ["Table", "TableIndex", "TableKey"]

_LOG_MODES = ("IMMUTABLE", "MUTABLE", "INCREMENTAL")


class Table(LoggedTable):
    """Rows of cells in named columns, made of a list of rows, an array of two dimensions or a DataFrame.

    A cell is a number, a text, a bool, a time, None, a list, a dict, an array, media such as an Image, or
    another table. All cells of a column have one type, that of the first unless `dtype` gives one, or are
    None if the column is `optional`; with `allow_mixed_types` they may be anything.

    `log_mode` says what logging the table again does: nothing (`IMMUTABLE`), store it whole (`MUTABLE`), or
    store the rows that are new (`INCREMENTAL`).
    """

    _log_type = "table"
    _kind = "table"
    #: The names of the columns, in order.
    columns: list[ColumnKey]

    def __init__(
        self,
        columns: Sequence[ColumnKey] | None = None,
        data: Any = None,
        rows: list[Any] | None = None,
        dataframe: Any = None,
        dtype: Any = None,
        optional: bool | list[bool] = True,
        allow_mixed_types: bool = False,
        log_mode: str | None = "IMMUTABLE",
    ) -> None:
        """Take the rows; `rows` is the old name of `data`, and `dataframe` takes one of pandas or polars.

        Raises a ValueError for a row that has not as many cells as there are columns, and a TypeError for a
        cell that does not fit into its column.
        """
        self.log_mode: str = "IMMUTABLE" if log_mode is None else log_mode
        if self.log_mode not in _LOG_MODES:
            raise ValueError(f"Table has no log_mode {log_mode!r}; there are {', '.join(_LOG_MODES)}")
        data = rows if data is None else data
        if dataframe is None and is_frame(data):
            dataframe = data
        if dataframe is None:
            self.columns, given = columns_of(columns), () if data is None else rows_of(data)
        else:
            self.columns, given = frame_of(dataframe, columns)
        self.data: list[list[Any]] = []
        self._reset()
        self._kinds = _columns_meant(self.columns, ANY if allow_mixed_types else dtype, optional)
        for row in given:
            self.add_data(*row)

    @classmethod
    def _of(cls, frame: Any) -> Table:
        """Return the table of a DataFrame that is logged as it is: it is stored, whatever its columns mix."""
        try:
            return cls(dataframe=frame)
        except TypeError:
            return cls(dataframe=frame, allow_mixed_types=True)

    # Rows and columns

    def add_data(self, *data: Any) -> None:
        """Add a row. Raises a ValueError for too many or few cells, a TypeError for one that does not fit."""
        if len(data) != len(self.columns):
            raise ValueError(
                f"This table expects {len(self.columns)} columns: {self.columns}, found {len(data)} in row "
                f"{len(self.data)}"
            )
        changed = []
        for place, (column, cell) in enumerate(zip(self._kinds, data)):
            if type(cell) in column.classes:
                continue
            if cell is self:
                raise ValueError(f"A table cannot be a cell of itself: column `{self.columns[place]}`")
            kind = fits(column.kind, cell)
            if kind is None:
                raise TypeError(_misfit(len(self.data), self.columns[place], column.kind, cell))
            changed.append((column, kind, cell))
        for column, kind, cell in changed:
            column.take(kind, cell)
        self._change()
        self.data.append(list(data))

    def add_row(self, *row: Any) -> None:
        """Do with a `row` what `add_data` does, which is the newer name."""
        _say.warn("Table.add_row() is deprecated: use add_data()")
        self.add_data(*row)

    def add_column(self, name: str, data: Any, optional: bool = False) -> None:
        """Add a column with a cell for each row; if `optional`, they may be None.

        Raises ValueError or TypeError if it cannot be added.
        """
        if not isinstance(name, (str, int)):
            raise TypeError(f"The name of a column is a string, not `{type(name).__name__}`")
        if name in self.columns:
            raise ValueError(f"The table has a column `{name}` already")
        if isinstance(data, (str, bytes, dict)) or not hasattr(data, "__iter__"):
            raise TypeError(f"The cells of column `{name}` must be a list, not `{type(data).__name__}`")
        cells = list(data)
        if self.columns and len(cells) != len(self.data):
            raise ValueError(f"Column `{name}` has {len(cells)} cells for {len(self.data)} rows of the table")
        column = Column.meant(None, optional)
        for row, cell in enumerate(cells):
            kind = fits(column.kind, cell)
            if kind is None:
                raise TypeError(_misfit(row, name, column.kind, cell))
            column.take(kind, cell)
        self._change()
        if not self.columns:
            self.data = [[] for _ in cells]
        self.columns.append(name)
        self._kinds.append(column)
        for cells_of_row, cell in zip(self.data, cells):
            cells_of_row.append(cell)

    def add_computed_columns(self, fn: Callable[[int, dict[ColumnKey, Any]], dict[str, Any]]) -> None:
        """Add the columns that `fn(index, row)` returns for each row as a dict; `row` is a dict too."""
        added: dict[str, list[Any]] = {}
        for index, row in self.iterrows():
            computed = fn(index, dict(zip(self.columns, row)))
            if not isinstance(computed, dict):
                raise TypeError(
                    f"The function of add_computed_columns() returned {computed!r} for row {index}: no dict"
                )
            for name, cell in computed.items():
                added.setdefault(name, [None] * index).append(cell)
            for cells in added.values():
                cells.extend([None] * (index + 1 - len(cells)))
        for name, cells in added.items():
            self.add_column(name, cells, optional=True)

    def iterrows(self) -> Iterator[tuple[TableIndex, list[Any]]]:
        """Yield the index and the cells of each row."""
        for number, row in enumerate(self.data):
            yield index_of(self, number), row

    def get_index(self) -> list[TableIndex]:
        """Return the indexes of all rows, by which other tables can refer to them."""
        return [index_of(self, number) for number in range(len(self.data))]

    def index_ref(self, index: int) -> TableIndex:
        """Return the index of a row, by which another table can refer to it."""
        if not 0 <= index < len(self.data):
            raise IndexError(f"The table has no row {index}: it has {len(self.data)}")
        return index_of(self, index)

    def get_column(self, name: ColumnKey, convert_to: str | None = None) -> Any:
        """Return the cells of a column as a list, or with `convert_to="numpy"` as an array."""
        if convert_to not in (None, "numpy"):
            raise ValueError(f'Table.get_column() converts to "numpy" or not at all, not to {convert_to!r}')
        place = self._place(name)
        cells = [row[place] for row in self.data]
        if convert_to == "numpy":
            from .table_output import as_array

            return as_array(cells)
        if self._kinds[place].kind.has("primaryKey"):
            return [cell if cell is None else TableKey(cell, self, name) for cell in cells]
        return cells

    def get_dataframe(self) -> Any:
        """Return the table as a DataFrame of pandas."""
        from .table_output import as_frame

        return as_frame(self.columns, self.data)

    # Types

    def cast(self, col_name: ColumnKey, dtype: Any, optional: bool = False) -> Type:
        """Set the type of the column `col_name` to `dtype`, or None if `optional`; return it.

        Raises a TypeError if a cell does not fit.
        """
        place = self._place(col_name)
        kind = optional_type(type_meant(dtype)) if optional else type_meant(dtype)
        column = Column(kind)
        for row in self.data:
            found = fits(column.kind, row[place])
            if found is None:
                cell = row[place]
                raise TypeError(
                    f"Column `{col_name}` cannot be cast to {kind!r}: there is {cell!r} in it, "
                    f"a {type_of(cell)!r}"
                )
            column.take(found, row[place])
        self._change()
        self._kinds[place] = column
        return column.kind

    def set_pk(self, col_name: ColumnKey) -> None:
        """Make the column of texts `col_name` the primary key, by which other tables can refer to rows."""
        if self._pk not in (None, col_name):
            raise ValueError(f"The table has a primary key already, `{self._pk}`")
        self.cast(col_name, Type("primaryKey"))
        self._pk = col_name

    def set_fk(self, col_name: ColumnKey, table: Table, table_col: str) -> None:
        """Say that the column of texts `col_name` refers to rows of another table by its `table_col`."""
        if table is self:
            raise ValueError(f"Column `{col_name}` cannot refer to the table that it is in")
        if col_name == self._pk:
            raise ValueError(f"Column `{col_name}` is the primary key: it cannot refer to another table")
        table._place(table_col)
        self.cast(col_name, Type("foreignKey", table=table, col_name=table_col))

    def _place(self, name: ColumnKey) -> int:
        if name not in self.columns:
            raise ValueError(f"The table has no column {name!r}; it has {self.columns}")
        return self.columns.index(name)

    @classmethod
    def from_json(cls, json_obj: dict[str, Any], source_artifact: Any) -> Table:
        """Make a table of `json_obj`, which `to_json` gave; media are read from `source_artifact`."""
        from .eval_table import GROUPS, EvalTable
        from .table_json import fill

        made = EvalTable if cls is Table and GROUPS[0] in json_obj else cls
        table = made.__new__(made)
        table._reset()
        fill(table, json_obj, source_artifact)
        table._restore(json_obj)
        return table

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Table):
            return NotImplemented
        from .table_output import same_cells

        return (
            self.columns == other.columns
            and [column.kind for column in self._kinds] == [column.kind for column in other._kinds]
            and same_cells(self.data, other.data)
        )

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<danlu.{type(self).__name__} of {len(self.data)} rows, columns {self.columns}>"


def _misfit(row: int, column: ColumnKey, kind: Type, cell: Any) -> str:
    text = _say.text_of(repr(cell))
    shown = text if len(text) <= 60 else text[:60] + "…"
    return (
        f"Data row contained incompatible types: row {row}, column `{column}` expects {kind!r}, but was "
        f"given {type_of(cell)!r}: {shown}. With allow_mixed_types=True a column takes anything"
    )


def _columns_meant(names: list[ColumnKey], dtype: Any, optional: bool | list[bool]) -> list[Column]:
    """Return the columns with the types that the caller means, one for all or one for each."""
    count = len(names)
    dtypes = dtype if isinstance(dtype, list) else [dtype] * count
    may_lack = optional if isinstance(optional, list) else [optional] * count
    for given, what in ((dtypes, "dtype"), (may_lack, "optional")):
        if len(given) != count:
            raise ValueError(f"Table has {len(given)} items in `{what}` for {count} columns")
    return [Column.meant(kind, bool(lack)) for kind, lack in zip(dtypes, may_lack)]
