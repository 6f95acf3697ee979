"""What is known about a run that is read back, except its rows and files."""

from __future__ import annotations

import json
import os

from ..._errors import Error
from .errors import path_of
from .history import system_key
from .metrics import read_summary
from .summary import Summary
from .times import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .api import Api
    from .reader import Reader
    from .source import Source
    from .sweeps import Sweep
    from .user import User


def _changeable(name: str, doc: str) -> Any:
    """Return a property for a text that `update()` saves."""

    def read(run: About) -> str:
        return str(run._texts[name])

    def change(run: About, text: str) -> None:
        run._texts[name] = "" if text is None else str(text)

    return property(read, change, doc=doc)


class About:
    """What is known about a run. It is read when it is asked for, and kept until `load(force=True)`."""

    def __init__(self, source: Source, info: dict[str, Any], api: Api | None = None) -> None:
        #: Where the run was found.
        self.source = source
        self.client = api
        #: The run at a glance, as `danlu ls --json` shows it.
        self.info: dict[str, Any] = info
        self.reader: Reader = source.reader(info)
        #: Whether another run was begun later under the same id, as far as that was looked for.
        self.is_old: bool = False
        self._read: dict[str, Any] = {}

    def _once(self, name: str, read: Any) -> Any:
        if name not in self._read:
            self._read[name] = read()
        return self._read[name]

    def load(self, force: bool = False) -> dict[str, Any]:
        """Read the run again if `force`, and forget unsaved changes; return it at a glance."""
        if force:
            self._look_again()
            self._read = {}
        return self.info

    load_full_data = load

    @property
    def dir(self) -> str:
        """The directory in which the run was found."""
        return self.source.path

    @property
    def parts(self) -> list[str]:
        """The files of the run: each of several writers has its own."""
        return self.reader.parts

    @property
    def id(self) -> str:
        """The run id."""
        return str(self.info["id"])

    @property
    def entity(self) -> str:
        """The team or user; empty if none was given."""
        return str(self.info["entity"])

    @property
    def project(self) -> str:
        """The project."""
        return str(self.info["project"])

    @property
    def path(self) -> list[str]:
        """Entity (may be empty), project and id."""
        return [self.entity, self.project, self.id]

    @property
    def storage_id(self) -> str:
        """What tells the run from all others: `entity/project/id`, as far as there are such."""
        return path_of(self.info)

    @property
    def url(self) -> str:
        """The address of the run: of its file, or of its page at a server."""
        return self.source.address(self.info)

    @property
    def state(self) -> str:
        """`running`, `finished`, `failed` or `crashed`."""
        return str(self.info["state"])

    @property
    def exit_code(self) -> int | None:
        """The exit code of the training, if it ended in order."""
        code: int | None = self.info["exit_code"]
        return code

    @property
    def created_at(self) -> str:
        """When it began, such as `2026-01-31T12:00:00Z`."""
        return iso(self.info["started"])

    createdAt = created_at  # noqa: N815

    @property
    def heartbeatAt(self) -> str:  # noqa: N802
        """When it ended or was last heard of, such as `2026-01-31T12:00:00Z`."""
        return iso(self.reader.heartbeat())

    heartbeat_at = heartbeatAt

    @property
    def duration(self) -> float:
        """How long it has run, in seconds, without the breaks between attempts."""
        return self.reader.runtime(self.reader.heartbeat())

    @property
    def lastHistoryStep(self) -> int:  # noqa: N802
        """The step of the last row; -1 if there is none."""
        step = self.info["last_step"]
        return -1 if step is None else int(step)

    @property
    def _texts(self) -> dict[str, Any]:
        def read() -> dict[str, Any]:
            name, group, job_type, notes, tags = self.reader.start()
            return {
                "name": name or self.id,
                "group": group,
                "job_type": job_type,
                "notes": notes,
                "tags": list(tags),
            }

        found: dict[str, Any] = self._once("texts", read)
        return found

    name: Any = _changeable("name", "The display name; the id if it has none. Can be set.")
    display_name: Any = name
    notes: Any = _changeable("notes", "Notes in prose. Can be set.")
    description: Any = notes
    group: Any = _changeable("group", "The group of runs that it belongs to. Can be set.")
    job_type: Any = _changeable("job_type", "What it does within its group. Can be set.")

    @property
    def tags(self) -> list[str]:
        """The tags. The list can be changed, and another one can be set."""
        found: list[str] = self._texts["tags"]
        return found

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        self._texts["tags"] = [tags] if isinstance(tags, str) else list(tags)

    @property
    def rawconfig(self) -> dict[str, Any]:
        """The config with the keys that begin with `_`."""
        return self.reader.view("config")

    @property
    def config(self) -> dict[str, Any]:
        """The config without the keys that begin with `_`. The dict can be changed."""
        found: dict[str, Any] = self._once("config", self._shown_config)
        return found

    def _shown_config(self) -> dict[str, Any]:
        return {key: value for key, value in self.rawconfig.items() if not key.startswith("_")}

    @property
    def json_config(self) -> str:
        """The config as JSON, as wandb stores it."""
        import json

        return json.dumps({key: {"value": value, "desc": None} for key, value in self.rawconfig.items()})

    @property
    def summary(self) -> Summary:
        """The last value of every key, or what was set by hand or asked for by `define_metric`."""
        found: Summary = self._once("summary", self._summary)
        return found

    def _summary(self) -> Summary:
        return Summary(read_summary(self.reader), self._annotate)

    def _annotate(self, changes: list[tuple[str, str, str]]) -> None:
        """Change the run, which must have ended."""
        self._look_again()
        self._check_changeable()
        self.source.change(self.info, changes)
        self._look_again()

    def _look_again(self) -> None:
        """Find out how the run is now. What was changed here stays."""
        self.info, self.is_old = self.source.again(self.info)
        self.reader = self.source.reader(self.info)

    def _check_changeable(self) -> None:
        self.source.check_changeable(self.info, self.is_old)

    @property
    def summary_metrics(self) -> dict[str, Any]:
        """The summary as a plain dict."""
        return self.summary._json_dict

    @property
    def system_metrics(self) -> dict[str, Any]:
        """The last value of each system metric, keys with `system.` in front."""
        return {system_key(key): value for key, value in self.reader.system().items()}

    @property
    def metadata(self) -> dict[str, Any]:
        """What was known at the start and is in `wandb-metadata.json`; of several attempts the last."""
        attempts = self.reader.processes()
        found: dict[str, Any] = {}
        for attempt in attempts:
            found.update(attempt.info)
            found.update(host=attempt.host, pid=attempt.pid, danlu=attempt.danlu)
        if attempts:
            found.update(startedAt=iso(attempts[0].began), heartbeatAt=self.heartbeatAt)
        return {**self.reader.keep("metadata", self._metadata_file), **found}

    def _metadata_file(self) -> dict[str, Any]:
        """Return what was recorded of the machine, the code and so on; nothing if that is switched off."""
        import tempfile

        stored = self.reader.file("wandb-metadata.json")
        if stored is None:
            return {}
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "metadata.json")
            try:
                self.source.content(self.info, stored.sha256, path)
            except Error:
                return {}
            with open(path, encoding="utf-8") as file:
                found = json.load(file)
        return found if isinstance(found, dict) else {}

    @property
    def host(self) -> str:
        """The machine that it began on."""
        return str(self.info["host"])

    @property
    def commit(self) -> str | None:
        """The commit of git that it ran from, if it says."""
        git = self.metadata.get("git")
        return git.get("commit") if isinstance(git, dict) else None

    @property
    def user(self) -> User:
        """Who began the run, as far as it says."""
        from .user import User

        return User(str(self.metadata.get("username") or self.entity))

    @property
    def username(self) -> str:
        """The name of who began the run, as far as it says."""
        return self.user.username

    @property
    def sweep_name(self) -> str | None:
        """The id of the sweep that the run is of."""
        sweep = self.metadata.get("sweep_id")
        return None if sweep is None else str(sweep)

    @property
    def sweep(self) -> Sweep | None:
        """The sweep that the run is of."""
        from .sweeps import Sweep

        if self.sweep_name is None or self.client is None:
            return None
        return Sweep(self.client, self.entity, self.project, self.sweep_name)
