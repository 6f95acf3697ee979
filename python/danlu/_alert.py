"""Alerts: what a run wants a person to know."""

from __future__ import annotations

import enum
import json
import os
import sys
import threading
import time

from . import _say
from ._say import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import timedelta
    from typing import Any, Union

    from ._base import BaseRun

    Seconds = Union[int, float, timedelta]

#: How long an alert with the same title is not repeated, in seconds.
_WAIT = 60.0
#: How long the end of the run waits for people to be told, in seconds.
_LAST_WAIT = 10.0
#: The environment variables that say how people are told; see docs/recording.md.
_HOOKS = ("DANLU_ALERT_COMMAND", "DANLU_ALERT_WEBHOOK", "DANLU_ALERT_EMAIL")

#: When an alert was last recorded, by run and title.
_last: dict[tuple[str, str], float] = {}
_telling: list[threading.Thread] = []
#: Why people could not be told the first time.
_problems: list[str] = []


class AlertLevel(enum.Enum):
    """How bad it is."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"

    __module__ = "danlu"


def alert(
    run: BaseRun,
    title: str,
    text: str,
    level: AlertLevel | str | None = None,
    wait_duration: Seconds | None = None,
) -> None:
    """Record an alert, say it, and tell people of it as DANLU_ALERT_COMMAND and its like say.

    `level` is an `AlertLevel` or its name, by default `INFO`. With the title of an earlier alert it is
    recorded only after `wait_duration`, in seconds or as a timedelta, by default a minute. Raises
    ValueError for another level or duration. It waits for nobody: people are told in the background, or
    by `danlu sync`.
    """
    name = _level(level)
    wait = _seconds(wait_duration)
    title, text = text_of(title), text_of(text)
    now = time.monotonic()
    before = _last.get((run.id, title))
    if before is not None and now - before < wait:
        return
    _last[run.id, title] = now
    identity = os.urandom(16).hex()
    run._event("alert", title, text, json.dumps({"level": name, "id": identity}))
    if run._path is None or run._foreign:
        return
    _say.tell(f"{name}: {title}: {text}" if text else f"{name}: {title}")
    if any(os.environ.get(hook) for hook in _HOOKS):
        known = {"id": identity, "run": run.id, "project": run.project, "time": time.time()}
        _tell(run, {**known, "level": name, "title": title, "text": text})


def _level(level: Any) -> str:
    if level is None:
        return "INFO"
    name = level.value if isinstance(level, enum.Enum) else level
    if not isinstance(name, str) or name not in AlertLevel.__members__:
        raise ValueError("level must be one of 'INFO', 'WARN', or 'ERROR'")
    return name


def _seconds(duration: Any) -> float:
    if duration is None:
        return _WAIT
    total = getattr(duration, "total_seconds", None)
    if callable(total):
        return float(total())
    if isinstance(duration, (int, float)) and not isinstance(duration, bool):
        return float(duration)
    raise ValueError("wait_duration must be an int, a float (seconds) or a datetime.timedelta")


def _tell(run: BaseRun, found: dict[str, Any]) -> None:
    """Tell people, by a process of its own: a server may take its time, and a command may do anything."""
    directory = os.path.dirname(os.path.abspath(os.fspath(run._path or ".")))
    thread = threading.Thread(
        target=_deliver, args=(directory, json.dumps(found)), name="danlu-alert", daemon=True
    )
    _telling[:] = [other for other in _telling if other.is_alive()]
    _telling.append(thread)
    thread.start()


def _deliver(directory: str, found: str) -> None:
    import subprocess

    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.pathsep.join(part for part in (package, os.environ.get("PYTHONPATH", "")) if part)
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "danlu", "alerts", "--tell", "--dir", directory],
            env={**os.environ, "PYTHONPATH": path},
            input=found,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        problem = "" if done.returncode == 0 else done.stderr.strip()
    except (OSError, subprocess.SubprocessError, ValueError) as e:
        problem = text_of(e)
    if problem and not _problems:
        # Each says another thing, and one is enough.
        _problems.append(problem)
        first = problem.splitlines()[0].partition(": ")[2] or problem
        _say.warn(f"People cannot be told of an alert; `danlu sync` tries it again: {first}")


def wait() -> None:
    """Wait until people are told, but not for long: what is not told then, `danlu sync` tells."""
    deadline = time.monotonic() + _LAST_WAIT
    for thread in _telling:
        thread.join(max(deadline - time.monotonic(), 0.0))
    _telling.clear()
