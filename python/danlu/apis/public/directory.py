"""Where runs are looked for."""

from __future__ import annotations

import os

from ... import _core
from .errors import NotFoundError, RunNotFoundError, path_of
from .run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .api import Api
    from .paths import Place


class Directory:
    """A directory whose `wandb/` holds runs."""

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def shown(self) -> str:
        """The directory that the run files are in, for messages."""
        below = os.path.join(self.path, "wandb")
        return below if os.path.isdir(below) else self.path

    def infos(self) -> list[dict[str, Any]]:
        """Return the runs, oldest first, as `danlu ls --json` does."""
        if not os.path.isdir(self.path):
            raise NotFoundError(f"There is no directory `{self.path}`: nothing to read runs from")
        return _core.runs(self.path)

    def projects(self) -> list[tuple[str, str]]:
        """Return entity and project of all runs, in order of the first run of each."""
        return list(dict.fromkeys((info["entity"], info["project"]) for info in self.infos()))

    def of_project(self, place: Place) -> list[dict[str, Any]]:
        """Return the runs of a project; raise ValueError if there are none. Without a project: all runs."""
        infos = self.infos()
        found = [info for info in infos if fits(info, place)]
        if found or place.project is None:
            return found
        there = dict.fromkeys("/".join(filter(None, (info["entity"], info["project"]))) for info in infos)
        name = "/".join(filter(None, (place.entity, place.project)))
        shown = f"there are {', '.join(there)}" if there else "there are no runs at all"
        raise NotFoundError(f"Could not find project {name} in `{self.shown}`; {shown}")

    def run(self, place: Place, api: Api | None = None) -> Run:
        """Return a run, of several with the same path the newest; raise RunNotFoundError if there is none."""
        infos = self.infos()
        found = [info for info in infos if info["id"] == place.name and fits(info, place)]
        paths = dict.fromkeys(path_of(info) for info in found)
        if len(paths) > 1:
            raise RunNotFoundError(
                f"`{place.name}` is the id of several runs: {', '.join(paths)}; give one of these"
            )
        if found:
            return Run(self.path, found[-1], api)
        path = "/".join(part for part in (place.entity, place.project, place.name) if part)
        elsewhere = [path_of(info) for info in infos if info["id"] == place.name]
        hint = (
            f"; there is {', '.join(elsewhere)}"
            if elsewhere
            else f"; it has {len(infos)} others"
            if infos
            else ""
        )
        raise RunNotFoundError(f"Could not find run <Run {path}> in `{self.shown}`{hint}")


def fits(info: dict[str, Any], place: Place) -> bool:
    """Say whether a run is of a project. A run that was logged without an entity fits any."""
    return (place.project in (None, info["project"])) and (
        place.entity is None or not info["entity"] or info["entity"] == place.entity
    )
