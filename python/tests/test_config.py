"""The config of a run: what may be set, what changes, and what is recorded."""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import pathlib
import pickle
import subprocess
import sys
from typing import Any

import danlu
import numpy as np
import pytest
from conftest import Reader, Scripts, named
from danlu.errors import ConfigError


def test_a_key_keeps_its_value(read: Reader) -> None:
    with danlu.init(config={"a": 1, "nan": float("nan"), "list": (1, 2)}) as run:
        run.config.a = 1
        run.config["a"] = np.int64(1)
        run.config.nan = float("nan")
        run.config["list"] = [1, 2]
        message = (
            'Attempted to change value of key "a" from 1 to 2\n'
            r"If you really want to do this, pass allow_val_change=True to config.update\(\)"
        )
        with pytest.raises(ConfigError, match=message):
            run.config.a = 2
        with pytest.raises(danlu.Error, match="change value of key"):
            run.config.update({"b": 1, "a": 2})
        assert (run.config.a, run.config["b"]) == (1, 1)
        run.config.update({"a": 2}, allow_val_change=True)
        run.config.setdefaults({"a": 5, "c": 6})
    assert read.table(run.file, "config") == {"a": 2, "nan": None, "list": "[1,2]", "b": 1, "c": 6}


def test_changes_can_be_allowed_for_the_run(read: Reader) -> None:
    with danlu.init(config={"a": 1}, allow_val_change=True) as run:
        run.config.a = 2
    with danlu.init(config={"a": 1}, settings={"allow_val_change": True}) as run:
        run.config.update({"a": 3})
        with pytest.raises(ConfigError):
            run.config.update({"a": 4}, allow_val_change=False)
    assert read.table(run.file, "config") == {"a": 3}


def test_what_is_changed_inside_of_a_value_is_recorded(read: Reader) -> None:
    given = {"model": {"depth": 1, "layers": [1]}}
    with danlu.init(config=given) as run:
        given["model"]["depth"] = 99
        assert run.config.model == {"depth": 1, "layers": [1]}
        run.config["model"]["depth"] = 2
        run.config.model["layers"].append(2)
    [text] = read.table(run.file, "config").values()
    assert json.loads(text) == {"depth": 2, "layers": [1, 2]}


def test_nested_values_are_plain_dicts() -> None:
    with danlu.init(config={"n": {"b": 1}}) as run:
        assert type(run.config.n) is dict
        with pytest.raises(AttributeError):
            _ = getattr(run.config.n, "b")  # noqa: B009
        # A nested dict is replaced as a whole.
        run.config.update({"n": {"c": 2}}, allow_val_change=True)
        assert run.config["n"] == {"c": 2}


@dataclasses.dataclass
class Options:
    lr: float = 0.1
    depth: int = 2


class Plain:
    def __init__(self) -> None:
        self.lr = 0.1
        self.depth = 2


@pytest.mark.parametrize(
    "given", [{"lr": 0.1, "depth": 2}, argparse.Namespace(lr=0.1, depth=2), Options(), Plain()], ids=named
)
def test_what_a_config_can_be(given: Any, read: Reader) -> None:
    with danlu.init(config=given) as run:
        assert run.config.as_dict() == {"lr": 0.1, "depth": 2}
    assert read.table(run.file, "config") == {"lr": 0.1, "depth": 2}


def test_flags_of_absl(scripts: Scripts) -> None:
    code = """
        import danlu
        from absl import app, flags
        flags.DEFINE_float("lr", 0.1, "help")
        def main(_):
            run = danlu.init(config=flags.FLAGS)
            print(dict(run.config))
        app.run(main)
    """
    assert scripts.run(code).stdout == "{'lr': 0.1}\n"


def test_yaml_files(workdir: pathlib.Path, monkeypatch: pytest.MonkeyPatch, read: Reader) -> None:
    (workdir / "config-defaults.yaml").write_text(
        "lr: {value: 0.1, desc: null}\ndepth: {desc: d, value: 2}\n"
    )
    (workdir / "more.yaml").write_text("lr: 0.2\nmodel: {value: [1], kind: x}\n")
    (workdir / "mine.yaml").write_text("wandb_version: 1\nseed: {value: 7}\n")
    with danlu.init() as run:
        assert dict(run.config) == {"lr": 0.1, "depth": 2}
    monkeypatch.setenv("WANDB_CONFIG_PATHS", f"more.yaml, {workdir}/mine.yaml")
    with danlu.init(config={"depth": 3}) as run:
        assert dict(run.config) == {"lr": 0.2, "depth": 3, "model": {"value": [1], "kind": "x"}, "seed": 7}
    monkeypatch.delenv("WANDB_CONFIG_PATHS")
    with danlu.init(config="mine.yaml") as run:
        assert run.config.seed == 7
    (workdir / "broken.yaml").write_text("a: [")
    (workdir / "list.yaml").write_text("[1]")
    for path, message in (
        ("missing.yaml", "There is no config file"),
        ("broken.yaml", "is no YAML"),
        ("list.yaml", "has no keys"),
        (str(workdir), "Is a directory"),
    ):
        with pytest.raises(ConfigError, match=message):
            danlu.init(config=path)
        assert danlu.run is None


