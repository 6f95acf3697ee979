"""What a program prints becomes part of its run, and is printed as before."""

from __future__ import annotations

import io
import os
import pty
import sys
import threading
from pathlib import Path
from typing import Any

import danlu
import pytest
from conftest import Reader, Scripts


def console(read: Reader, path: Path | str | None, stream: str = "stdout") -> str:
    rows = read.rows(path, "SELECT text FROM console WHERE stream = ?", stream)
    return "".join(text for (text,) in rows)


def lines(text: str) -> list[str]:
    """Lines that are not danlu's own."""
    return [line for line in text.splitlines() if not line.startswith("danlu: ")]


def test_a_script_prints_as_before_and_all_of_it_is_recorded(scripts: Scripts, read: Reader) -> None:
    done = scripts.run(
        """
        import danlu, os, subprocess, sys
        run = danlu.init(project="p")
        print("from Python")
        sys.stdout.flush()
        os.write(1, b"from C\\n")
        print("then Python again", flush=True)
        subprocess.run(["sh", "-c", "echo from a program; echo and its errors >&2"])
        subprocess.run(["echo", "from another"], stdout=sys.stdout)
        print("an error", file=sys.stderr)
        run.finish()
        print("not recorded")
        """
    )
    expected = ["from Python", "from C", "then Python again", "from a program", "from another"]
    assert done.stdout.splitlines() == [*expected, "not recorded"]
    assert lines(done.stderr) == ["and its errors", "an error"]
    assert lines(console(read, scripts.file())) == expected
    assert lines(console(read, scripts.file(), "stderr")) == ["and its errors", "an error"]


