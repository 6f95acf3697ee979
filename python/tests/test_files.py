"""Files of a run: policies, what is ignored, what is said."""

from __future__ import annotations

import os
import pathlib
import threading
import time
from typing import Any, Callable

import danlu
import pytest
from conftest import Reader, Scripts


def versions(read: Reader, run: danlu.Run) -> list[tuple[Any, ...]]:
    return read.rows(
        run.file,
        "SELECT f.path, c.bytes FROM file AS f JOIN blob AS b ON b.sha256 = f.sha256 "
        "JOIN chunk AS c ON c.id = b.n << 24 ORDER BY f.id",
    )


def wait_until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def test_policy_now_stores_once(read: Reader, workdir: pathlib.Path) -> None:
    (workdir / "a").write_text("one")
    with danlu.init() as run:
        assert run.save("a", policy="now") == ["a"]
        (workdir / "a").write_text("two")
    assert versions(read, run) == [("a", b"one")]


def test_policy_end_stores_what_is_there_at_the_end(read: Reader, workdir: pathlib.Path) -> None:
    (workdir / "a.pt").write_text("one")
    with danlu.init() as run:
        assert run.save("*.pt", policy="end") == ["a.pt"]
        assert run.save("later/*.pt", policy="end") == []
        assert run.lost == 0
        (workdir / "a.pt").write_text("two")
        (workdir / "later").mkdir()
        (workdir / "later" / "b.pt").write_text("new")
    assert versions(read, run) == [("a.pt", b"two"), ("later/b.pt", b"new")]


def test_policy_live_is_the_default_and_stores_changes(read: Reader, workdir: pathlib.Path) -> None:
    (workdir / "a").write_text("one")
    with danlu.init() as run:
        assert run.save("a") == ["a"]
        wait_until(lambda: versions(read, run) == [("a", b"one")])
        (workdir / "a").write_text("two")
        wait_until(lambda: versions(read, run) == [("a", b"one"), ("a", b"two")])
        (workdir / "a").write_text("three")
    assert [content for _, content in versions(read, run)] == [b"one", b"two", b"three"]


def test_the_program_may_end_without_finish(read: Reader, scripts: Scripts) -> None:
    done = scripts.run("""
        import danlu
        run = danlu.init()
        open("model", "w").write("one")
        run.save("model", policy="end")
        open("model", "w").write("two")
    """)
    assert done.returncode == 0, done.stderr
    assert read.rows(scripts.file(), "SELECT path, size FROM files") == [("model", 3)]


@pytest.mark.parametrize("variable", ["WANDB_IGNORE_GLOBS", "DANLU_IGNORE_GLOBS"])
def test_ignored_files(workdir: pathlib.Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "*.log, secret/*")
    (workdir / ".wandbignore").write_text("*.tmp\n")
    (workdir / "secret").mkdir()
    for name in ("a.txt", "b.log", "c.tmp", "secret/key"):
        (workdir / name).write_text(name)
    with danlu.init() as run:
        assert run.save("**/*", policy="now") == [".wandbignore", "a.txt"]
        assert run.save("b.log", policy="now") == ["b.log"]


def test_a_link_out_of_the_directory_is_warned_about(
    workdir: pathlib.Path, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.txt"
    outside.write_text("secret")
    (workdir / "out.txt").symlink_to(outside)
    (workdir / "in.txt").write_text("x")
    with danlu.init() as run:
        assert run.save("*.txt") == ["in.txt"]
        assert run.save("out.txt", policy="now") == ["out.txt"]
    assert "`out.txt` is not saved" in capfd.readouterr().err.replace(f"{workdir}/", "")


def test_a_worker_of_a_fork_stores_nothing(read: Reader, workdir: pathlib.Path) -> None:
    (workdir / "a").write_text("one")
    with danlu.init() as run:
        run.save("a")
        pid = os.fork()
        if pid == 0:
            (workdir / "a").write_text("from the child")
            os._exit(0 if run.save("a") == [] else 1)
        assert os.waitpid(pid, 0)[1] == 0
    assert versions(read, run)[-1] == ("a", b"from the child"), "the parent goes on to look"
