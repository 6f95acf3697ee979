"""The parameters of `init`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from .entries import Topic, wandb

init = Topic("init", "Every parameter, by its name and by its place.")
TOPICS = [init]


@init.yes(
    "init(entity, project, dir, id, name, notes, tags, config, config_exclude_keys, config_include_keys, "
    "allow_val_change, group, job_type, mode, force, reinit, resume, resume_from, fork_from, save_code, "
    "tensorboard, sync_tensorboard, monitor_gym, settings, anonymous, magic)",
    note="Also with the order of the first versions (`job_type, dir, config, project`), if the third is a "
    "config.",
)
def _() -> None:
    with wandb.init("team", "p", None, "r1") as run:
        assert (run.entity, run.project, run.id) == ("team", "p", "r1")
    with wandb.init("train", None, {"lr": 1}, "p") as run:
        assert (run.job_type, run.project, run.config.lr) == ("train", "p", 1)


@init.yes("init entity", "init name", "init notes", "init group", "init job_type")
def _() -> None:
    with wandb.init(project="p", id="r", entity="e", name="n", notes="w", group="g", job_type="j"):
        pass
    run = wandb.Api().run("e/p/r")
    assert (run.entity, run.name, run.notes, run.group, run.job_type) == ("e", "n", "w", "g", "j")


@init.yes("init project", note="`team/name` is the project `name` of the entity `team`; wandb refuses it.")
def _() -> None:
    with wandb.init(project="team/name") as run:
        assert (run.entity, run.project) == ("team", "name")
    with pytest.raises(wandb.UsageError):
        wandb.init(project="a#b")
    with wandb.init() as run:
        assert run.project == "uncategorized"


@init.yes("init id")
def _() -> None:
    with wandb.init(id="mine") as run:
        assert run.id == "mine"
    with wandb.init() as run:
        assert len(run.id) == 8
    with pytest.raises(wandb.UsageError):
        wandb.init(id="a/b")


@init.yes("init tags", note="A plain string is split at commas, and not letter by letter.")
def _() -> None:
    with wandb.init(tags=["a", "b"]) as run:
        assert run.tags == ("a", "b")
    with wandb.init(tags="a,b") as run:
        assert run.tags == ("a", "b")


@init.yes(
    "init config",
    "init config_exclude_keys",
    "init config_include_keys",
    "init allow_val_change",
    note="A dict, an `argparse.Namespace`, absl's FLAGS, a dataclass, or the path of a YAML file.",
)
def _(workdir: Path) -> None:
    with wandb.init(config=argparse.Namespace(a=1, b=2), config_exclude_keys=["b"]) as run:
        assert dict(run.config) == {"a": 1}
    (workdir / "c.yaml").write_text("a:\n  value: 5\n")
    with wandb.init(config="c.yaml", allow_val_change=True) as run:
        run.config.a = 6
        assert run.config.a == 6
    with wandb.init(config={"a": 1, "b": 2}, config_include_keys=["b"]) as run:
        assert dict(run.config) == {"b": 2}
        with pytest.raises(wandb.errors.ConfigError, match="allow_val_change"):
            run.config.b = 3


@init.yes(
    "init dir",
    note="If it cannot be written, the run goes to the directory for temporary files, with a warning.",
)
def _(workdir: Path) -> None:
    with wandb.init(dir=str(workdir / "sub")) as run:
        assert run.file is not None
        assert Path(run.file).parent == workdir / "sub" / "wandb"


@init.partly(
    "init mode",
    note="`offline` is the default. `online` writes here too and sends the run to the "
    "remote while it is written; `shared` is `online`: several processes may always write one run.",
)
def _(workdir: Path) -> None:
    for mode, seen in (
        ("offline", "offline"),
        ("dryrun", "offline"),
        ("shared", "online"),
        ("disabled", "disabled"),
    ):
        with wandb.init(mode=mode, id=mode) as run:
            assert run.mode == seen
            assert (run.file is None) == (mode == "disabled")
    with pytest.raises(wandb.UsageError):
        wandb.init(mode="nonsense")


@init.yes("init force", note="Nobody has to be logged in.")
def _() -> None:
    with wandb.init(force=True) as run:
        assert run.file is not None


@init.yes("init reinit")
def _() -> None:
    first = wandb.init(id="a")
    assert wandb.init() is wandb.init(reinit="return_previous") is first
    beside = wandb.init(id="b", reinit="create_new")
    assert wandb.run is first
    second = wandb.init(id="c", reinit=True)
    assert wandb.run is second
    assert [wandb.Api().run(run_id).state for run_id in "abc"] == ["finished", "finished", "running"]
    del beside


@init.yes("init resume", note="Works without a server: step, config and summary go on where they were.")
def _() -> None:
    with wandb.init(id="a", config={"x": 1}) as run:
        run.log({"loss": 1})
    with wandb.init(id="a", resume="must") as run:
        assert run.resumed
        assert run.step == 1
        assert run.config.x == 1
        assert run.summary["loss"] == 1
    for resume in ("allow", "auto", True):
        with wandb.init(id="a", resume=resume) as run:
            assert run.id == "a"
    for resume, run_id in (("must", "unknown"), ("never", "a")):
        with pytest.raises(wandb.UsageError):
            wandb.init(id=run_id, resume=resume)


@init.yes("init fork_from", "init resume_from", note="Work without a server, on the runs of the directory.")
def _() -> None:
    with wandb.init(id="a") as run:
        for n in range(5):
            run.log({"n": n})
    with wandb.init(id="b", fork_from="a?_step=2") as run:
        assert run.step == 3
        run.log({"n": 10})
    assert [row["n"] for row in wandb.Api().run("b").scan_history()] == [0, 1, 2, 10]
    with wandb.init(id="a", resume_from="a?_step=1") as run:
        assert run.step == 2
    assert [row["n"] for row in wandb.Api().run("a").scan_history()] == [0, 1]


init.yes(
    "init tensorboard",
    "init sync_tensorboard",
    test="tests/integrations/test_writers.py::test_a_summary_writer_is_mirrored",
)
init.yes(
    "init monitor_gym",
    note="With gym and gymnasium.",
    test="tests/integrations/test_reinforcement.py::test_stable_baselines3",
)


@init.yes("init save_code", note="The script, with the version of git and what differs from it.")
def _() -> None:
    with wandb.init(save_code=True) as run:
        assert run.settings.save_code is True


@init.yes("init settings", note="It is copied: one object can be used for many runs.")
def _() -> None:
    settings = wandb.Settings(project="p")
    with (
        wandb.init(settings=settings) as first,
        wandb.init(settings={"run_id": "given"}, reinit="create_new") as run,
    ):
        assert (first.project, run.id) == ("p", "given")
    with wandb.init(settings=settings) as second:
        assert second.id != first.id
        assert settings == wandb.Settings(project="p")


@init.partly(
    "init anonymous",
    "init magic",
    note="Accepted with a warning: there are no accounts, and nothing is patched by magic.",
)
def _(capfd: pytest.CaptureFixture[str]) -> None:
    arguments: dict[str, Any] = {"anonymous": "allow", "magic": True}
    with wandb.init(**arguments):
        pass
    assert "anonymous" in (said := capfd.readouterr().err)
    assert "magic" in json.dumps(said)
