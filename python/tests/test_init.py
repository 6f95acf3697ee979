"""`init` and what a run has: arguments, modes, several runs, and its directory."""

from __future__ import annotations

import json
import os
import pathlib
import pickle
import stat
import subprocess
import sys
import time
from typing import Any

import danlu
import pytest
from conftest import Reader


@pytest.fixture(autouse=True)
def home(workdir: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A home without settings files."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(workdir / "config"))
    return workdir / "config"


def test_the_orders_of_arguments(workdir: pathlib.Path) -> None:
    with danlu.init("team", "mnist", workdir, "i1", "n", "notes", ["t"], {"a": 1}) as run:
        assert (run.entity, run.project, run.id, run.name) == ("team", "mnist", "i1", "n")
        assert (run.notes, run.tags, dict(run.config)) == ("notes", ("t",), {"a": 1})
    old: tuple[Any, ...] = ("train", workdir, {"a": 1}, "mnist", "team", True, ["t"], "g")
    with danlu.init(*old) as run:
        assert (run.job_type, dict(run.config), run.project, run.entity) == (
            "train",
            {"a": 1},
            "mnist",
            "team",
        )
        assert (run.tags, run.group) == (("t",), "g")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reinit": "sometimes"}, "`reinit` cannot be `sometimes`"),
        ({"resume": "perhaps"}, "`resume` cannot be `perhaps`"),
        ({"resume": "allow", "fork_from": "a?_step=1"}, "only one"),
        ({"settings": [1]}, "`settings` takes danlu.Settings"),
    ],
)
def test_misuse_is_an_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(danlu.UsageError, match=message):
        danlu.init(**arguments)
    assert danlu.run is None


def test_how_a_second_run_begins() -> None:
    first = danlu.init()
    assert (
        danlu.init(reinit="return_previous")
        is danlu.init(reinit=False)
        is danlu.init(reinit="default")
        is first
    )
    beside = danlu.init(reinit="create_new", config={"a": 1})
    assert danlu.run is first
    second = danlu.init(reinit="finish_previous")
    assert first._over
    assert beside._over
    assert danlu.run is second
    third = danlu.init(settings=danlu.Settings(reinit="finish_previous"))
    assert second._over
    danlu.teardown()
    assert third._over
    assert danlu.run is None


def test_functions_of_the_module_are_those_of_the_run() -> None:
    from danlu import define_metric as early

    for name in ("define_metric", "alert", "watch", "log_artifact", "use_artifact", "mark_preempting"):
        with pytest.raises(danlu.Error, match=rf"You must call danlu\.init\(\) before danlu\.{name}\(\)"):
            getattr(danlu, name)()
    with danlu.init() as run:
        assert danlu.define_metric == run.define_metric
        assert early("loss", summary="min").summary == ("min",)
        danlu.mark_preempting()
        danlu.pin_config_keys(["lr"])
        assert vars(run.config)["_items"]["_wandb"]["pinned_keys"] == ["lr"]
    assert danlu.join is not None
    danlu.join()


def test_disabled_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    import tempfile

    from danlu.sdk.lib import RunDisabled

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run = danlu.init(mode="disabled", config={"a": 1}, save_code=True, sync_tensorboard=True)
    assert isinstance(run, danlu.Run)
    assert isinstance(run, RunDisabled)
    assert (run.name, run.entity, run.project, run.url) == (f"dummy-{run.id}", "dummy", "dummy", None)
    run.log({"a": {"b": 1}}, step=5)
    assert (run.step, run.summary["a"]) == (0, {"b": 1})
    assert run.save("x") is False
    run.watch(None)
    run.alert("a", "b")
    run.define_metric("a", summary="min")
    assert (run.config.a, run.disabled, run.offline) == (1, True, True)
    (pathlib.Path(run.dir) / "f").write_text("x")
    again = pickle.loads(pickle.dumps(run))
    assert (again.id, again.disabled, run._attach_id) == (run.id, True, None)
    again.log({"a": 1})
    run.name = "named"
    assert run.name == "named"
    assert os.listdir(tmp_path) != []
    run.finish()
    assert os.listdir(tmp_path) == []
    with danlu.init(mode="disabled", project="p", entity="e", name="n") as run:
        assert run.path == f"e/p/{run.id}"
        assert run.name == "n"


