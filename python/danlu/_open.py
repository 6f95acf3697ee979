"""Opening one run."""

from __future__ import annotations

import glob
import os
from typing import overload

from . import _core
from ._errors import UsageError
from ._start import absolute
from .apis.public.directory import Directory
from .apis.public.errors import RunNotFoundError
from .apis.public.paths import Place, named_place
from .apis.public.run import Run
from .apis.public.source import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Any, Literal

    from ._run import Run as LiveRun


class OpenRun(Run):
    """A run that was opened: a `danlu.apis.public.Run` whose `history` gives every row by default."""

    @overload
    def history(
        self,
        samples: int | None = None,
        keys: Sequence[str] | str | None = None,
        x_axis: str = "_step",
        *,
        pandas: Literal[False],
        stream: str = "default",
    ) -> list[dict[str, Any]]: ...

    @overload
    def history(
        self,
        samples: int | None = None,
        keys: Sequence[str] | str | None = None,
        x_axis: str = "_step",
        pandas: bool = True,
        stream: str = "default",
    ) -> Any: ...

    def history(
        self,
        samples: int | None = None,
        keys: Sequence[str] | str | None = None,
        x_axis: str = "_step",
        pandas: bool = True,
        stream: str = "default",
    ) -> Any:
        """Return the history as `Run.history` does, all rows unless `samples` is given."""
        return super().history(samples, keys, x_axis, pandas, stream)

    def __enter__(self) -> OpenRun:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forget what was read. A file is open only while it is read, so nothing else has to be closed."""
        self._read = {}


def open(  # noqa: A001
    path: str | os.PathLike[str] | LiveRun = "latest",
    *,
    dir: str | os.PathLike[str] | None = None,  # noqa: A002
) -> OpenRun:
    """Open one run to read it: by its file, as `latest`, or by a path such as `project/id` or `id`.

    `dir` is the directory whose `wandb/` is looked in for what is no file; by default `DANLU_DIR`,
    `WANDB_DIR` or the current one. Raises `RunNotFoundError`, which is a ValueError, if there is no such
    run, and `danlu.Error` if its file is damaged.

        with danlu.open("latest") as run:
            run.config["lr"], run.summary["loss"], run.keys
            run.history(keys=["loss"])  # a DataFrame, or a list of dicts without pandas
            run.sql("SELECT step, value FROM history WHERE key = ?", "loss")
    """
    name = path if isinstance(path, (str, os.PathLike)) else path.file
    if name is None:
        raise UsageError("A run that is not stored cannot be opened")
    name = os.fspath(name)
    if os.path.isfile(name):
        return _of_file(os.path.realpath(name))
    where = dir or os.environ.get("DANLU_DIR") or os.environ.get("WANDB_DIR") or "."
    directory = Directory(absolute(os.fspath(where)))
    if name != "latest":
        if name.endswith(".sqlite"):
            raise RunNotFoundError(f"There is no run file `{name}`")
        return OpenRun(directory, find(directory, named_place(name)))
    infos = directory.infos(Place(None, None))
    if not infos:
        raise RunNotFoundError(f"There are no runs in `{directory.shown}`")
    return OpenRun(directory, infos[-1])


def _of_file(path: str) -> OpenRun:
    """Open a run file, and those that other processes wrote of the same run."""
    directory = os.path.dirname(path)
    columns, rows = _core.sql([path], _ABOUT, [])
    info = dict(zip(columns, rows[0])) if rows else {"stands_alone": False}
    if not info["stands_alone"] or glob.glob(f"{glob.escape(path[: -len('.sqlite')])}.*.journal"):
        for found in _core.runs(directory):
            if any(os.path.samefile(path, part) for part in found["parts"]):
                return OpenRun(Directory(directory), found)
    if not rows:
        raise RunNotFoundError(f"`{path}` holds no run: its process was killed before it said anything")
    return OpenRun(Directory(directory), {**info, "path": path, "parts": [path]})


#: What `danlu ls` tells of a run, and whether its file is all there is of it. Then the other files of the
#: directory, which may be many, need not be looked at.
_ABOUT = """
SELECT r.id, r.entity, r.project, r.name, r.host, r.started, r.ended,
    CASE r.state WHEN 'unfinished' THEN 'crashed' ELSE r.state END AS state,
    (SELECT step FROM row WHERE step IS NOT NULL ORDER BY id DESC LIMIT 1) AS last_step,
    (SELECT json_extract(data, '$.exit_code') FROM event
     WHERE kind = 'end' AND id > (SELECT max(id) FROM attempt)) AS exit_code,
    r.state <> 'unfinished' AND a.origin <> 'resume'
        AND NOT EXISTS (SELECT 1 FROM attempt WHERE rank IS NOT NULL) AS stands_alone
FROM run AS r CROSS JOIN attempt AS a ORDER BY a.id LIMIT 1
"""
