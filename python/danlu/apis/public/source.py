"""Where runs are read from: what a directory and a remote both can."""

from __future__ import annotations

from .errors import NotFoundError, RunNotFoundError, path_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, Callable, Protocol

    from ...artifacts import Catalog
    from .paths import Place
    from .reader import Reader

    Info = dict[str, Any]
    Change = tuple[str, str, str]

    class Source(Protocol):
        """Runs, and what can be done with them. `info` is a run at a glance, as `danlu ls --json` has it."""

        @property
        def path(self) -> str:
            """The directory that the run files are in when they are read."""

        @property
        def shown(self) -> str:
            """Where the runs are, for messages."""

        @property
        def url(self) -> str:
            """The address of it."""

        def pages(
            self,
            place: Place,
            filters: Mapping[str, Any] | None = None,
            order: str | None = None,
            per_page: int = 50,
        ) -> Pages:
            """Look for the runs of a place, of which those that cannot pass the filters may be left out."""

        def infos(self, place: Place, run_id: str | None = None) -> list[Info]:
            """Return the runs of a place, or those of an id, oldest first."""

        def projects(self) -> list[tuple[str, str]]:
            """Return entity and project of all runs, in order of the first run of each."""

        def reader(self, info: Info) -> Reader:
            """Return what reads the records of a run."""

        def again(self, info: Info) -> tuple[Info, bool]:
            """Return how a run is now, and whether another run was begun later under the same id."""

        def address(self, info: Info) -> str:
            """Return the address of a run."""

        def content(self, info: Info, sha256: str, dest: str) -> None:
            """Write a content of a run into `dest`, checked, whole or not at all."""

        def check_changeable(self, info: Info, is_old: bool) -> None:
            """Raise an error if a run cannot be changed."""

        def change(self, info: Info, changes: Sequence[Change]) -> None:
            """Change a run that has ended; see `_core.annotate`."""

        def delete(self, info: Info) -> None:
            """Delete a run."""

        def store(self, info: Info, path: str, base: str) -> str:
            """Store a file in a run that has ended; return its name there."""

        def add(self, make: Callable[[str], str]) -> str:
            """Let runs be made in a directory, from where they get to this place; return what `make` does."""

        def catalog(self, place: Place) -> Catalog:
            """Return the artifacts of the runs of a place, and perhaps of others."""

    class Pages(Protocol):
        """Runs that were looked for."""

        @property
        def in_order(self) -> bool:
            """Whether they come in the order that was asked for; else all have to be put in order."""

        @property
        def total(self) -> int | None:
            """How many there are, if they are just those that were asked for; else None."""

        def __iter__(self) -> Iterator[list[Info]]:
            """Read them page by page."""


def fits(info: Info, place: Place) -> bool:
    """Say whether a run is of a project. A run that was logged without an entity fits any."""
    return (place.project in (None, info["project"])) and (
        place.entity is None or not info["entity"] or info["entity"] == place.entity
    )


def find(source: Source, place: Place) -> Info:
    """Return a run, of several with the same path the newest; raise RunNotFoundError if there is none."""
    same = source.infos(type(place)(None, None), place.name)
    found = [info for info in same if fits(info, place)]
    paths = dict.fromkeys(path_of(info) for info in found)
    if len(paths) > 1:
        raise RunNotFoundError(
            f"`{place.name}` is the id of several runs: {', '.join(paths)}; give one of these"
        )
    if found:
        return found[-1]
    path = "/".join(part for part in (place.entity, place.project, place.name) if part)
    hint = f"; there is {', '.join(map(path_of, same))}" if same else ""
    raise RunNotFoundError(f"Could not find run <Run {path}> in `{source.shown}`{hint}")


def no_project(source: Source, place: Place) -> NotFoundError:
    """Return the error for a project that has no runs."""
    there = ("/".join(filter(None, project)) for project in source.projects())
    listed = ", ".join(dict.fromkeys(there))
    shown = f"there are {listed}" if listed else "there are no runs at all"
    name = "/".join(filter(None, (place.entity, place.project)))
    return NotFoundError(f"Could not find project {name} in `{source.shown}`; {shown}")
