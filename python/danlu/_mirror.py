"""Run files of a remote that are kept here without the contents of the files that they name.

Artifacts know the directory of their runs as a text. Where that is such a mirror, contents come from the
remote, and what is said of a run goes there.
"""

from __future__ import annotations

import os

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    class Mirrored(Protocol):
        """What a directory is a mirror of."""

        def fetch_content(self, sha256: str, dest: str) -> None:
            """Write a content into `dest`, checked, whole or not at all."""

        def annotate(self, run_id: str, changes: Sequence[tuple[str, str, str]]) -> None:
            """Change a run that has ended; see `_core.annotate`."""


#: By directory. An artifact outlives the Api that found it.
_mirrors: dict[str, Mirrored] = {}


def register(directory: str, mirrored: Mirrored) -> None:
    """Say what a directory is a mirror of."""
    _mirrors[os.path.abspath(directory)] = mirrored


def of(directory: str) -> Mirrored | None:
    """Return what a directory is a mirror of; None if it is none."""
    return _mirrors.get(os.path.abspath(directory))


def read_blob(parts: Sequence[str], sha256: str, dest: str) -> None:
    """Write a content of a run into `dest`, checked, whole or not at all."""
    mirrored = of(os.path.dirname(parts[0])) if parts else None
    if mirrored is None:
        _core.read_blob(list(parts), sha256, dest)
    else:
        mirrored.fetch_content(sha256, dest)


def annotate(directory: str, run_id: str, changes: Sequence[tuple[str, str, str]]) -> None:
    """Change a run that has ended; see `_core.annotate`."""
    mirrored = of(directory)
    if mirrored is None:
        _core.annotate(directory, run_id, changes)
    else:
        mirrored.annotate(run_id, changes)
