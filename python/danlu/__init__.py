"""An offline-first run store for machine-learning training: one run is one SQLite file.

    import danlu as wandb

    wandb.init(project="mnist", config={"lr": 0.1})
    wandb.log({"loss": 0.5})
    wandb.finish()

`log` never raises and never waits for the network. What cannot be stored is warned about and counted in
`run.lost`.
"""

from __future__ import annotations

from ._config import Config, Summary
from ._core import __version__
from ._errors import Error, UsageError
from ._read import envelope
from ._run import Run
from ._session import config, finish, flush, init, log, save, summary

#: The current run; None before `init` and after `finish`.
run: Run | None = None

__all__ = [
    "Config",
    "Error",
    "Run",
    "Summary",
    "UsageError",
    "__version__",
    "config",
    "envelope",
    "finish",
    "flush",
    "init",
    "log",
    "run",
    "save",
    "summary",
]
