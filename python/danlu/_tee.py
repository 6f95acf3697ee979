"""Forwards what C code and other programs print, and gives the training a copy: a program of its own.

It outlives a training that is killed, so that the last words of that reach the terminal. It ends when
nobody can print any more. Started by `danlu._redirect` with these file descriptors, and of danlu it
imports nothing:

0 nothing, 1 and 2 where to print, 3 commands, 4 the copy, 5 shared memory that says what it does, 6 and 7
what was printed. Of the shared memory, byte 0 is 1 once it works, byte 1 is 1 while it is busy, and 8 to
15 are how many bytes it has copied.
"""

from __future__ import annotations

import os
import select
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONTROL, COPY, STATE = 3, 4, 5
STATE_BYTES = 16
#: Where what comes from a descriptor goes.
TARGETS = {6: 1, 7: 2}
PIECE = 65536
#: Most bytes that wait for the training to take its copy; beyond that it gets none.
BACKLOG = 16 << 20


def main() -> None:
    """Forward until there is nobody left who prints."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGPIPE"):
        # Whoever ends the training so wants to read its last words.
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    if os.fork():
        # The training waits for this process, and never sees the other one: nothing to reap at its end.
        os._exit(0)
    # Nothing of the place where the training was is held.
    os.chdir("/")
    _close_others()
    import mmap

    tee = Tee(mmap.mmap(STATE, STATE_BYTES))
    signal.signal(signal.SIGWINCH, tee.resize)
    tee.work()


def _close_others() -> None:
    """Close what was inherited: a socket that stays open here could not be used again."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > max(TARGETS):
            try:  # noqa: SIM105  # contextlib takes longer to import than all of this
                os.close(int(name))
            except OSError:
                pass


class Tee:
    """What is read from whom, and what waits to be copied."""

    def __init__(self, state: Any) -> None:
        self._state = state
        self._copied = 0
        self._inputs = [descriptor for descriptor in TARGETS if _is_open(descriptor)]
        self._copies = True
        self._backlog = bytearray()
        self._commands = True
        os.set_blocking(COPY, False)
        state[0] = 1

    def resize(self, *_: object) -> None:
        """Give the terminals that are ours the size of the real one."""
        import fcntl
        import termios

        for descriptor in self._inputs:
            try:
                size = fcntl.ioctl(TARGETS[descriptor], termios.TIOCGWINSZ, bytes(8))
                fcntl.ioctl(descriptor, termios.TIOCSWINSZ, size)
            except OSError:
                pass

    def work(self) -> None:
        while self._inputs or self._backlog:
            reads = [*self._inputs, CONTROL] if self._commands else self._inputs
            readable, writable, _ = select.select(reads, [COPY] if self._backlog else [], [])
            if writable:
                self._flush()
            if CONTROL in readable:
                self._commands = False
                self._finish(bool(os.read(CONTROL, 1)))
            for descriptor in readable:
                if descriptor in self._inputs:
                    self._pass_on(descriptor)

    def _pass_on(self, descriptor: int) -> None:
        # Before the read: whoever sees nothing left to read sees that it is not printed yet.
        self._state[1] = 1
        try:
            data = os.read(descriptor, PIECE)
        except OSError:
            # A terminal that nobody has open any more.
            data = b""
        if data:
            _write_all(TARGETS[descriptor], data)
            self._copy(descriptor, data)
        else:
            self._inputs.remove(descriptor)
            os.close(descriptor)
        self._state[1] = 0

    def _copy(self, descriptor: int, data: bytes) -> None:
        if self._copies and len(self._backlog) < BACKLOG:
            self._backlog += bytes([TARGETS[descriptor]]) + len(data).to_bytes(4, "little") + data
            self._copied += len(data)
            self._state[8:16] = self._copied.to_bytes(8, "little")
            self._flush()

    def _flush(self) -> None:
        try:
            while self._backlog:
                del self._backlog[: os.write(COPY, self._backlog[:PIECE])]
        except BlockingIOError:
            pass
        except OSError:
            # The training is gone.
            self._copies = False
            self._backlog.clear()

    def _finish(self, asked: bool) -> None:
        """Copy what is there, then copy no more: the training does not wait for programs that go on."""
        # What was written to a terminal takes a moment.
        moment = 0.02 if any(map(os.isatty, self._inputs)) else 0.0
        while asked:
            readable = select.select(self._inputs, [], [], moment)[0]
            if not readable:
                break
            for descriptor in readable:
                self._pass_on(descriptor)
        os.set_blocking(COPY, True)
        self._flush()
        self._copies = False
        os.close(COPY)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
        except OSError:
            # Nobody reads it. Who prints must not end of that, or wait.
            return


if __name__ == "__main__":
    main()
    sys.exit(0)
