"""The lock of a directory of runs: who holds it decides which number a version gets."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "artifacts.lock"
#: What `flock` says where the file system has no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
#: Who holds a lock of the second kind for longer than this is dead, in seconds: it is held for moments only.
_STALE = 60.0
_PAUSE = 0.02

#: Threads of one process take turns here: not every file system tells them apart.
_turn = threading.Lock()


#: The open lock file, while it is locked.
_held: int | None = None


@contextlib.contextmanager
def locked(directory: str) -> Iterator[None]:
    """Hold the lock of a directory of runs. It is let go of when the process dies."""
    global _held
    with _turn:
        _held = os.open(os.path.join(directory, NAME), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            with _flock(_held, os.path.join(directory, f"{NAME}.held")):
                yield
        finally:
            os.close(_held)
            _held = None


@contextlib.contextmanager
def _flock(descriptor: int, name: str) -> Iterator[None]:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as e:
        if e.errno not in _NO_LOCKS:
            raise
        with _by_name(name):
            yield
    else:
        try:
            yield
        finally:
            # Not by closing alone: a forked child has the file open too.
            fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextlib.contextmanager
def _by_name(path: str) -> Iterator[None]:
    """Hold a lock that is the existence of a file, which works everywhere but outlives who dies."""
    while True:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            break
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - os.stat(path).st_mtime > _STALE:
                    # Renamed before it is removed: of two who find it stale one wins.
                    stale = f"{path}.{os.getpid()}"
                    os.rename(path, stale)
                    os.unlink(stale)
                    continue
            time.sleep(_PAUSE)
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _after_fork() -> None:
    """Forget what a thread that is not in this process holds."""
    global _turn, _held
    _turn = threading.Lock()
    if _held is not None:
        os.close(_held)
        _held = None


os.register_at_fork(after_in_child=_after_fork)
