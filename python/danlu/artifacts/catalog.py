"""Which artifacts there are in a directory, in which versions and under which aliases.

It follows from the events of all runs of the directory: see `docs/artifacts.md`.
"""

from __future__ import annotations

import datetime
import os

from .events import Event, manifest_of, read
from .manifest import ArtifactManifest
from .names import show, version_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .names import Key

LATEST = "latest"


class Version:
    """A version of an artifact, or the link to one."""

    def __init__(self, key: Key, event: Event, source: Version | None = None) -> None:
        data = event.data if source is None else {**source.data, **event.data}
        self.key = key
        self.event = event
        #: What it is a link to.
        self.source = source
        self.data: dict[str, Any] = data
        self.uid: str = event.uid
        self.run: str = str(event.data.get("run") or event.run)
        self.type: str = str(data.get("type", ""))
        self.digest: str = str(data.get("digest", ""))
        self.time: float = float(event.data.get("time", 0.0))
        self.updated: float = self.time
        #: The number that it was given. If two directories gave it twice, `number` is another one.
        self.claimed: int = version_number(str(event.data.get("version"))) or 0
        self.number: int = self.claimed
        self.deleted = False
        #: Newest last, with `latest` in front.
        self.aliases: list[str] = []
        self.tags: list[str] = list(data.get("tags", ()))
        self.metadata: dict[str, Any] = dict(data.get("metadata") or {})
        self.description: str | None = data.get("description")
        self.ttl: float | str | None = data.get("ttl")

    @property
    def version(self) -> str:
        """`v` and its number."""
        return f"v{self.number}"

    @property
    def name(self) -> str:
        """Name and version."""
        return f"{self.key[2]}:{self.version}"

    @property
    def qualified_name(self) -> str:
        """Entity, project, name and version, as far as there are such."""
        return f"{show(self.key)}:{self.version}"

    @property
    def age(self) -> tuple[int, float, str]:
        """What the newest version has most of. Clocks of machines differ, so its number comes first."""
        return (self.claimed, self.time, self.uid)

    def manifest(self) -> ArtifactManifest:
        """Return what is in it."""
        if self.source is not None:
            return self.source.manifest()
        return ArtifactManifest.from_json(manifest_of(self.event))

    def change(self, data: dict[str, Any]) -> None:
        """Take over what an event changes."""
        for field in ("tags", "metadata", "description", "ttl"):
            if field in data:
                setattr(self, field, data[field])
        self.updated = float(data.get("time", self.updated))


class Collection:
    """All versions of an artifact."""

    def __init__(self, key: Key, kind: str) -> None:
        self.key = key
        self.type = kind
        self.all: list[Version] = []
        self._aliases: dict[str, Version] = {}

    @property
    def name(self) -> str:
        """The name of the artifact."""
        return self.key[2]

    @property
    def versions(self) -> list[Version]:
        """The versions that are not deleted, ascending by number."""
        return sorted((version for version in self.all if not version.deleted), key=lambda v: v.number)

    @property
    def latest(self) -> Version | None:
        """The newest version."""
        return max(self.versions, key=lambda version: version.age, default=None)

    @property
    def aliases(self) -> dict[str, Version]:
        """The versions by alias."""
        latest = self.latest
        return self._aliases if latest is None else {LATEST: latest, **self._aliases}

    def get(self, alias: str) -> Version | None:
        """Return the version of an alias or a number such as `v3`; None if there is none."""
        number = version_number(alias)
        if number is None:
            return self.aliases.get(alias)
        return next((version for version in self.versions if version.number == number), None)

    def number(self) -> None:
        """Give each version its number.

        Of two that claim one number, which happens when runs of two directories are put together, the older
        one keeps it (by time, then by the id of the run) and the other gets the lowest one that nobody
        claims.
        """
        taken = {version.claimed for version in self.all}
        owners: dict[int, Version] = {}
        free = 0
        for version in sorted(self.all, key=lambda version: (version.time, version.run, version.uid)):
            if owners.setdefault(version.claimed, version) is version:
                continue
            while free in taken:
                free += 1
            taken.add(free)
            version.number = free

    def point(self, version: Version, aliases: Iterable[str], only: bool) -> None:
        """Let aliases mean a version; with `only`, no others do."""
        wanted = [alias for alias in aliases if alias != LATEST]
        if only:
            for alias in [
                alias for alias, of in self._aliases.items() if of is version and alias not in wanted
            ]:
                del self._aliases[alias]
        for alias in wanted:
            self._aliases[alias] = version

    def settle(self) -> None:
        """Tell the versions what their aliases are."""
        for alias, version in self.aliases.items():
            version.aliases.append(alias)


