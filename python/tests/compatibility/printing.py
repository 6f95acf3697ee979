"""What is printed, and small helpers."""

from __future__ import annotations

from typing import Any

import pytest

from .entries import Topic, wandb

printing = Topic("Printing and util")
TOPICS = [printing]


@printing.yes(
    "termlog(string, newline, repeat, prefix)",
    "termwarn(string, newline, repeat, prefix)",
    "termerror(string, newline, repeat, prefix)",
)
def _(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        getattr(wandb, name)(f"said by {name}", newline=True, repeat=False)
    getattr(wandb, name)("again", prefix=False)
    said = capfd.readouterr().err
    assert said.count("said by") == 1
    assert said.startswith("danlu: ")
    assert said.endswith("again\n")
    assert wandb.termlog
    assert wandb.termwarn
    assert wandb.termerror


@printing.yes("termsetup(settings, logger)", note="There is nothing to set up.")
def _() -> None:
    wandb.termsetup(wandb.Settings(), None)


@printing.yes("AlertLevel")
def _() -> None:
    assert [level.name for level in wandb.AlertLevel] == ["INFO", "WARN", "ERROR"]


@printing.yes("util.generate_id", "util.to_human_size", "util.get_module", "sdk.lib.runid.generate_id")
def _() -> None:
    assert len(wandb.util.generate_id(12)) == 12
    assert wandb.util.to_human_size(1500) == "1.5KB"
    import json

    assert wandb.util.get_module("json") is json
    assert wandb.util.get_module("not_there") is None
    assert len(wandb.sdk.lib.runid.generate_id()) == 8
    with pytest.raises(wandb.Error, match="install it"):
        wandb.util.get_module("not_there", required="install it")


@printing.yes("util.json_dumps_safer", "util.make_safe_for_json", "util.json_friendly")
def _() -> None:
    import numpy as np

    value: Any = {"a": np.float32(0.5), "b": float("nan")}
    assert wandb.util.json_dumps_safer({"a": np.int64(3)}) == '{"a": 3}'
    assert wandb.util.make_safe_for_json(value)["a"] == 0.5
    assert wandb.util.json_friendly(np.int64(3)) == (3, True)
