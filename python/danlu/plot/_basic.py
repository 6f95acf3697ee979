"""Charts of the columns of a table that the caller has."""

from __future__ import annotations

from .. import _say
from ._chart import CustomChart, plot_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..media.table import Table


def line(
    table: Table,
    x: str,
    y: str,
    stroke: str | None = None,
    title: str = "",
    split_table: bool = False,
) -> CustomChart:
    """Return a line chart of the column `y` over `x`, with one line for each value of the column `stroke`.

    `split_table` is that of `plot_table`.
    """
    fields = {"x": x, "y": y}
    if stroke is not None:
        fields["stroke"] = stroke
    return _chart("line", table, fields, title, split_table)


def scatter(table: Table, x: str, y: str, title: str = "", split_table: bool = False) -> CustomChart:
    """Return a scatter plot of the column `y` over `x`. `split_table` is that of `plot_table`."""
    return _chart("scatter", table, {"x": x, "y": y}, title, split_table)


def bar(table: Table, label: str, value: str, title: str = "", split_table: bool = False) -> CustomChart:
    """Return a bar chart with a bar for each row, named by the column `label` and as long as `value`.

    `split_table` is that of `plot_table`.
    """
    return _chart("bar", table, {"label": label, "value": value}, title, split_table)


def histogram(table: Table, value: str, title: str = "", split_table: bool = False) -> CustomChart:
    """Return a histogram of the column `value`. `split_table` is that of `plot_table`."""
    return _chart("histogram", table, {"value": value}, title, split_table)


def _chart(kind: str, table: Table, fields: dict[str, str], title: str, split_table: bool) -> CustomChart:
    chart = plot_table(f"wandb/{kind}/v0", table, fields, {"title": title}, split_table)
    for column in fields.values():
        if column not in table.columns:
            _say.warn(
                f"A {kind} chart shows nothing: its table has no column {column!r}, but {table.columns}"
            )
    return chart
