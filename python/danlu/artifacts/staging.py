"""Private copies of what was added to an artifact, until it is logged.

They lie beside the runs, where there is room for large files. A process that is killed leaves them; the next
one on the same machine that makes some removes them: nobody holds the lock of the directory any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import tempfile

from .manifest import digests, pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

_PREFIX = "artifact-staging-"
_FICLONE = 0x40049409


class Staging:
    """A directory of private copies, which belongs to this process."""

    def __init__(self, directory: str) -> None:
        prefix = f"{_PREFIX}{socket.gethostname()}-"
        _sweep(directory, prefix)
        fresh = tempfile.mkdtemp(prefix=f"new-{prefix}", dir=directory)
        self._lock = open(os.path.join(fresh, "lock"), "w")  # noqa: SIM115
        with contextlib.suppress(OSError):
            # Where locks do not work, nobody takes it for abandoned either.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Only now that it is locked it has the name of those that may be abandoned.
        self.path: str = os.path.join(directory, os.path.basename(fresh)[len("new-") :])
        os.rename(fresh, self.path)
        self._pid = os.getpid()
        self._count = 0

    def new(self) -> str:
        """Return the path of a file that is not there yet."""
        self._count += 1
        # A forked child shares the directory, so its files have names of their own.
        return os.path.join(self.path, f"{os.getpid()}-{self._count}")

    def has(self, path: str | None) -> bool:
        """Say whether a file is one of the private copies."""
        return path is not None and os.path.dirname(path) == self.path

    def remove(self) -> None:
        """Remove the copies."""
        if os.getpid() == self._pid:
            self._lock.close()
            shutil.rmtree(self.path, ignore_errors=True)


def copy(source: IO[bytes], dest: str) -> tuple[str, str, int]:
    """Copy an open file; return MD5, SHA-256 and size of what the copy has."""
    with open(dest, "wb") as file:
        try:
            # The file system shares the blocks until one of them is written to.
            fcntl.ioctl(file.fileno(), _FICLONE, source.fileno())
        except OSError:
            return digests(pieces(source), file.write)
    with open(dest, "rb") as file:
        return digests(pieces(file))


def place() -> str:
    """Return where private copies go: beside the current run, else to the temporary files."""
    from .. import _session

    run = _session._current
    file = None if run is None else run.file
    return tempfile.gettempdir() if file is None else os.path.dirname(file)


def _sweep(directory: str, prefix: str) -> None:
    """Remove what dead processes of this machine left."""
    try:
        left = [entry.path for entry in os.scandir(directory) if entry.name.startswith(prefix)]
    except OSError:
        return
    for path in left:
        # One that is in use is locked; one that is just being removed has no lock any more.
        with contextlib.suppress(OSError), open(os.path.join(path, "lock"), "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
