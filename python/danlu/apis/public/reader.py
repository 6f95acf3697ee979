"""What the files of one run hold. The files are only read, and only through the core."""

from __future__ import annotations

import json
import math

from ... import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    Row = tuple[Any, ...]

#: Ids of the records of an attempt begin at a multiple of this.
_ATTEMPT = 1 << 40

_START = """
SELECT r.name, r.job_group, r.job_type, r.notes, a.tags, a.id, a.time
FROM run AS r CROSS JOIN attempt AS a ORDER BY a.id DESC LIMIT 1
"""
_ATTEMPTS = """
SELECT a.id, a.time / 1e6, a.host, a.pid, a.danlu, a.info, a.rank,
    max(a.time,
        coalesce((SELECT time FROM row WHERE id BETWEEN a.id AND a.id + ?1 ORDER BY id DESC LIMIT 1), 0),
        coalesce((SELECT time FROM event WHERE id BETWEEN a.id AND a.id + ?1 ORDER BY id DESC LIMIT 1), 0))
        / 1e6
FROM attempt AS a ORDER BY a.id
"""
_FILES = "SELECT path, size, sha256, time FROM files ORDER BY path"
_LAST_ROW = "SELECT step, time / 1e6 FROM row WHERE step IS NOT NULL ORDER BY id DESC LIMIT 1"
_KEYS = """
SELECT name FROM key
WHERE system = 0 AND id >= (SELECT coalesce(max(id), 0) FROM attempt WHERE origin = 'rewind')
GROUP BY name ORDER BY min(id)
"""
_SYSTEM_NOW = """
SELECT k.name, (SELECT value FROM point WHERE id = (SELECT max(last) FROM extent WHERE key = k.id))
FROM key AS k WHERE k.system = 1 ORDER BY k.id
"""


class Attempt:
    """One process that wrote the run: when it began and was last heard of (in seconds), and what it said."""

    id: int
    began: float
    host: str
    pid: int
    danlu: str
    rank: int | None
    last: float

    def __init__(self, row: Sequence[Any]) -> None:
        self.id, self.began, self.host, self.pid, self.danlu, info, self.rank, self.last = row
        self.info: dict[str, Any] = json.loads(info or "{}")

    @property
    def annotates(self) -> bool:
        """Whether it only said more about a run that was over."""
        return bool(self.info.get("annotation"))


class Stored:
    """The newest version of a stored file: name, length in bytes, SHA-256, and when it was stored."""

    def __init__(self, name: str, size: int, sha256: str, time: float) -> None:
        self.name = name
        self.size = size
        self.sha256 = sha256
        self.time = time


