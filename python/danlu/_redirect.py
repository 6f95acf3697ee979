"""Takes in what C code and other programs print on file descriptors 1 and 2."""

from __future__ import annotations

import contextlib
import fcntl
import io
import mmap
import os
import sys
import termios
import threading
import time
from fcntl import ioctl
from termios import FIONREAD

from ._tee import STATE_BYTES

from_bytes = int.from_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    Record = Callable[[str, bytes], None]

#: File descriptors of ours are above this, out of the way of those that the helper gets.
_ABOVE = 20
#: How long a print of Python waits for what C code printed before it, in seconds.
_PATIENCE = 0.05
#: How long it waits while the helper starts.
_FIRST_PATIENCE = 1.0
#: How long to wait at the end for what was printed.
_LAST_WAIT = 5.0

_NAMES = {1: "stdout", 2: "stderr"}
_NOTHING = bytes(4)

#: Where Python printed during the last run. Another thread may be about to print there when a run ends, so
#: the next one closes them.
_kept: list[int] = []


def can_redirect() -> bool:
    """Say whether Python prints to the outputs of this process with nobody between."""
    if sys.platform != "linux" or not sys.executable or getattr(sys, "frozen", False):
        return False
    if hasattr(sys, "ps1") or sys.flags.interactive:
        return False
    for descriptor, name in _NAMES.items():
        stream = getattr(sys, name)
        raw = _raw(stream)
        if stream is not getattr(sys, f"__{name}__") or raw is None or raw.fileno() != descriptor:
            return False
    return True


def _raw(stream: Any) -> io.FileIO | None:
    buffer = getattr(stream, "buffer", None) if type(stream) is io.TextIOWrapper else None
    raw = getattr(buffer, "raw", buffer)
    try:
        return raw if type(raw) is io.FileIO and not stream.closed and not raw.closed else None
    except ValueError:
        return None


class _Output:
    """One of the two outputs: where it went, and what takes its place.

    Where both go to one terminal, both get the same in its place: what is printed keeps its order.
    """

    def __init__(self, descriptor: int, other: _Output | None = None) -> None:
        self.descriptor = descriptor
        self.name = _NAMES[descriptor]
        self.stream = getattr(sys, self.name)
        self.original = _high(os.dup(descriptor))
        #: To a terminal Python prints as C code does: nobody can tell what is on its way through one, and
        #: somebody reads there who wants all in order.
        self.is_terminal = os.isatty(self.original)
        if other is not None and self._is_same(other):
            ours, theirs = -1, os.dup(other.write)
        elif self.is_terminal:
            ours, theirs = os.openpty()
            attributes = termios.tcgetattr(self.original)
            # The real terminal does that.
            attributes[1] &= ~termios.OPOST
            termios.tcsetattr(theirs, termios.TCSANOW, attributes)
            size = fcntl.ioctl(self.original, termios.TIOCGWINSZ, bytes(8))
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        else:
            ours, theirs = os.pipe()
        #: The helper reads here what is printed; we do if it dies, and who prints sees no broken pipe.
        self.read: int = _high(ours) if ours >= 0 else ours
        self.write: int = _high(theirs)
        self.is_taken = False

    def _is_same(self, other: _Output) -> bool:
        """Say whether it goes to the same terminal."""
        return (
            self.is_terminal
            and other.is_terminal
            and os.fstat(self.original).st_rdev == os.fstat(other.original).st_rdev
        )

    def take(self) -> None:
        """Put the pipe in the place of the output. Python prints where it did, if that is no terminal."""
        self.stream.flush()
        self.is_taken = True
        if not self.is_terminal:
            self._point(self.original)
            # Those who start programs ask for it.
            self.stream.fileno = lambda: self.descriptor
        os.dup2(self.write, self.descriptor)
        os.close(self.write)
        self.write = -1

    def give_back(self) -> None:
        if not self.is_taken:
            return
        self.stream.__dict__.pop("fileno", None)
        with contextlib.suppress(OSError, ValueError):
            self.stream.flush()
        os.dup2(self.original, self.descriptor)
        if not self.is_terminal:
            self._point(self.descriptor)

    def _point(self, descriptor: int) -> None:
        """Make Python's stream print to another descriptor. Whoever holds the stream holds it still."""
        raw = _raw(self.stream)
        if raw is not None:
            raw.__init__(descriptor, "wb", closefd=False)  # type: ignore[misc]
            raw.name = f"<{self.name}>"


def _high(descriptor: int) -> int:
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _ABOVE)
    os.close(descriptor)
    return high


