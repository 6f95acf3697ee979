"""Getting a stored file of a run back."""

from __future__ import annotations

import os

from . import _core, _session
from ._errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

    from ._run import Run


def restore(
    name: str,
    run_path: str | None = None,
    replace: bool = False,
    root: str | None = None,
    run: Run | None = None,
) -> TextIO | None:
    """Write a file that a run stored below `root`, and return it opened to be read.

    The run is the current one, or one of the same directory by its `run_path`: `id`, `project/id` or
    `entity/project/id`. `root` is the current directory by default. A file that is there is returned as it
    is, unless with `replace`; for a disabled run, None is returned if there is none. Raises ValueError
    if the run has no such file, or if there is no such run, and danlu.Error if the file cannot be read.
    """
    run = run or _session._current
    if run is None and run_path is None:
        raise ValueError("run_path required before calling danlu.init()")
    target = os.path.join(root or ".", _checked(name))
    if os.path.exists(target) and not replace:
        return open(target, encoding="utf-8")
    if run is not None and run.file is None and run_path is None:
        return None
    found = _find(run, run_path)
    parts = [os.fspath(part) for part in found["parts"]]
    os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    _read(parts, name, target, found)
    return open(target, encoding="utf-8")


def _checked(name: str) -> str:
    text = os.fspath(name)
    if os.path.isabs(text) or ".." in text.replace("\\", "/").split("/") or not text:
        raise ValueError(
            f"restore() takes the name of a stored file, not {text!r}: it would be written elsewhere"
        )
    return text


def _find(run: Run | None, run_path: str | None) -> dict[str, Any]:
    """Return the run that a path means; without one, the current run."""
    if run is not None and run.file is not None:
        directory = os.path.dirname(run.file)
        # Its newest files are in its journal only.
        run._drain()
    else:
        from . import _sources

        directory = _sources.directory() if run is None else run._directory
    parts = [part for part in (run_path or "").strip("/").split("/") if part]
    wanted = parts or [run.id if run is not None else ""]
    found = [info for info in _core.runs(directory) if _is(info, wanted)]
    if len(found) != 1:
        what = f"{len(found)} runs" if found else "no run"
        raise ValueError(f"There is {what} `{'/'.join(wanted)}` in `{directory}`; `danlu ls` lists them")
    return found[0]


def _is(info: dict[str, Any], wanted: list[str]) -> bool:
    return [info["entity"], info["project"], info["id"]][-len(wanted) :] == wanted


def _read(parts: list[str], name: str, target: str, info: dict[str, Any]) -> None:
    query = "SELECT count(*) FROM file WHERE path = ?"
    _, rows = _core.sql(parts, query, [name])
    if not any(count for (count,) in rows):
        raise ValueError(
            f"File {name} not found in run {info['project']}/{info['id']}; `danlu files` lists them"
        )
    try:
        _core.read_file(parts, name, target)
    except Error as e:
        raise Error(f"Cannot restore `{name}` of run {info['id']}: {e}") from e