class Catalog:
    """The artifacts of a directory."""

    def __init__(self, events: list[Event], runs: dict[str, dict[str, Any]], directory: str) -> None:
        self.directory = directory
        self.runs = runs
        self.events = events
        self.collections: dict[Key, Collection] = {}
        self.by_uid: dict[str, Version] = {}
        #: Which runs made and used a version, by its uid, in order.
        self.makers: dict[str, list[str]] = {}
        self.users: dict[str, list[str]] = {}
        for event in events:
            self._create(event)
        for collection in self.collections.values():
            collection.number()
        for event in events:
            self._replay(event)
        for collection in self.collections.values():
            collection.settle()

    def _create(self, event: Event) -> None:
        data = event.data
        of = data.get("of")
        if event.text not in ("made", "linked") or (event.text == "made" and of is not None):
            return
        source = None if of is None else self.by_uid.get(of)
        key = key_of(event)
        version = Version(key, event, source)
        # Its content went with the run that made it; the number stays taken.
        version.deleted = event.text == "linked" and source is None
        collection = self.collections.setdefault(key, Collection(key, version.type))
        collection.all.append(version)
        self.by_uid[version.uid] = version

    def _replay(self, event: Event) -> None:
        data = event.data
        version = self.by_uid.get(str(data.get("of") or event.uid))
        if event.text == "linked":
            version = self.by_uid.get(event.uid)
        if version is None:
            return
        collection = self.collections[version.key]
        run = str(data.get("run") or event.run)
        if event.text == "made":
            _append(self.makers.setdefault(version.uid, []), run)
        if event.text == "used":
            _append(self.users.setdefault(version.uid, []), run)
        elif event.text in ("made", "linked"):
            collection.point(version, data.get("aliases", ()), only=False)
            version.tags = list(dict.fromkeys([*version.tags, *data.get("tags", ())]))
        elif event.text == "changed":
            version.change(data)
            if "aliases" in data:
                collection.point(version, data["aliases"], only=True)
        elif event.text in ("deleted", "unlinked"):
            collection.point(version, (), only=True)
            version.deleted = True
            version.updated = float(data.get("time", version.updated))
            for link in self.links_to(version):
                link.deleted = True
                self.collections[link.key].point(link, (), only=True)

    def numbers(self, key: Key) -> list[int]:
        """Return every number that a version of a collection has or had."""
        collection = self.collections.get(key)
        return [] if collection is None else [version.number for version in collection.all]

    def lookup(self, key: Key) -> Collection | None:
        """Return a collection by name. Where no entity was given, here or there, it is not asked for."""
        exact = self.collections.get(key)
        if exact is not None:
            return exact
        alike = [c for k, c in self.collections.items() if k[1:] == key[1:] and not (k[0] and key[0])]
        return alike[0] if len(alike) == 1 else None

    def links_to(self, version: Version) -> list[Version]:
        """Return the links to a version that are there."""
        return [
            link
            for link in self.by_uid.values()
            if link.source is not None and link.source.uid == version.uid and not link.deleted
        ]

    def made_by(self, run: str) -> list[Version]:
        """Return what a run logged."""
        return [self.by_uid[uid] for uid, runs in self.makers.items() if run in runs]

    def used_by(self, run: str) -> list[Version]:
        """Return what a run used."""
        return [self.by_uid[uid] for uid, runs in self.users.items() if run in runs]


def key_of(event: Event) -> Key:
    """Return the collection that an event is about."""
    name = event.name.partition(":")[0]
    return (str(event.data.get("entity", "")), str(event.data.get("project", "")), name)


def catalog(directory: str) -> Catalog:
    """Return the artifacts of a directory of runs, or of the one that has it as `wandb/`."""
    directory = runs_directory(directory)
    if not os.path.isdir(directory):
        return Catalog([], {}, directory)
    events, runs = read(directory)
    return Catalog(events, runs, directory)


def runs_directory(directory: str) -> str:
    """Return the directory that holds runs, given it or the one above it."""
    for name in ("wandb", ".wandb"):
        below = os.path.join(directory, name)
        if os.path.isdir(below):
            return os.path.abspath(below)
    return os.path.abspath(directory)


def moment(time: float) -> str:
    """Return a time as wandb writes it, in UTC."""
    at = datetime.datetime.fromtimestamp(time, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _append(items: list[str], item: str) -> None:
    if item not in items:
        items.append(item)
