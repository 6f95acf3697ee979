"""Sweeps as far as runs say which one they are of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import danlu
import pytest
from danlu import _core
from danlu.apis.public import Api, NotFoundError, Sweep

CONFIG = {"name": "by hand", "metric": {"name": "acc", "goal": "maximize"}, "run_cap": 5}

pytestmark = pytest.mark.usefixtures("everywhere")


def make(directory: Path, run_id: str, acc: float, **info: Any) -> None:
    run: Any = _core.Run(project="p", id=run_id, dir=directory, silent=True, info=json.dumps(info))
    run.log({"acc": acc})
    run._end(0)


def test_a_sweep_has_the_runs_that_say_so(workdir: Path) -> None:
    make(workdir, "a", 0.1, sweep_id="s1", sweep_config=CONFIG)
    make(workdir, "b", 0.9, sweep_id="s1", sweep_config=CONFIG)
    make(workdir, "c", 0.99, sweep_id="s2")
    make(workdir, "d", 1.0)
    api = Api()
    sweep = api.sweep("p/s1")
    assert (sweep.id, sweep.name, sweep.state, sweep.expected_run_count) == ("s1", "by hand", "FINISHED", 5)
    assert (sweep.path, sweep.order) == (["", "p", "s1"], "-summary_metrics.acc")
    assert [run.id for run in sweep.runs] == ["a", "b"]
    best = sweep.best_run()
    assert best is not None
    assert best.id == "b"
    worst = sweep.best_run("+summary_metrics.acc")
    assert worst is not None
    assert worst.id == "a"
    assert best.sweep is not None
    assert (best.sweep_name, best.sweep.id) == ("s1", "s1")
    assert [found.id for found in api.project("p").sweeps()] == ["s1", "s2"]
    assert api.from_path("anyone/p/sweeps/s1").id == "s1"
    assert sweep.load(force=True) == CONFIG
    assert [run.id for run in api.runs("p", {"sweep": "s2"})] == ["c"]
    other = api.sweep("s2")
    assert (other.name, other.order, other.expected_run_count) == ("s2", None, None)
    with pytest.raises(danlu.Error, match="names no metric"):
        other.best_run()
    with pytest.raises(NotFoundError, match="Could not find sweep"):
        api.sweep("p/s3")
    for call in (sweep.agents, lambda: sweep.agent("x"), lambda: sweep.enqueue_run({"lr": 1})):
        with pytest.raises(danlu.Error, match="takes a server"):
            call()
    assert "acc" in sweep.to_html()


def test_a_run_says_which_sweep_it_is_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_SWEEP_ID", "s1")
    with danlu.init(project="p", id="a") as run:
        assert run.sweep_id == "s1"
    assert [found.id for found in Sweep.get(Api(), project="p", sid="s1").runs] == ["a"]
