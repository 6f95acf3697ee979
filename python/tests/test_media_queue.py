"""What is encoded beside the training: order, bounds, forks, errors and the end of the program."""

from __future__ import annotations

import json
import os
import re
import threading
from typing import Any

import danlu
import pytest
from conftest import Reader, Scripts
from danlu.media import queue
from stored import values


class Later:
    """A value that is stored when it is let."""

    _danlu_later = True

    def __init__(self, name: Any = 0, gate: threading.Event | None = None, weight: int = 1) -> None:
        self.name = name
        self.gate = gate
        self.weight = weight
        self.stored_by: list[threading.Thread] = []

    def _freeze(self) -> None:
        pass

    def _weight(self) -> int:
        return self.weight

    def _store(self, run: danlu.Run, key: str, step: int | str) -> list[tuple[str, object]]:
        if self.gate is not None and threading.current_thread() is not threading.main_thread():
            assert self.gate.wait(60)
        self.stored_by.append(threading.current_thread())
        return [(key, {"name": self.name})]


class Failing(Later):
    def _store(self, run: danlu.Run, key: str, step: int | str) -> list[tuple[str, object]]:
        raise ValueError(f"no {self.name}")


class Unfrozen(Later):
    def _freeze(self) -> None:
        raise OSError("it is gone")


def test_the_row_does_not_wait(read: Reader) -> None:
    gate = threading.Event()
    run = danlu.init()
    item = Later("late", gate)
    run.log({"x": item, "loss": 0.5})
    assert item.stored_by == []
    assert run.summary["loss"] == 0.5
    gate.set()
    run.finish()
    assert values(read, run, "x") == [{"name": "late"}]


def test_finish_and_flush_wait(read: Reader) -> None:
    run = danlu.init()
    for step in range(50):
        run.log({"x": Later(step)})
    run.flush()
    assert run.summary["x"] == {"name": 49}
    run.log({"x": Later(50)})
    run.finish()
    assert [found["name"] for found in values(read, run, "x")] == list(range(51))