class Reader:
    """Reads the files of one run. Where several writers say something about one thing, the newest counts."""

    def __init__(self, parts: Iterable[str]) -> None:
        self._parts: list[str] = list(parts)
        self._kept: dict[str, Any] = {}

    @property
    def parts(self) -> list[str]:
        """The files of the run: each of several writers has its own."""
        return self._parts

    def sql(self, query: str, *parameters: Any, parts: list[str] | None = None) -> list[Row]:
        """Return the rows that a query gives, those of one file after those of another."""
        return list(_core.sql(self.parts if parts is None else parts, query, parameters)[1])

    def keep(self, name: str, read: Any) -> Any:
        """Return what `read()` gave when it was first asked for under this name."""
        if name not in self._kept:
            self._kept[name] = read()
        return self._kept[name]

    def start(self) -> tuple[str, str, str, str, list[str]]:
        """Return name, group, job type, notes and tags as they stand."""
        found: tuple[str, str, str, str, list[str]] = self.keep("start", self._start)
        return found

    def _start(self) -> tuple[str, str, str, str, list[str]]:
        newest: tuple[int, tuple[str, str, str, str, list[str]]] | None = None
        for part in self.parts:
            for name, group, job_type, notes, tags, attempt, time in self.sql(_START, parts=[part]):
                if newest is None or newest[0] <= time:
                    now = self._tags(part, json.loads(tags), attempt)
                    newest = time, (name, group, job_type, notes, now)
        return ("", "", "", "", []) if newest is None else newest[1]

    def _tags(self, part: str, tags: list[str], attempt: int) -> list[str]:
        changes = "SELECT name, text FROM event WHERE kind = 'tag' AND id > ? ORDER BY id"
        for tag, change in self.sql(changes, attempt, parts=[part]):
            tags = [known for known in tags if known != tag]
            if change == "add":
                tags.append(tag)
        return tags

    def attempts(self) -> list[tuple[str, Attempt]]:
        """Return every attempt with the file that it is in."""
        found: list[tuple[str, Attempt]] = self.keep("attempts", self._attempts)
        return found

    def _attempts(self) -> list[tuple[str, Attempt]]:
        return [
            (part, Attempt(row))
            for part in self.parts
            for row in self.sql(_ATTEMPTS, _ATTEMPT - 2, parts=[part])
        ]

    def rank(self, part: str) -> int | None:
        """Return which of several writers wrote a file."""
        ranks = [attempt.rank for file, attempt in self.attempts() if file == part]
        return next((rank for rank in ranks if rank is not None), None)

    def view(self, name: str) -> dict[str, Any]:
        """Return `config` or `summary` as it stands, keys with their values."""
        found: dict[str, Any] = self.keep(name, lambda: self._view(name))
        return dict(found)

    def _view(self, name: str) -> dict[str, Any]:
        began: dict[str, float] = {}
        for part, attempt in self.attempts():
            began[part] = max(attempt.began, began.get(part, 0.0))
        parts = sorted(self.parts, key=lambda part: began.get(part, 0.0))
        rows = self.sql(f"SELECT key, value FROM {name}", parts=parts)  # noqa: S608
        return {key: plain(value) for key, value in rows}

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Return how metrics were defined, by name; a name may end with `*`."""
        rows = self.keep("metrics", lambda: self.sql("SELECT name, data FROM metrics"))
        return {name: json.loads(data or "{}") for name, data in rows}

    def last_row(self) -> tuple[int, float] | None:
        """Return the step and the time of the last row of the history."""
        rows = self.keep("last row", lambda: self.sql(_LAST_ROW))
        return max(rows, default=None)

    def keys(self) -> list[str]:
        """Return the keys of the history in the order in which they came up."""
        return list(dict.fromkeys(name for (name,) in self.keep("keys", lambda: self.sql(_KEYS))))

    def files(self) -> dict[str, Stored]:
        """Return the newest version of each stored file, by name and in order of the names."""
        newest: dict[str, Stored] = {}
        for stored in (Stored(*row) for row in self.sql(_FILES)):
            if stored.name not in newest or newest[stored.name].time <= stored.time:
                newest[stored.name] = stored
        return {name: newest[name] for name in sorted(newest)}

    def file(self, name: str) -> Stored | None:
        """Return the newest version of a stored file; None if there is none of that name."""
        return self.files().get(name)

    def system(self) -> dict[str, Any]:
        """Return the last value of each system metric."""
        return {name: plain(value) for name, value in self.sql(_SYSTEM_NOW)}

    def heartbeat(self) -> float:
        """Return when the run was last heard of, in seconds."""
        return float(max((attempt.last for attempt in self.processes()), default=0.0))

    def processes(self) -> list[Attempt]:
        """Return the attempts in which the run itself ran, in order of their beginnings."""
        attempts = [attempt for _, attempt in self.attempts() if not attempt.annotates]
        return sorted(attempts, key=lambda attempt: attempt.began)

    def runtime(self, time: float) -> float:
        """Return how long the run had run at that time, in seconds. Breaks between attempts do not count."""
        attempts = self.processes()
        if not attempts:
            return 0.0
        gaps, until = 0.0, attempts[0].last
        for attempt in attempts[1:]:
            if attempt.began > time:
                break
            gaps += max(0.0, attempt.began - until)
            until = max(until, attempt.last)
        return float(max(0.0, time - attempts[0].began - gaps))


def plain(value: Any) -> Any:
    """Return what a value of a run file stands for: a number, NaN, or what its JSON says."""
    if value is None:
        return math.nan
    return json.loads(value) if isinstance(value, str) else value