class Redirect:
    """The outputs of this process while they are taken in. Raises OSError if they cannot be."""

    def __init__(self, record: Record, broken: Callable[[], None]) -> None:
        self._record = record
        self._broken = broken
        self._patience = _PATIENCE
        self._over = False
        #: How many bytes of copies were recorded.
        self._taken = 0
        self._reads: list[int] = []
        #: The streams that Python prints to in the same way: all of what they get is recorded here.
        self.whole: set[str] = set()
        self._outputs: list[_Output] = []
        self._open: list[int] = []
        self._state: mmap.mmap | None = None
        while _kept:
            os.close(_kept.pop())
        try:
            self._outputs.append(_Output(1))
            self._outputs.append(_Output(2, self._outputs[0]))
            self._start()
            for output in self._outputs:
                output.take()
        except BaseException:
            self._give_back()
            for output in self._outputs:
                self._open += (output.original, output.read, output.write)
            self._close()
            raise
        self._reads = [output.read for output in self._outputs if not output.is_terminal]
        self.whole = {output.name for output in self._outputs if output.is_terminal}
        self._thread = threading.Thread(target=self._read, name="danlu-console", daemon=True)
        self._thread.start()

    def _start(self) -> None:
        """Start the helper."""
        control, self._control = map(_high, os.pipe())
        self._copy, copy = map(_high, os.pipe())
        state = _high(os.memfd_create("danlu-console"))
        self._open += (control, self._control, self._copy, copy, state)
        os.ftruncate(state, STATE_BYTES)
        self._state = mmap.mmap(state, STATE_BYTES)
        first, second = self._outputs
        given = (first.original, second.original, control, copy, state, first.read, second.read)
        nothing = (os.devnull, os.O_RDONLY, 0)
        actions: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_OPEN, 0, *nothing)]
        actions += [
            (os.POSIX_SPAWN_OPEN, theirs, *nothing) if ours < 0 else (os.POSIX_SPAWN_DUP2, ours, theirs)
            for theirs, ours in enumerate(given, 1)
        ]
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_tee.py")
        command = [sys.executable, "-I", "-S", program]
        self._helper = os.posix_spawn(sys.executable, command, os.environ, file_actions=actions)
        for descriptor in (control, copy, state):
            os.close(descriptor)
            self._open.remove(descriptor)

    def settle(self) -> None:
        """Wait until what C code printed so far is printed and recorded, but not for long."""
        if self._over or not self._is_behind():
            return
        deadline = time.monotonic() + (self._patience if self._works() else _FIRST_PATIENCE)
        while self._is_behind():
            if time.monotonic() > deadline:
                # Somebody stands still; not every print waits for it as long.
                self._patience /= 2
                return
            time.sleep(0.0002)
        self._patience = _PATIENCE

    def _works(self) -> bool:
        return self._state is not None and self._state[0] != 0

    def _is_behind(self) -> bool:
        """Say whether something is on its way. Called for every line that Python prints, so it is quick."""
        state = self._state
        if state is None:
            return False
        try:
            # In this order: what is no longer to be read is being printed, or it is.
            for descriptor in self._reads:
                if ioctl(descriptor, FIONREAD, _NOTHING) != _NOTHING:
                    return True
            return state[1] != 0 or from_bytes(state[8:16], "little") != self._taken
        except (OSError, ValueError):
            return False

    def _read(self) -> None:
        """Take in the copies; the body of a thread."""
        with contextlib.suppress(OSError):
            os.waitpid(self._helper, 0)
        try:
            with open(self._copy, "rb", closefd=False) as copies:
                while len(head := copies.read(5)) == 5:
                    data = copies.read(int.from_bytes(head[1:], "little"))
                    self._record(_NAMES[head[0]], data)
                    self._taken += len(data)
        except (OSError, ValueError):
            pass
        if not self._over:
            self._lost()

    def _lost(self) -> None:
        """Print as before, and forward what others still print into the pipe: the helper is gone."""
        import select

        self._over = True
        self._give_back()
        self._broken()
        poll = select.poll()
        left = {output.read: output for output in self._outputs if output.read >= 0}
        for descriptor in left:
            poll.register(descriptor, select.POLLIN)
        while left:
            for descriptor, _ in poll.poll():
                try:
                    data = os.read(descriptor, 65536)
                except OSError:
                    data = b""
                if not data:
                    poll.unregister(descriptor)
                    del left[descriptor]
                    continue
                self._record(left[descriptor].name, data)
                with contextlib.suppress(OSError):
                    os.write(left[descriptor].original, data)

    def _give_back(self) -> None:
        for output in self._outputs:
            output.give_back()

    def stop(self) -> None:
        """Print as before, and take in what was printed until now."""
        if self._over:
            return
        self._over = True
        _flush_c()
        self._give_back()
        with contextlib.suppress(OSError):
            os.write(self._control, b"q")
        self._thread.join(_LAST_WAIT)
        self._open += [output.read for output in self._outputs]
        self._close()
        _kept.extend(output.original for output in self._outputs)

    def after_fork(self) -> None:
        """Let the child print as other programs do: nobody else takes in what it prints."""
        for output in self._outputs:
            if output.is_terminal:
                continue
            with contextlib.suppress(OSError):
                os.dup2(output.descriptor, output.original, inheritable=False)

    def _close(self) -> None:
        for descriptor in self._open:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._open.clear()
        if self._state is not None:
            self._state.close()


def _flush_c() -> None:
    """Let C print what it has kept."""
    try:
        import ctypes

        library = ctypes.CDLL(None)
        for name in _NAMES.values():
            library.fflush(ctypes.c_void_p.in_dll(library, name))
    except Exception:
        pass
