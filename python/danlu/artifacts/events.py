"""The `artifact` events of a directory: what all its runs said of artifacts.

A run file follows its journal about a second late. So an event is also written to the file
`artifacts.recent`, under the lock of the directory, and stays there until it is seen in a run file: another
process sees it at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
import time

from .. import _core, _mirror, _say
from .._errors import Error
from .lock import locked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .._run import Run
    from .catalog import Catalog
    from .changing import Annotator
    from .names import Key

RECENT = "artifacts.recent"
_QUERY = """
SELECT id, name, text, CASE WHEN json_valid(data) THEN json_remove(data, '$.manifest') ELSE '{}' END
FROM event WHERE kind = 'artifact' AND id > ? AND id <= ? ORDER BY id
"""
#: A run file that was written to a moment ago may change without a change of its time, in seconds.
_FRESH = 2.0
#: What is in the fields of an event that has them: another program may have written it.
_LISTS = ("aliases", "tags", "parts")
_KINDS: dict[str, type | tuple[type, ...]] = {
    "metadata": dict,
    "manifest_file": dict,
    "time": (int, float),
    "size": int,
    "file_count": int,
}
#: When so many events wait to be seen in a run file, it is looked for them.
MANY = 100


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that a run said of an artifact."""

    #: The id of the run that said it.
    run: str
    name: str
    #: `made`, `used`, `part`, `linked`, `changed`, `deleted` or `unlinked`.
    text: str
    data: dict[str, Any]
    #: The run file of it.
    part: str | None = None
    #: Its id there; 0 while it is in the journal only.
    id: int = 0

    @property
    def uid(self) -> str:
        """What tells it from all others."""
        return str(self.data.get("uid") or f"{self.run}.{self.id}")

    @property
    def order(self) -> tuple[int, float, str, str]:
        """Where it comes among the events of a directory: later ones know of earlier ones."""
        seq, at = self.data.get("seq"), self.data.get("time")
        return (
            seq if isinstance(seq, int) else 0,
            at if isinstance(at, (int, float)) else 0.0,
            self.run,
            self.uid,
        )


@dataclasses.dataclass
class Known:
    """What was read of a run file, which is only ever added to."""

    events: list[Event] = dataclasses.field(default_factory=list)
    #: The id of the last event that was looked at, of any kind.
    last: int = 0
    #: Size and time of change of the file, if it shows by these that it is the same.
    stamp: tuple[int, int] | None = None


#: By path.
_known: dict[str, Known] = {}


def read(directory: str) -> tuple[list[Event], dict[str, dict[str, Any]]]:
    """Return the events of a directory of runs, each once and in order, and its runs by id."""
    # First: what is taken out of here is in a run file by then.
    recent = _read_recent(directory)["events"]
    runs = _runs(directory)
    events: dict[str, Event] = {}
    for run in runs.values():
        for part in run["parts"]:
            for event in _of_part(os.fspath(part), run):
                # A fork has its own copy of what the other run said.
                if event.uid not in events or event.data.get("run") == event.run:
                    events[event.uid] = event
    for fields in recent:
        # Of a run that is over all is in its file, unless a power cut took it.
        if not is_alive(runs, fields["run"]):
            continue
        part = os.path.join(directory, fields["file"]) if fields.get("file") else None
        event = Event(fields["run"], fields["name"], fields["text"], fields["data"], part)
        events.setdefault(event.uid, event)
    return sorted(events.values(), key=lambda event: event.order), runs


def _runs(directory: str) -> dict[str, dict[str, Any]]:
    """Return the runs by id. Of two projects that have the same id, the files are taken together."""
    runs: dict[str, dict[str, Any]] = {}
    for run in _core.runs(directory):
        there = runs.get(run["id"])
        if there is None:
            runs[run["id"]] = {**run, "projects": [run]}
        else:
            there["parts"] = [*there["parts"], *run["parts"]]
            there["projects"].append(run)
    return runs


def is_alive(runs: dict[str, dict[str, Any]], run: str) -> bool:
    """Say whether a run is being written."""
    return run in runs and any(each["state"] == "running" for each in runs[run]["projects"])


def _of_part(path: str, run: dict[str, Any]) -> list[Event]:
    try:
        stat = os.stat(path)
    except OSError:
        return []
    stamp = (stat.st_size, stat.st_mtime_ns)
    known = _known.setdefault(path, Known())
    if known.stamp == stamp:
        return known.events
    try:
        newest: Any = _core.sql([path], "SELECT coalesce(max(id), 0) FROM event", [])[1][0][0]
        if newest < known.last:
            # Another file has the name now.
            known.events, known.last = [], 0
        rows: list[Any] = _core.sql([path], _QUERY, [known.last, newest])[1]
    except Error as e:
        _say.warn(f"The artifacts of run {run['id']} are left out: {_say.text_of(e)}")
        return []
    known.events = known.events + [
        Event(run["id"], name, text, data, path, number)
        for number, name, text, encoded in rows
        if (data := _fields(json.loads(encoded))) is not None
    ]
    known.last = newest
    is_still = all(each["state"] != "running" for each in run["projects"])
    known.stamp = stamp if is_still and time.time() - stat.st_mtime > _FRESH else None
    return known.events


def _fields(data: Any) -> dict[str, Any] | None:
    """Return the fields of an event that are what they should be; None if it has no fields."""
    if not isinstance(data, dict):
        return None
    sound: dict[str, Any] = {}
    for name, value in data.items():
        if name in _LISTS:
            sound[name] = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
        elif name not in _KINDS or isinstance(value, _KINDS[name]):
            sound[name] = value
    return sound


