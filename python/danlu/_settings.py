"""What a run is started with: from the arguments of `init`, else from the environment, else a default."""

from __future__ import annotations

import os
import sys

from ._errors import UsageError
from ._say import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULT_PROJECT = "uncategorized"

#: Modes of wandb that mean the same here: a run is always written, and only `danlu sync` sends it anywhere.
_MODES = {
    "offline": "offline",
    "online": "offline",
    "dryrun": "offline",
    "run": "offline",
    "shared": "offline",
    "disabled": "disabled",
}

#: The environment variables, without the `DANLU_` or `WANDB_` in front.
_VARIABLES = {
    "project": "PROJECT",
    "entity": "ENTITY",
    "name": "NAME",
    "id": "RUN_ID",
    "notes": "NOTES",
    "tags": "TAGS",
    "group": "RUN_GROUP",
    "job_type": "JOB_TYPE",
    "dir": "DIR",
    "mode": "MODE",
}


class Settings:
    """What a run is started with."""

    def __init__(self, **arguments: Any) -> None:
        def text(name: str, default: str = "") -> str:
            value = _argument_or_variable(arguments, name)
            return default if value is None else text_of(value)

        self.project = text("project", DEFAULT_PROJECT)
        self.entity = text("entity")
        self.name = text("name")
        self.group = text("group")
        self.job_type = text("job_type")
        self.notes = text("notes")
        run_id = _argument_or_variable(arguments, "id")
        self.id = None if run_id is None else text_of(run_id)
        self.tags = tags_of(_argument_or_variable(arguments, "tags"))
        self.dir = absolute(os.fsdecode(_argument_or_variable(arguments, "dir") or "."))
        self.mode = _mode(text("mode", "offline"))
        if not self.entity and self.project.count("/") == 1:
            self.entity, self.project = self.project.split("/")
            if not self.entity:
                raise UsageError(f"The project `/{self.project}` cannot be used: its entity is empty")

    def for_core(self) -> dict[str, Any]:
        """Return what the core wants to know, except where to write."""
        return {
            "project": self.project,
            "entity": self.entity,
            "id": self.id,
            "name": self.name,
            "group": self.group,
            "job_type": self.job_type,
            "notes": self.notes,
            "tags": self.tags,
            "info": _info(),
        }


def _argument_or_variable(arguments: dict[str, Any], name: str) -> Any:
    value = arguments.get(name)
    if value is not None:
        return value
    variable = _VARIABLES[name]
    return os.environ.get(f"DANLU_{variable}") or os.environ.get(f"WANDB_{variable}") or None


def absolute(path: str) -> str:
    """Return the absolute path, or the path itself where the current directory is gone."""
    try:
        return os.path.abspath(path)
    except OSError:
        return path


def tags_of(tags: object) -> list[str]:
    if tags is None:
        return []
    if isinstance(tags, str):
        return [tag.strip() for tag in text_of(tags).split(",") if tag.strip()]
    try:
        return list(dict.fromkeys(text_of(tag) for tag in tags))  # type: ignore[attr-defined]
    except TypeError:
        raise UsageError(f"The tags must be a list of texts, not `{type(tags).__name__}`") from None


def _mode(mode: str) -> str:
    try:
        return _MODES[mode.lower()]
    except KeyError:
        known = ", ".join(f"`{name}`" for name in ("offline", "online", "disabled"))
        raise UsageError(f"The mode `{mode}` cannot be used (known are {known})") from None


def _info() -> str:
    """Return what else is known at the start, as JSON. Arguments are left out: they may be secret."""
    import json

    program = sys.argv[0] if getattr(sys, "argv", None) else ""
    return json.dumps({"python": sys.version.split()[0], "program": program})
