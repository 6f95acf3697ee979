"""A remote as a place of runs: a directory that was synced to, a bucket, a host behind ssh, or a server."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from ... import _core, _mirror
from .directory import AllAtOnce, Directory
from .errors import RunNotFoundError, path_of, server_only
from .paths import Place
from .reader import Reader
from .source import fits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any, Callable

    from ...artifacts import Catalog
    from .source import Change, Info, Pages

_ANYWHERE = Place(None, None)
_NO_TIME = "00000000_000000"


class Remote:
    """The runs of a remote. The records of a run are brought here when they are read, and kept in a cache.

    The contents of its files stay there until they are asked for.
    """

    def __init__(self, remote: _core.Remote) -> None:
        self._remote = remote

    @property
    def path(self) -> str:
        """The directory of the run files that were brought here."""
        directory = self._remote.directory()
        _mirror.register(directory, self)
        return directory

    @property
    def shown(self) -> str:
        """The address of the remote."""
        return self._remote.name

    @property
    def url(self) -> str:
        """The address of the remote."""
        name = self._remote.name
        return name if "://" in name else Path(name).absolute().as_uri()

    def pages(
        self,
        place: Place,
        filters: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 50,
    ) -> Pages:
        """Look for the runs of a place."""
        del filters, order, per_page
        return AllAtOnce(self.infos(place))

    def infos(self, place: Place, run_id: str | None = None) -> list[Info]:
        """Return the runs of a place, or those of an id, oldest first."""
        heads = [head for head in self._heads() if run_id in (None, head["id"]) and fits(head, place)]
        return self._fetch(heads)

    def _heads(self) -> list[Info]:
        heads: list[Info] = json.loads(self._remote.heads())
        return heads

    def _fetch(self, runs: Iterable[Info]) -> list[Info]:
        """Bring the records of runs here; return how the runs are, oldest first."""
        wanted = [(run["key"], run["digest"] if not run.get("open") else None) for run in runs]
        infos: list[Info] = json.loads(self._remote.fetch(wanted))
        return sorted(infos, key=lambda info: (info["started"], info["key"]))

    def projects(self) -> list[tuple[str, str]]:
        """Return entity and project of all runs, in order of the first run of each."""
        return list(dict.fromkeys((info["entity"], info["project"]) for info in self.infos(_ANYWHERE)))

    def reader(self, info: Info) -> Reader:
        """Return what reads the records of a run."""
        return Reader(info["parts"])

    def again(self, info: Info) -> tuple[Info, bool]:
        """Return how a run is now. A remote has each run once."""
        return self._bring_again(info), False

    def _bring_again(self, info: Info) -> Info:
        """Bring what is new of a run here; return how it is."""
        found = self._fetch([{"key": info["key"], "digest": None}])
        if not found:
            raise RunNotFoundError(f"Run {path_of(info)} is no longer in `{self.shown}`")
        return found[0]

    def address(self, info: Info) -> str:
        """Return the address of a run: that of the remote and its key there."""
        return f"{self.url.rstrip('/')}#{info['key']}"

    def content(self, info: Info, sha256: str, dest: str) -> None:
        """Write a content of a run into `dest`, checked, whole or not at all."""
        del info
        self.fetch_content(sha256, dest)

    def fetch_content(self, sha256: str, dest: str) -> None:
        """Write a content into `dest`, checked, whole or not at all. What was broken off is gone on with."""
        self._remote.content(sha256, dest)

    def check_changeable(self, info: Info, is_old: bool) -> None:
        """Do nothing: each run that has ended can be changed."""

    def change(self, info: Info, changes: Sequence[Change]) -> None:
        """Append changes to a run that has ended, as a short attempt of its own that is pushed."""
        with self._copy(info) as (directory, copy):
            directory.change(copy, changes)

    def annotate(self, run_id: str, changes: Sequence[Change]) -> None:
        """Change the run of an id; see `change`."""
        found = self.infos(_ANYWHERE, run_id)
        if not found:
            raise RunNotFoundError(f"Run {run_id} is no longer in `{self.shown}`")
        self.change(found[-1], changes)
        self._bring_again(found[-1])

    def delete(self, info: Info) -> None:
        """Raise an error: what was carried to a remote stays there."""
        raise server_only(
            f"Deleting run {path_of(info)} from `{self.shown}`", "Delete it where it was written."
        )

    def store(self, info: Info, path: str, base: str) -> str:
        """Store a file in a run that has ended; return its name there."""
        with self._copy(info) as (directory, copy):
            return directory.store(copy, path, base)

    @contextlib.contextmanager
    def _copy(self, info: Info) -> Iterator[tuple[Directory, Info]]:
        """Hand out a copy of a run to be changed, and push what was added to it."""
        with tempfile.TemporaryDirectory(prefix="danlu-") as above:
            below = os.path.join(above, "wandb")
            os.mkdir(below)
            for number, part in enumerate(self.reader(info).parts):
                # A run that goes on is looked for by the name of its file.
                shutil.copy(part, os.path.join(below, f"run-{_NO_TIME}-{info['id']}-{number}.sqlite"))
            directory = Directory(above)
            [copy] = directory.infos(_ANYWHERE)
            yield directory, copy
            self._remote.push(above)

    def add(self, make: Callable[[str], str]) -> str:
        """Let runs be made in a directory, and push them; return what `make` returns."""
        with tempfile.TemporaryDirectory(prefix="danlu-") as above:
            made = make(above)
            self._remote.push(above)
            return made

    def catalog(self, place: Place) -> Catalog:
        """Return the artifacts of the runs of a place. Their records are brought here for it."""
        from ...artifacts import catalog

        self._fetch(head for head in self._heads() if fits(head, place))
        return catalog(self.path)


def open_remote(address: str, directory: str, key: str | None) -> Remote:
    """Return the runs of a remote, by its address or the name that `danlu remote add` gave it there."""
    from .served import Server

    remote = _core.Remote(address, directory, key)
    return Server(remote) if remote.is_server else Remote(remote)
