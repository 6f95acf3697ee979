"""Config and Summary."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from .entries import Topic, wandb

config = Topic("Config")
summary = Topic("Summary", "It is like a dict: wandb's has neither `in`, nor `len`, nor `items`.")
TOPICS = [config, summary]


@config.yes(
    "Config()", "Config.__getitem__", "Config.__setitem__", "Config.__getattr__", "Config.__setattr__"
)
def _(run: Any) -> None:
    assert isinstance(run.config, wandb.Config)
    assert not dict(wandb.Config())
    run.config["a"] = 1
    run.config.b = {"c": 2}
    assert (run.config.a, run.config["b"]["c"]) == (1, 2)
    with pytest.raises(KeyError):
        run.config["missing"]
    with pytest.raises(AttributeError):
        run.config.missing  # noqa: B018
    with pytest.raises(wandb.errors.ConfigError, match='Attempted to change value of key "a" from 1 to 2'):
        run.config.a = 2


@config.yes(
    "Config.get", "Config.keys", "Config.items", "Config.as_dict", "Config.__contains__", "Config.__iter__"
)
def _(run: Any) -> None:
    assert run.config.get("lr") == 0.1
    assert run.config.get("x", 5) == 5
    assert (
        list(run.config.keys()) == ["lr", "n"] == list(run.config) == [key for key, _ in run.config.items()]
    )
    assert run.config.as_dict() == dict(run.config) == {"lr": 0.1, "n": {"b": 1}}
    assert "lr" in run.config


@config.yes(
    "Config.update",
    "Config.setdefaults",
    note="From a dict, a Namespace, absl's FLAGS, a dataclass or a YAML file.",
)
def _(run: Any, workdir: Path) -> None:
    @dataclasses.dataclass
    class Given:
        d: int = 4

    (workdir / "c.yaml").write_text("y: 5\n")
    run.config.update({"lr": 1}, allow_val_change=True)
    run.config.update(argparse.Namespace(c=3))
    run.config.update(Given())
    run.config.update("c.yaml")
    run.config.setdefaults({"lr": 2, "e": 6})
    assert dict(run.config) == {"lr": 1, "n": {"b": 1}, "c": 3, "d": 4, "y": 5, "e": 6}


@config.yes("Config.update_locked", "Config.merge_locked", "Config.persist")
def _(run: Any) -> None:
    run.config.update_locked({"lr": 7}, user="sweep")
    run.config.merge_locked({"m": 8})
    run.config.update({"lr": 1, "m": 1}, allow_val_change=True)
    assert (run.config.lr, run.config.m) == (7, 8)
    run.config["n"]["b"] = 2
    run.config.persist()
    run.finish()
    assert wandb.Api().run("p/r").config["n"] == {"b": 2}


@config.yes("Config.__dict__", note="`vars(config)['_items']` has what transformers reads there.")
def _(run: Any) -> None:
    run._label(repo="x")
    assert set(run.config.__dict__["_items"]) == set(vars(run.config)["_items"]) == {"lr", "n", "_wandb"}


@summary.yes(
    "Summary.__getitem__",
    "Summary.__setitem__",
    "Summary.__delitem__",
    "Summary.__getattr__",
    "Summary.__setattr__",
    note="A missing key is both a `KeyError` and an `AttributeError`.",
)
def _(run: Any) -> None:
    run.log({"loss": 1.0, "a": {"b": 2}})
    run.summary["best"] = 0.5
    run.summary.other = 3
    run.summary["a"]["b"] = 4
    assert (run.summary.loss, run.summary["best"], run.summary.other) == (1.0, 0.5, 3)
    del run.summary["other"]
    for error in (KeyError, AttributeError):
        with pytest.raises(error):
            run.summary["other"]
    run.finish()
    found = wandb.Api().run("p/r").summary
    assert found["best"] == 0.5
    assert found["a"]["b"] == 4


@summary.yes("Summary.get", "Summary.keys", "Summary.update", "Summary._json_dict")
def _(run: Any) -> None:
    run.summary.update({"x": 1})
    run.log({"y": 2})
    assert run.summary.get("x") == 1
    assert run.summary.get("z", 3) == 3
    assert set(run.summary.keys()) >= {"x", "y"}
    assert dict(run.summary)["y"] == 2
    assert run.summary._json_dict["x"] == 1


@summary.yes("Summary.items", "Summary.values", "Summary.__contains__", "Summary.__len__")
def _(run: Any) -> None:
    run.summary["x"] = 1
    assert ("x", 1) in run.summary.items()
    assert 1 in run.summary.values()
    assert "x" in run.summary
    assert len(run.summary) == 1
