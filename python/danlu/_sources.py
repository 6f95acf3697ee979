"""Where settings come from that are not given to `init`: files, the environment, and `danlu.setup`."""

from __future__ import annotations

import os

from . import _say
from ._fields import FIELDS, field_of, made_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Variables with another name than their setting, and those of `docs/environment.md`, without the prefix.
_VARIABLES = {
    "project": "PROJECT",
    "entity": "ENTITY",
    "run_name": "NAME",
    "run_id": "RUN_ID",
    "run_notes": "NOTES",
    "run_tags": "TAGS",
    "run_group": "RUN_GROUP",
    "run_job_type": "JOB_TYPE",
    "root_dir": "DIR",
    "mode": "MODE",
    "resume": "RESUME",
    "fork_from": "FORK_FROM",
    "resume_from": "RESUME_FROM",
    "reinit": "REINIT",
    "ignore_globs": "IGNORE_GLOBS",
    "config_paths": "CONFIG_PATHS",
    "save_code": "SAVE_CODE",
    "email": "USER_EMAIL",
    "x_graphql_timeout_seconds": "HTTP_TIMEOUT",
    "x_file_transfer_timeout_seconds": "FILE_PUSHER_TIMEOUT",
}
_FIELDS_OF = {variable: field for field, variable in _VARIABLES.items()}

#: What `danlu.setup` was given.
of_setup: dict[str, Any] = {}


def gathered() -> dict[str, Any]:
    """Return the settings that are given anywhere, the strongest source of each."""
    from . import _files

    found: dict[str, Any] = {}
    for path in _files.paths():
        for name, text in _files.read(path).items():
            _take(found, field_of(name), text, f"`{name}` in `{path}`")
    for prefix in ("WANDB_", "DANLU_"):
        for variable, text in os.environ.items():
            if text and variable.startswith(prefix):
                _take(found, _field_of_variable(variable[len(prefix) :]), text, variable)
    if "mode" not in found and os.environ.get("WANDB_DISABLED", "").lower() in ("1", "true", "yes"):
        found["mode"] = "disabled"
    found.update(of_setup)
    return found


def _field_of_variable(name: str) -> str | None:
    if name in _FIELDS_OF:
        return _FIELDS_OF[name]
    lower = name.lower()
    field = field_of(lower)
    # A field with a variable of its own has no other.
    return None if field in _VARIABLES and field != lower else field


def _take(found: dict[str, Any], field: str | None, text: str, where: str) -> None:
    if field is None or field not in FIELDS:
        return
    try:
        found[field] = made_of(field, text)
    except ValueError as e:
        _say.warn(f"{where} is ignored: {e}")


def directory() -> str:
    """Return the directory in which runs are that nothing else is said of, as an absolute path."""
    from ._start import Start

    return Start({"root_dir": gathered().get("root_dir")}).dir
