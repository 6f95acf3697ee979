"""Methods of a run."""

from __future__ import annotations

import copy
import datetime
import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import pytest

from .entries import Topic, wandb

methods = Topic(
    "Methods of Run",
    "Methods of a finished run do nothing, warn, and count as lost, where wandb's raise: training does not "
    "die of its store. Those for artifacts raise, as they have to return one.",
)
TOPICS = [methods]


@methods.yes(
    "Run.log(data, step, commit, sync)",
    note="What cannot be stored is warned about once and counted in `run.lost`; wandb raises. Rows with a "
    "step below the current one are stored; wandb drops them.",
)
def _(run: Any) -> None:
    run.log({"a": 1}, commit=False)
    run.log({"b": {"c": 2}}, sync=True)
    run.log({"a": 3}, step=5, commit=True)
    run.log({"late": 1}, step=2)
    run.log(["no dict"])
    assert run.lost == 1
    assert run.step == 6
    run.finish()
    rows = list(wandb.Api().run("p/r").scan_history())
    assert [row["_step"] for row in rows] == [0, 2, 5]
    assert (rows[0]["a"], rows[0]["b.c"], rows[2]["a"]) == (1, 2, 3)


@methods.yes("Run.finish(exit_code, quiet)", "Run.join(exit_code)")
def _(run: Any) -> None:
    run.finish(exit_code=1, quiet=True)
    run.finish()
    assert wandb.Api().run("p/r").state == "failed"
    other = wandb.init(id="b")
    other.join(0)
    assert wandb.Api().run("b").state == "finished"


@methods.yes("Run.__enter__", "Run.__exit__", note="The exit code is 1 if an exception passes.")
def _() -> None:
    with pytest.raises(ZeroDivisionError), wandb.init(id="a"):
        1 / 0  # noqa: B018
    assert wandb.Api().run("a").exit_code == 1


@methods.yes(
    "Run.define_metric(name, step_metric, step_sync, hidden, summary, overwrite, goal)",
    note="NaN is left out of `min`, `max` and `mean`; with wandb they are NaN from then on.",
)
def _(run: Any) -> None:
    metric = run.define_metric("acc", step_metric="epoch", step_sync=True, hidden=False, summary="max,mean")
    assert (metric.name, metric.step_metric) == ("acc", "epoch")
    run.define_metric("best/*", summary="best", goal="minimize", overwrite=True)
    run.log({"epoch": 1, "acc": 1.0, "best/a": 3.0})
    run.log({"epoch": 2, "acc": float("nan"), "best/a": 1.0})
    run.log({"acc": 0.5, "best/a": 2.0})
    assert run.summary["acc"] == {"max": 1.0, "mean": 0.75}
    assert run.summary["best/a"] == {"best": 1.0}
    with pytest.raises(wandb.Error, match="glob suffixes only"):
        run.define_metric("a*b")


@methods.yes(
    "Run.save(glob_str, base_path, policy, glob)",
    note="The file is stored in the run, not linked to. A file that is not there is warned about.",
)
def _(run: Any, workdir: Path) -> None:
    (workdir / "d").mkdir()
    (workdir / "d" / "a[1].txt").write_text("a")
    (workdir / "d" / "b.txt").write_text("b")
    assert sorted(run.save("d/*.txt", base_path="d", policy="now")) == ["a[1].txt", "b.txt"]
    assert run.save("d/a[1].txt", glob=False, policy="end") == ["d/a[1].txt"]
    assert run.save(b"nothing", policy="live") == []
    run.finish()
    assert {file.name for file in wandb.Api().run("p/r").files()} >= {"a[1].txt", "b.txt", "d/a[1].txt"}


@methods.yes("Run.restore(name, run_path, replace, root)")
def _(run: Any, workdir: Path) -> None:
    (workdir / "m.txt").write_text("one")
    run.save("m.txt", policy="now")
    run.flush()
    (workdir / "m.txt").write_text("two")
    with run.restore("m.txt", replace=True) as file:
        assert file.read() == "one"


@methods.yes(
    "Run.alert(title, text, level, wait_duration)",
    note="`DANLU_ALERT_COMMAND`, `_WEBHOOK` and `_EMAIL` say how people are told, as "
    "[recording.md](recording.md) has it.",
)
def _(run: Any) -> None:
    run.alert("a", "text", level=wandb.AlertLevel.ERROR, wait_duration=datetime.timedelta(seconds=1))
    run.alert("a", "again", level="WARN", wait_duration=300)
    with pytest.raises(ValueError, match="level must be one of"):
        run.alert("b", "text", level="LOUD")


