"""A run that is read back."""

from __future__ import annotations

import os
from typing import overload

from .editing import Editable
from .files import File, Files, file_of, upload
from .frames import frame, has, need, pandas_frame, polars_frame
from .history import all_keys, sample, scan, shown, spread, system_rows
from .logs import ConsoleLogs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Literal

    from ...artifacts import Artifact
    from .api import Api
    from .artifacts import RunArtifacts
    from .exports import DownloadHistoryResult

    AnyPath = str | os.PathLike[str]


class HistoryScan:
    """The rows of a history in order of their steps, read once."""

    def __init__(self, rows: Iterator[dict[str, Any]]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._rows

    def __next__(self) -> dict[str, Any]:
        return next(self._rows)

    next = __next__


class Run(Editable):
    """A run of a directory. What was logged in the last second by a run that is running may not be there yet.

    Name, notes, tags, group, job type, config and summary can be changed; `update()` saves that.
    Values are read when they are first asked for, and stay until `load(force=True)`.
    """

    @overload
    def history(
        self,
        samples: int | None = 500,
        keys: Sequence[str] | str | None = None,
        x_axis: str = "_step",
        *,
        pandas: Literal[False],
        stream: str = "default",
    ) -> list[dict[str, Any]]: ...

    @overload
    def history(
        self,
        samples: int | None = 500,
        keys: Sequence[str] | str | None = None,
        x_axis: str = "_step",
        pandas: bool = True,
        stream: str = "default",
    ) -> Any: ...

    def history(
        self,
        samples: int | None = 500,
        keys: Sequence[str] | str | None = None,
        x_axis: str = "_step",
        pandas: bool = True,
        stream: str = "default",
    ) -> Any:
        """Return rows: a pandas DataFrame, or a list of dicts if `pandas` is false or not installed.

        Of more rows than `samples` these are equally far apart, with the first and the last, the same every
        time; None gives all. With `keys` only rows that have them all. `stream="system"` gives the samples of
        system metrics. To see every spike of a long history, use `danlu.envelope`.
        """
        if stream in ("system", "events"):
            rows = system_rows(self.reader)
            rows = [rows[n] for n in spread(len(rows), samples)]
            return pandas_frame(rows) if pandas and has("pandas") else rows
        if stream != "default":
            raise ValueError(f"There is no stream `{stream}` (there are `default` and `system`)")
        wanted = None if keys is None else [x_axis, *all_keys(keys)]
        if pandas and has("pandas"):
            return pandas_frame(shown(frame(self.reader, wanted, samples), wanted))
        return [shown(row, wanted) for row in sample(self.reader, wanted, samples)]

    def scan_history(
        self,
        keys: Sequence[str] | str | None = None,
        page_size: int = 1000,
        min_step: int | None = 0,
        max_step: int | None = None,
        use_cache: bool = True,
    ) -> HistoryScan:
        """Return every row as a dict, from step `min_step` on, before step `max_step`, in order of the steps.

        With `keys` only rows that have them all, and of these the keys alone. Without, each row has `_step`,
        `_timestamp` (in seconds) and `_runtime` too, and `_rank` where several ranks wrote the run.
        """
        del page_size, use_cache
        wanted = None if keys is None else all_keys(keys)
        return HistoryScan(shown(row, wanted) for row in scan(self.reader, wanted, min_step, max_step))

    beta_scan_history = scan_history

    @property
    def keys(self) -> list[str]:
        """The keys of the history."""
        return self.reader.keys()

    def sql(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Answer a query over the tables and views of the run file, which `schema.sql` describes.

        `run.sql("SELECT step, value FROM history WHERE key = ?", "loss")`. NaN is None. Where several ranks
        wrote the run, the rows of each file come after those of another.
        """
        return self.reader.sql(query, *parameters)

    def to_pandas(self, keys: Sequence[str] | str | None = None) -> Any:
        """Return the whole history, or the rows that have all of these keys, as a pandas DataFrame."""
        need("pandas")
        return pandas_frame(frame(self.reader, keys, None))

    def to_polars(self, keys: Sequence[str] | str | None = None) -> Any:
        """Return the whole history, or the rows that have all of these keys, as a polars DataFrame."""
        if has("numpy"):
            return polars_frame(frame(self.reader, keys, None))
        return polars_frame(list(scan(self.reader, keys)))

    def files(
        self, names: Sequence[str] | None = None, pattern: str | None = None, per_page: int = 50
    ) -> Files:
        """Return the files with these names, and that fit a pattern of SQL's LIKE as `%.pt`; else all."""
        return Files(self, names, pattern, per_page)

    def file(self, name: str) -> File:
        """Return a file; raise `NotFoundError`, which is a ValueError, if the run has none of that name."""
        return file_of(self, name)

    def upload_file(self, path: AnyPath, root: AnyPath = ".") -> File:
        """Store a file in the run, which must have ended; its name is the path relative to `root`."""
        return upload(self, os.fspath(path), os.fspath(root))

    def console_logs(self, *, per_page: int = 1000, last: int | None = None) -> ConsoleLogs:
        """Return the lines that were printed, or the last ones."""
        return ConsoleLogs(self, per_page, last)

    def logged_artifacts(self, per_page: int = 100) -> RunArtifacts:
        """Return the artifacts that the run made."""
        from .artifacts import RunArtifacts

        return RunArtifacts(self, "logged", per_page)

    def used_artifacts(self, per_page: int = 100) -> RunArtifacts:
        """Return the artifacts that the run used."""
        from .artifacts import RunArtifacts

        return RunArtifacts(self, "used", per_page)

    def log_artifact(self, artifact: Artifact, aliases: Any = None, tags: Any = None) -> Artifact:
        """Record that the run made an artifact that is logged already. The run must have ended."""
        from .artifacts import record

        if tags:
            artifact.tags = [*artifact.tags, *([tags] if isinstance(tags, str) else tags)]
            artifact.save()
        return record(self, artifact, "made", [aliases] if isinstance(aliases, str) else list(aliases or ()))

    def use_artifact(self, artifact: Artifact, use_as: str | None = None) -> Artifact:
        """Record that the run used an artifact that is logged already. The run must have ended."""
        from .artifacts import record

        del use_as
        return record(self, artifact, "used", [])

    @classmethod
    def create(
        cls,
        api: Api,
        run_id: str | None = None,
        project: str | None = None,
        entity: str | None = None,
        state: str = "running",
    ) -> Run:
        """Make a run without rows: see `Api.create_run`. It is finished, whatever `state` says."""
        del state
        return api.create_run(run_id=run_id, project=project, entity=entity)

    def download_history_exports(
        self, download_dir: AnyPath, require_complete_history: bool = True
    ) -> DownloadHistoryResult:
        """Write the whole history as a Parquet file into a directory, by polars, or pandas with pyarrow."""
        from .exports import write_parquet

        return write_parquet(self, download_dir, require_complete_history)

    def to_html(self, height: int = 420, hidden: bool = False) -> str:
        """Return what the run is and what came of it, as HTML for a notebook."""
        from .exports import run_page

        return run_page(self, height, hidden)

    def _repr_html_(self) -> str:
        return self.to_html()

    def __repr__(self) -> str:
        return f"<Run {self.storage_id} ({self.state})>"
