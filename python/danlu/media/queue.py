"""A thread that encodes and stores media while the training goes on.

There is one for a process. What waits is bounded: when there is no room, whoever logs encodes what has waited
longest, until there is. The child of a fork has a queue of its own, without what its parent has in its own.
"""

from __future__ import annotations

import os
import threading
from collections import deque

from .. import _say
from . import forks
from .later import is_large, weight_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Callable

    from .._run import Run

#: Most bytes, and most values, that wait.
MAX_BYTES = 256 << 20
MAX_ITEMS = 4096
#: How long the end of the program waits for the value that the thread is at, in seconds.
LAST_WAIT = 30.0


class _Job:
    """A value that is to be stored."""

    __slots__ = (
        "done",
        "key",
        "logging",
        "number",
        "rows",
        "run",
        "step",
        "thread",
        "time",
        "value",
        "weight",
    )

    def __init__(self, run: Run, step: int | str, time: float, key: str, value: Any) -> None:
        self.run = run
        self.step = step
        self.time = time
        self.key = key
        self.value = value
        self.weight = weight_of(value)
        #: The how manyth of all it is.
        self.number = 0
        #: Who is at it.
        self.thread: int | None = None
        self.done = False
        self.logging = False
        self.rows: list[tuple[str, object]] = []

    def store(self) -> None:
        """Encode and store the value. An error is a loss, and not the end of the training."""
        try:
            self.rows = self.value._store(self.run, self.key, self.step)
        except Exception as e:
            lose(self.run, self.key, self.step, self.value, e)

    def log(self) -> None:
        """Log what refers to the value."""
        try:
            if isinstance(self.step, str):
                for key, row in self.rows:
                    self.run._set_summary(key, row)
            elif self.rows:
                self.run._log_late(self.step, self.time, dict(self.rows))
        except Exception as e:
            lose(self.run, self.key, self.step, self.value, e)


