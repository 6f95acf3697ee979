"""Sending runs on as they finish: a program for each directory, which ends when all that can be sent are."""

from __future__ import annotations

import os
import sys

from . import _say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

    from ._base import BaseRun

#: Seconds between two looks at the directory, at first and where the remote cannot be reached for long.
_SHORTEST, _LONGEST = 2.0, 300.0
#: How often the remote may fail to answer before the program gives up: some two hours.
_MOST_FAILURES = 30


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
    from ._login import default_server

    if os.environ.get("DANLU_REMOTE") or os.path.exists(os.path.join(directory, "sync.sqlite")):
        return True
    try:
        return default_server() is not None
    except (OSError, ValueError):
        return False


def main(directory: str) -> int:
    """Send the runs of a directory until none is left that can be sent. Two at a time do: one waits."""
    import time

    turn = _lock(os.path.join(directory, ".sync.next"), wait=False)
    if turn is None:
        return 0
    own = _lock(os.path.join(directory, ".sync.lock"), wait=True)
    turn.close()
    failures, pause = 0, _SHORTEST
    while failures < _MOST_FAILURES:
        outcome = _pass(directory)
        if outcome == "sent":
            break
        failures, pause = (failures + 1, min(2 * pause, _LONGEST)) if outcome == "failed" else (0, _SHORTEST)
        time.sleep(pause)
    if own is not None:
        own.close()
    return 0 if failures < _MOST_FAILURES else 1


def _pass(directory: str) -> str:
    """Send what there is. Return `sent`, `running` if there are runs that still run, or `failed`."""
    import json
    import subprocess

    command = [*_python("__main__", "main()"), "sync", "--json", "--dir", directory]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603
    try:
        said = json.loads(done.stdout.splitlines()[-1])
        states = {run["status"] for run in said["runs"]}
    except (ValueError, IndexError, KeyError, TypeError):
        return "failed"
    if "running" in states:
        return "running"
    # What is parked cannot be sent before it changes: `danlu status` says why.
    only_parked = "parked" in states and "failed" not in states and "error" not in said
    return "sent" if done.returncode == 0 or only_parked else "failed"


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
