"""What an artifact says of itself, before and after it was logged."""

from __future__ import annotations

import datetime
import enum

from .building import Draft, check_metadata
from .catalog import Collection, Version, catalog, moment, runs_directory
from .errors import ArtifactNotLoggedError
from .manifest import ArtifactManifest
from .names import check_aliases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .artifact import Artifact


class ArtifactTTL(enum.Enum):
    """What `artifact.ttl` can be besides a time: the one of its collection."""

    INHERIT = 0


class ArtifactState(enum.Enum):
    """How an artifact is."""

    PENDING = "PENDING"
    COMMITTED = "COMMITTED"
    DELETED = "DELETED"


class Facts(Draft):
    """The properties of an artifact. Some raise ArtifactNotLoggedError until it is logged."""

    _version: Version | None
    _directory: str | None
    _failure: str | None
    _description: str | None
    _metadata: dict[str, Any]
    _aliases: list[str]
    _tags: list[str]
    _ttl: datetime.timedelta | ArtifactTTL | None
    _use_as: str | None
    _distributed_id: str | None

    def _bind(self, version: Version, directory: str | None) -> None:
        """Be a version from now on."""
        self._version = version
        self._directory = None if directory is None else runs_directory(directory)
        self._finalized = True
        self._aliases = list(version.aliases)
        self._tags = list(version.tags)
        self._metadata, self._description = dict(version.metadata), version.description
        self._ttl = _ttl_from(version.ttl)

    def _logged(self, what: str) -> Version:
        if self._version is None:
            raise ArtifactNotLoggedError(what, self._name, self._failure)
        return self._version

    @property
    def manifest(self) -> ArtifactManifest:
        """What is in it: `manifest.entries` by path, `manifest.to_manifest_json()`."""
        if self._manifest is None:
            self._manifest = self._logged("manifest").manifest()
            for entry in self._manifest.entries.values():
                entry._artifact = self  # type: ignore[assignment]
        return self._manifest

    @property
    def id(self) -> str:
        """What tells this version from all others everywhere."""
        return self._logged("id").uid

    @property
    def type(self) -> str:
        """The type, for instance `dataset` or `model`; all versions have the same."""
        return self._type

    @property
    def name(self) -> str:
        """The name; once it is logged with the version, as `cells:v3`."""
        return self._name if self._version is None else self._version.name

    @property
    def version(self) -> str:
        """The version, as `v3`."""
        return self._logged("version").version

    @property
    def qualified_name(self) -> str:
        """`entity/project/name:version`, as far as there are such."""
        return self._logged("qualified_name").qualified_name

    @property
    def entity(self) -> str:
        """The team or user; empty if none was given."""
        return self._logged("entity").key[0]

    @property
    def project(self) -> str:
        """The project."""
        return self._logged("project").key[1]

    @property
    def collection(self) -> Collection:
        """All versions of it."""
        version = self._logged("collection")
        found = catalog(self._directory or ".").collections.get(version.key)
        return Collection(version.key, version.type) if found is None else found

    @property
    def is_link(self) -> bool:
        """Whether it stands in a collection that it was linked to."""
        return self._logged("is_link").source is not None

    @property
    def source_artifact(self) -> Artifact:
        """What it is a link to; itself if it is none."""
        from .artifact import Artifact

        source = self._logged("source_artifact").source
        if source is not None:
            return Artifact._of(source, str(self._directory))
        assert isinstance(self, Artifact)  # noqa: S101
        return self

    @property
    def source_collection(self) -> Collection:
        """All versions of what it is a link to."""
        return self.source_artifact.collection

    @property
    def source_entity(self) -> str:
        """The entity of what it is a link to."""
        return self.source_artifact.entity

    @property
    def source_project(self) -> str:
        """The project of what it is a link to."""
        return self.source_artifact.project

    @property
    def source_name(self) -> str:
        """Name and version of what it is a link to."""
        return self.source_artifact.name

    @property
    def source_qualified_name(self) -> str:
        """The full name of what it is a link to."""
        return self.source_artifact.qualified_name

    @property
    def source_version(self) -> str:
        """The version of what it is a link to."""
        return self.source_artifact.version

    @property
    def linked_artifacts(self) -> list[Artifact]:
        """The links to it."""
        from .artifact import Artifact

        version, found = self._logged("linked_artifacts"), catalog(self._directory or ".")
        source = found.by_uid.get((version.source or version).uid)
        links = [] if source is None else found.links_to(source)
        return [Artifact._of(link, found.directory) for link in links]

    @property
    def linked_at(self) -> str | None:
        """When it was linked; None if it is no link."""
        version = self._logged("linked_at")
        return None if version.source is None else moment(version.time)

    @property
    def state(self) -> str:
        """`PENDING` until it is logged, then `COMMITTED`; `DELETED` after `delete`."""
        if self._version is None:
            return ArtifactState.PENDING.value
        return str((ArtifactState.DELETED if self._version.deleted else ArtifactState.COMMITTED).value)

    @property
    def digest(self) -> str:
        """The MD5 over its manifest, in hex, as wandb computes it."""
        return self.manifest.digest() if self._version is None else self._version.digest

    @property
    def digest_algorithm(self) -> str:
        """How digests are computed."""
        return "MD5"

    @property
    def commit_hash(self) -> str:
        """What tells this version from all others everywhere."""
        return self._logged("commit_hash").uid

    @property
    def size(self) -> int:
        """How many bytes its files have together."""
        return self.manifest.size() if self._version is None else int(self._version.data.get("size", 0))

    @property
    def file_count(self) -> int:
        """How many entries it has, references among them."""
        return len(self.manifest) if self._version is None else int(self._version.data.get("file_count", 0))

    @property
    def created_at(self) -> str:
        """When it was logged, as `2026-01-31T12:00:00Z`."""
        version = self._logged("created_at")
        return moment((version.source or version).time)

    @property
    def updated_at(self) -> str:
        """When it was last changed."""
        return moment(self._logged("updated_at").updated)

    @property
    def history_step(self) -> int | None:
        """The step that the run had logged when it logged this; None before the first."""
        step = self._logged("history_step").data.get("step")
        return step if isinstance(step, int) else None

    @property
    def url(self) -> str | None:
        """Always None: an artifact is in a directory, not on a server."""
        self._logged("url")
        return None

    @property
    def incremental(self) -> bool:
        """Whether it begins with what the newest version has."""
        return self._incremental

    @property
    def use_as(self) -> str | None:
        """What it was said to be used as."""
        return self._use_as

    @property
    def distributed_id(self) -> str | None:
        """What the runs have in common that make it together."""
        return self._distributed_id

    @distributed_id.setter
    def distributed_id(self, distributed_id: str | None) -> None:
        self._distributed_id = distributed_id

    @property
    def description(self) -> str | None:
        """A text for people. After logging, `save` records a change, as of all that can be set."""
        return self._description

    @description.setter
    def description(self, description: str | None) -> None:
        self._description = description

    @property
    def metadata(self) -> dict[str, Any]:
        """A dict of what JSON can hold."""
        return self._metadata

    @metadata.setter
    def metadata(self, metadata: dict[str, Any]) -> None:
        self._metadata = check_metadata(metadata)

    @property
    def aliases(self) -> list[str]:
        """The aliases: a list that may be changed."""
        self._logged("aliases")
        return self._aliases

    @aliases.setter
    def aliases(self, aliases: list[str]) -> None:
        self._logged("aliases")
        self._aliases = check_aliases(aliases)

    @property
    def tags(self) -> list[str]:
        """The tags: a list that may be changed."""
        self._logged("tags")
        return self._tags

    @tags.setter
    def tags(self, tags: list[str]) -> None:
        self._logged("tags")
        self._tags = check_aliases(tags, "Tags")

    @property
    def ttl(self) -> datetime.timedelta | None:
        """How long it is meant to be kept; None for always. Nothing here removes it."""
        return self._ttl if isinstance(self._ttl, datetime.timedelta) else None

    @ttl.setter
    def ttl(self, ttl: datetime.timedelta | ArtifactTTL | None) -> None:
        if isinstance(ttl, datetime.timedelta):
            if ttl <= datetime.timedelta(0):
                raise ValueError(
                    f"Artifact TTL Duration has to be positive, not {ttl.total_seconds()} seconds"
                )
        elif ttl is not None and not isinstance(ttl, ArtifactTTL):
            raise TypeError(f"`ttl` is a timedelta, ArtifactTTL.INHERIT or None, not `{type(ttl).__name__}`")
        self._ttl = ttl


def _ttl_from(ttl: float | str | None) -> datetime.timedelta | ArtifactTTL | None:
    """Return the time that an event tells of."""
    if isinstance(ttl, (int, float)):
        return datetime.timedelta(seconds=ttl)
    return ArtifactTTL.INHERIT if ttl == "inherit" else None


def ttl_to(ttl: datetime.timedelta | ArtifactTTL | None) -> float | str | None:
    """Return what an event says of a time: seconds, `inherit`, or None for always."""
    if isinstance(ttl, datetime.timedelta):
        return ttl.total_seconds()
    return "inherit" if ttl is ArtifactTTL.INHERIT else None
