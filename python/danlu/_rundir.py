"""The directory of a run: what is put there is stored when the run ends, and then it is gone.

Programs that look for runs of wandb find them by the names of such directories. Where danlu stands in for
wandb, each run has one from its start on, with a link to the run file under the name that they look for.
"""

from __future__ import annotations

import os

from . import _say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._base import BaseRun


def path(run: BaseRun) -> str:
    """Return the path of the directory, which need not be there."""
    from ._session import stands_in

    if run.file is None:
        return _spare(run)
    directory, name = os.path.split(run.file)
    prefix = "offline-" if run.offline and stands_in() else ""
    return os.path.join(directory, prefix + name[: -len(".sqlite")])


def _spare(run: BaseRun) -> str:
    """Return the directory of a run that is written nowhere: a temporary one."""
    if run._files_in is None:
        import tempfile

        run._files_in = tempfile.mkdtemp(prefix="danlu-run-")
    return run._files_in


def files(run: BaseRun) -> str:
    """Make the place for files, and return it."""
    place = os.path.join(path(run), "files")
    if not run._over:
        os.makedirs(place, exist_ok=True)
        run._files_in = os.path.dirname(place)
    return place


def store(run: BaseRun) -> None:
    """Store what is in the directory; what cannot be stored stays there."""
    if run._files_in is None or run.file is None:
        return
    base = os.path.join(run._files_in, "files")
    stored = True
    for directory, _, names in os.walk(base):
        for name in sorted(names):
            full = os.path.join(directory, name)
            if _is_ignored(os.path.relpath(full, base), run._about.ignore_globs):
                continue
            _, problems = run._save(full, base, "now")
            for problem in problems:
                stored = False
                run._warn(problem)
    if not stored:
        _say.warn(f"What is in `{base}` could not be stored as a whole; it stays there")
        run._files_in = None


def remove(run: BaseRun) -> None:
    """Remove what was stored."""
    if run._files_in is None:
        return
    import contextlib
    import shutil

    shutil.rmtree(os.path.join(run._files_in, "files"), ignore_errors=True)
    # The link to the run file stays.
    with contextlib.suppress(OSError):
        os.rmdir(run._files_in)
    run._files_in = None


def _is_ignored(name: str, patterns: list[str]) -> bool:
    from fnmatch import fnmatch

    return any(fnmatch(name, pattern) or fnmatch(os.path.basename(name), pattern) for pattern in patterns)


def lay_out(run: BaseRun) -> None:
    """Make the directory with its link, and the link to the latest one."""
    if run.file is None or os.environ.get("DANLU_LAYOUT", "").lower() in ("off", "0", "false"):
        return
    directory = path(run)
    try:
        os.makedirs(directory, exist_ok=True)
        _link(
            os.path.join(os.pardir, os.path.basename(run.file)),
            os.path.join(directory, f"run-{run.id}.wandb"),
        )
        latest = os.path.join(os.path.dirname(directory), "latest-run")
        if os.path.islink(latest) or not os.path.exists(latest):
            _link(os.path.basename(directory), latest)
    except OSError as e:
        _say.warn(f"`{directory}`, which tools of wandb look for, cannot be made: {e.strerror}")


def _link(target: str, link: str) -> None:
    """Make a link, in place of one that is there."""
    fresh = f"{link}.{os.getpid()}"
    os.symlink(target, fresh)
    os.replace(fresh, link)
