"""Properties of a run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from .entries import Topic, wandb

facts = Topic("Properties of Run")
TOPICS = [facts]


@facts.yes("Run.id", "Run.entity", "Run.project", "Run.group", "Run.job_type", "Run.path", "Run.mode")
def _() -> None:
    with wandb.init(project="p", entity="e", id="r", group="g", job_type="j") as run:
        assert (run.id, run.entity, run.project) == ("r", "e", "p")
        assert (run.group, run.job_type, run.path, run.mode) == ("g", "j", "e/p/r", "offline")
    with wandb.init(project="p", id="s") as run:
        assert run.entity == ""
        assert run.path == "p/s"


@facts.yes(
    "Run.name",
    "Run.notes",
    "Run.tags",
    note="Can be set. Without a name, `name` is the id; with wandb it is None offline.",
)
def _(run: Any) -> None:
    run.name = "other"
    run.notes = "prose"
    run.tags = ["a"]
    run.tags += ("b",)
    run.finish()
    found = wandb.Api().run("p/r")
    assert (found.name, found.notes, found.tags) == ("other", "prose", ["a", "b"])
    with wandb.init(id="s") as unnamed:
        assert unnamed.name == "s"


@facts.yes("Run.config", "Run.summary")
def _(run: Any) -> None:
    run.log({"loss": 1})
    assert run.config["lr"] == 0.1
    assert run.summary["loss"] == 1


@facts.yes("Run.config_static")
def _(run: Any) -> None:
    static = run.config_static
    run.config["new"] = 1
    assert static["lr"] == 0.1
    assert "new" not in static


@facts.yes("Run.step", "Run.starting_step", "Run.resumed")
def _(run: Any) -> None:
    assert (run.step, run.starting_step, run.resumed) == (0, 0, False)
    run.log({"a": 1}, step=10)
    assert run.step == 10
    run.finish()
    with wandb.init(project="p", id="r", resume="must") as again:
        assert (again.step, again.starting_step, again.resumed) == (11, 11, True)


@facts.yes("Run.start_time", "Run.offline", "Run.disabled")
def _(run: Any) -> None:
    assert 0 <= time.time() - run.start_time < 600
    assert run.offline is True
    assert run.disabled is False
    run.finish()
    with wandb.init(mode="disabled") as nothing:
        assert nothing.disabled is True
        assert isinstance(nothing, wandb.Run)


@facts.partly(
    "Run.url",
    "Run.project_url",
    "Run.sweep_url",
    note="None, as offline with wandb, and also with `mode=online`: a run is a file here, until `danlu "
    "sync` sends it.",
)
def _(run: Any) -> None:
    assert run.url is run.project_url is run.sweep_url is None


@facts.yes("Run.sweep_id")
def _(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_SWEEP_ID", "s1")
    with wandb.init() as run:
        assert run.sweep_id == "s1"
    assert wandb.Api().run(run.id).sweep_name == "s1"


@facts.yes(
    "Run.dir",
    "Run.sync_dir",
    note="Made when it is asked for. What is in `dir` is stored when the run ends, and then the directory "
    "is gone.",
)
def _(run: Any) -> None:
    Path(run.dir, "kept.txt").write_text("kept")
    assert Path(run.dir).parent == Path(run.sync_dir)
    run.finish()
    assert not Path(run.sync_dir).exists()
    with wandb.Api().run("p/r").file("kept.txt").download() as file:
        assert file.read() == "kept"


@facts.yes(
    "Run.settings",
    note="A copy, with what follows from others: `wandb_dir`, `sync_dir`, `files_dir`, `sync_file` and so "
    "on.",
)
def _(run: Any, workdir: Path) -> None:
    settings = run.settings
    assert (settings.project, settings.run_id, settings._offline, settings._noop) == ("p", "r", True, False)
    assert settings.wandb_dir == str(workdir / "wandb")
    assert settings.sync_file == run.file
    for name in [
        "run_url",
        "project_url",
        "sync_dir",
        "files_dir",
        "log_dir",
        "log_user",
        "log_internal",
        "timespec",
        "is_local",
        "_jupyter",
        "_start_time",
        "_start_datetime",
    ]:
        getattr(settings, name)
