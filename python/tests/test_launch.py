"""`danlu run`: programs that import wandb."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys

import danlu
import pytest
from conftest import Reader, Scripts

TRAIN = """
    import wandb
    with wandb.init(project="p", config={"lr": 1}) as run:
        wandb.log({"loss": 2})
    print(run.id)
"""


def launch(workdir: pathlib.Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "danlu", "run", *arguments],
        cwd=workdir,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def write(path: pathlib.Path, code: str) -> None:
    import textwrap

    path.write_text(textwrap.dedent(code))


@pytest.mark.parametrize(
    "command",
    [
        ["train.py"],
        ["--", "train.py"],
        ["-m", "train"],
        ["--", sys.executable, "train.py"],
        [sys.executable, "-u", "train.py"],
        ["--", "sh", "-c", f"{sys.executable} train.py"],
    ],
)
def test_a_program_that_imports_wandb(workdir: pathlib.Path, read: Reader, command: list[str]) -> None:
    write(workdir / "train.py", TRAIN)
    # The runs are beside the script, in a directory that could be taken for a package.
    (workdir / "wandb").mkdir()
    done = launch(workdir, *command)
    assert done.returncode == 0, done.stderr
    [path] = (workdir / "wandb").glob("run-*.sqlite")
    assert read.history(path) == [(0, "loss", 2)]
    assert read.table(path, "config") == {"lr": 1}


def test_arguments_and_the_exit_code_pass_through(workdir: pathlib.Path) -> None:
    write(workdir / "train.py", "import sys, wandb\nprint(sys.argv[1:])\nsys.exit(7)")
    done = launch(workdir, "train.py", "--lr", "0.1", "--", "-x")
    assert (done.returncode, done.stdout) == (7, "['--lr', '0.1', '--', '-x']\n")


def test_signals_pass_through(workdir: pathlib.Path, read: Reader) -> None:
    code = """
        import os, signal, sys, time, wandb
        wandb.init()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
        print(os.getpid(), flush=True)
        # In pieces: Python notices a signal that comes just before a wait when the wait is over.
        while True: time.sleep(0.05)
    """
    write(workdir / "train.py", code)
    command = [sys.executable, "-m", "danlu", "run", "train.py"]
    with subprocess.Popen(command, cwd=workdir, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 5
    [path] = (workdir / "wandb").glob("run-*.sqlite")
    assert read.end(path) == '{"exit_code":5}'


def test_children_import_it_too(workdir: pathlib.Path) -> None:
    code = """
        import subprocess, sys
        sys.exit(subprocess.call([sys.executable, "-c", "import wandb; print(wandb.Run.__module__)"]))
    """
    write(workdir / "train.py", code)
    done = launch(workdir, "train.py", PYTHONPATH=os.environ.get("PYTHONPATH", "") + ":/elsewhere")
    assert (done.returncode, done.stdout) == (0, "danlu\n"), done.stderr


def test_a_python_without_danlu_takes_this_one(workdir: pathlib.Path) -> None:
    standin = pathlib.Path(danlu.__file__).parent / "standin"
    code = f"import sys; sys.path = [{str(standin)!r}, *sys.path]; import wandb; print(wandb.Run)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], cwd="/", capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "<class 'danlu.Run'>\n", done.stderr


def test_the_command_of_wandb(workdir: pathlib.Path) -> None:
    done = launch(workdir, "-m", "wandb", "version")
    assert danlu.__version__ in done.stdout
    done = launch(workdir, "--", "sh", "-c", "wandb offline && wandb status")
    assert "offline (./wandb/settings)" in done.stdout, done.stderr


def test_what_cannot_be_run_is_said(workdir: pathlib.Path) -> None:
    assert launch(workdir, "--help").stdout.startswith("Run a program")
    assert launch(workdir).returncode == 2
    assert launch(workdir, "--").returncode == 2
    done = launch(workdir, "no-such-command")
    assert (done.returncode, done.stderr) == (127, "danlu: there is no command `no-such-command`\n")
    (workdir / "data").touch()
    assert launch(workdir, "./data").returncode == 126


@pytest.mark.parametrize("option", ["-I", "-E", "-uE"])
def test_a_python_that_ignores_the_path_is_warned_about(workdir: pathlib.Path, option: str) -> None:
    done = launch(workdir, "--", sys.executable, option, "-c", "")
    assert "has no PYTHONPATH" in done.stderr
    assert "PYTHONPATH" not in launch(workdir, "--", sys.executable, "-c", "", "-E").stderr


def test_without_it_nothing_is_changed(scripts: Scripts) -> None:
    code = "import danlu, importlib.util\nprint(importlib.util.find_spec('wandb'))"
    assert scripts.run(code).stdout == "None\n"
