"""Whether the program is a notebook."""

from __future__ import annotations

import sys


def is_notebook() -> bool:
    """Say whether code runs in the cells of a notebook, rather than as a script or at a prompt."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and type(shell).__name__ != "TerminalInteractiveShell"


def load_ipython_extension(ipython: object) -> None:
    """Do nothing for `%load_ext wandb` in `ipython`: there are no magic commands."""
