"""Sending runs on while they are written: a program for each directory, which ends when all is sent."""

from __future__ import annotations

import os
import sys

from . import _say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

    from ._base import BaseRun


def start(run: BaseRun) -> None:
    """Start the program for the directory of a run, if there is a remote to send to."""
    directory = os.path.dirname(run.file or "")
    if not _has_remote(directory):
        _say.warn(
            "the mode is online, and there is no remote to send runs to: they stay here; "
            "`danlu sync PLACE` names one"
        )
        return
    import subprocess

    try:
        with open(os.path.join(directory, "sync.log"), "ab") as log:
            subprocess.Popen(  # noqa: S603
                [*_python("_syncer", "main(sys.argv[1])"), directory],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    except OSError as e:
        _say.warn(f"The run is not sent when it ends: {e.strerror}; `danlu sync` sends it later")


def _python(module: str, call: str) -> list[str]:
    """Return the command that calls a function of this danlu, whatever is in the current directory."""
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = f"import sys; sys.path[:] = [*filter(None, sys.path), {home!r}]"
    return [sys.executable, "-c", f"{path}; from danlu.{module} import main; sys.exit({call})"]


def _has_remote(directory: str) -> bool:
    from . import _core
    from ._errors import Error

    try:
        return _core.default_remote(directory) is not None
    except Error:
        # The program says what is wrong.
        return True


def main(directory: str) -> int:
    """Send the runs of a directory until none is left that can be sent. Two at a time do: one waits."""
    from . import _core

    turn = _lock(os.path.join(directory, ".sync.next"), wait=False)
    if turn is None:
        return 0
    own = _lock(os.path.join(directory, ".sync.lock"), wait=True)
    turn.close()
    try:
        return _core.main(["danlu", "sync", "--watch", "--live", "--until-done", "--dir", directory])
    finally:
        if own is not None:
            own.close()


def _lock(path: str, wait: bool) -> IO[str] | None:
    """Lock a file, and return it; None if another program has it. Without locks it goes on as well."""
    import fcntl

    file = open(path, "w")  # noqa: SIM115
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except OSError:
        pass
    return file
