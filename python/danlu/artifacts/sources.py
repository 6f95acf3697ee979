"""The source code of a run as an artifact."""

from __future__ import annotations

import inspect
import os
import sys

from .._say import text_of
from .artifact import Artifact
from .committing import commit
from .names import safe_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Callable, Union

    from .._run import Run

    #: Of the path, or of the path and the directory that is searched.
    Filter = Union[Callable[[str], bool], Callable[[str, str], bool]]
    OfPath = Callable[[str], bool]

#: Directories of runs: they are no source code.
_RUNS = ("wandb", ".wandb")
_NAMES = ("requirements.txt", "Dockerfile")


def is_source(path: str) -> bool:
    """Say whether a file is Python, `requirements.txt` or a `Dockerfile`."""
    name = os.path.basename(path)
    return name.endswith(".py") or name in _NAMES or name.startswith("Dockerfile.")


def is_of_runs(path: str, root: str) -> bool:
    """Say whether a file is in the directory of the runs."""
    return os.path.relpath(path, root).split(os.sep)[0] in _RUNS


def log_code(
    run: Run,
    root: str | None = ".",
    name: str | None = None,
    include_fn: Filter | None = None,
    exclude_fn: Filter | None = None,
) -> Artifact | None:
    """Log the source code below `root` as an artifact of the type `code`; return None if there is none.

    It is named `source-<project>-<program>` unless `name` says otherwise. Both functions take the absolute
    path of a file, and `root` if they take two arguments; `include_fn` says which files are taken,
    `exclude_fn` which of these are not. Hidden directories and virtual environments are not looked into.
    """
    try:
        root = os.path.abspath("." if root is None else root)
    except FileNotFoundError:
        run._warn("The code is not stored: the current directory is gone")
        return None
    paths = sorted(
        _files(root, _with_root(include_fn or is_source, root), _with_root(exclude_fn or is_of_runs, root))
    )
    if not paths:
        return None
    artifact = Artifact(safe_name(name or _default_name(run, root)), "code", _internal=True)
    for path in paths:
        try:
            artifact.add_file(path, name=os.path.relpath(path, root))
        except ValueError as e:
            run._warn(f"The code leaves out {path!r}: {text_of(e)}")
    return commit(run, artifact, None, None)


def _default_name(run: Run, root: str) -> str:
    program = sys.argv[0] if getattr(sys, "argv", None) else ""
    if os.path.isabs(program):
        program = os.path.relpath(program, root)
    return f"source-{run.project}-{program or 'session'}"


def _files(root: str, include: OfPath, exclude: OfPath) -> Iterator[str]:
    for directory, below, files in os.walk(root):
        below[:] = [name for name in below if not _is_foreign(directory, name)]
        for file in files:
            path = os.path.join(directory, file)
            if os.path.isfile(path) and include(path) and not exclude(path):
                yield path


def _is_foreign(directory: str, name: str) -> bool:
    return name.startswith(".") or os.path.isfile(os.path.join(directory, name, "pyvenv.cfg"))


def _with_root(function: Any, root: str) -> OfPath:
    """Return a function of the path alone."""
    try:
        takes_two = len(inspect.signature(function).parameters) >= 2
    except (TypeError, ValueError):
        takes_two = False
    return (lambda path: function(path, root)) if takes_two else function
