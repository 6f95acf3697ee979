"""A fork waits until the thread beside the training is between two values.

The child of a fork has one thread, and locks that another one held stay locked in it for ever: that of a
module which was being imported, for one.
"""

from __future__ import annotations

import os
import threading

#: Longest time in seconds that a fork waits.
PATIENCE = 30.0


class _Turn:
    """Who may go on: the thread, or whoever forks."""

    def __init__(self) -> None:
        self._installed = False
        self.reset()

    def reset(self) -> None:
        """Begin anew, as nobody has it in the child of a fork."""
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._forks = False

    def take(self) -> None:
        """Wait for a fork that goes on, and let others wait."""
        self._lock.acquire()
        self._owner = threading.get_ident()

    def give(self) -> None:
        """Let forks go on."""
        self._owner = None
        self._lock.release()

    def is_mine(self) -> bool:
        """Say whether this thread has taken it."""
        return self._owner == threading.get_ident()

    def before_fork(self) -> None:
        self._forks = not self.is_mine() and self._lock.acquire(timeout=PATIENCE)

    def after_fork(self) -> None:
        if self._forks:
            self._forks = False
            self._lock.release()

    def install(self) -> None:
        """Heed forks. The core has done so before: it goes last, and the thread can still use it."""
        if not self._installed:
            self._installed = True
            # They take locks before a fork, and the last to be registered is the first to be called. The
            # thread may need those locks: a fork has to wait for it before it takes them.
            import logging  # noqa: F401

            os.register_at_fork(before=self.before_fork, after_in_parent=self.after_fork)


turn: _Turn = _Turn()


class Working:
    """What is done in here is not interrupted by a fork."""

    def __enter__(self) -> None:
        turn.take()

    def __exit__(self, *_: object) -> None:
        turn.give()


class Waiting:
    """What is done in here is waiting for another program, and forks may go on."""

    def __enter__(self) -> None:
        self._mine = turn.is_mine()
        if self._mine:
            turn.give()

    def __exit__(self, *_: object) -> None:
        if self._mine:
            turn.take()


os.register_at_fork(after_in_child=turn.reset)
