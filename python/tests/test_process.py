"""How programs end, and what happens to their runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import danlu
import pytest
from conftest import Reader, Scripts

START = "import sys, danlu\nrun = danlu.init(project='p', id='r')\ndanlu.log({'a': 1})\n"


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("", 0),
        ("raise ValueError('boom')", 1),
        ("sys.exit(3)", 3),
        ("sys.exit('message')", 1),
        ("sys.exit()", 0),
        ("raise KeyboardInterrupt", 255),
        ("import threading; t = threading.Thread(target=sys.exit, args=(4,)); t.start(); t.join()", 0),
        ("del run; danlu.run = None", 0),
    ],
)
def test_the_end_of_the_program_is_the_end_of_the_run(
    scripts: Scripts, read: Reader, code: str, exit_code: int
) -> None:
    done = scripts.run(START + code)
    assert read.end(scripts.file()) == f'{{"exit_code":{exit_code}}}'
    verb = "finished" if exit_code == 0 else f"failed with exit code {exit_code}"
    assert done.stderr.count(f"danlu: run r {verb}: 1 row up to step 0 in wandb/run-") == 1
    if "boom" in code:
        assert "ValueError: boom" in done.stderr
        assert done.returncode == 1
    assert not list((scripts.directory / "wandb").glob("*.journal"))


def test_ctrl_c(scripts: Scripts, read: Reader) -> None:
    code = START + "print('ready', flush=True)\nimport threading\nwhile True: threading.Event().wait(0.1)"
    # Not one wait without end: Python can miss a signal that comes as it begins.
    with scripts.start(code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    assert read.end(scripts.file()) == '{"exit_code":255}'


def test_an_earlier_excepthook_still_runs(scripts: Scripts, read: Reader) -> None:
    hook = "import sys\nsys.excepthook = lambda *a: print('mine', a[0].__name__)\n"
    done = scripts.run(hook + START + "raise ValueError")
    assert done.stdout == "mine ValueError\n"
    assert read.end(scripts.file()) == '{"exit_code":1}'


def test_every_acknowledged_row_survives_kill_9(scripts: Scripts, read: Reader) -> None:
    code = """
        import danlu
        run = danlu.init()
        i = 0
        while True:
            run.log({"i": i, "text": "x" * (i % 100)})
            print(i, flush=True)
            i += 1
    """
    with scripts.start(code) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5000)]
        process.kill()
        lines += process.stdout.readlines()
    acknowledged = [int(line) for line in lines if line.endswith("\n")]
    path = scripts.file()
    listed = scripts.danlu("ls", "--json")
    assert [run["state"] for run in json.loads(listed.stdout)] == ["crashed"], listed.stderr
    values = [value for _, key, value in read.history(path) if key == "i"]
    assert values[: len(acknowledged)] == acknowledged
    assert len(values) - len(acknowledged) in (0, 1)
    assert read.rows(path, "SELECT state FROM run") == [("unfinished",)]


def test_the_child_of_a_fork_says_that_it_stores_nothing(scripts: Scripts, read: Reader) -> None:
    code = """
        import os, sys, danlu
        run = danlu.init()
        run.log({"a": 1})
        child = os.fork()
        if child == 0:
            run.log({"a": 2})
            run.log({"a": 3})
            danlu.config["b"] = 1
            danlu.save("train.py")
            sys.exit(7)
        assert os.waitpid(child, 0)[1] == 7 << 8
        run.log({"a": 4})
    """
    done = scripts.run(code)
    assert done.returncode == 0, done.stderr
    assert [value for _, _, value in read.history(scripts.file())] == [1, 4]
    assert done.stderr.count("fork of the one that started the run") == 1
    assert done.stderr.count("finished: 2 rows") == 1
    assert read.end(scripts.file()) == '{"exit_code":0}'
    assert read.table(scripts.file(), "config") == {}


def test_the_child_of_a_fork_may_start_a_run_of_its_own(scripts: Scripts, read: Reader) -> None:
    code = """
        import os, sys, danlu
        danlu.init(id="parent")
        child = os.fork()
        if child == 0:
            danlu.init(id="child")
            danlu.log({"a": 2})
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        danlu.log({"a": 1})
    """
    done = scripts.run(code)
    assert done.returncode == 0, done.stderr
    found = {path.stem.rsplit("-", 1)[1]: read.history(path) for path in scripts.files()}
    assert found == {"parent": [(0, "a", 1)], "child": [(0, "a", 2)]}


def test_a_worker_that_outlives_a_killed_training_does_not_keep_its_run_alive(
    scripts: Scripts, read: Reader
) -> None:
    code = """
        import os, danlu
        danlu.init(id="killed")
        danlu.log({"a": 1})
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(writing)
            print(os.getpid(), flush=True)
            os.read(0, 1)
            os._exit(0)
        os.read(reading, 1)
    """
    with scripts.start(code, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        worker = int(process.stdout.readline())
        process.kill()
        process.wait(timeout=60)
        os.kill(worker, 0)
        listed = scripts.danlu("ls", "--json")
        assert [run["state"] for run in json.loads(listed.stdout)] == ["crashed"], listed.stderr
        process.stdin.close()
    assert read.history(scripts.file()) == [(0, "a", 1)]


def test_a_fork_in_the_middle_of_sqlite_leaves_the_child_free(scripts: Scripts) -> None:
    """A run's thread is inside SQLite soon after the start, with a lock that the child would inherit."""
    code = """
        import os, danlu
        for i in range(100):
            run = danlu.init()
            for _ in range(i % 40 * 2000):
                pass
            child = os.fork()
            if child == 0:
                danlu.init()
                danlu.log({"a": 1})
                danlu.finish()
                os._exit(5)
            assert os.waitpid(child, 0)[1] == 5 << 8
            danlu.finish()
    """
    done = scripts.run(code)
    assert done.returncode == 0, done.stderr
    assert len(scripts.files()) == 200


