"""A directory of runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ... import _core
from ..._errors import Error
from .errors import NotFoundError, RunNotFoundError, path_of
from .reader import Reader
from .source import fits
from .times import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, Callable

    from ...artifacts import Catalog
    from .paths import Place
    from .source import Change, Info

#: Says that an attempt only adds to a run that was over.
_ANNOTATION = '{"annotation":true}'


class AllAtOnce:
    """Runs that are in no order and on one page."""

    in_order = False
    total = None

    def __init__(self, infos: list[Info]) -> None:
        self._infos = infos

    def __iter__(self) -> Iterator[list[Info]]:
        yield self._infos


class Directory:
    """A directory whose `wandb/` holds runs."""

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def shown(self) -> str:
        """The directory that the run files are in, for messages."""
        below = os.path.join(self.path, "wandb")
        return below if os.path.isdir(below) else self.path

    @property
    def url(self) -> str:
        """The address of the directory that the run files are in."""
        return Path(self.shown).as_uri()

    def pages(
        self,
        place: Place,
        filters: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 50,
    ) -> AllAtOnce:
        """Look for the runs of a place."""
        del filters, order, per_page
        return AllAtOnce(self.infos(place))

    def infos(self, place: Place, run_id: str | None = None) -> list[Info]:
        """Return the runs of a place, or those of an id, oldest first, as `danlu ls --json` does."""
        return [info for info in self._all() if run_id in (None, info["id"]) and fits(info, place)]

    def _all(self) -> list[Info]:
        if not os.path.isdir(self.path):
            raise NotFoundError(f"There is no directory `{self.path}`: nothing to read runs from")
        return _core.runs(self.path)

    def projects(self) -> list[tuple[str, str]]:
        """Return entity and project of all runs, in order of the first run of each."""
        return list(dict.fromkeys((info["entity"], info["project"]) for info in self._all()))

    def reader(self, info: Info) -> Reader:
        """Return what reads the files of a run."""
        return Reader(info["parts"])

    def again(self, info: Info) -> tuple[Info, bool]:
        """Return how a run is now, and whether another run was begun later under the same id."""
        same = [other for other in _core.runs(self.path) if path_of(other) == path_of(info)]
        first = info["parts"][0]
        found = next((other for other in same if first in other["parts"]), None)
        if found is None:
            is_there = os.path.exists(first)
            why = "it does not have the name of a run file" if is_there else "it is gone"
            raise RunNotFoundError(f"Run {path_of(info)} cannot be found again by its file `{first}`: {why}")
        return found, found is not same[-1]

    def address(self, info: Info) -> str:
        """Return the address of a run file."""
        return Path(info["path"]).absolute().as_uri()

    def content(self, info: Info, sha256: str, dest: str) -> None:
        """Write a content of a run into `dest`, checked, whole or not at all."""
        _core.read_blob(info["parts"], sha256, dest)

    def check_changeable(self, info: Info, is_old: bool) -> None:
        """Raise an error if a run cannot be changed."""
        why = "another run was begun later under the same id" if is_old else ""
        if os.path.basename(os.path.dirname(os.path.abspath(info["path"]))) != "wandb":
            why = "its file is not in a directory `wandb`"
        if why:
            raise Error(f"Run {path_of(info)} of {iso(info['started'])} cannot be changed: {why}")

    def change(self, info: Info, changes: Sequence[Change]) -> None:
        """Append changes to a run that has ended, as a short attempt of its own."""
        _core.annotate(self.path, str(info["path"]), changes)

    def delete(self, info: Info) -> None:
        """Delete the files of a run."""
        for part in info["parts"]:
            _delete(part)

    def store(self, info: Info, path: str, base: str) -> str:
        """Store a file in a run that has ended; return its name there."""
        writer = _core.Run(
            project=info["project"],
            entity=info["entity"],
            id=info["id"],
            resume="must",
            dir=os.path.dirname(os.path.dirname(os.path.abspath(info["path"]))),
            silent=True,
            info=_ANNOTATION,
            rank=info.get("rank"),
        )
        try:
            names, problems = writer._save(path, base, "now")
        finally:
            writer._end(int(info["exit_code"]))
        if problems or not names:
            raise Error(f"`{path}` is not stored in run {info['id']}: {'; '.join(problems)}")
        return names[0]

    def add(self, make: Callable[[str], str]) -> str:
        """Let runs be made in the directory; return what `make` returns."""
        return make(self.path)

    def catalog(self, place: Place) -> Catalog:
        """Return the artifacts of the directory."""
        from ...artifacts import catalog

        del place
        return catalog(self.path)


def _delete(part: str) -> None:
    """Delete a run file, its journals, its directory, and the links that would lead nowhere."""
    directory, name = os.path.split(part)
    stem = name[: -len(".sqlite")]
    directories = (stem, f"offline-{stem}")
    for other in os.listdir(directory or "."):
        path = os.path.join(directory, other)
        is_journal = other.startswith(f"{stem}.") and other.endswith(".journal")
        is_link = other.startswith("latest-run") and os.path.islink(path)
        if is_journal or (is_link and os.path.basename(os.readlink(path)) in (name, *directories)):
            os.unlink(path)
        elif other in directories:
            shutil.rmtree(path)
    os.unlink(part)
