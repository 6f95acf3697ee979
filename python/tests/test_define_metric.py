"""`define_metric`: what may be said of a key, and what the run holds of it."""

from __future__ import annotations

import json
from typing import Any

import danlu
import pytest
from conftest import Reader


def metrics(read: Reader, run: danlu.Run) -> dict[str, Any]:
    run._drain()
    return {name: json.loads(data) for name, data in read.rows(run.file, "SELECT name, data FROM metrics")}


def test_definitions_are_recorded(read: Reader) -> None:
    with danlu.init() as run:
        epoch = run.define_metric("epoch", hidden=True)
        loss = run.define_metric("val/*", step_metric=epoch, summary="min, max")
        assert (loss.name, loss.step_metric, loss.step_sync, loss.hidden) == ("val/*", "epoch", True, None)
        assert loss.summary == ("min", "max")
        again = run.define_metric("val/*", hidden=True)
        assert (again.step_metric, again.summary, again.hidden) == ("epoch", ("min", "max"), True)
        both = {"step_metric": "epoch", "step_sync": True, "hidden": True, "summary": ["min", "max"]}
        assert metrics(read, run)["val/*"] == both
        anew = run.define_metric("val/*", summary="best", goal="maximize", overwrite=True)
        assert (anew.step_metric, anew.summary, anew.goal) == (None, ("best",), "maximize")
        assert metrics(read, run) == {
            "epoch": {"hidden": True},
            "val/*": {"summary": ["best"], "goal": "maximize"},
        }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": ""}, r"define_metric\(\) requires non-empty name argument"),
        ({"name": "a*b"}, r"Unhandled define_metric\(\) arg: name \(glob suffixes only\): a\*b"),
        ({"name": 5}, r"Unhandled define_metric\(\) arg: name type: <class 'int'>"),
        ({"name": "a", "summary": "foo"}, r"Unhandled define_metric\(\) arg: summary op: foo"),
        ({"name": "a", "summary": 1}, r"arg: summary type: <class 'int'>"),
        ({"name": "a", "hidden": "x"}, r"arg: hidden type: <class 'str'>"),
        ({"name": "a", "step_metric": 1}, r"arg: step_metric type: <class 'int'>"),
        ({"name": "a", "goal": "up"}, r"arg: goal: up"),
    ],
    ids=repr,
)
def test_what_cannot_be_defined(arguments: dict[str, Any], message: str) -> None:
    with danlu.init() as run, pytest.raises(danlu.Error, match=message):
        run.define_metric(**arguments)
