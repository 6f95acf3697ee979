"""Writing histories and pages into files."""

from __future__ import annotations

import html
import os
from pathlib import Path

from ..._errors import Error
from .errors import IncompleteRunHistoryError
from .frames import has

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .run import Run


class DownloadHistoryResult:
    """Where a history was written."""

    def __init__(self, paths: list[Path], contains_live_data: bool) -> None:
        self.paths = paths
        self.errors: dict[Path, str] | None = None
        #: Whether the run was running, so that there will be more.
        self.contains_live_data = contains_live_data


def write_parquet(
    run: Run, directory: str | os.PathLike[str], require_complete: bool
) -> DownloadHistoryResult:
    """Write the history of a run as a Parquet file, `<run id>.parquet`."""
    run._look_again()
    live = run.state == "running"
    if live and require_complete:
        raise IncompleteRunHistoryError(
            f"Run {run.id} is running; give require_complete_history=False for what there is so far"
        )
    path = Path(directory) / f"{run.id}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    if has("polars"):
        run.to_polars().write_parquet(path)
    elif has("pandas") and has("pyarrow"):
        run.to_pandas().to_parquet(path)
    else:
        raise Error("Parquet files need polars, or pandas with pyarrow: pip install polars")
    return DownloadHistoryResult([path], live)


def run_page(run: Run, height: int, hidden: bool) -> str:
    """Return a table with what a run is and what came of it, as HTML."""
    values = {"state": run.state, "created": run.created_at, **run.config, **run.summary_metrics}
    rows = "".join(
        f"<tr><td>{html.escape(str(key))}</td><td>{html.escape(str(value))}</td></tr>"
        for key, value in values.items()
    )
    table = f'<div style="max-height:{int(height)}px;overflow:auto"><table>{rows}</table></div>'
    title = html.escape(f"{run.project}: {run.name}")
    return f"<details{'' if hidden else ' open'}><summary>{title}</summary>{table}</details>"
