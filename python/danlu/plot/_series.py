"""Several lines in one chart."""

from __future__ import annotations

from ._chart import CustomChart, plot_table
from ._numbers import as_list, is_sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def line_series(
    xs: Iterable[Iterable[Any]] | Iterable[Any],
    ys: Iterable[Iterable[Any]],
    keys: Iterable[str] | None = None,
    title: str = "",
    xname: str = "x",
    split_table: bool = False,
) -> CustomChart:
    """Return a chart with a line for each item of `ys`.

    `xs` holds the x values of each line, or one list of them for all lines. `keys` names the lines, `xname`
    the x axis; `split_table` is that of `plot_table`. Raises a ValueError if there are not as many `xs` or
    `keys` as `ys`, or fewer x values than y values.
    """
    from ..media.table import Table

    lines = [as_list(y, "an item of ys") for y in as_list(ys, "ys")]
    names = [f"line_{i}" for i in range(len(lines))] if keys is None else as_list(keys, "keys")
    if len(names) != len(lines):
        raise ValueError(f"line_series() has {len(names)} keys for {len(lines)} lines")
    rows = [
        [x, name, y]
        for name, x_values, y_values in zip(names, _axes(xs, lines), lines)
        for x, y in zip(x_values, y_values)
    ]
    columns = ["step", "lineKey", "lineVal"]
    fields = {name: name for name in columns}
    strings = {"title": title, "xname": xname}
    return plot_table("wandb/lineseries/v0", Table(columns, rows), fields, strings, split_table)


def _axes(xs: object, lines: list[list[Any]]) -> list[list[Any]]:
    """Return the x values of each line."""
    given = as_list(xs, "xs")
    if given and is_sequence(given[0]):
        axes = [as_list(x, "an item of xs") for x in given]
    else:
        axes = [given] * len(lines)
    if len(axes) != len(lines):
        raise ValueError(f"line_series() has {len(axes)} lists of x values for {len(lines)} lines")
    for number, (x_values, y_values) in enumerate(zip(axes, lines)):
        if len(x_values) < len(y_values):
            raise ValueError(
                f"line {number} of line_series() has {len(x_values)} x values for {len(y_values)} y values"
            )
    return axes
