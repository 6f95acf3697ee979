"""Runs of other processes."""

from __future__ import annotations

from . import _session
from ._errors import UsageError
from ._run import Run
from ._sources import gathered
from ._start import Start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def attach(attach_id: str | None = None, run_id: str | None = None, *, run: Run | None = None) -> Run | None:
    """Go on with a run of another process, and make it the current one.

    What is logged here becomes a part of that run, in a file of its own. `attach_id` is what `run._attach_id`
    is there; with `run_id` the run is looked for in the directory and the project that `init` would use.
    """
    name = attach_id or run_id
    if run is not None:
        _session._publish(run)
        return run
    if not name:
        raise UsageError("attach() needs the id of a run")
    found = going_on(name)
    _session._publish(found)
    return found


def going_on(attach_id: str) -> Run:
    """Return the run with this id: the one of this process, or one that goes on here."""
    run_id, *rest = attach_id.split("/", 3)
    for active in _session._active:
        if active.id == run_id:
            return active
    given = gathered()
    if len(rest) == 3:
        given.update({"project": rest[0], "entity": rest[1], "root_dir": rest[2]})
    for other in ("fork_from", "resume_from"):
        given.pop(other, None)
    given.update({"run_id": run_id, "resume": "allow", "silent": True})
    return _session._begin(given, {})


class Handle(Run):
    """A run that came here from another process: it goes on here as soon as something is done with it.

    Until then it costs nothing, so that it can be sent to a worker that never logs.
    """

    __module__ = "danlu"

    @staticmethod
    def of(attach_id: str) -> Run:
        """Return the run with this id: the one of this process, or a handle."""
        run_id, project, entity, directory = attach_id.split("/", 3)
        for active in _session._active:
            if active.id == run_id:
                return active
        start = Start({"run_id": run_id, "project": project, "entity": entity, "root_dir": directory})
        handle = Handle(start, None, _session._on_end)
        handle.__dict__["_sent"] = attach_id
        return handle

    def __getattribute__(self, name: str) -> Any:
        own = object.__getattribute__(self, "__dict__")
        if name in _OF_HANDLE or "_sent" not in own:
            return object.__getattribute__(self, name)
        if name == "_attach_id":
            return own["_sent"]
        return getattr(_real(own), name)

    def __setattr__(self, name: str, value: Any) -> None:
        own = object.__getattribute__(self, "__dict__")
        if "_sent" in own:
            setattr(_real(own), name, value)
        else:
            super().__setattr__(name, value)


def _real(own: dict[str, Any]) -> Run:
    """Return the run of a handle with this namespace."""
    if "_goes_on" not in own:
        own["_goes_on"] = going_on(own["_sent"])
    found: Run = own["_goes_on"]
    return found


#: What a handle knows without the run.
_OF_HANDLE = frozenset(
    ("__class__", "__dict__", "__reduce__", "__reduce_ex__", "id", "_own_id", "project", "entity", "path")
)
