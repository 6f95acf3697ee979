"""The runs of a directory, with the interface of wandb's public API."""

from __future__ import annotations

import os

from ..._errors import UsageError
from ..._start import DEFAULT_PROJECT, absolute
from .directory import Directory
from .editing import create
from .paths import Place, named_place, project_place
from .projects import Project, Projects
from .run import Run
from .runs import Runs
from .server import Client, ServerOnly
from .source import find, fits, no_project
from .sweeps import Sweep, find_sweep
from .user import User

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ...artifacts import Artifact
    from .accounts import Team
    from .artifacts import ArtifactCollection, ArtifactCollections, Artifacts, ArtifactType, ArtifactTypes
    from .source import Source

    AnyPath = str | os.PathLike[str]


#: What a directory has that was synced to.
_MARKER = "danlu-remote.json"


class Api(ServerOnly):
    """Reads the runs of a directory, whose `wandb/` holds them, or of a remote: a danlu server, for instance.

    `Api()` reads `DANLU_DIR`, else `WANDB_DIR`, else the current directory; `Api("path")` and
    `Api(dir="path")` read that one. `Api("https://…")`, `Api({"base_url": "https://…"})` and
    `Api(remote="lab")` read what is at a server, in a bucket, behind ssh, or in a directory that was synced
    to, by its address or its name in `danlu remote`. A server takes `api_key`, else `DANLU_API_KEY` or
    `WANDB_API_KEY`, else the key of `danlu login`. `overrides` may set `entity`, `project` and `run` too,
    which paths that leave them out then mean.

    Nothing is kept between calls: each looks at the runs as they are. Keywords such as `timeout`, `lazy` and
    `include_sweeps` are taken and do nothing; so does `start` of lists, which read as they are looked at.
    `per_page` is how many runs of a list in an order a server is asked for at once, 1000 at most.

    A run that was logged without an entity is found under any, so that paths of wandb such as
    `team/project/id` can stay in scripts.
    """

    __module__ = "danlu"

    def __init__(
        self,
        overrides: Mapping[str, Any] | AnyPath | None = None,
        timeout: float | None = None,
        api_key: str | None = None,
        *,
        dir: AnyPath | None = None,  # noqa: A002
        remote: str | None = None,
    ) -> None:
        del timeout
        if isinstance(overrides, (str, os.PathLike)):
            if dir is not None:
                raise UsageError(f"Api() takes one directory, not `{overrides}` and `{dir}`")
            dir, overrides = overrides, None  # noqa: A001
        given = dict(overrides or {})
        where = os.fspath(dir) if dir is not None else None
        places = [place for place in (where, remote, given.get("base_url")) if place]
        if len(places) > 1:
            raise UsageError(f"Api() reads one place, not {' and '.join(f'`{place}`' for place in places)}")
        self.settings: dict[str, str | None] = {
            "entity": given.get("entity") or given.get("username") or _variable("ENTITY"),
            "project": given.get("project") or _variable("PROJECT"),
            "run": given.get("run") or _variable("RUN_ID"),
            "base_url": given.get("base_url") or remote,
        }
        self._api_key = api_key
        self.source: Source = self._source(self.settings["base_url"], where)
        self._made: set[str] = set()

    def _source(self, remote: str | None, where: str | None) -> Source:
        here = _variable("DIR") or "."
        place = where or here
        if remote is None and "://" not in place and not os.path.isfile(os.path.join(place, _MARKER)):
            return Directory(absolute(place))
        from .remote import open_remote

        return open_remote(remote or place, here, self.api_key)

    @property
    def dir(self) -> str:
        """The directory that is read; of a remote, the one that its runs are brought to."""
        return self.source.path

    @property
    def url(self) -> str:
        """The address of the directory or the remote."""
        return self.source.url

    @property
    def api_key(self) -> str | None:
        """The key that was given, else that of the environment. Only a server needs one."""
        return self._api_key or _variable("API_KEY")

    @property
    def client(self) -> Client:
        """Stands for the connection to a server, which there is not."""
        return Client(self.url)

    @property
    def user_agent(self) -> str:
        """`danlu` and its version."""
        from ..._core import __version__

        return f"danlu {__version__}"

    @property
    def default_entity(self) -> str | None:
        """The entity that was given, else that of the environment, else None."""
        entity: str | None = self.settings["entity"]
        return entity

    @property
    def viewer(self) -> User:
        """Who reads: the account at a server; elsewhere the default entity, else the user of this machine."""
        import getpass

        from .accounts import of_key

        account = of_key(self.source)
        if account is not None:
            return account

        try:
            return User(self.default_entity or getpass.getuser())
        except (KeyError, OSError):
            return User("")

    def user(self, username_or_email: str) -> User | None:
        """Return the user of the server whose name is `username_or_email`; None if the key may see none."""
        from .accounts import users

        return next(iter(users(self.source, "user", username_or_email)), None)

    def users(self, username_or_email: str) -> list[User]:
        """Return the users of the server whose name is `username_or_email`: none or one."""
        from .accounts import users

        return users(self.source, "users", username_or_email)

    def team(self, team: str) -> Team:
        """Return a team of the server; raise NotFoundError, which is a ValueError, if there is none."""
        from .accounts import team_of

        return team_of(self.source, team)

    def flush(self) -> None:
        """Do nothing: nothing is kept between calls."""

    def _project(self, path: str | None) -> Place:
        return project_place(path, self.settings["entity"], self.settings["project"])

    def _named(self, path: str) -> Place:
        return named_place(path, self.settings["entity"], self.settings["project"])

    def runs(
        self,
        path: str | None = None,
        filters: Mapping[str, Any] | None = None,
        order: str = "+created_at",
        per_page: int = 50,
        include_sweeps: bool = False,
        lazy: bool = True,
    ) -> Runs:
        """Return the runs of `entity/project` or `project`; without both, of the default project or of all.

        `filters` is in MongoDB's language, such as `{"config.lr": {"$lt": 0.1}, "state": "finished"}`, and
        `order` such as `-summary_metrics.loss`; docs/reading.md has both in full. A project without runs is a
        ValueError when the runs are first used.
        """
        del include_sweeps, lazy
        place = self._project(path)
        made = place.project in self._made
        return Runs(self.source, place, filters, order, per_page, self, may_be_empty=made)

    def run(self, path: str = "") -> Run:
        """Return the run of `entity/project/id`, `project/id` or `id`.

        Raises `RunNotFoundError`, which is a ValueError, if there is none, or several with this id.
        """
        path = path or str(self.settings["run"] or "")
        if not path:
            raise UsageError("run() needs a path, such as `project/id`")
        return Run(self.source, find(self.source, self._named(path)), self)

    def create_run(
        self, *, run_id: str | None = None, project: str | None = None, entity: str | None = None
    ) -> Run:
        """Make a run without rows, with the id `run_id`.

        It is finished; `init(id=…, resume="must")` goes on with it.
        """
        project = project or self.settings["project"] or DEFAULT_PROJECT
        entity = entity or self.settings["entity"]
        run_id = self.source.add(lambda place: create(place, run_id, project, entity))
        return Run(self.source, find(self.source, Place(entity, project, run_id)), self)

    def projects(self, entity: str | None = None, per_page: int = 200) -> Projects:
        """Return the projects of the directory, of one entity or of all."""
        return Projects(self, entity, per_page)

    def project(self, name: str, entity: str | None = None) -> Project:
        """Return a project by name; raise NotFoundError, which is a ValueError, if it has no runs."""
        place = project_place(name, entity or self.settings["entity"])
        if place.project in self._made:
            return Project(self, place.entity or "", str(place.project))
        for owner, project in self.source.projects():
            if fits({"entity": owner, "project": project}, place):
                return Project(self, owner, project)
        raise no_project(self.source, place)

    def create_project(self, name: str, entity: str | None = None) -> None:
        """Let a project without runs be found by this Api: a project is there for all with its first run."""
        del entity
        self._made.add(name)

    def sweep(self, path: str = "") -> Sweep:
        """Return the sweep of `entity/project/id`, `project/id` or `id`, if a run is of it."""
        return find_sweep(self, self._named(path))

    def from_path(self, path: str) -> Any:
        """Return the run, project, sweep or artifact of a path."""
        if "/sweeps/" in path:
            return self.sweep(path)
        if "/artifacts/" in path or (":" in path.rsplit("/", 1)[-1] and "://" not in path):
            return self.artifact(path)
        try:
            return self.project(path)
        except ValueError:
            return self.run(path)

    def artifact(self, name: str, type: str | None = None) -> Artifact:  # noqa: A002
        """Return the artifact of `name:alias`, with `entity/project/` in front if need be.

        Without an alias it is the latest. Raises ValueError if there is none, or it is of another type.
        """
        from .artifacts import find

        return find(self, name, type)

    def artifact_exists(self, name: str, type: str | None = None) -> bool:  # noqa: A002
        """Say whether there is an artifact of this name, version or alias, and type."""
        from .artifacts import exists

        return exists(self, name, type)

    def artifact_types(self, project: str | None = None, start: str | None = None) -> ArtifactTypes:
        """Return the types of the artifacts of a project."""
        from .artifacts import ArtifactTypes

        del start
        return ArtifactTypes(self, self._project(project))

    def artifact_type(self, type_name: str, project: str | None = None) -> ArtifactType:
        """Return the type `type_name` of artifacts of a project."""
        from .artifacts import ArtifactType

        return ArtifactType(self, self._project(project), type_name)

    def artifact_collections(
        self,
        project_name: str,
        type_name: str,
        order: str | None = None,
        per_page: int = 50,
        start: str | None = None,
    ) -> ArtifactCollections:
        """Return the artifacts of type `type_name` of `project_name`, in `order`, each with all versions."""
        from .artifacts import ArtifactCollections

        del start
        return ArtifactCollections(self, self._project(project_name), type_name, order, per_page)

    def artifact_collection(self, type_name: str, name: str) -> ArtifactCollection:
        """Return an artifact of type `type_name` with all its versions; raise ValueError if there is none."""
        from .artifacts import collection

        return collection(self, type_name, name)

    def artifact_collection_exists(self, name: str, type: str) -> bool:  # noqa: A002
        """Say whether there is an artifact of this name and type, in any version."""
        try:
            self.artifact_collection(type, name)
        except ValueError:
            return False
        return True

    def artifacts(
        self,
        type_name: str,
        name: str,
        order: str | None = None,
        per_page: int = 50,
        tags: list[str] | None = None,
        start: str | None = None,
    ) -> Artifacts:
        """Return the versions of an artifact of type `type_name`, or those with all of these tags.

        They are in `order`, by default the newest first.
        """
        from .artifacts import Artifacts

        del start
        return Artifacts(self, type_name, name, order, per_page, tags)

    def artifact_versions(self, type_name: str, name: str, per_page: int = 50) -> Artifacts:
        """Return the versions of an artifact of type `type_name`, newest first."""
        return self.artifacts(type_name, name, per_page=per_page)

    def sync_tensorboard(
        self,
        root_dir: AnyPath,
        run_id: str | None = None,
        project: str | None = None,
        entity: str | None = None,
    ) -> Run:
        """Make a run, `run_id`, of the TensorBoard event files below `root_dir`, and return it."""
        from .boards import read_in

        project = project or self.settings["project"] or DEFAULT_PROJECT
        entity = entity or self.settings["entity"]
        root = os.fspath(root_dir)
        made = self.source.add(lambda place: read_in(root, place, run_id, project, entity))
        return Run(self.source, find(self.source, Place(entity, project, made)), self)

    def __repr__(self) -> str:
        return f"<Api of {self.source.shown}>"


def _variable(name: str) -> str | None:
    return os.environ.get(f"DANLU_{name}") or os.environ.get(f"WANDB_{name}") or None