class _Queue:
    """What waits, what is being done, and by run and key what is not logged yet.

    Several threads may store at once; the values of a key are logged in the order that they were put in.
    """

    def __init__(self) -> None:
        self._waiting: deque[_Job] = deque()
        self._doing: list[_Job] = []
        self._lines: dict[tuple[int, str], deque[_Job]] = {}
        self._bytes = 0
        #: How many there have been.
        self._entered = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stops = False

    def stop(self) -> None:
        """End the thread: the interpreter must not end while it is in the core."""
        with self._changed:
            self._stops = True
            thread = self._thread
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(LAST_WAIT)

    def put(self, job: _Job) -> None:
        """Let a job wait; make room for it first."""
        while self._do_one(lambda _: self._is_full(job)):
            pass
        with self._changed:
            self._waiting.append(job)
            self._enter(job)
            self._changed.notify_all()
        if not self._start():
            self.drain(job.run)

    def do_now(self, job: _Job) -> None:
        """Store what cannot wait."""
        with self._changed:
            self._enter(job)
            self._begin(job)
        self._do(job)

    def drain(self, run: Run | None) -> None:
        """Do what waits for a run, or for all, and return when it is logged.

        What is put in meanwhile is not waited for, as threads that never stop logging would hold up the end;
        but what a value logs while it is stored is.
        """
        last = self._entered

        def meant(job: _Job) -> bool:
            return job.number <= last and (run is None or job.run is run)

        while True:
            while self._do_one(meant):
                pass
            with self._changed:
                # What is stored may drain in turn; it would wait for itself, or for another that does.
                own = any(job.thread == threading.get_ident() for job in self._doing)
                if own or not any(meant(job) for line in self._lines.values() for job in line):
                    return
                if not any(meant(job) for job in self._waiting):
                    self._changed.wait()

    def drop(self, run: Run) -> list[_Job]:
        """Leave out what waits for a run, and return it."""
        with self._changed:
            dropped = [job for job in self._waiting if job.run is run]
            for job in dropped:
                self._waiting.remove(job)
                self._bytes -= job.weight
                line = (id(run), job.key)
                self._lines[line].remove(job)
                if not self._lines[line]:
                    del self._lines[line]
            self._changed.notify_all()
        return dropped

    def _is_full(self, job: _Job) -> bool:
        return self._bytes + job.weight > MAX_BYTES or len(self._waiting) >= MAX_ITEMS

    def _do_one(self, wanted: Callable[[_Job], bool]) -> bool:
        """Do the first job that is wanted; say whether there was one."""
        with self._changed:
            job = next((job for job in self._waiting if wanted(job)), None)
            if job is None:
                return False
            self._waiting.remove(job)
            self._begin(job)
        self._do(job)
        return True

    def _enter(self, job: _Job) -> None:
        self._bytes += job.weight
        self._entered += 1
        here = threading.get_ident()
        # What is logged while another is stored counts as that one.
        job.number = next((one.number for one in self._doing if one.thread == here), self._entered)
        self._lines.setdefault((id(job.run), job.key), deque()).append(job)

    def _begin(self, job: _Job) -> None:
        job.thread = threading.get_ident()
        self._doing.append(job)

    def _do(self, job: _Job) -> None:
        try:
            job.store()
            job.done = True
        finally:
            with self._changed:
                self._doing.remove(job)
                if job.done:
                    self._bytes -= job.weight
                else:
                    # Interrupted, as by Ctrl-C: it is done later.
                    self._waiting.appendleft(job)
                self._changed.notify_all()
        self._log((id(job.run), job.key))

    def _log(self, line: tuple[int, str]) -> None:
        """Log what is stored of a key, as far as nothing before it is still being stored."""
        while True:
            with self._changed:
                jobs = self._lines.get(line)
                if not jobs or not jobs[0].done or jobs[0].logging:
                    return
                jobs[0].logging = True
            try:
                jobs[0].log()
            finally:
                with self._changed:
                    jobs.popleft()
                    if not jobs:
                        del self._lines[line]
                    self._changed.notify_all()

    def _start(self) -> bool:
        # Before there is the thread: it may be importing at once.
        forks.turn.install()
        with self._changed:
            if self._stops:
                return False
            if self._thread is not None and self._thread.is_alive():
                return True
            thread = threading.Thread(target=self._work, name="danlu-media", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                # The interpreter ends, or there are too many threads.
                return False
            self._thread = thread
        return True

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._stops:
                    self._changed.wait()
                if self._stops:
                    return
            with forks.Working():
                self._do_one(lambda _: True)


_queue = _Queue()


def put(run: Run, step: int | str, time: float, items: Sequence[tuple[str, Any]]) -> None:
    """Store values later, and log them at that step. What they were made of may change afterwards."""
    for key, value in items:
        try:
            # A value that the caller goes on to change is stored as what it is now.
            frozen = value._freeze()
            value = value if frozen is None else frozen
            job = _Job(run, step, time, key, value)
            large = is_large(value)
        except Exception as e:
            lose(run, key, step, value, e)
            continue
        if large:
            _queue.do_now(job)
        else:
            _queue.put(job)


def drain(run: Run | None = None) -> None:
    """Return when everything is stored that was put before, for a run or for all."""
    _queue.drain(run)


def stop() -> None:
    """End the thread at the end of the program; what is put afterwards, whoever puts it stores."""
    _queue.stop()


def drop(run: Run) -> None:
    """Lose what waits for a run, whose end was interrupted."""
    for job in _queue.drop(run):
        lose(run, job.key, job.step, job.value, InterruptedError("the end of the run was interrupted"))


def lose(run: Run, key: str, step: int | str, value: object, error: Exception) -> None:
    """Say why a value is not stored, once for a key and a reason, and count it."""
    kind = getattr(value, "_class", type(value)).__name__
    why = _say.text_of(error) or type(error).__name__
    at = "in the summary" if isinstance(step, str) else f"at step {step}"
    about = (run.id, key, kind, type(error))
    run._lose(_said.setdefault(about, f"{kind} `{key}` {at} is not stored: {why}"))


#: What was said, so that it is said once.
_said: dict[tuple[str, str, str, type], str] = {}


def _after_fork() -> None:
    global _queue
    _queue = _Queue()


os.register_at_fork(after_in_child=_after_fork)
