"""`danlu.login`: a key for a danlu server. To train, none is needed."""

from __future__ import annotations

import os

from . import _say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def login(
    key: str | None = None,
    relogin: bool | None = None,
    host: str | None = None,
    force: bool | None = None,
    timeout: int | None = None,
    verify: bool = True,
    referrer: str | None = None,
    prompt: bool = True,
    anonymous: object = None,
) -> bool:
    """Store the key of a danlu server, which becomes the one to sync to. Always returns True.

    The server is `host`, else `DANLU_BASE_URL`. Without one, or without a `key`, there is nothing to store,
    and none is needed to train. `relogin`, `force`, `timeout`, `verify`, `referrer`, `prompt` and
    `anonymous` of wandb do nothing.
    """
    del relogin, force, timeout, verify, referrer, prompt, anonymous
    host = host or os.environ.get("DANLU_BASE_URL") or os.environ.get("WANDB_BASE_URL")
    if key and host and ".wandb.ai" not in host:
        try:
            _store(host.rstrip("/"), key)
        except (OSError, ValueError) as e:
            _say.warn(f"The key for {host} is not stored: {e}")
    return True


def credentials() -> str:
    """Return the path of the keys, which `danlu login` writes too."""
    directory = os.environ.get("DANLU_CONFIG_DIR")
    if not directory:
        user = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
        directory = os.path.join(user, "danlu")
    return os.path.join(directory, "credentials.json")


def _load(path: str) -> dict[str, Any]:
    import json

    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        return {}
    return found if isinstance(found, dict) else {}


def _store(host: str, key: str) -> None:
    import json

    path = credentials()
    known = _load(path)
    known["keys"] = {**known.get("keys", {}), host: key}
    known["default"] = host
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fresh = f"{path}.{os.getpid()}"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(known, file, indent=2)
    os.replace(fresh, path)


def sagemaker_auth(
    overrides: dict[str, Any] | None = None, path: str = ".", api_key: str | None = None
) -> None:
    """Do nothing, with `overrides`, `path` and `api_key`: no key is needed."""