def test_when_the_queue_is_full_the_caller_helps(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MAX_BYTES", 1000)
    gate = threading.Event()
    run = danlu.init()
    items = [Later(step, gate, 400) for step in range(6)]
    for item in items:
        run.log({"x": item})
    # The other thread is held at the first one.
    assert any(threading.main_thread() in item.stored_by for item in items)
    waiting = [item for item in items if not item.stored_by]
    assert sum(item.weight for item in waiting) <= 1000 + 400
    gate.set()
    run.finish()
    assert [found["name"] for found in values(read, run, "x")] == list(range(6))


def test_so_many_values_may_wait(monkeypatch: pytest.MonkeyPatch, read: Reader) -> None:
    monkeypatch.setattr(queue, "MAX_ITEMS", 3)
    gate = threading.Event()
    run = danlu.init()
    items = [Later(step, gate) for step in range(10)]
    for item in items:
        run.log({"x": item})
    assert sum(not item.stored_by for item in items) <= 4
    gate.set()
    run.finish()
    assert len(values(read, run, "x")) == 10


def test_a_value_larger_than_all_that_may_wait(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MAX_BYTES", 10)
    with danlu.init() as run:
        run.log({"x": Later(1, weight=1000)})
        run.log({"x": Later(2, weight=1000)})
    assert len(values(read, run, "x")) == 2


def test_an_error_is_told_once_and_counted(read: Reader, capfd: pytest.CaptureFixture[str]) -> None:
    with danlu.init() as run:
        for step in range(5):
            run.log({"bad": Failing(step), "gone": Unfrozen(), "good": Later(step)})
        run.flush()
        assert run.lost == 10
    assert len(values(read, run, "good")) == 5
    err = capfd.readouterr().err
    assert len(re.findall(r"Failing `bad` at step (\d) is not stored: no \1", err)) == 1
    assert err.count("Unfrozen `gone` at step 0 is not stored: it is gone") == 1
    losses = read.rows(run.file, "SELECT data FROM event WHERE kind = 'lost'")
    assert sum(json.loads(data)["records"] for (data,) in losses) == 10


class Draining(Later):
    def _store(self, run: danlu.Run, key: str, step: int | str) -> list[tuple[str, object]]:
        run.flush()
        return super()._store(run, key, step)


def test_what_is_stored_may_flush(read: Reader) -> None:
    with danlu.init() as run:
        for step in range(20):
            run.log({"x": Draining(step)})
    assert len(values(read, run, "x")) == 20


class Logging(Later):
    def _store(self, run: danlu.Run, key: str, step: int | str) -> list[tuple[str, object]]:
        if self.name:
            run.log({"inner": Logging(self.name - 1)})
        return super()._store(run, key, step)


def test_what_is_stored_may_log(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"x": Logging(3)})
        run.flush()
    assert len(values(read, run, "inner")) == 3


class Interrupted(Later):
    def _store(self, run: danlu.Run, key: str, step: int | str) -> list[tuple[str, object]]:
        if threading.current_thread() is threading.main_thread() and not self.stored_by:
            self.stored_by.append(threading.current_thread())
            raise KeyboardInterrupt
        return super()._store(run, key, step)


def test_ctrl_c_loses_nothing(read: Reader) -> None:
    gate = threading.Event()
    run = danlu.init()
    run.log({"x": Later(0, gate)})
    run.log({"x": Interrupted(1)})
    with pytest.raises(KeyboardInterrupt):
        queue.drain(run)
    gate.set()
    run.finish()
    assert [found["name"] for found in values(read, run, "x")] == [0, 1]


def test_ctrl_c_while_the_run_ends_seals_it(read: Reader, capfd: pytest.CaptureFixture[str]) -> None:
    gate = threading.Event()
    run = danlu.init(config={"a": {"b": 1}})
    run.log({"x": Later(0, gate)})
    run.log({"y": Interrupted(1), "z": 5})
    run.config["a"]["b"] = 2
    with pytest.raises(KeyboardInterrupt):
        run.finish()
    gate.set()
    assert danlu.run is None
    assert read.end(run.file) == '{"exit_code":0}'
    assert read.table(run.file, "config") == {"a": '{"b":2}'}
    assert run.lost >= 1
    assert "`y` at step 1 is not stored: the end of the run was interrupted" in capfd.readouterr().err
    with danlu.init() as other:
        assert other is not run


class Forever:
    """Logs from a thread until it is stopped."""

    def __init__(self, run: danlu.Run) -> None:
        self._run = run
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._log)
        self.began = threading.Event()

    def _log(self) -> None:
        while not self._stop.is_set():
            self._run.log({"x": Later()})
            self.began.set()

    def __enter__(self) -> None:
        self._thread.start()
        assert self.began.wait(60)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_threads_that_never_stop_do_not_hold_up_the_end(read: Reader) -> None:
    run = danlu.init()
    with Forever(run), Forever(run), Forever(run), Forever(run):
        run.finish()
    assert read.end(run.file) == '{"exit_code":0}'
    assert values(read, run, "x")


def test_runs_wait_for_their_own_only(read: Reader) -> None:
    gate = threading.Event()
    first = danlu.init()
    second = danlu.init(reinit="create_new")
    first.log({"x": Later("first", gate)})
    second.log({"x": Later("second")})
    second.finish()
    assert values(read, second, "x") == [{"name": "second"}]
    gate.set()
    first.finish()
    assert values(read, first, "x") == [{"name": "first"}]


def test_many_threads_log(read: Reader) -> None:
    run = danlu.init()

    def work(number: int) -> None:
        for step in range(20):
            run.log({f"x{number}": Later(step)})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    assert run.lost == 0
    assert [len(values(read, run, f"x{number}")) for number in range(8)] == [20] * 8