def test_what_a_killed_training_printed_last_is_still_printed(scripts: Scripts) -> None:
    done = scripts.run(
        """
        import danlu, os, signal
        danlu.init(project="p")
        os.write(2, b"terminate called after throwing an instance\\n" * 1000)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert done.returncode == -9
    assert lines(done.stderr) == ["terminate called after throwing an instance"] * 1000


def test_a_crash_in_c_is_told_as_without_us(scripts: Scripts) -> None:
    done = scripts.run(
        """
        import danlu, faulthandler, os
        faulthandler.enable()
        danlu.init(project="p")
        os.abort()
        """
    )
    assert "Fatal Python error: Aborted" in done.stderr


def test_a_terminal_shows_both_outputs_in_their_order(scripts: Scripts, read: Reader) -> None:
    scripts.directory.joinpath("train.py").write_text(
        "import danlu, sys\n"
        "run = danlu.init(project='p')\n"
        "for n in range(100):\n"
        "    sys.stderr.write(f'\\rbar {n}')\n"
        "    sys.stderr.write('\\n')\n"
        "    print('line', n)\n"
    )
    assert lines(in_a_terminal(scripts))[-200:] == [
        text for n in range(100) for text in (f"bar {n}", f"line {n}")
    ]
    recorded = lines(console(read, scripts.file()))
    assert recorded == [text for n in range(100) for text in (f"bar {n}", f"line {n}")]


def in_a_terminal(scripts: Scripts) -> str:
    """Run train.py in a terminal, and return what that showed before the run ended."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(scripts.directory)
        os.execv(sys.executable, [sys.executable, "train.py"])
    said = b""
    while True:
        try:
            said += os.read(terminal, 4096)
        except OSError:
            break
    os.close(terminal)
    assert os.waitpid(process, 0)[1] == 0
    return said.decode().replace("\r", "")


def test_programs_see_a_terminal_where_there_was_one(scripts: Scripts, read: Reader) -> None:
    scripts.directory.joinpath("train.py").write_text(
        "import danlu, os, subprocess, sys\n"
        "run = danlu.init(project='p')\n"
        "print(sys.stdout.isatty(), os.isatty(1), os.get_terminal_size())\n"
        "subprocess.run(['sh', '-c', 'test -t 1 && echo a terminal'])\n"
        "for n in range(50):\n"
        "    print('Python', n)\n"
        "    os.write(1, b'C %d\\n' % n)\n"
        "print('end')\n"
    )
    said = in_a_terminal(scripts)
    pairs = [line for n in range(50) for line in (f"Python {n}", f"C {n}")]
    expected = ["True True os.terminal_size(columns=0, lines=0)", "a terminal", *pairs, "end"]
    assert lines(said) == expected
    assert lines(console(read, scripts.file())) == expected


def test_after_the_run_everything_is_as_before(scripts: Scripts) -> None:
    done = scripts.run(
        """
        import danlu, gc, os, sys, threading
        def state():
            files = [os.readlink(f"/proc/self/fd/{fd}") for fd in (1, 2)]
            return files, sys.stdout.fileno(), sys.stdout.name, sys.stdout.__dict__, threading.active_count()
        before = state()
        count = len(os.listdir("/proc/self/fd"))
        for n in range(3):
            danlu.init(project="p")
            print(n)
            danlu.finish()
            assert state() == before, (state(), before)
        gc.collect()
        # Where Python printed stays open, once.
        assert len(os.listdir("/proc/self/fd")) <= count + 2
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            print("no children")
        """
    )
    assert done.stdout.split("\n") == ["0", "1", "2", "no children", ""], done.stderr


def test_a_program_that_outlives_the_training_prints_on(scripts: Scripts) -> None:
    import subprocess

    with scripts.start(
        """
        import danlu, subprocess
        danlu.init(project="p")
        subprocess.Popen(["sh", "-c", "read word; echo $word; echo and more"])
        danlu.finish()
        """,
        subprocess.PIPE,
    ) as process:
        process.wait(timeout=120)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("late\n")
        process.stdin.close()
        assert process.stdout.read() == "late\nand more\n"


def test_printing_goes_on_when_the_helper_dies(scripts: Scripts) -> None:
    done = scripts.run(
        """
        import danlu, glob, os, signal, subprocess, sys, threading
        run = danlu.init(project="p")
        os.write(1, b"one\\n")
        print("two", flush=True)
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            pid = int(path.split("/")[2])
            try:
                if b"_tee.py" in open(path, "rb").read() and os.getpgid(pid) == os.getpgrp():
                    os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        while os.readlink("/proc/self/fd/1") == os.readlink("/proc/self/fd/2"):
            pass
        import danlu._console
        while danlu._console._redirect is not None:
            pass
        subprocess.run(["echo", "three"])
        print("four")
        danlu.finish()
        """
    )
    assert done.stdout.split() == ["one", "two", "three", "four"], done.stderr
    assert "no longer recorded: the helper that did it is gone" in done.stderr
    assert done.returncode == 0


def test_what_a_fork_prints_is_recorded(scripts: Scripts, read: Reader) -> None:
    done = scripts.run(
        """
        import danlu, os
        danlu.init(project="p")
        child = os.fork()
        if child == 0:
            print("from the worker", flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print("from the parent")
        """
    )
    assert done.stdout.splitlines() == ["from the worker", "from the parent"]
    assert lines(console(read, scripts.file())) == ["from the worker", "from the parent"]


def test_a_progress_bar_is_recorded_as_what_it_showed_last(scripts: Scripts, read: Reader) -> None:
    scripts.run(
        """
        import danlu, sys
        danlu.init(project="p")
        for n in range(101):
            sys.stderr.write(f"\\r{n:3}%|{'#' * (n // 10):10}|")
            sys.stderr.flush()
        print(file=sys.stderr)
        print("done")
        """
    )
    assert lines(console(read, scripts.file(), "stderr")) == ["100%|##########|"]


@pytest.mark.parametrize("mode", ["off", "wrap", "redirect"])
def test_the_mode_says_what_is_recorded(scripts: Scripts, read: Reader, mode: str) -> None:
    done = scripts.run(
        """
        import danlu, os
        danlu.init(project="p")
        print("Python", flush=True)
        os.write(1, b"C\\n")
        """,
        WANDB_CONSOLE=mode,
    )
    assert done.stdout == "Python\nC\n"
    expected = {"off": "", "wrap": "Python\n", "redirect": "Python\nC\n"}
    assert console(read, scripts.file()) == expected[mode]


def test_closed_outputs_are_nobody_s_problem(scripts: Scripts) -> None:
    done = scripts.run(
        """
        import os, sys
        os.close(1)
        sys.stdout = None
        import danlu
        run = danlu.init(project="p")
        print("nowhere")
        danlu.finish()
        """
    )
    assert done.returncode == 0, done.stderr


def test_a_stream_of_the_user_is_wrapped_and_given_back(
    read: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Tee(io.StringIO):
        def __init__(self, behind: Any) -> None:
            super().__init__()
            self.behind = behind

        def write(self, text: str) -> int:
            self.behind.write(str(text).upper())
            return super().write(text)

    behind = io.StringIO()
    monkeypatch.setattr(sys, "stderr", behind)
    monkeypatch.setattr(sys, "stdout", Tee(behind))
    run = danlu.init(project="p", settings={"console": "redirect"})
    print("once")
    sys.stdout.writelines(["a\n", "b\n"])
    with pytest.raises(TypeError):
        sys.stdout.write(3)  # type: ignore[arg-type]
    run.finish()
    print("after")
    assert isinstance(sys.stdout, Tee)
    assert sys.stdout.getvalue() == "once\na\nb\nafter\n"
    assert "ONCE\nA\nB\n" in behind.getvalue()
    assert console(read, run.file) == "once\na\nb\n"
    assert "write" not in sys.stdout.__dict__


def test_threads_print_whole_lines(read: Reader) -> None:
    run = danlu.init(project="p")
    texts = [f"thread {n}" for n in range(4)]
    threads = [
        threading.Thread(target=lambda text=text: [sys.stdout.write(f"{text}\n") for _ in range(200)])
        for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    recorded = console(read, run.file).splitlines()
    assert sorted(recorded) == sorted(texts * 200)
