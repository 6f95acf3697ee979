"""Artifacts as `Api` finds them: types, collections, versions, and what a run made and used."""

from __future__ import annotations

import os

from ..._errors import UsageError
from ...artifacts import Artifact, ArtifactNotFoundError, catalog
from ...artifacts import find as find_version
from ...artifacts.changing import Annotator, new_uid
from ...artifacts.events import ledger
from .errors import NotFoundError
from .filters import Moment, compile_filter, descend
from .order import ordered
from .pages import Pages
from .paths import Place
from .times import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ...artifacts import Catalog, Collection, Version
    from .api import Api
    from .run import Run


#: Artifacts are linked and used across projects.
_ANYWHERE = Place(None, None)


class _Document:
    """A version or a collection as filters and orders see it."""

    def __init__(self, item: Any, values: dict[str, Any]) -> None:
        self.item = item
        self.values = values

    def candidates(self, field: str) -> list[Any]:
        name = {"createdAt": "created_at", "updatedAt": "updated_at"}.get(field, field)
        if name.split(".")[0] not in self.values:
            raise ValueError(f"Artifacts have no field `{field}`; there are {', '.join(self.values)}")
        return descend(self.values, name.split("."))


def _in_order(documents: list[_Document], order: str | None, default: str) -> list[Any]:
    return [document.item for document in ordered(documents, order or default)]


class Artifacts(Pages[Artifact]):
    """The versions of an artifact, newest first, or those that have all of some tags."""

    def __init__(
        self,
        api: Api,
        type_name: str | None,
        name: str,
        order: str | None = None,
        per_page: int = 50,
        tags: list[str] | str | None = None,
    ) -> None:
        super().__init__(per_page)
        self._api = api
        self._type = type_name
        self._name = name
        self._order = order
        self._tags = {tags} if isinstance(tags, str) else set(tags or ())

    def _load(self) -> list[Artifact]:
        found = collection(self._api, self._type, self._name)
        documents = [
            _Document(version, _version_values(version))
            for version in found._found.versions
            if self._tags <= set(version.tags)
        ]
        versions = _in_order(documents, self._order, "-version")
        return [Artifact._of(version, self._api.source.path) for version in versions]


def _version_values(version: Version) -> dict[str, Any]:
    return {
        "version": version.number,
        "created_at": Moment(version.time),
        "updated_at": Moment(version.updated),
        "aliases": version.aliases,
        "tags": version.tags,
        "metadata": version.metadata,
        "digest": version.digest,
    }


class RunArtifacts(Pages[Artifact]):
    """What a run made (`logged`) or used, in order."""

    def __init__(self, run: Run, mode: str = "logged", per_page: int = 100) -> None:
        super().__init__(per_page)
        self._run = run
        self._mode = mode

    def _load(self) -> list[Artifact]:
        found = self._run.source.catalog(_ANYWHERE)
        versions = found.made_by(self._run.id) if self._mode == "logged" else found.used_by(self._run.id)
        return [Artifact._of(version, self._run.dir) for version in versions]


class ArtifactCollection:
    """An artifact with all its versions."""

    entity: str
    project: str
    name: str

    def __init__(self, api: Api, found: Collection) -> None:
        self._api = api
        self._found = found
        self.entity, self.project, self.name = found.key
        #: The type of all its versions.
        self.type: str = found.type

    @property
    def id(self) -> str:
        """`entity/project/name`, as far as there are such."""
        return "/".join(part for part in self._found.key if part)

    @property
    def aliases(self) -> list[str]:
        """The aliases of its versions."""
        return list(self._found.aliases)

    @property
    def description(self) -> str | None:
        """The description of its newest version."""
        latest = self._found.latest
        return None if latest is None else latest.description

    @property
    def created_at(self) -> str:
        """When its first version was made, such as `2026-01-31T12:00:00Z`."""
        return iso(self._found.all[0].time)

    def versions(self, per_page: int = 50) -> Artifacts:
        """Return its versions, newest first."""
        return Artifacts(self._api, self.type, self.id, per_page=per_page)

    artifacts = versions

    def is_sequence(self) -> bool:
        """Say whether its versions were logged under this name, and not linked to it."""
        return all(version.source is None for version in self._found.all)

    def delete(self) -> None:
        """Take all its versions out of the directory's artifacts. The bytes stay in the files of the runs."""
        for artifact in self.versions():
            artifact.delete(delete_aliases=True)

    def __repr__(self) -> str:
        return f"<ArtifactCollection {self.id} ({self.type})>"


