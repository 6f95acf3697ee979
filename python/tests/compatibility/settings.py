"""Settings that decide something."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .entries import Topic, named, wandb

settings = Topic(
    "Settings that decide something",
    "Each as `Settings(…)`, in a dict for `init(settings=…)`, as an environment variable and in a settings "
    "file. `_name` is `x_name`. Unknown ones are warned about once, where wandb's refuses them.",
)
TOPICS = [settings]


@settings.yes("Settings", "Settings.update", "Settings.to_dict", "Settings.model_copy", "Settings.__iter__")
def _(capfd: pytest.CaptureFixture[str]) -> None:
    given = wandb.Settings(project="p", _disable_stats=True, nonsense=1)
    assert given.x_disable_stats is True
    assert "nonsense" in capfd.readouterr().err
    given.update({"project": "q"})
    assert given.model_copy() == given
    assert given.to_dict()["project"] == "q" == dict(given)["project"]


@settings.yes(*named("Settings.", "project entity run_id run_name run_notes run_tags run_group run_job_type"))
def _(name: str) -> None:
    value: Any = ["a"] if name == "run_tags" else "given"
    with wandb.init(settings=wandb.Settings(**{name: value})) as run:
        pass
    [found] = wandb.Api().runs()
    shown = getattr(found, name.replace("run_", ""))
    assert shown == value
    assert run.settings.to_dict()[name] in (value, ("a",))


@settings.yes("Settings.root_dir", "Settings.ignore_globs", "Settings.config_paths")
def _(workdir: Path) -> None:
    (workdir / "c.yaml").write_text("a: 1\n")
    (workdir / "x.ckpt").write_text("x")
    given = wandb.Settings(root_dir="sub", ignore_globs=["*.ckpt"], config_paths=["c.yaml"])
    with wandb.init(settings=given) as run:
        assert run.save("*.ckpt") == []
        assert run.config.a == 1
    assert (workdir / "sub" / "wandb").is_dir()


@settings.partly(
    "Settings.mode",
    note="As `init(mode=…)`: `offline` is the default, and every mode but `disabled` writes here.",
)
def _() -> None:
    with wandb.init(settings=wandb.Settings(mode="disabled")) as run:
        assert run.disabled


@settings.yes(
    "Settings.reinit",
    "Settings.resume",
    "Settings.resume_from",
    "Settings.fork_from",
    "Settings.allow_val_change",
)
def _() -> None:
    first = wandb.init(id="a", config={"x": 1})
    first.log({"n": 1})
    with wandb.init(id="b", settings={"reinit": "finish_previous", "fork_from": "a?_step=0"}) as run:
        assert run.step == 1
    with wandb.init(id="a", settings={"resume": "must", "allow_val_change": True}) as run:
        run.config.x = 2
        assert run.resumed
    with wandb.init(settings={"resume_from": "a?_step=0"}) as run:
        assert run.id == "a"
        assert run.step == 1


@settings.yes("Settings.silent", "Settings.quiet", "Settings.show_info", "Settings.show_warnings")
def _(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    with wandb.init(settings={name: name in ("silent", "quiet")}):
        pass
    assert ("goes to" in capfd.readouterr().err) == (name == "show_warnings")


@settings.yes("Settings.sweep_id", "Settings.sweep_param_path")
def _(workdir: Path) -> None:
    (workdir / "s.yaml").write_text("lr:\n  value: 5\n")
    with wandb.init(settings={"sweep_id": "s1", "sweep_param_path": "s.yaml"}, config={"lr": 1}) as run:
        assert run.config.lr == 5
        assert run.sweep_id == "s1"
    assert wandb.Api().run(run.id).sweep_name == "s1"


@settings.partly(
    "Settings.table_raise_on_max_row_limit_exceeded",
    note="The rows are counted as lost: `log` does not raise.",
)
def _() -> None:
    rows = [[n] for n in range(10001)]
    with wandb.init(settings={"table_raise_on_max_row_limit_exceeded": True}) as run:
        run.log({"t": wandb.Table(columns=["a"], data=rows)})
    assert run.lost > 0


settings.yes(
    "Settings.sync_tensorboard", test="tests/integrations/test_writers.py::test_a_summary_writer_is_mirrored"
)


def recorded(monkeypatch: pytest.MonkeyPatch, **given: Any) -> Any:
    """Run with settings and with everything that is recorded by itself; return the run that is read back."""
    for name in ("DISABLE_META", "DISABLE_STATS", "SAVE_REQUIREMENTS"):
        monkeypatch.delenv(f"DANLU__{name}")
    monkeypatch.delenv("DANLU_DISABLE_CODE")
    with wandb.init(project="p", id="r", settings=given):
        print("printed")
    return wandb.Api().run("p/r")


def metadata(run: Any, workdir: Path) -> Any:
    run.file("wandb-metadata.json").download(workdir / "out").close()
    return json.loads((workdir / "out" / "wandb-metadata.json").read_text())


@settings.yes(
    "Settings.x_disable_meta",
    "Settings.x_disable_stats",
    "Settings.x_disable_machine_info",
    "Settings.x_save_requirements",
)
def _(name: str, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = recorded(monkeypatch, **{name: name != "x_save_requirements"})
    names = {file.name for file in run.files()}
    assert ("wandb-metadata.json" in names) == (name != "x_disable_meta")
    assert ("requirements.txt" in names) == (name != "x_save_requirements")
    assert bool(run.system_metrics) == (name not in ("x_disable_stats", "x_disable_machine_info"))
    if name == "x_disable_machine_info":
        assert "username" not in metadata(run, workdir)


@settings.yes(
    *named("Settings.", "docker email git_commit git_remote_url host notebook_name program username")
)
def _(name: str, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    subprocess.run(["git", "init", "-q", "."], check=True)
    assert "given" in json.dumps(metadata(recorded(monkeypatch, **{name: "given"}), workdir))


@settings.yes("Settings.git_remote", "Settings.git_root", "Settings.disable_git")
def _(name: str, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    (workdir / "repo").mkdir()
    for command in ("init -q", "remote add mine https://example.org/mine"):
        subprocess.run(["git", "-C", "repo", *command.split()], check=True)
    given: dict[str, Any] = {"git_root": "repo", "git_remote": "mine", "disable_git": name == "disable_git"}
    assert ("example.org/mine" in json.dumps(metadata(recorded(monkeypatch, **given), workdir))) == (
        name != "disable_git"
    )


@settings.yes("Settings.save_code", "Settings.disable_code")
def _(name: str, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workdir / "train.py").write_text("pass\n")
    given = {"program": "train.py", "save_code": True, "disable_code": name == "disable_code"}
    names = {file.name for file in recorded(monkeypatch, **given).files()}
    assert ("code/train.py" in names) == (name == "save_code")


@settings.yes(
    "Settings.console", note="`auto`, `wrap`, `redirect` and `off`; `wrap_raw` and `wrap_emu` are `wrap`."
)
def _(monkeypatch: pytest.MonkeyPatch) -> None:
    assert any("printed" in str(line) for line in recorded(monkeypatch, console="wrap").console_logs())
    with wandb.init(id="quiet", settings={"console": "off"}):
        print("not this")
    assert not list(wandb.Api().run("quiet").console_logs())


@settings.yes(
    *named(
        "Settings.x_",
        "label stats_pid stats_sampling_interval stats_disk_paths stats_gpu_device_ids stats_no_cgroup "
        "stats_track_process_tree",
    ),
    note="[recording.md](recording.md) says what is sampled.",
)
def _(name: str, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    given: dict[str, Any] = {
        "x_label": "here",
        "x_stats_pid": os.getpid(),
        "x_stats_sampling_interval": 0.5,
        "x_stats_disk_paths": [str(workdir)],
        "x_stats_gpu_device_ids": [0],
        "x_stats_no_cgroup": True,
        "x_stats_track_process_tree": True,
    }
    keys = recorded(monkeypatch, **{name: given[name]}).system_metrics
    expected = {"x_label": "/l:here", "x_stats_disk_paths": f"disk.{workdir}"}.get(name, "proc.cpu")
    assert any(expected in key for key in keys)
