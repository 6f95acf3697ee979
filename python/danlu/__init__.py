"""An offline-first run store for machine-learning training: one run is one SQLite file.

    import danlu as wandb

    wandb.init(project="mnist", config={"lr": 0.1})
    wandb.log({"loss": 0.5})
    wandb.finish()

`log` never raises and never waits for the network. What cannot be stored is warned about and counted in
`run.lost`.
"""

from __future__ import annotations

from . import _layout, _names
from ._config import Config
from ._core import __version__
from ._errors import Error, UsageError
from ._functions import (
    alert,
    config,
    define_metric,
    flush,
    link_model,
    log,
    log_artifact,
    log_model,
    mark_preempting,
    pin_config_keys,
    save,
    summary,
    unwatch,
    use_artifact,
    use_model,
    watch,
)
from ._run import Run
from ._session import finish, init, join, setup, teardown
from ._summary import Summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._read import envelope

#: The current run; None before `init` and after `finish`.
run: Run | None = None

__all__ = [
    "Config",
    "Error",
    "Run",
    "Summary",
    "UsageError",
    "__version__",
    "alert",
    "config",
    "define_metric",
    "envelope",
    "finish",
    "flush",
    "init",
    "join",
    "link_model",
    "log",
    "log_artifact",
    "log_model",
    "mark_preempting",
    "pin_config_keys",
    "run",
    "save",
    "setup",
    "summary",
    "teardown",
    "unwatch",
    "use_artifact",
    "use_model",
    "watch",
]

_layout.install()


def __getattr__(name: str) -> Any:
    """Import what is not needed to log: see `_names`."""
    found = _names.find(name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_names.NAMES})