@pytest.mark.parametrize("when", ["before", "after_in_parent", "after_in_child"])
def test_runs_may_go_while_a_fork_is_made(scripts: Scripts, when: str) -> None:
    """Garbage is collected whenever something is made, as by what others have registered for a fork."""
    code = f"""
        import gc, os
        gc.disable()
        os.register_at_fork({when}=gc.collect)
        import danlu
        run = danlu.init()
        run.finish()
        ring = [run]
        ring.append(ring)
        other = danlu.init(reinit="create_new")
        other.log({{"a": 1}})
        del run, ring
        child = os.fork()
        if child == 0:
            os._exit(5)
        assert os.waitpid(child, 0)[1] == 5 << 8
    """
    done = scripts.run(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(scripts: Scripts, read: Reader, method: str) -> None:
    code = f"""
        import multiprocessing, danlu

        def work(i):
            if danlu.run is not None:
                danlu.log({{"child": i}})
            return i * i

        if __name__ == "__main__":
            run = danlu.init()
            with multiprocessing.get_context({method!r}).Pool(2) as pool:
                for square in pool.map(work, range(4)):
                    danlu.log({{"square": square}})
    """
    done = scripts.run(code)
    assert done.returncode == 0, done.stderr
    assert [row[1:] for row in read.history(scripts.file())] == [("square", i * i) for i in range(4)]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_run_of_a_worker_ends_with_it(scripts: Scripts, read: Reader, method: str) -> None:
    code = f"""
        import multiprocessing, danlu

        def work(name):
            danlu.init(id=name).log({{"a": 1}})
            if name == "fails":
                raise ValueError("on purpose")

        if __name__ == "__main__":
            danlu.init(id="parent")
            for name in ("ok", "fails"):
                process = multiprocessing.get_context({method!r}).Process(target=work, args=(name,))
                process.start()
                process.join()
    """
    done = scripts.run(code)
    assert done.returncode == 0, done.stderr
    ends = {path.stem.rsplit("-", 1)[1]: read.end(path) for path in scripts.files()}
    assert ends == {"parent": '{"exit_code":0}', "ok": '{"exit_code":0}', "fails": '{"exit_code":1}'}


def test_a_closed_stderr_does_not_matter(scripts: Scripts, read: Reader) -> None:
    done = scripts.run("import os, sys\nsys.stderr.close()\nsys.stderr = None\n" + START)
    assert done.returncode == 0
    assert len(read.history(scripts.file())) == 1


def test_a_deleted_working_directory(scripts: Scripts) -> None:
    code = """
        import os, shutil, danlu
        os.mkdir("gone"); os.chdir("gone"); shutil.rmtree("../gone")
        run = danlu.init()
        danlu.log({"a": 1})
        print(run.file, run.lost)
        danlu.save("x")
    """
    done = scripts.run(code, TMPDIR=str(scripts.directory))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(scripts.directory / f"danlu-{os.getuid()}"))
    assert done.stdout.endswith(" 0\n")


def test_import_is_light(scripts: Scripts) -> None:
    code = """
        import sys
        before = set(sys.modules)
        import danlu
        print(*sorted(set(sys.modules) - before))
    """
    loaded = scripts.run(code).stdout.split()
    assert [name for name in loaded if not name.startswith("danlu")] in (
        ["__future__"],
        ["__future__", "atexit"],
    )


def test_a_signal_handler_may_log_at_any_time(scripts: Scripts, read: Reader) -> None:
    code = """
        import signal, sys
        import danlu

        class Interrupting:
            def find_spec(self, name, path=None, target=None):
                if name.startswith("danlu."):
                    signal.raise_signal(signal.SIGUSR1)

        def handler(*_):
            run.summary["x"] = 1
            run.log({"y": [2]})

        run = danlu.init()
        signal.signal(signal.SIGUSR1, handler)
        sys.meta_path.insert(0, Interrupting())
        run.summary["x"] = 0
        run.log({"y": [1], "z": {"a": None}})
        run.finish()
    """
    done = scripts.run(code)
    assert done.returncode == 0, done.stderr
    assert read.end(scripts.file()) == '{"exit_code":0}'


def test_the_command(scripts: Scripts) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "danlu", "version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert danlu.__version__ in done.stdout