def test_a_fork_does_not_store_what_waits(read: Reader) -> None:
    gate = threading.Event()
    run = danlu.init()
    for step in range(10):
        run.log({"x": Later(step, gate)})
    child = os.fork()
    if child == 0:
        try:
            queue.drain()
            run.log({"x": Later("child")})
            queue.drain()
        finally:
            os._exit(0 if not queue._queue._waiting else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    gate.set()
    run.finish()
    assert [found["name"] for found in values(read, run, "x")] == list(range(10))


@pytest.mark.parametrize("time", range(8))
def test_a_child_of_a_fork_has_a_queue_of_its_own(read: Reader, scripts: Scripts, time: int) -> None:
    # The fork comes when the other thread has just begun, or not yet: several times, as that differs.
    done = scripts.run("""
        import os
        import numpy as np
        import danlu
        from danlu.data_types import Image
        picture = np.zeros((64, 64), np.uint8)
        run = danlu.init(id="parent")
        run.log({"x": Image(picture)})
        child = os.fork()
        if child == 0:
            with danlu.init(id="child") as own:
                for _ in range(5):
                    own.log({"x": Image(picture)})
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        run.log({"x": Image(picture)})
        run.finish()
    """)
    assert done.returncode == 0, done.stderr
    counts = {
        path.name.rpartition("-")[2]: len(read.rows(path, "SELECT * FROM history WHERE key = 'x'"))
        for path in scripts.files()
    }
    assert counts == {"parent.sqlite": 2, "child.sqlite": 5}


def test_forks_while_pictures_are_encoded(read: Reader, scripts: Scripts) -> None:
    done = scripts.run("""
        import os
        import numpy as np
        import danlu
        from danlu.data_types import Image, Video
        run = danlu.init()
        picture = np.random.randint(0, 255, (256, 256), np.uint8)
        for step in range(30):
            run.log({"x": Image(picture + np.uint8(step)), "v": Video(picture[None, None], format="mp4")})
            child = os.fork()
            if child == 0:
                # Would wait for ever if the other thread were importing just now.
                import PIL.Image, plistlib, subprocess
                PIL.Image.init()
                Image(picture)._encoded()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        run.finish()
        assert run.lost == 0
    """)
    assert done.returncode == 0, done.stderr
    assert len(read.rows(scripts.file(), "SELECT * FROM history WHERE key = 'x'")) == 30


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise ValueError('end')", "danlu.finish()"])
def test_the_end_of_the_program_waits(read: Reader, scripts: Scripts, end: str) -> None:
    scripts.run(f"""
        import sys
        import numpy as np
        import danlu
        from danlu.data_types import Image
        run = danlu.init()
        for step in range(20):
            run.log({{"x": Image(np.full((128, 128), step, np.uint8)), "h": np.arange(100)}})
        {end}
    """)
    assert len(read.rows(scripts.file(), "SELECT * FROM history WHERE key = 'x'")) == 20
    assert read.rows(scripts.file(), "SELECT count(DISTINCT sha256) FROM file") == [(20,)]
    assert read.rows(scripts.file(), "SELECT count(*) FROM event WHERE kind = 'lost'") == [(0,)]


def test_a_killed_program_loses_pictures_that_wait_and_no_numbers(read: Reader, scripts: Scripts) -> None:
    scripts.run("""
        import os, signal, threading
        import danlu
        from danlu.data_types import Image
        import numpy as np
        run = danlu.init()

        class Stuck:
            _danlu_later = True
            def _freeze(self): pass
            def _store(self, run, key, step): threading.Event().wait()

        run.log({"done": Image(np.zeros((4, 4), np.uint8))})
        run.flush()
        run.log({"stuck": Stuck(), "loss": 0.5})
        run.log({"x": Image(np.zeros((4, 4), np.uint8)), "loss": 0.25})
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert scripts.danlu("ls").returncode == 0
    rows = read.rows(scripts.file(), "SELECT key, value FROM history")
    assert [row for row in rows if row[0] == "loss"] == [("loss", 0.5), ("loss", 0.25)]
    assert [key for key, _ in rows if key in ("done", "x", "stuck")] == ["done"]


def test_a_fork_waits_before_it_takes_locks_that_the_thread_needs(scripts: Scripts, read: Reader) -> None:
    done = scripts.run(
        """
        import os, sys, threading
        import danlu
        from danlu.media import forks

        began = threading.Event()

        class Logger:
            _danlu_later = True

            def _freeze(self):
                pass

            def _weight(self):
                return 1

            def _store(self, run, key, step):
                import logging
                began.set()
                for _ in range(100_000):
                    if not logging._lock.acquire(blocking=False):
                        break
                    logging._lock.release()
                logging.getLogger("x")
                return [(key, {"a": 1})]

        assert "logging" not in sys.modules
        forks.PATIENCE = 3600.0
        run = danlu.init()
        run.log({"x": Logger()})
        began.wait()
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        """
    )
    assert done.returncode == 0, done.stderr
    [(found,)] = read.rows(scripts.file(), "SELECT value FROM history WHERE key = 'x'")
    assert found == '{"a":1}'


def test_the_program_ends_while_the_thread_stores(scripts: Scripts) -> None:
    done = scripts.run(
        """
        import numpy as np
        import danlu

        run = danlu.init()
        run.log({"x": danlu.Image(np.zeros((4, 4)))})
        run.finish()
        for _ in range(2000):
            run.log({"x": danlu.Image(np.zeros((64, 64)))})
        """
    )
    assert done.returncode == 0, done.stderr
