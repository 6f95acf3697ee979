"""The names of environment variables, and functions that read and set them."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Optional

    Env = Optional[MutableMapping[str, str]]

AGENT_DISABLE_FLAPPING = "WANDB_AGENT_DISABLE_FLAPPING"
AGENT_KILL_DELAY = "WANDB_AGENT_KILL_DELAY"
AGENT_MAX_INITIAL_FAILURES = "WANDB_AGENT_MAX_INITIAL_FAILURES"
AGENT_REPORT_INTERVAL = "WANDB_AGENT_REPORT_INTERVAL"
ANONYMOUS = "WANDB_ANONYMOUS"
API_KEY = "WANDB_API_KEY"
APP_URL = "WANDB_APP_URL"
ARGS = "WANDB_ARGS"
ARTIFACT_DIR = "WANDB_ARTIFACT_DIR"
BASE_URL = "WANDB_BASE_URL"
CACHE_DIR = "WANDB_CACHE_DIR"
CONFIG_DIR = "WANDB_CONFIG_DIR"
CONFIG_PATHS = "WANDB_CONFIG_PATHS"
CONSOLE = "WANDB_CONSOLE"
CORE_DEBUG = "WANDB_CORE_DEBUG"
CREDENTIALS_FILE = "WANDB_CREDENTIALS_FILE"
DATA_DIR = "WANDB_DATA_DIR"
DEBUG = "WANDB_DEBUG"
DESCRIPTION = "WANDB_DESCRIPTION"
DIR = "WANDB_DIR"
DISABLE_CODE = "WANDB_DISABLE_CODE"
DISABLE_GIT = "WANDB_DISABLE_GIT"
DISABLE_SSL = "WANDB_INSECURE_DISABLE_SSL"
DOCKER = "WANDB_DOCKER"
ENTITY = "WANDB_ENTITY"
ERROR_REPORTING = "WANDB_ERROR_REPORTING"
FILE_PUSHER_TIMEOUT = "WANDB_FILE_PUSHER_TIMEOUT"
GIT_COMMIT = "WANDB_GIT_COMMIT"
GIT_REMOTE_URL = "WANDB_GIT_REMOTE_URL"
GIT_ROOT = "WANDB_GIT_ROOT"
HOST = "WANDB_HOST"
HTTP_TIMEOUT = "WANDB_HTTP_TIMEOUT"
IDENTITY_TOKEN_FILE = "WANDB_IDENTITY_TOKEN_FILE"  # noqa: S105
IGNORE = "WANDB_IGNORE_GLOBS"
INIT_TIMEOUT = "WANDB_INIT_TIMEOUT"
JOB_NAME = "WANDB_JOB_NAME"
JUPYTER = "WANDB_JUPYTER"
MAGIC = "WANDB_MAGIC"
MODE = "WANDB_MODE"
NAME = "WANDB_NAME"
NOTEBOOK_NAME = "WANDB_NOTEBOOK_NAME"
NOTES = "WANDB_NOTES"
PROJECT = "WANDB_PROJECT"
QUIET = "WANDB_QUIET"
RESUME = "WANDB_RESUME"
RUN_DIR = "WANDB_RUN_DIR"
RUN_GROUP = "WANDB_RUN_GROUP"
RUN_ID = "WANDB_RUN_ID"
RUN_STORAGE_ID = "WANDB_RUN_STORAGE_ID"
SAVE_CODE = "WANDB_SAVE_CODE"
SERVICE = "WANDB_SERVICE"
SHOW_RUN = "WANDB_SHOW_RUN"
SILENT = "WANDB_SILENT"
START_METHOD = "WANDB_START_METHOD"
SWEEP_ID = "WANDB_SWEEP_ID"
SWEEP_PARAM_PATH = "WANDB_SWEEP_PARAM_PATH"
TAGS = "WANDB_TAGS"
USER_EMAIL = "WANDB_USER_EMAIL"
USERNAME = "WANDB_USERNAME"

_TRUE = ("1", "true", "t", "yes", "y", "on")
_FALSE = ("0", "false", "f", "no", "n", "off")


def immutable_keys() -> list[str]:
    """Return the variables that do nothing once a run has started."""
    return [
        DIR,
        ENTITY,
        PROJECT,
        API_KEY,
        IGNORE,
        DISABLE_CODE,
        DOCKER,
        MODE,
        BASE_URL,
        CONFIG_DIR,
        CACHE_DIR,
    ]


def _get(name: str, default: str | None, env: Env) -> str | None:
    """Return a variable: the one of danlu, else the one of wandb."""
    place = os.environ if env is None else env
    return place.get(name.replace("WANDB_", "DANLU_", 1)) or place.get(name, default)


def _set(name: str, value: object, env: Env) -> None:
    (os.environ if env is None else env)[name] = str(value)


def _is(name: str, default: bool, env: Env) -> bool:
    found = (_get(name, None, env) or "").lower()
    return found in _TRUE if found in (*_TRUE, *_FALSE) else default


def is_debug(default: str | None = None, env: Env = None) -> bool:
    """Say whether `WANDB_DEBUG` is set."""
    return _is(DEBUG, (default or "").lower() in _TRUE, env)


def is_offline(env: Env = None) -> bool:
    """Say whether the environment asks for the mode `offline`."""
    return _get(MODE, None, env) in ("offline", "dryrun")


def is_quiet(env: Env = None) -> bool:
    """Say whether the environment asks for few words."""
    return _is(QUIET, False, env)


def is_silent(env: Env = None) -> bool:
    """Say whether the environment asks for silence."""
    return _is(SILENT, False, env)


def error_reporting_enabled(env: Env = None) -> bool:
    """Say whether errors may be reported: danlu reports none."""
    del env
    return False


def ssl_disabled(env: Env = None) -> bool:
    """Say whether certificates are not to be checked."""
    return _is(DISABLE_SSL, False, env)


def should_save_code(env: Env = None) -> bool:
    """Say whether the environment asks for the code to be stored."""
    return _is(SAVE_CODE, False, env) and not disable_code(env)


def disable_git(env: Env = None) -> bool:
    """Say whether git is not to be asked."""
    return _is(DISABLE_GIT, False, env)


def disable_code(env: Env = None) -> bool:
    """Say whether no code is to be stored."""
    return _is(DISABLE_CODE, False, env)


def get_project(default: str | None = None, env: Env = None) -> str | None:
    """Return the project."""
    return _get(PROJECT, default, env)


def set_project(value: str, env: Env = None) -> None:
    """Set the project."""
    _set(PROJECT, value or "uncategorized", env)


def get_entity(default: str | None = None, env: Env = None) -> str | None:
    """Return the entity."""
    return _get(ENTITY, default, env)


def set_entity(value: str, env: Env = None) -> None:
    """Set the entity."""
    _set(ENTITY, value, env)


def get_run(default: str | None = None, env: Env = None) -> str | None:
    """Return the run id."""
    return _get(RUN_ID, default, env)


def get_tags(default: str = "", env: Env = None) -> list[str]:
    """Return the tags."""
    found = _get(TAGS, default, env) or ""
    return [tag.strip() for tag in found.split(",") if tag.strip()]


def get_notebook_name(default: str | None = None, env: Env = None) -> str | None:
    """Return the name of the notebook."""
    return _get(NOTEBOOK_NAME, default, env)


def get_dir(default: str | None = None, env: Env = None) -> str | None:
    """Return the directory in which `wandb/` is."""
    return _get(DIR, default, env)


def get_ignore(default: str | None = None, env: Env = None) -> list[str]:
    """Return the patterns of files that globs leave out."""
    return (_get(IGNORE, default, env) or "").split(",") if _get(IGNORE, default, env) else []


def get_base_url(default: str | None = None, env: Env = None) -> str | None:
    """Return the address of the server."""
    return _get(BASE_URL, default, env)


def get_app_url(default: str | None = None, env: Env = None) -> str | None:
    """Return the address of the page."""
    return _get(APP_URL, default, env)


def get_show_run(default: str | None = None, env: Env = None) -> bool:
    """Say whether the page of a run is to be opened."""
    return _is(SHOW_RUN, (default or "").lower() in _TRUE, env)


def get_description(default: str | None = None, env: Env = None) -> str | None:
    """Return the description of the run."""
    return _get(DESCRIPTION, default, env)


def get_args(default: str | None = None, env: Env = None) -> list[str] | None:
    """Return the arguments of the program that the environment names."""
    import json

    found = _get(ARGS, default, env)
    return None if not found else list(json.loads(found))


def get_docker(default: str | None = None, env: Env = None) -> str | None:
    """Return the image of the container."""
    return _get(DOCKER, default, env)


def get_http_timeout(default: int = 20, env: Env = None) -> int:
    """Return how many seconds an answer is waited for."""
    return int(_get(HTTP_TIMEOUT, None, env) or default)


def get_file_pusher_timeout(default: int | None = None, env: Env = None) -> int | None:
    """Return how many seconds sending a file may take."""
    found = _get(FILE_PUSHER_TIMEOUT, None, env)
    return int(found) if found else default


def get_agent_report_interval(default: str | None = None, env: Env = None) -> int | None:
    """Return how often an agent of a sweep reports, in seconds."""
    found = _get(AGENT_REPORT_INTERVAL, default, env)
    return int(found) if found else None


def get_agent_kill_delay(default: str | None = None, env: Env = None) -> int | None:
    """Return how many seconds an agent waits for a run to end."""
    found = _get(AGENT_KILL_DELAY, default, env)
    return int(found) if found else None


def get_data_dir(env: Env = None) -> str:
    """Return the directory for data."""
    home = os.path.join(os.path.expanduser("~"), ".local", "share", "danlu")
    return _get(DATA_DIR, None, env) or home


def get_artifact_dir(env: Env = None) -> str:
    """Return the directory into which artifacts are written out."""
    return os.path.abspath(_get(ARTIFACT_DIR, None, env) or "artifacts")


def get_cache_dir(env: Env = None) -> str:
    """Return the directory for what can be made again."""
    return _get(CACHE_DIR, None, env) or os.path.join(os.path.expanduser("~"), ".cache", "danlu")