def test_the_directory_of_a_run(workdir: pathlib.Path, read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_IGNORE_GLOBS", "*.ckpt")
    monkeypatch.setenv("WANDB__SAVE_REQUIREMENTS", "false")
    monkeypatch.setenv("WANDB__DISABLE_META", "true")
    with danlu.init() as run:
        place = pathlib.Path(run.dir)
        assert place.parent == pathlib.Path(run.sync_dir)
        (place / "model.h5").write_text("w")
        (place / "sub").mkdir()
        (place / "sub" / "[x].txt").write_text("x")
        (place / "big.ckpt").write_text("c")
        assert run.save(os.path.join(run.dir, "model.h5")) == ["model.h5"]
        assert run.save(os.path.join(run.dir, "*.h5"), policy="end") == ["model.h5"]
    names = [path for (path,) in read.rows(run.file, "SELECT path FROM files ORDER BY path")]
    assert names == ["model.h5", "sub/[x].txt"]
    # A finished run is one file.
    assert sorted(os.listdir("wandb")) == ["latest-run.sqlite", os.path.basename(str(run.file))]
    assert not os.path.exists(run.dir)


def test_what_cannot_be_stored_stays(workdir: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    with danlu.init() as run:
        os.mkfifo(os.path.join(run.dir, "pipe"))
    assert os.listdir(run.dir) == ["pipe"]
    assert "could not be stored as a whole; it stays there" in capfd.readouterr().err


def test_attributes_that_programs_for_wandb_ask_for() -> None:
    with danlu.init(project="p", id="i") as run:
        assert run.get_url() is run.get_project_url() is run.get_sweep_url() is run.sweep_id is None
        assert (run.project_name(), run.path, run._get_path(), run._step) == ("p", "p/i", "p/i", 0)
        assert run.status().sync_items_pending == 0
        run._label(code="transformers_trainer")
        run.write_logs("a line\n")
        assert run.display() is False
        assert "<b>i</b>" in run.to_html()
        with pytest.raises(Exception, match="Attribute foo is not supported on Run object"):
            run.foo = 1
        run._private = 1
        run.join()
    assert danlu.run is None


def test_login_stores_a_key_for_a_server(home: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert danlu.login()
    assert danlu.login(key="k" * 40)
    assert danlu.login("k", relogin=True, host="https://api.wandb.ai")
    assert not home.exists()
    assert danlu.login("secret", host="http://127.0.0.1:9/")
    assert danlu.login("other", host="https://danlu.example")
    path = home / "danlu" / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keys = {"http://127.0.0.1:9": "secret", "https://danlu.example": "other"}
    assert json.loads(path.read_text()) == {"keys": keys, "default": "https://danlu.example"}
    assert capfd.readouterr() == ("", "")


def test_online_without_a_remote_is_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        with danlu.init(mode="online") as run:
            assert (run.mode, run.offline, run.url) == ("online", False, None)
    assert capfd.readouterr().err.count("there is no remote to send runs to") == 1


def test_online_sends_runs_on(workdir: pathlib.Path, monkeypatch: pytest.MonkeyPatch, read: Reader) -> None:
    remote = workdir / "remote"
    remote.mkdir()
    code = f"""
import danlu, json, os, subprocess
os.environ["DANLU_REMOTE"] = {str(remote)!r}
os.environ["DANLU_REMOTE"] = os.path.relpath(os.environ["DANLU_REMOTE"])
open("json.py", "w").write("raise RuntimeError")
started = []
class Popen(subprocess.Popen):
    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        if "_syncer" in str(self.args):
            started.append(self)
subprocess.Popen = Popen
for id in ("a", "b"):
    danlu.init(mode="online", id=id).log({{"a": 1}})
    danlu.finish()
assert len(started) == 2
print([process.wait(timeout=100) for process in started])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "[0, 0]\n", done.stderr
    listed = subprocess.run(
        [sys.executable, "-m", "danlu", "sync", str(remote), "--json"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert {run["id"]: run["status"] for run in json.loads(listed.stdout.splitlines()[-1])["runs"]} == {
        "a": "up_to_date",
        "b": "up_to_date",
    }


def test_online_sends_a_run_while_it_is_written_to_the_default_remote(workdir: pathlib.Path) -> None:
    remote = workdir / "remote"
    subprocess.run(
        [sys.executable, "-m", "danlu", "remote", "add", "lab", str(remote)], check=True, timeout=60
    )
    code = "import danlu; r = danlu.init(mode='online', id='a'); r.log({'loss': 1.0}); input(); r.finish()"
    training = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )

    def seen() -> list[str]:
        try:
            return [run.state for run in danlu.Api({"base_url": str(remote)}).runs(per_page=1)]
        except (danlu.Error, ValueError):
            return []

    give_up = time.monotonic() + 60
    while seen() != ["running"]:
        assert time.monotonic() < give_up, (workdir / "wandb" / "sync.log").read_text()
        time.sleep(0.1)
    training.communicate(b"\n")
    while seen() != ["finished"]:
        assert time.monotonic() < give_up, (workdir / "wandb" / "sync.log").read_text()
        time.sleep(0.1)


def test_online_does_not_wait_for_a_run_that_is_parked(workdir: pathlib.Path) -> None:
    for name in ("damaged", "whole"):
        with danlu.init(id=name) as run:
            run.log({"a": 1})
    [path] = (workdir / "wandb").glob("run-*-damaged.sqlite")
    path.write_bytes(path.read_bytes()[:200].ljust(path.stat().st_size, b"U"))
    remote = workdir / "remote"
    remote.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from danlu._syncer import main; sys.exit(main('wandb'))"],
        env={**os.environ, "DANLU_REMOTE": str(remote)},
        timeout=30,
    )
    assert done.returncode == 1  # As a sync with something parked.
    assert [run.id for run in danlu.Api({"base_url": str(remote)}).runs()] == ["whole"]


def test_a_notebook_finishes_the_run_before(monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    ipython = types.ModuleType("IPython")
    ipython.get_ipython = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    first = danlu.init(config={"a": 1})
    first.config.a = 2
    second = danlu.init()
    assert first._over
    assert danlu.run is second