class ArtifactCollections(Pages[ArtifactCollection]):
    """The artifacts of a project, of one type or of all, by name."""

    def __init__(
        self,
        api: Api,
        place: Place,
        type_name: str | None = None,
        order: str | None = None,
        per_page: int = 50,
        filters: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(per_page)
        self._api = api
        self._place = place
        self._type = type_name
        self._order = order
        self._passes = compile_filter(filters)

    def _load(self) -> list[ArtifactCollection]:
        collections = [
            ArtifactCollection(self._api, found)
            for found in _of_project(self._api, self._place)
            if self._type in (None, found.type)
        ]
        documents = [_Document(item, _collection_values(item)) for item in collections]
        return _in_order([d for d in documents if self._passes(d)], self._order, "+name")


def _collection_values(item: ArtifactCollection) -> dict[str, Any]:
    return {
        "name": item.name,
        "type": item.type,
        "created_at": Moment(item._found.all[0].time),
        "description": item.description,
        "aliases": item.aliases,
    }


class ArtifactType:
    """A type of artifacts of a project."""

    def __init__(self, api: Api, place: Place, name: str) -> None:
        self._api = api
        self._place = place
        self.entity: str = place.entity or ""
        self.project: str = place.project or ""
        self.name = name
        self.type = name
        self.description: str | None = None

    @property
    def id(self) -> str:
        """The project and the name."""
        return "/".join(part for part in (self.entity, self.project, self.name) if part)

    def collections(
        self, filters: Mapping[str, Any] | None = None, order: str | None = None, per_page: int = 50
    ) -> ArtifactCollections:
        """Return the artifacts of this type."""
        return ArtifactCollections(self._api, self._place, self.name, order, per_page, filters)

    def collection(self, name: str) -> ArtifactCollection:
        """Return an artifact of this type; raise ValueError if there is none."""
        path = name if "/" in name else "/".join(part for part in (self.entity, self.project, name) if part)
        return collection(self._api, self.name, path)

    def __repr__(self) -> str:
        return f"<ArtifactType {self.id}>"


class ArtifactTypes(Pages[ArtifactType]):
    """The types of the artifacts of a project, by name."""

    def __init__(self, api: Api, place: Place, per_page: int = 50) -> None:
        super().__init__(per_page)
        self._api = api
        self._place = place

    def _load(self) -> list[ArtifactType]:
        names = {found.type for found in _of_project(self._api, self._place)}
        return [ArtifactType(self._api, self._place, name) for name in sorted(names)]


def _of_project(api: Api, place: Place) -> list[Collection]:
    """Return what there is of a project, of all if none is given. Without an entity it is of any."""
    return [
        found
        for (entity, project, _), found in api.source.catalog(place).collections.items()
        if found.versions
        and place.project in (None, project)
        and (place.entity in (None, entity) or not entity)
    ]


def find(api: Api, name: str, type_name: str | None = None) -> Artifact:
    """Return the artifact of a name; raise ValueError if there is none, or it is of another type."""
    found = api.source.catalog(_ANYWHERE)
    return Artifact._of(_version(api, found, name, type_name), api.source.path)


def _version(api: Api, found: Catalog, name: str, type_name: str | None) -> Version:
    entity, project = api.settings["entity"] or "", api.settings["project"] or ""
    bare = name.partition(":")[0]
    if "/" not in bare and not project:
        # Of whichever project it is, if that is clear.
        there = [key for key, item in found.collections.items() if key[2] == bare and item.versions]
        if len(there) > 1:
            shown = ", ".join("/".join(part for part in key if part) for key in there)
            raise NotFoundError(f"`{bare}` is the name of several artifacts: {shown}; give one of these")
        if there:
            entity, project = there[0][0], there[0][1]
    return find_version(found, name, entity, project, type_name)


def exists(api: Api, name: str, type_name: str | None = None) -> bool:
    """Say whether there is an artifact of a name, and of a type."""
    try:
        find(api, name, type_name)
    except ValueError:
        return False
    return True


def collection(api: Api, type_name: str | None, name: str) -> ArtifactCollection:
    """Return an artifact with all its versions; raise ValueError if there is none, or of another type."""
    found = api.source.catalog(_ANYWHERE)
    version = _version(api, found, name.partition(":")[0], None)
    if type_name is not None and version.type != type_name:
        raise ArtifactNotFoundError(
            f"Artifact `{name}` is of the type `{version.type}`, and not `{type_name}`"
        )
    return ArtifactCollection(api, found.collections[version.key])


def record(run: Run, artifact: Artifact, relation: str, aliases: list[str]) -> Artifact:
    """Record that a run that has ended made or used an artifact."""
    if artifact.is_draft():
        raise UsageError(
            f"Artifact `{artifact.name}` is not logged yet: only a run that is being written logs a new one"
        )
    run._look_again()
    run._check_changeable()
    version = artifact.source_artifact._version
    if version is None:
        raise UsageError(f"Artifact `{artifact.name}` links to one that is not there")
    entity, project, _ = version.key
    about = {"type": version.type, "version": version.version, "digest": version.digest, "aliases": aliases}
    directory = os.path.dirname(os.path.abspath(run.parts[-1]))
    with ledger(directory) as book:
        book.catalog()
        fields = {"uid": new_uid(), "of": version.uid, "entity": entity, "project": project, **about}
        book.record(Annotator(directory, run.id), version.name, relation, fields)
    found = catalog(directory).by_uid.get(version.uid)
    return artifact if found is None else Artifact._of(found, directory)
