"""The older way to draw a table: a chart id and the table."""

from __future__ import annotations

from ._chart import Chart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..media.table import Table


class Visualize(Chart):
    """A table that is stored under the key that it is logged with, drawn by the chart `id`."""

    def __init__(self, id: str, data: Table) -> None:  # noqa: A002
        self.id = id
        self.table = data

    @property
    def value(self) -> Table:
        """The table."""
        return self.table

    def _table_key(self, key: str) -> str:
        return key

    def _drawing(self, key: str) -> dict[str, dict[str, Any]]:
        settings = {"key": key, "x-axis": "_step"}
        return {"viz": {key: {"id": self.id, "historyFieldSettings": settings}}}


def visualize(id: str, value: Table) -> Visualize:  # noqa: A002
    """Return a chart of the table that the chart `id` draws. Raises a TypeError if it is no Table."""
    from ..media.table import Table

    if not isinstance(value, Table):
        raise TypeError(f"visualize() draws a danlu.Table, not `{type(value).__name__}`")
    return Visualize(id, value)