def test_without_pyyaml_it_is_said(workdir: pathlib.Path) -> None:
    (workdir / "c.yaml").write_text("a: 1")
    code = "import sys; sys.modules['yaml'] = None; import danlu; danlu.init(config='c.yaml')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "PyYAML is needed to read `c.yaml`: `pip install pyyaml`" in done.stderr


def test_keys_can_be_left_out() -> None:
    given = {"a": 1, "b": 2, "c": 3}
    with danlu.init(config=given, config_include_keys=["a", "b"]) as run:
        assert dict(run.config) == {"a": 1, "b": 2}
    with danlu.init(config=given, config_exclude_keys=["a"]) as run:
        assert dict(run.config) == {"b": 2, "c": 3}
    with pytest.raises(danlu.UsageError, match="only one"):
        danlu.init(config=given, config_exclude_keys=["a"], config_include_keys=["b"])
    with pytest.raises(TypeError, match="`config`: it takes keys with values, not `list`"):
        danlu.init(config=[1])


def test_locked_keys(capfd: pytest.CaptureFixture[str], read: Reader) -> None:
    with danlu.init(config={"lr": 0.1}) as run:
        run.config.update_locked({"lr": 0.5}, user="sweep")
        run.config.lr = 0.1
        run.config.update({"lr": 0.2, "b": 1}, allow_val_change=True)
        run.config.merge_locked({"lr": 0.6}, user="sweep")
        assert run.config.lr == 0.6
    assert capfd.readouterr().err.count("Config item 'lr' was locked by 'sweep' (ignored update).") == 1
    assert read.table(run.file, "config") == {"lr": 0.6, "b": 1}


def test_keys_are_cleaned_and_those_of_tools_are_hidden(read: Reader) -> None:
    with danlu.init(config={"--lr": 1, 5: 2}) as run:
        run._wandb_config({"visualize": {"a": 1}})
        run._wandb_config({"visualize": {"b": 2}, "code_path": "x"})
        assert dict(run.config) == run.config.as_dict() == {"lr": 1, "5": 2}
        assert list(run.config) == list(run.config.keys()) == ["lr", "5"]
        assert len(run.config) == 2
        assert vars(run.config)["_items"]["_wandb"] == {"visualize": {"a": 1, "b": 2}, "code_path": "x"}
        assert {"lr", "5"} < set(vars(run.config)["_items"])
    stored = read.table(run.file, "config")["_wandb"]
    assert json.loads(stored) == {"visualize": {"a": 1, "b": 2}, "code_path": "x"}


def test_copies_are_not_recorded(read: Reader) -> None:
    with danlu.init(config={"n": {"a": 1}}) as run:
        for copied in (
            copy.deepcopy(run.config),
            copy.copy(run.config),
            pickle.loads(pickle.dumps(run.config)),
        ):
            assert isinstance(copied, danlu.Config)
            copied.b = 1
            copied.b = 2
        run.config_static["n"]["a"] = 5
        assert dict(run.config) == {"n": {"a": 1}}
    assert read.table(run.file, "config") == {"n": '{"a":1}'}
    alone = danlu.Config()
    alone.a = 1
    assert dict(alone) == {"a": 1}


def test_a_resumed_run_takes_new_values(read: Reader) -> None:
    with danlu.init(id="r", config={"a": 1, "b": 1}):
        pass
    with danlu.init(id="r", resume="must", config={"a": 2}) as run:
        assert dict(run.config) == {"a": 2, "b": 1}
        run.config.b = 1
        with pytest.raises(ConfigError):
            run.config.b = 2


class Artifact:
    """What an artifact is to a config."""

    __module__ = "danlu.artifacts"
    name = "data:v3"
    version = "v3"


def test_an_artifact_is_used_by_the_run(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[Any] = []

    def use_artifact(_: danlu.Run, artifact: Artifact, use_as: str) -> Artifact:
        used.append((artifact, use_as))
        return artifact

    monkeypatch.setattr(danlu.Run, "use_artifact", use_artifact)
    artifact = Artifact()
    with danlu.init(config={"train": artifact}) as run:
        assert run.config["train"] is artifact
        assert used == [(artifact, "train")]
    assert json.loads(read.table(run.file, "config")["train"]) == {
        "_type": "artifactVersion",
        "version": "v3",
        "sequenceName": "data",
        "usedAs": "train",
    }


def test_the_parameters_of_a_sweep_are_locked(workdir: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workdir / "sweep.yaml").write_text("wandb_version: 1\nlr: {value: 0.5}\n")
    monkeypatch.setenv("WANDB_SWEEP_PARAM_PATH", "sweep.yaml")
    with danlu.init(config={"lr": 0.1, "a": 1}) as run:
        run.config.update({"lr": 0.2}, allow_val_change=True)
        assert dict(run.config) == {"lr": 0.5, "a": 1}