def manifest_of(event: Event) -> dict[str, Any]:
    """Return the entries that an event tells of, as its JSON has them."""
    if (stored := event.data.get("manifest_file")) is not None and event.part is not None:
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "manifest.json")
            _mirror.read_blob([event.part], stored["sha256"], path)
            with open(path, encoding="utf-8") as file:
                found = json.load(file)
    elif not event.id or event.part is None:
        found = event.data.get("manifest")
    else:
        query = "SELECT json_extract(data, '$.manifest') FROM event WHERE id = ?"
        rows: list[Any] = _core.sql([event.part], query, [event.id])[1]
        found = json.loads(rows[0][0]) if rows and rows[0][0] else None
    if not isinstance(found, dict):
        raise Error(
            f"Run {event.run} does not say what is in artifact `{event.name}`: its manifest is missing"
        )
    return found


class Ledger:
    """The events of a directory while its lock is held: what is read stays true that long."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._events: list[Event] = []
        self._runs: dict[str, dict[str, Any]] = {}
        #: How `artifacts.recent` was when this was over.
        self._left: tuple[int, int, int] | None = None

    def catalog(self, before: Ledger | None = None) -> Catalog:
        """Return what there is. If nobody recorded anything since `before`, it is what there was then."""
        from .catalog import Catalog

        if before is not None and before._left is not None and before._left == self._stamp():
            self._events, self._runs = before._events, before._runs
        else:
            self._events, self._runs = read(self.directory)
        return Catalog(self._events, self._runs, self.directory)

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            stat = os.stat(os.path.join(self.directory, RECENT))
        except OSError:
            return None
        return (stat.st_ino, stat.st_mtime_ns, stat.st_size)

    def after(self, event: Event) -> Catalog:
        """Return what there is with an event that was just recorded."""
        from .catalog import Catalog

        return Catalog([*self._events, event], self._runs, self.directory)

    def next_number(self, catalog: Catalog, key: Key) -> int:
        """Return the number of the next version: none that a run is just storing has it."""
        taken: list[int] = [
            reserved["number"]
            for reserved in _read_recent(self.directory)["reserved"]
            if tuple(reserved["key"]) == key and is_alive(self._runs, reserved["run"])
        ]
        return max([*taken, *catalog.numbers(key), -1]) + 1

    def reserve(self, key: Key, number: int, run: str, uid: str) -> None:
        """Keep a number for a version whose contents are being stored, as long as the run is alive."""
        recent = _read_recent(self.directory)
        recent["reserved"].append({"key": key, "number": number, "run": run, "uid": uid})
        self._write(recent)

    def release(self, uid: str) -> None:
        """Give a number back that was not used."""
        recent = _read_recent(self.directory)
        recent["reserved"] = [reserved for reserved in recent["reserved"] if reserved["uid"] != uid]
        self._write(recent)

    def record(self, run: Run | Annotator, name: str, text: str, data: dict[str, Any]) -> Event:
        """Let a run say something of an artifact."""
        seq = 1 + max((event.order[0] for event in self._events), default=0)
        data = {**data, "run": run.id, "time": time.time(), "seq": seq}
        lost = run.lost
        run._event("artifact", name, text, json.dumps(data, ensure_ascii=False, separators=(",", ":")))
        if run.lost != lost:
            raise Error(f"Run {run.id} could not record artifact `{name}`: see the warnings above")
        recent = _read_recent(self.directory)
        if not self._runs and len(recent["events"]) > MANY:
            self._events, self._runs = read(self.directory)
        self._forget(recent, data["uid"])
        said = {"run": run.id, "name": name, "text": text, "data": data}
        recent["events"].append({**said, "file": os.path.basename(run.file or "")})
        self._write(recent)
        return Event(run.id, name, text, data, run.file)

    def _forget(self, recent: dict[str, Any], uid: str) -> None:
        """Take out what is over: the number kept for `uid`, and all that is in run files, or of dead runs."""
        recent["reserved"] = [reserved for reserved in recent["reserved"] if reserved["uid"] != uid]
        if self._runs:
            seen = {event.uid for event in self._events if event.id}
            recent["events"] = [event for event in recent["events"] if event["data"]["uid"] not in seen]
            for kind in ("events", "reserved"):
                recent[kind] = [item for item in recent[kind] if is_alive(self._runs, item["run"])]

    def _write(self, recent: dict[str, Any]) -> None:
        path = os.path.join(self.directory, RECENT)
        fresh = f"{path}.{os.getpid()}"
        with open(fresh, "w", encoding="utf-8") as file:
            json.dump(recent, file, ensure_ascii=False, separators=(",", ":"))
        os.replace(fresh, path)
        self._left = self._stamp()


@contextlib.contextmanager
def ledger(directory: str) -> Iterator[Ledger]:
    """Hold the lock of a directory of runs, to read and to record."""
    with locked(directory):
        yield Ledger(directory)


def _read_recent(directory: str) -> dict[str, Any]:
    try:
        with open(os.path.join(directory, RECENT), encoding="utf-8") as file:
            found = json.load(file)
        return {"reserved": list(found["reserved"]), "events": list(found["events"])}
    except (OSError, ValueError, KeyError, TypeError):
        # Not there yet, or cut off by a power cut: then its events are in the journals and soon in the run
        # files.
        return {"reserved": [], "events": []}
