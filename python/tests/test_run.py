"""The interface of a run: init, config, summary, files, and the names of the module."""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
from typing import Any

import danlu
import danlu as wandb
import pytest
from conftest import Reader, Scripts
from danlu import config as early_config
from danlu import log as early_log
from danlu import summary as early_summary


def test_what_a_user_does(read: Reader, workdir: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    wandb.init(project="mnist", config={"lr": 0.1})
    assert wandb.run is not None
    run = wandb.run
    for step in range(20):
        wandb.log({"loss": 1 / (step + 1)})
    (workdir / "model.bin").write_bytes(b"weights")
    assert wandb.save("model.bin") == ["model.bin"]
    wandb.finish()
    assert wandb.run is None
    assert run.file is not None
    [(entity, project, run_id, state)] = read.rows(run.file, "SELECT entity, project, id, state FROM run")
    assert (entity, project, run_id, state) == ("", "mnist", run.id, "finished")
    assert len(read.history(run.file)) == 20
    assert read.table(run.file, "config") == {"lr": 0.1}
    relative = os.path.relpath(run.file)
    assert capfd.readouterr().err == (
        f"danlu: run {run.id} of project mnist goes to {relative}\n"
        f"danlu: run {run.id} finished: 20 rows up to step 19 in {relative}\n"
    )
    assert sorted(os.listdir("wandb")) == ["latest-run.sqlite", os.path.basename(run.file)]


def test_what_was_logged_is_counted(workdir: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Rows are what a run is made of: steps may be left out, used twice, or be those of another run."""

    def said() -> str:
        return capfd.readouterr().err.splitlines()[-1].split(": ")[-1].split(" in wandb")[0]

    with danlu.init(project="p", id="a") as run:
        run.log({"a": 1}, step=500)
    assert said() == "1 row up to step 500"
    with danlu.init(project="p", id="b", fork_from="a?_step=500") as run:
        run.log({"a": 2})
    assert said() == "1 more row up to step 501"
    with danlu.init(project="p", id="a", resume="must") as run:
        run.log({"a": 2}, commit=False)
        run.log({"b": 2})
    assert said() == "2 more rows up to step 501"
    danlu.init(project="p").finish()
    assert said() == "0 rows"


def test_flush_makes_durable(workdir: pathlib.Path, scripts: Scripts) -> None:
    """That the core syncs is tested there, with power cuts; here, that Python reaches it."""
    import shutil

    code = """
        import danlu
        run = danlu.init()
        danlu.log({"a": 1})
        danlu.flush()
        run.flush()
        open("flushed", "w")
        danlu.finish()
        run.flush()
    """
    done = scripts.run(code)
    assert (done.returncode, done.stderr.count("WARNING")) == (0, 0), done.stderr
    if shutil.which("strace"):
        traced = ["strace", "-f", "-e", "trace=fdatasync,openat", "-o", "trace", sys.executable, "train.py"]
        subprocess.run(traced, check=True, capture_output=True, timeout=120)
        before = (workdir / "trace").read_text().partition('"flushed"')[0]
        assert before.count("fdatasync(") >= 1
    with pytest.raises(danlu.Error, match=r"You must call danlu\.init\(\) before danlu\.flush"):
        danlu.flush()
    danlu.init(mode="disabled").flush()


def test_flush_raises_what_it_cannot(workdir: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with danlu.init() as run:
        pid = os.fork()
        if pid == 0:
            try:
                run.flush()
            except danlu.Error as e:
                os._exit(0 if "it belongs to another process" in str(e) else 2)
            os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(workdir))
    (workdir / f"danlu-{os.getuid()}").touch()
    (workdir / "file").touch()
    with danlu.init(dir=workdir / "file") as run, pytest.raises(danlu.Error, match="Cannot flush the run"):
        run.flush()


def test_before_init_everything_says_so() -> None:
    assert danlu.run is None
    danlu.finish()
    uses: list[Any] = [
        lambda: danlu.log({"a": 1}),
        lambda: danlu.save("x"),
        lambda: danlu.config.x,
        lambda: danlu.config["x"],
        lambda: danlu.config.update({"a": 1}),
        lambda: danlu.summary["x"],
        lambda: setattr(danlu.config, "x", 1),
        lambda: danlu.summary.__setitem__("x", 1),
        lambda: early_log({"a": 1}),
    ]
    for use in uses:
        with pytest.raises(danlu.Error, match=r"You must call danlu\.init\(\) before danlu\.\w+"):
            use()


def test_names_imported_before_init_find_the_run(read: Reader) -> None:
    run = danlu.init()
    assert danlu.log == run.log
    assert danlu.config is run.config
    early_log({"a": 1})
    early_config.lr = 0.5
    early_summary["best"] = 2
    assert early_config["lr"] == 0.5
    assert "best" in early_summary
    danlu.finish()
    assert danlu.log is early_log
    assert danlu.config is early_config
    assert read.history(run.file) == [(0, "a", 1)]
    assert read.table(run.file, "config") == {"lr": 0.5}
    assert read.table(run.file, "summary") == {"a": 1, "best": 2}


def test_config(read: Reader) -> None:
    run = danlu.init(config=argparse.Namespace(lr=0.1, layers=[1, 2]))
    run.config.update({"model": {"name": "cnn", "depth": 3}, "lr": 0.2}, allow_val_change=True)
    run.config.seed = 1
    run.config["é"] = None
    run.config.setdefaults({"seed": 2, "late": True})
    assert run.config.lr == 0.2
    assert run.config["model"]["depth"] == 3
    assert run.config.get("missing", 7) == 7
    assert "seed" in run.config
    assert list(run.config) == ["lr", "layers", "model", "seed", "é", "late"]
    assert dict(run.config) == run.config.as_dict() == dict(run.config.items())
    with pytest.raises(AttributeError):
        _ = run.config.missing
    with pytest.raises(KeyError):
        _ = run.config["missing"]
    run.config.update(5)
    assert run.lost == 1
    run.finish()
    assert read.table(run.file, "config") == {
        "lr": 0.2,
        "layers": "[1,2]",
        "model": '{"name":"cnn","depth":3}',
        "seed": 1,
        "é": "null",
        "late": "true",
    }


def test_summary_is_the_last_value_unless_set_by_hand(read: Reader) -> None:
    run = danlu.init()
    run.log({"loss": 2.0, "nested": {"a": 1, "b": 2}, "text": "ü", "flag": True, "big": 2**70})
    run.log({"loss": 1.0})
    assert run.summary["loss"] == 1.0
    assert run.summary["nested"] == {"a": 1, "b": 2}
    assert run.summary["nested.a"] == 1
    assert run.summary.text == "ü"
    assert run.summary["flag"] is True
    assert run.summary["big"] == 2**70
    run.summary["loss"] = 0.5
    run.summary.best = {"epoch": 3}
    run.summary.update({"list": [1, float("nan")]}, extra="x")
    run.log({"flag": False})
    del run.summary["text"]
    expected = {
        "loss": 0.5,
        "nested.a": 1,
        "nested.b": 2,
        "flag": False,
        "big": 2**70,
        "best.epoch": 3,
        "list": [1, "NaN"],
        "extra": "x",
    }
    assert run.summary.as_dict() == dict(run.summary) == expected
    assert len(run.summary) == len(expected)
    assert run.summary.get("text") is None
    with pytest.raises(KeyError):
        _ = run.summary["text"]
    with pytest.raises(KeyError):
        del run.summary["text"]
    run.finish()
    assert run.summary["loss"] == 0.5
    assert read.table(run.file, "summary") == {
        **expected,
        "flag": "false",
        "big": str(2**70),
        "list": '[1,"NaN"]',
        "extra": '"x"',
    }


def test_attributes_of_a_run(read: Reader, workdir: pathlib.Path) -> None:
    run = danlu.init(
        project="p",
        entity="e",
        name="n",
        id="i1",
        tags=["a", "b"],
        group="g",
        job_type="train",
        notes="prose",
    )
    assert (run.id, run.name, run.project, run.entity) == ("i1", "n", "p", "e")
    assert (run.group, run.job_type, run.notes, run.tags) == ("g", "train", "prose", ("a", "b"))
    assert (run.url, run.path, run.mode, run.step, run.lost) == (None, "e/p/i1", "offline", 0, 0)
    assert run.file is not None
    assert run.dir == run.file.replace(".sqlite", "/files")
    run.name = "renamed"
    run.notes = "more"
    run.tags += ("c",)
    run.finish()
    [row] = read.rows(run.file, "SELECT entity, project, id, name, job_group, job_type, notes FROM run")
    assert row == ("e", "p", "i1", "renamed", "g", "train", "more")
    assert read.rows(run.file, "SELECT tags FROM attempt") == [('["a","b"]',)]
    assert read.rows(run.file, "SELECT tag FROM tags") == [("c",)]


def test_the_environment_is_asked_last(monkeypatch: pytest.MonkeyPatch, workdir: pathlib.Path) -> None:
    names = ["PROJECT", "ENTITY", "NAME", "RUN_ID", "NOTES", "RUN_GROUP", "JOB_TYPE"]
    for name in names:
        monkeypatch.setenv(f"WANDB_{name}", f"w{name}")
    monkeypatch.setenv("WANDB_TAGS", "x, y")
    monkeypatch.setenv("WANDB_DIR", str(workdir / "elsewhere"))
    monkeypatch.setenv("DANLU_NAME", "danlu's")
    with danlu.init(project="argument") as run:
        assert (run.project, run.name, run.id) == ("argument", "danlu's", "wRUN_ID")
        assert (run.entity, run.notes, run.group, run.job_type) == (
            "wENTITY",
            "wNOTES",
            "wRUN_GROUP",
            "wJOB_TYPE",
        )
        assert run.tags == ("x", "y")
        assert str(run.file).startswith(str(workdir / "elsewhere" / "wandb"))


def test_defaults() -> None:
    with danlu.init() as run:
        assert run.project == "uncategorized"
        assert len(run.id) == 8
        assert run.name == run.id
        assert run.path == f"uncategorized/{run.id}"
    with danlu.init(project="team/project") as run:
        assert (run.entity, run.project) == ("team", "project")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"id": "a/b"}, "The run id `a/b` cannot be used.*leave it out"),
        ({"id": ""}, "The run id `` cannot be used"),
        ({"project": ""}, "The project `` cannot be used: it is empty"),
        ({"project": "a:b"}, "The project `a:b` cannot be used"),
        ({"project": "p\ud800"}, "The project .* cannot be used"),
        ({"project": "/p"}, "entity is empty"),
        ({"mode": "sideways"}, "The mode `sideways` cannot be used"),
        ({"name": "n" * 2000}, "at most 1024"),
        ({"tags": 5}, "`tags` takes a list of texts, not `int`"),
        ({"tags": 5.5}, "`tags` takes a list of texts, not `float`"),
        ({"dir": 5}, "`dir` takes a path, not `int`"),
        ({"dir": ["a"]}, "`dir` takes a path, not `list`"),
        ({"dir": "a\0b"}, "`dir` takes a path, and no path has a zero byte"),
        ({"project": ["p"]}, "`project` takes a text, not `list`"),
        ({"group": {}}, "`group` takes a text, not `dict`"),
        ({"id": b"a"}, "`id` takes a text, not `bytes`"),
    ],
    ids=repr,
)
def test_misuse_is_an_error_at_init(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(danlu.UsageError, match=message):
        danlu.init(**arguments)
    assert danlu.run is None


def test_unknown_keywords_are_accepted(capfd: pytest.CaptureFixture[str]) -> None:
    danlu.init(magic=True, anonymous="allow", force=False).finish()
    danlu.init(magic=True, anonymous="allow").finish()
    assert capfd.readouterr().err.count("ignores `anonymous`, `magic`") == 1


def test_a_second_init_returns_the_active_run() -> None:
    first = danlu.init()
    assert danlu.init(project="other") is first
    second = danlu.init(reinit=True)
    assert second is not first
    first.log({"a": 1})
    assert first.summary.get("a") is None
    third = danlu.init(reinit="create_new")
    assert danlu.run is second
    third.log({"a": 3})
    third.finish()
    assert danlu.run is second
    assert third.summary["a"] == 3


def test_context_manager_with_an_exception(read: Reader) -> None:
    with pytest.raises(ZeroDivisionError), danlu.init() as run:
        run.log({"a": 1})
        _ = 1 / 0
    assert danlu.run is None
    assert read.end(run.file) == '{"exit_code":1}'
    assert read.rows(run.file, "SELECT state FROM run") == [("failed",)]
    with pytest.raises(SystemExit), danlu.init() as run:
        raise SystemExit(3)
    assert read.end(run.file) == '{"exit_code":3}'


def test_disabled_runs_write_nothing(
    monkeypatch: pytest.MonkeyPatch, workdir: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    run = danlu.init(config={"lr": 1})
    danlu.log({"a": {"b": 1}, "bad": b"\xff"})
    danlu.log({"c": 2}, step=5)
    danlu.summary["best"] = 3
    (workdir / "f").touch()
    assert not danlu.save("f")
    assert dict(danlu.summary) == {"a.b": 1, "c": 2, "best": 3}
    assert (run.config.lr, run.step, run.mode, run.file) == (1, 0, "disabled", None)
    assert len(run.id) == 8
    danlu.finish()
    assert os.listdir(workdir) == ["f"]
    assert capfd.readouterr().err == ""


def test_save(read: Reader, workdir: pathlib.Path) -> None:
    for name in ("a.pt", "b.pt", "sub/c.pt", "base/deep/d.txt"):
        path = workdir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    with danlu.init() as run:
        assert run.save("*.pt") == ["a.pt", "b.pt"]
        assert run.save(b"a.pt") == ["a.pt"]
        assert run.save(workdir / "sub" / "c.pt") == ["sub/c.pt"]
        assert run.save(pathlib.Path("base/deep/*.txt"), base_path="base") == ["deep/d.txt"]
        assert run.save("base/deep/d.txt", policy="now") == ["base/deep/d.txt"]
        assert run.lost == 0
    names = [path for (path,) in read.rows(run.file, "SELECT path FROM files ORDER BY path")]
    assert names == ["a.pt", "b.pt", "base/deep/d.txt", "deep/d.txt", "sub/c.pt"]


def test_a_name_that_looks_like_a_glob(workdir: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("a[1].txt", "b1.txt"):
        (workdir / name).touch()
    with danlu.init() as run:
        assert run.save("a[1].txt", glob=False) == ["a[1].txt"]
        assert run.save("b[1].txt", glob=False) == []
        assert run.save("b[1].txt") == ["b1.txt"]
    assert "Cannot save `b[1].txt`: there is no such file" in capfd.readouterr().err


def test_files_are_below_the_current_directory_wherever_the_run_is(workdir: pathlib.Path) -> None:
    (workdir / "model").write_text("x")
    with danlu.init(dir=workdir / "runs") as run:
        assert run.save("model") == ["model"]


def test_what_cannot_be_saved_does_not_stop_the_training(
    workdir: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(workdir / "fifo")
    (workdir / "dir").mkdir()
    (workdir / "good").write_text("x")
    bad: list[Any] = ["missing", "*.nothing", "fifo", "dir", "../outside", None, 5, b"\xff", "a\0b"]
    with danlu.init() as run:
        for path in bad:
            assert run.save(path) == [], path
        assert run.save("good", base_path="dir") == []
        assert run.save("*o*", policy="sometimes") == ["good"]
        run.log({"a": 1})
        # A file is no record: what was logged is there.
        assert run.lost == 0
    err = capfd.readouterr().err
    # One for each, one for the base path, the policy, and the named pipe that the glob finds.
    assert err.count("WARNING") == len(bad) + 3
    assert "Traceback" not in err


def test_a_directory_that_cannot_be_written(
    read: Reader, workdir: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import tempfile

    spare = workdir / "tmp"
    spare.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spare))
    (workdir / "file").touch()
    below = workdir / "file" / "below"
    with danlu.init(dir=below, id="r") as run:
        run.log({"a": 1})
        directory = os.path.dirname(os.path.dirname(str(run.file)))
        assert os.path.dirname(directory) == str(spare / f"danlu-{os.getuid()}")
    assert read.history(run.file) == [(0, "a", 1)]
    err = capfd.readouterr().err
    assert err.count("WARNING") == 1
    assert f"`danlu ls {directory}`" in err
    # Runs of other directories may have the same id.
    with danlu.init(dir=workdir / "file" / "other", id="r", resume="allow") as run:
        assert run.step == 0
        assert not str(run.file).startswith(directory)
    capfd.readouterr()
    # Later there is a place, where the run is not.
    (workdir / "file").unlink()
    with danlu.init(dir=below, id="r", resume="allow") as run:
        assert run.step == 0
    err = capfd.readouterr().err
    assert f"`{directory}` has 1 run file of when `{below}` could not be written" in err


def test_nowhere_to_write(
    workdir: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(workdir))
    (workdir / f"danlu-{os.getuid()}").touch()
    (workdir / "file").touch()
    with danlu.init(dir=workdir / "file") as run:
        run.log({"a": 1})
        run.log({"a": 2})
        assert run.lost == 2
        assert run.summary["a"] == 2
    err = capfd.readouterr().err
    assert "the run is not stored" in err
    assert "2 records or values" in err


def test_silence(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("WANDB_SILENT", "true")
    with danlu.init() as run:
        run.log({"bad": b"\xff"})
        run.save("missing")
    assert capfd.readouterr() == ("", "")


class Spiteful:
    """Raises whatever it is asked for."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__

    def keys(self) -> list[str]:
        raise RuntimeError("no keys")


@pytest.mark.parametrize(
    "attempt",
    [
        lambda run: run.config.update(Spiteful()),
        lambda run: run.summary.update(Spiteful()),
        lambda run: run.config.__setitem__(Spiteful(), 1),
        lambda run: setattr(run, "name", Spiteful()),
        lambda run: setattr(run, "name", "\ud800"),
        lambda run: setattr(run, "notes", Spiteful()),
        lambda run: setattr(run, "tags", 5),
        lambda run: setattr(run, "tags", [Spiteful(), "\ud800"]),
        lambda run: run.save("\ud800"),
        lambda run: run.save(Spiteful()),
        lambda run: run.save("x", base_path=b"/tmp/\xff"),
        lambda run: run.save("x", policy="\ud800"),
        lambda run: run.save("x", policy=Spiteful()),
        lambda run: run.summary.get(5),
        lambda run: "\ud800" in run.summary,
    ],
)
def test_whatever_an_argument_does_training_goes_on(attempt: Any, read: Reader) -> None:
    run = danlu.init()
    attempt(run)
    run.log({"a": 1})
    run.finish()
    assert read.history(run.file) == [(0, "a", 1)]


def test_all_active_runs_end_with_the_program(scripts: Scripts, read: Reader) -> None:
    code = "import danlu\nfor i in range(4): danlu.init(id=f'r{i}', reinit='create_new').log({'a': i})"
    assert scripts.run(code).returncode == 0
    assert [read.end(path) for path in scripts.files()] == ['{"exit_code":0}'] * 4


def test_processes_that_begin_with_one_id_in_one_second_keep_all_rows(scripts: Scripts, read: Reader) -> None:
    code = """
        import danlu
        run = danlu.init(id="same", project="ranks")
        for i in range(50):
            run.log({"i": i})
    """
    # One program that starts the others: their script must not be written while one of them reads it.
    starter = f"""
        import subprocess, sys, textwrap
        code = textwrap.dedent({code!r})
        ranks = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(8)]
        sys.exit(max(rank.wait() for rank in ranks))
    """
    done = scripts.run(starter)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert len(scripts.files()) == 8
    assert [len(read.history(path)) for path in scripts.files()] == [50] * 8
