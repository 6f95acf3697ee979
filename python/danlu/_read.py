"""Reading runs back."""

from __future__ import annotations

import os

from . import _core
from ._errors import UsageError
from ._run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def envelope(
    run: Run | str | os.PathLike[str],
    key: str,
    x: str = "_step",
    x_range: tuple[float, float] | None = None,
    columns: int = 2000,
    *,
    dir: str | os.PathLike[str] = ".",  # noqa: A002
) -> dict[str, list[Any]]:
    """Return what a key of a run comes to in at most so many columns, so that no spike is hidden.

    The run is given as such, as its id, as the path of its file, or as `latest` in `dir`. The axis `x` is
    `_step`, `_timestamp` (in seconds) or another key, and `x_range` a part of it. Each column of the chart
    that has points becomes an entry of the lists `x_min`, `x_max`, `first`, `min`, `max`, `last`, `mean`,
    `count`, `nan` and `inf`; any data frame takes them. Where a column has no finite number, its values are
    None.

    What was logged in the last second may not be there yet. Raises `danlu.Error` if there is no such run or
    it is damaged, and `danlu.UsageError` for columns or a range that cannot be.
    """
    if not isinstance(columns, int) or not 0 <= columns < 1 << 63:
        raise UsageError(f"`columns` is {columns!r}, and must be a whole number from 1 on")
    if x_range is not None:
        try:
            low, high = map(float, x_range)
        except (TypeError, ValueError):
            raise UsageError(f"`x_range` is {x_range!r}, and must be two numbers") from None
        x_range = low, high
    name = run.file if isinstance(run, Run) else run
    if name is None:
        raise UsageError("A run that is not stored has no chart")
    return _core.envelope(os.fspath(dir), os.fspath(name), key, x, x_range, columns)
