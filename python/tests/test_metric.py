"""Metrics that are defined: what rows get, and what the summary says, here and in the file."""

from __future__ import annotations

import json
import math
from typing import Any

import danlu
import pytest
from conftest import Reader, Scripts


def define(run: danlu.Run, name: str, **fields: Any) -> None:
    run._event("metric", name, "", json.dumps(fields))


def test_the_summary_is_a_dict_of_what_was_asked_for(read: Reader, scripts: Scripts) -> None:
    with danlu.init(id="r") as run:
        define(run, "val/*", summary=["min", "max"])
        define(run, "acc", summary="best,last", goal="maximize")
        define(run, "noise", summary=["none"])
        define(run, "plain", summary=["copy"])
        for n, value in enumerate([3, math.nan, 5, math.inf]):
            run.log({"val/loss": value, "acc": -n, "noise": n, "plain": n, "other": n})
            assert run.summary["val/loss"]["min"] == 3
        assert run.summary["val/loss"] == {"min": 3, "max": math.inf}
        assert run.summary["val/loss.max"] == math.inf
        assert run.summary["acc"] == {"best": 0, "last": -3}
        assert "noise" not in run.summary
        assert run.summary.get("noise") is None
        expected = {
            "val/loss.min": 3,
            "val/loss.max": math.inf,
            "acc.best": 0,
            "acc.last": -3,
            "plain": 3,
            "other": 3,
        }
        assert run.summary.as_dict() == expected
        run._drain()
        assert read.table(run.file, "summary") == expected
    assert read.table(run.file, "summary") == expected
    shown = json.loads(scripts.danlu("show", "r", "--json").stdout)["summary"]
    assert shown == {**expected, "val/loss.max": "Infinity"}


def test_setting_by_hand_wins_until_the_next_log(read: Reader) -> None:
    with danlu.init() as run:
        define(run, "a", summary=["min", "max"])
        run.log({"a": 1})
        run.summary["a"] = 7
        assert run.summary.as_dict() == {"a": 7}
        run.log({"a": 4})
        assert run.summary["a"] == {"min": 4, "max": 4}
        run.summary["a.min"] = 0
        assert run.summary["a"] == {"min": 0, "max": 4}
        run.log({"a": 5})
        assert run.summary["a"] == {"min": 4, "max": 5}
    assert read.table(run.file, "summary") == {"a.min": 4, "a.max": 5}


def test_a_late_definition_holds_for_what_was_logged_before(read: Reader) -> None:
    with danlu.init() as run:
        for n in range(5):
            run.log({"a": n})
        define(run, "a", summary=["min", "mean"])
        assert run.summary["a"] == {"min": 0, "mean": 2}
        define(run, "a", overwrite=True)
        assert run.summary.as_dict() == {"a": 4}
    assert read.table(run.file, "summary") == {"a": 4}


def test_the_step_metric_is_added_to_rows_that_lack_it(read: Reader) -> None:
    with danlu.init() as run:
        define(run, "*", step_metric="epoch")
        run.log({"loss": 1.0})
        assert run.summary.as_dict() == {"epoch": 0, "loss": 1.0}
        run.log({"epoch": 2})
        run.log({"loss": 0.5})
        run.log({"epoch": 3}, commit=False)
        run.log({"loss": 0.25})
        assert run.summary["epoch"] == 3
    assert read.history(run.file) == [
        (0, "epoch", 0),
        (0, "loss", 1.0),
        (1, "epoch", 2),
        (2, "epoch", 2),
        (2, "loss", 0.5),
        (3, "epoch", 3),
        (3, "epoch", 3),
        (3, "loss", 0.25),
    ]
    assert read.table(run.file, "summary") == {"epoch": 3, "loss": 0.25}
    assert read.rows(run.file, "SELECT name FROM metrics") == [("*",), ("epoch",), ("loss",)]


def test_metrics_survive_a_kill_and_go_on(scripts: Scripts, read: Reader) -> None:
    code = """
        import json, os, sys, danlu
        run = danlu.init(id="r", resume="allow")
        if not run.resumed:
            run._event("metric", "a", "", json.dumps({"summary": ["min", "max", "mean"]}))
            for n in range(1, 3000):
                run.log({"a": n})
            run._drain()
            run.log({"a": -1})
            os.kill(os.getpid(), 9)
        print(json.dumps(run.summary["a"]))
        run.log({"a": 5000})
    """
    scripts.run(code)
    # What was written last counts where nobody goes on.
    assert read.table(scripts.file(), "summary") == {"a.min": 1, "a.max": 2999, "a.mean": 1500}
    assert scripts.danlu("ls").returncode == 0
    assert read.table(scripts.file(), "summary") == {"a.min": 1, "a.max": 2999, "a.mean": 1500}
    said = json.loads(scripts.run(code).stdout)
    assert said == {"min": -1, "max": 2999, "mean": (1500 * 2999 - 1) / 3000}
    summary = read.table(scripts.file(), "summary")
    assert (summary["a.min"], summary["a.max"]) == (-1, 5000)


@pytest.mark.parametrize("data", ["", "[1]", '{"summary":["worst"]}', '{"goal":"up"}'])
def test_what_is_no_definition_is_counted(data: str) -> None:
    run = danlu.init()
    run._event("metric", "a*b" if data == "" else "a", "", data)
    assert run.lost == 1


def test_what_a_row_is_is_no_key_of_it(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"_step": 9, "a": 1, "_timestamp": 1.7e9, "_runtime": 3})
        run.log({"a": 2, "_timestamp": 1700000001})
        assert run.summary.as_dict() == {"a": 2}
        assert run.lost == 0
    assert read.rows(run.file, "SELECT step, time, key FROM history ORDER BY step") == [
        (0, 1.7e9, "a"),
        (1, 1.7e9 + 1, "a"),
    ]


def test_going_back_is_said_once_with_both_steps(read: Reader, capfd: pytest.CaptureFixture[str]) -> None:
    with danlu.init() as run:
        run.log({"a": 1}, step=7)
        run.log({"a": 2})
        for step in (3, 4):
            run.log({"a": step}, step=step)
        assert (run.step, run.lost) == (8, 0)
    assert [row[0] for row in read.history(run.file)] == [3, 4, 7, 7]
    said = [line for line in capfd.readouterr().err.splitlines() if "WARNING" in line]
    assert len(said) == 1
    assert "step 3 when the run was at step 8" in said[0]
