"""The projects of a directory."""

from __future__ import annotations

import html

from .pages import Pages
from .paths import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .api import Api
    from .artifacts import ArtifactCollections, ArtifactTypes
    from .runs import Runs
    from .sweeps import Sweeps
    from .user import User


class Project:
    """A project: all runs with its name, and its entity."""

    def __init__(self, api: Api, entity: str, name: str) -> None:
        self._api = api
        #: The team or user; empty if none was given.
        self.entity = entity
        self.name = name

    @property
    def path(self) -> list[str]:
        """Entity (may be empty) and name."""
        return [self.entity, self.name]

    @property
    def id(self) -> str:
        """`entity/name`, or the name."""
        return "/".join(part for part in self.path if part)

    @property
    def url(self) -> str:
        """The address of the directory."""
        return self._api.url

    @property
    def owner(self) -> User:
        """Its entity as a user."""
        from .user import User

        return User(self.entity)

    def runs(self, filters: Mapping[str, Any] | None = None, order: str = "+created_at") -> Runs:
        """Return the runs of the project: see `Api.runs`."""
        return self._api.runs(self.id, filters, order)

    def artifacts_types(self, per_page: int = 50) -> ArtifactTypes:
        """Return the types of the artifacts of the project."""
        del per_page
        return self._api.artifact_types(self.id)

    def collections(
        self, filters: Mapping[str, Any] | None = None, order: str | None = None, per_page: int = 50
    ) -> ArtifactCollections:
        """Return the artifacts of the project, each with all its versions."""
        from .artifacts import ArtifactCollections

        return ArtifactCollections(self._api, Place(self.entity, self.name), None, order, per_page, filters)

    def sweeps(
        self, per_page: int = 50, filters: Mapping[str, Any] | None = None, order: str | None = None
    ) -> Sweeps:
        """Return the sweeps that runs of the project say they are of."""
        from .sweeps import Sweeps

        return Sweeps(self._api, self.entity, self.name, per_page, filters, order)

    def to_html(self, height: int = 420, hidden: bool = False) -> str:
        """Return the runs of the project as HTML for a notebook."""
        rows = "".join(
            f"<tr><td>{html.escape(run.id)}</td><td>{html.escape(run.name)}</td><td>{run.state}</td></tr>"
            for run in self.runs()
        )
        table = f'<div style="max-height:{int(height)}px;overflow:auto"><table>{rows}</table></div>'
        return (
            f"<details{'' if hidden else ' open'}><summary>{html.escape(self.id)}</summary>{table}</details>"
        )

    def _repr_html_(self) -> str:
        return self.to_html()

    def __repr__(self) -> str:
        return f"<Project {self.id}>"


class Projects(Pages[Project]):
    """The projects of a directory, of one entity or of all."""

    def __init__(self, api: Api, entity: str | None, per_page: int = 200) -> None:
        super().__init__(per_page)
        self._api = api
        self.entity = entity

    def _load(self) -> list[Project]:
        return [
            Project(self._api, entity, name)
            for entity, name in self._api.source.projects()
            if self.entity is None or entity in ("", self.entity)
        ]
