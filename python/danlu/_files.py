"""Files with settings: for the user, and for the runs of a directory."""

from __future__ import annotations

import os

from . import _say

_SECTION = "default"


def paths() -> list[str]:
    """Return the files with settings, the weakest first."""
    user = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    wandb = os.environ.get("WANDB_CONFIG_DIR") or os.path.join(user, "wandb")
    danlu = os.environ.get("DANLU_CONFIG_DIR") or os.path.join(user, "danlu")
    here = os.environ.get("DANLU_DIR") or os.environ.get("WANDB_DIR") or "."
    return [os.path.join(place, "settings") for place in (wandb, danlu, os.path.join(here, "wandb"))]


def read(path: str) -> dict[str, str]:
    """Return what a file with settings says; nothing if there is none."""
    if not os.path.isfile(path):
        return {}
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read(path)
    except (OSError, UnicodeDecodeError, configparser.Error) as e:
        _say.warn(f"Cannot read the settings in `{path}`: {' '.join(str(e).split())}")
        return {}
    return dict(parser[_SECTION]) if parser.has_section(_SECTION) else {}