methods.yes(
    "Run.watch(models, criterion, log, log_freq, idx, log_graph)",
    "Run.unwatch(models)",
    note="Models of torch.",
    test="tests/integrations/test_watch.py::test_several_models_have_names",
)


@methods.yes("Run.write_logs(text)")
def _(run: Any) -> None:
    run.write_logs("a line\n")
    run.finish()
    assert any("a line" in str(line) for line in wandb.Api().run("p/r").console_logs())


@methods.partly(
    "Run.mark_preempting()",
    note="Recorded as the tag `preempting`. A run that is stopped then is `failed` or `crashed`; "
    "`init(resume='allow')` goes on with it.",
)
def _(run: Any) -> None:
    run.mark_preempting()
    run.finish(1)
    found = wandb.Api().run("p/r")
    assert (found.tags, found.state) == (["preempting"], "failed")


@methods.partly(
    "Run.pin_config_keys(keys)",
    note="Recorded in the config (`_wandb.pinned_keys`). The page of `danlu serve` shows every key.",
)
def _(run: Any) -> None:
    run.pin_config_keys(keys=["lr"])
    run.finish()
    assert wandb.Api().run("p/r").rawconfig["_wandb"]["pinned_keys"] == ["lr"]


@methods.yes(
    "Run.status()", note="Nothing is sent while a run is written, so there is never anything pending."
)
def _(run: Any) -> None:
    status = run.status()
    assert (status.sync_items_total, status.sync_items_pending, status.sync_time) == (0, 0, None)


@methods.partly(
    "Run.display(height, hidden)",
    "Run.to_html(height, hidden)",
    note="A line about the run and its file, in place of a frame with the page of the server. `danlu "
    "serve` has a page.",
)
def _(run: Any) -> None:
    assert run.display(height=100, hidden=True) is False
    assert "first" in run.to_html()


@methods.yes("Run.plot_table(vega_spec_name, data_table, fields, string_fields, split_table)")
def _(run: Any, table: Any) -> None:
    chart = run.plot_table("wandb/line/v0", table, {"x": "x", "y": "y"}, {"title": "t"})
    assert chart.table is table


@methods.yes(
    "Run.get_url()", "Run.get_project_url()", "Run.get_sweep_url()", note="None, as offline with wandb."
)
def _(run: Any) -> None:
    assert run.get_url() is run.get_project_url() is run.get_sweep_url() is None


@methods.yes("Run.project_name()")
def _(run: Any) -> None:
    assert run.project_name() == "p"


@methods.yes(
    "Run._label(code, repo, code_version)", "Run._get_path()", "Run._step", "Run._settings", "Run._attach_id"
)
def _(run: Any) -> None:
    run._label(repo="library", code="code", code_version="1")
    assert run.config.__dict__["_items"]["_wandb"]["label"]["repo"] == "library"
    assert run._get_path() == "p/r"
    assert run._step == 0
    assert run._settings.project == "p"
    assert run._attach_id


def _child(run: Any) -> None:
    run.log({"from_child": 1})
    run.finish()


@methods.yes("Run.__reduce__", note="A run can be pickled, and goes on in the process that it is sent to.")
def _(run: Any) -> None:
    assert run.__reduce__()
    assert pickle.loads(pickle.dumps(run)) is run
    process = multiprocessing.get_context("spawn").Process(target=_child, args=(run,))
    process.start()
    process.join(60)
    run.finish()
    assert any("from_child" in row for row in wandb.Api().run("p/r").scan_history())


@methods.yes("Run.__setattr__", note="An unknown attribute is an `AttributeError` with wandb's text.")
def _(run: Any) -> None:
    with pytest.raises(AttributeError, match="Attribute foo is not supported on Run object"):
        run.foo = 1
    assert copy.copy(run.tags) == ()


@methods.no(
    "Run(settings, config, sweep_config, launch_config)",
    note="The class is for `isinstance` and for types; runs are made by `init`, in wandb too.",
)
def _() -> None:
    with pytest.raises(TypeError):
        wandb.Run(wandb.Settings())
