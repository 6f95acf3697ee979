"""One run that is read back: what it says, its rows, its files, and changing it."""

from __future__ import annotations

import base64
import copy
import datetime
import hashlib
import io
import json
import math
import os
import sqlite3
from pathlib import Path
from typing import Any

import danlu
import pytest
from conftest import Place, Scripts
from danlu.apis.public import Api, IncompleteRunHistoryError, Run, RunNotFoundError
from danlu.apis.public.summary import SubSummary

pytestmark = pytest.mark.usefixtures("everywhere")


def one(run_id: str | None = None) -> Run:
    runs = Api().runs()
    return runs[-1] if run_id is None else Api().run(run_id)


def test_what_a_run_says(place: Place) -> None:
    before = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    config = {"lr": 0.1, "net": {"depth": 3}, "_wandb": {"viz": {}}}
    live = danlu.init(
        project="p",
        entity="e",
        name="first",
        group="g",
        job_type="j",
        notes="n",
        tags=["x", "y"],
        config=config,
    )
    live.log({"loss": 1.0})
    live.name = "renamed"
    live.tags = ("x", "z")
    live.finish(3)
    run = one()
    assert (run.name, run.display_name, run.notes, run.description) == ("renamed", "renamed", "n", "n")
    assert (run.group, run.job_type, run.tags) == ("g", "j", ["x", "z"])
    assert (run.entity, run.project, run.path) == ("e", "p", ["e", "p", live.id])
    assert (run.state, run.exit_code, run.lastHistoryStep) == ("failed", 3, 0)
    assert run.config == {"lr": 0.1, "net": {"depth": 3}}
    assert run.rawconfig == config
    assert json.loads(run.json_config)["lr"] == {"value": 0.1, "desc": None}
    created = datetime.datetime.strptime(run.created_at, "%Y-%m-%dT%H:%M:%SZ").replace(
        tzinfo=datetime.timezone.utc
    )
    assert before <= created <= datetime.datetime.now(datetime.timezone.utc)
    assert run.created_at <= run.heartbeatAt
    assert 0 <= run.duration < 60
    assert run.metadata["pid"] == os.getpid()
    assert run.metadata["python"]
    assert run.metadata["startedAt"] == run.created_at
    if place.kind == "directory":
        assert run.url == Path(str(live.file)).as_uri()
    assert run.storage_id == f"e/p/{live.id}"
    assert (run.user.username, run.username) == ("e", "e")
    assert (run.sweep, run.sweep_name) == (None, None)
    assert live.id in repr(run)
    assert "renamed" in run.to_html()
    assert run.keys == ["loss"]
    assert run.sql("SELECT value FROM history WHERE key = ?", "loss") == [(1.0,)]


def test_a_run_without_a_name_has_its_id() -> None:
    live = danlu.init()
    live.finish()
    run = one()
    assert run.name == live.id
    run.update()
    assert one().sql("SELECT count(*) FROM attempt") == [(1,)], "nothing was changed"


def test_the_summary() -> None:
    live = danlu.init(project="p")
    live.log({"loss": 0.5, "d": {"e": {"f": 2}, "g": 3}, "nothing": None, "text": "x"})
    live.summary["best"] = math.inf
    live.summary["bad"] = math.nan
    live.finish()
    summary = one().summary
    assert (summary["loss"], summary.loss, summary.get("loss")) == (0.5, 0.5, 0.5)
    assert summary.get("missing") is None
    assert summary.get("missing", 7) == 7
    with pytest.raises(KeyError):
        summary["missing"]
    with pytest.raises(AttributeError, match="missing"):
        summary.missing  # noqa: B018
    assert "missing" not in summary
    assert "d" in summary
    assert summary["d"]["e"]["f"] == summary["d.e.f"] == summary.d.e.f == 2
    assert math.isinf(summary["best"])
    assert math.isnan(summary["bad"])
    assert "nothing" not in summary, "as in wandb"
    assert summary["_step"] == 0
    assert summary["_timestamp"] > 1.7e9
    assert summary["_runtime"] >= 0
    assert summary["_wandb"]["runtime"] == 0
    plain = one().summary_metrics
    assert {key: value for key, value in plain.items() if not key.startswith("_")}.keys() == {
        "loss",
        "d.e.f",
        "d.g",
        "text",
        "best",
        "bad",
    }
    assert dict(summary).keys() == plain.keys() == set(summary.keys()) == set(summary._json_dict)
    assert dict(summary.items())["loss"] == 0.5
    assert 0.5 in summary.values()
    assert len(summary) == len(list(summary))


def test_the_summary_is_saved(workdir: Path) -> None:
    live = danlu.init(project="p", id="x")
    live.log({"loss": 0.5, "d": {"e": 1}, "gone": 1})
    live.finish(2)
    run = one()
    run.summary["best"] = 0.4
    run.summary["d"]["e"] = 5
    run.summary["d"]["new"] = {"f": 6}
    run.summary["box"] = {"a": 1}
    run.summary["box"]["b"] = 2
    del run.summary["gone"]
    run.summary.update({"loss": 0.3, "odd": math.nan})
    again = one()
    assert (again.summary["best"], again.summary["loss"]) == (0.4, 0.3)
    assert again.summary["d"] == {"e": 5, "new": {"f": 6}}
    assert again.summary["box"] == {"a": 1, "b": 2}
    assert "gone" not in again.summary
    assert math.isnan(again.summary["odd"])
    assert (again.state, again.exit_code) == ("failed", 2)
    with pytest.raises(TypeError, match="`thing`"):
        run.summary.update({"thing": object()})


def test_what_define_metric_asks_for_is_in_the_summary() -> None:
    live = danlu.init(project="p")
    live.define_metric("loss", summary="min")
    live.define_metric("acc*", summary="max,mean")
    live.define_metric("acc2", summary="first,last")
    live.define_metric("score", summary="best", goal="maximize")
    live.define_metric("hidden", summary="none")
    live.define_metric("plain", summary="copy")
    for n, value in enumerate([3.0, math.nan, 1.0, 2.0]):
        live.log({"loss": value, "acc1": n, "acc2": n, "score": value, "hidden": 1, "plain": n})
    live.finish()
    summary = one().summary
    assert summary["loss"] == {"min": 1.0}
    assert summary["acc1"] == {"max": 3, "mean": 1.5}
    assert summary["acc2"] == {"first": 0, "last": 3}
    assert summary["score"] == {"best": 3.0}
    assert "hidden" not in summary
    assert summary["plain"] == 3
    assert summary._json_dict["loss"] == {"min": 1.0}
    loss: Any = summary["loss"]
    assert isinstance(loss, SubSummary)
    assert float(loss) == 1.0
    assert loss < 2
    assert loss <= 1
    assert loss > 0.5
    assert loss >= 1
    assert loss == 1.0
    assert 2 > loss  # noqa: SIM300
    assert f"{loss:.2f}" == "1.00"
    assert loss.min == 1.0
    with pytest.raises(TypeError, match="not one number"):
        float(summary["acc1"])
    assert [r.id for r in Api().runs(filters={"summary_metrics.loss": {"$lt": 2}})] == [live.id]
    assert [r.id for r in Api().runs(filters={"summary_metrics.loss.min": 1})] == [live.id]


def test_the_best_run_by_its_smallest_loss() -> None:
    for run_id, losses in (("spiky", [0.9, 0.1, 0.8]), ("steady", [0.5, 0.4, 0.3])):
        live = danlu.init(project="p", id=run_id)
        live.define_metric("val_loss", summary="min")
        for loss in losses:
            live.log({"val_loss": loss})
        live.finish()
    danlu.init(project="p", id="empty").finish()
    runs = Api().runs("p")
    assert min(runs, key=lambda r: r.summary.get("val_loss", float("inf"))).id == "spiky"
    assert [r.id for r in Api().runs("p", order="-summary_metrics.val_loss")] == ["steady", "spiky", "empty"]


def test_changes_are_saved() -> None:
    live = danlu.init(
        project="p", id="x", name="old", tags=["a", "b"], config={"lr": 0.1, "gone": 1, "_hidden": 2}
    )
    live.log({"loss": 1.0})
    live.finish()
    run = one()
    seconds = run.duration
    run.name = "new"
    run.notes = "long\nnotes"
    run.group = "g"
    run.tags.append("c")
    run.tags.remove("a")
    run.config["lr"] = 0.2
    run.config["more"] = {"x": [1, 2]}
    del run.config["gone"]
    run.summary["final"] = 0.9
    run.update()
    for found in (run, one()):
        assert (found.name, found.notes, found.group, found.tags) == ("new", "long\nnotes", "g", ["b", "c"])
        assert found.config == {"lr": 0.2, "more": {"x": [1, 2]}}
        assert found.rawconfig["_hidden"] == 2
        assert found.summary["final"] == 0.9
        assert (found.state, found.exit_code) == ("finished", 0)
    assert one().sql("SELECT count(*) FROM attempt") == [(2,)]
    assert one().duration == seconds, "saying more about it later does not make it longer"
    assert one().metadata["python"]
    run.tags = "single"
    run.save()
    assert one().tags == ["single"]


@pytest.mark.local
def test_a_run_that_is_running_is_read_and_not_changed() -> None:
    live = danlu.init(project="p", id="x")
    live.log({"loss": 1.0})
    live._drain()
    run = one()
    assert (run.state, run.summary["loss"]) == ("running", 1.0)
    run.tags.append("new")
    with pytest.raises(danlu.Error, match="being written"):
        run.update()
    with pytest.raises(danlu.Error, match="being written"):
        run.delete()
    with pytest.raises(IncompleteRunHistoryError, match="running"):
        run.download_history_exports("out")
    Path("file").write_text("x")
    with pytest.raises(danlu.Error, match="being written"):
        run.upload_file("file")
    live.log({"loss": 0.5})
    live._drain()
    assert (run.summary["loss"], run.tags) == (1.0, ["new"])
    run.load(force=True)
    assert (run.summary["loss"], run.tags) == (0.5, [])
    live.finish()


@pytest.mark.local
def test_of_runs_under_one_id_only_the_newest_is_changed() -> None:
    for loss in (1.0, 2.0):
        with danlu.init(project="p", id="x") as live:
            live.log({"loss": loss})
    first, second = Api().runs()
    assert (first.summary["loss"], second.summary["loss"]) == (1.0, 2.0)
    first.tags.append("old")
    with pytest.raises(danlu.Error, match="begun later under the same id"):
        first.update()
    with pytest.raises(danlu.Error, match="begun later under the same id"):
        first.upload_file(__file__, root=Path(__file__).parent)
    second.tags.append("new")
    second.update()
    assert [run.tags for run in Api().runs()] == [[], ["new"]]
    first.delete()
    assert [run.tags for run in Api().runs()] == [["new"]]


@pytest.mark.local
def test_a_run_is_waited_for(scripts: Scripts) -> None:
    process = scripts.start(
        """
        import danlu, sys
        from danlu import _core
        with danlu.init(project="p", id="x") as run:
            run.log({"loss": 1.0})
            run._drain()
            print("there", flush=True)
            sys.stdin.read()
            run.log({"loss": 0.5})
        """,
        stdin=-1,
    )
    with process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "there\n"
        run = one()
        assert run.state == "running"
        process.stdin.close()
        run.wait_until_finished()
        assert (run.state, run.summary["loss"]) == ("finished", 0.5)


@pytest.mark.local
def test_a_run_is_deleted(workdir: Path) -> None:
    for run_id in ("first", "last"):
        danlu.init(project="p", id=run_id).finish()
    assert (workdir / "wandb" / "latest-run.sqlite").exists()
    run = one("last")
    run.delete()
    assert [r.id for r in Api().runs()] == ["first"]
    assert not os.path.lexists(workdir / "wandb" / "latest-run.sqlite")
    for call in (run.delete, run.wait_until_finished, lambda: run.load(force=True)):
        with pytest.raises(RunNotFoundError, match="it is gone"):
            call()
    first = Path(one("first").info["path"])
    beside = workdir / "wandb" / f"offline-{first.stem}"
    beside.mkdir()
    (beside / "run-first.wandb").symlink_to(first)
    (workdir / "wandb" / "latest-run").symlink_to(beside.name)
    one("first").delete()
    assert [path.name for path in (workdir / "wandb").iterdir() if "run" in path.name] == []


def test_a_summary_is_copied() -> None:
    with danlu.init(project="p") as live:
        live.log({"loss": 1.0})
    assert copy.copy(one().summary)["loss"] == 1.0


@pytest.mark.local
def test_a_run_with_artifacts_is_deleted_with_them_only() -> None:
    live = danlu.init(project="p")
    live._event("artifact", "model:v0", "made", "{}")
    live.finish()
    with pytest.raises(danlu.Error, match=r"model:v0.*delete_artifacts"):
        one().delete()
    one().delete(delete_artifacts=True)
    assert len(Api().runs()) == 0


def test_system_metrics_console_and_others_that_are_empty() -> None:
    live = danlu.init(project="p")
    live._event("stdout", "", "epoch 1\nepoch 2", "")
    live._event("stderr", "", "careful", "")
    live.finish()
    run = one()
    assert run.system_metrics == {}
    assert len(run.history(stream="system")) == 0
    assert run.history(stream="system", pandas=False) == []
    with pytest.raises(ValueError, match="`other`"):
        run.history(stream="other")
    assert [str(line) for line in run.console_logs()] == ["epoch 1", "epoch 2", "careful"]
    [line] = run.console_logs(last=1)
    assert (line.line, line.stream, line.level) == ("careful", "stderr", "error")


def test_files(workdir: Path) -> None:
    live = danlu.init(project="p")
    (workdir / "sub").mkdir()
    contents = {"model.pth": b"\x00\xff" * 99, "sub/notes.txt": "grüße\n".encode(), "data_1.json": b"{}"}
    for name, content in contents.items():
        (workdir / name).write_bytes(content)
        live.save(name, base_path=workdir)
    live.finish()
    for name in contents:
        (workdir / name).unlink()
    run = one()
    files = run.files()
    assert [file.name for file in files] == ["data_1.json", "model.pth", "sub/notes.txt"]
    assert [file.name for file in run.files(pattern="%.PTH")] == ["model.pth"]
    assert [file.name for file in run.files(pattern="data_1%")] == ["data_1.json"]
    assert [file.name for file in run.files(pattern=r"data\_%")] == ["data_1.json"]
    assert [file.name for file in run.files(pattern=r"dat\_1%")] == []
    assert [file.name for file in run.files(names=["model.pth", "missing"])] == ["model.pth"]
    model = run.file("model.pth")
    assert (model.size, model.sha256) == (198, hashlib.sha256(contents["model.pth"]).hexdigest())
    md5 = hashlib.md5(contents["model.pth"], usedforsecurity=False).digest()
    assert model.md5 == base64.b64encode(md5).decode()
    assert model.mimetype == "application/octet-stream"
    assert run.file("data_1.json").mimetype == "application/json"
    assert model.updated_at >= run.created_at
    assert (model.id, model.path_uri, model.direct_url) == ("model.pth", "", model.url)
    assert model.url == f"{model._run.url}#model.pth"
    assert "model.pth" in repr(model)
    text = run.file("sub/notes.txt").download("out")
    assert isinstance(text, io.TextIOWrapper)
    assert text.read() == "grüße\n"
    assert text.name == os.path.join("out", "sub", "notes.txt")
    with pytest.raises(ValueError, match=r"replace=True.*exist_ok=True"):
        run.file("sub/notes.txt").download("out")
    Path("out/sub/notes.txt").write_text("mine")
    assert run.file("sub/notes.txt").download("out", exist_ok=True).read() == "mine"
    assert run.file("sub/notes.txt").download("out", replace=True).read() == "grüße\n"
    with pytest.raises(ValueError, match=r"no file `missing`; it has data_1.json, model.pth, sub/notes.txt"):
        run.file("missing")
    with pytest.raises(danlu.Error, match="only added to"):
        model.delete()
    files.update_variables()
    assert len(files) == 3


def test_a_name_that_leads_elsewhere_is_not_written(workdir: Path) -> None:
    live = danlu.init(project="p")
    live._put("ok", b"x")
    live.finish()
    run = one()
    file = run.file("ok")
    for name in ("../out", "/out", "a/../../out", "a//b", ".", "a\\..\\b"):
        file.name = name
        with pytest.raises(danlu.Error, match="leads elsewhere"):
            file.download("down")
    assert not (workdir / "out").exists()


def test_a_file_is_added_to_a_run_that_has_ended(workdir: Path) -> None:
    live = danlu.init(project="p", id="x", tags=["t"])
    live.log({"loss": 1.0})
    live.finish(3)
    (workdir / "sub").mkdir()
    (workdir / "sub" / "report.txt").write_text("good")
    run = one()
    file = run.upload_file("sub/report.txt")
    assert (file.name, file.size) == ("sub/report.txt", 4)
    assert run.upload_file("sub/report.txt", root="sub").name == "report.txt"
    again = one()
    assert again.file("report.txt").download("out").read() == "good"
    assert (again.state, again.exit_code, again.tags) == ("failed", 3, ["t"])
    with pytest.raises(ValueError, match="no such file"):
        run.upload_file("missing")
    with pytest.raises(ValueError, match="not below"):
        run.upload_file("sub/report.txt", root="out")


@pytest.mark.local
def test_system_metrics() -> None:
    """Rows of the sampler are put in by hand: they have no step."""
    with danlu.init(project="p") as live:
        live.log({"loss": 1.0})
    file = sqlite3.connect(str(live.file))
    with file:
        base, point = 900, 900
        file.executemany(
            "INSERT INTO key VALUES (?, ?, 1)", [(base + 1, "cpu"), (base + 2, "system.gpu.0.temp")]
        )
        file.executemany(
            "INSERT INTO row VALUES (?, NULL, ?)", [(base + 3, 2_000_000), (base + 4, 1_000_000)]
        )
        values = [(point, base + 3, 50.5), (point + 1, base + 4, 10), (point + 2, base + 3, 60)]
        file.executemany("INSERT INTO point VALUES (?, ?, ?)", values)
        extents = [(point, point + 1, base + 1, 0, 0), (point + 2, point + 2, base + 2, 0, 0)]
        file.executemany("INSERT INTO extent VALUES (?, ?, ?, ?, ?)", extents)
    file.close()
    run = one()
    assert run.system_metrics == {"system.cpu": 10, "system.gpu.0.temp": 60}
    rows = run.history(stream="system", pandas=False)
    assert [
        {key: row.get(key) for key in ("_timestamp", "system.cpu", "system.gpu.0.temp")} for row in rows
    ] == [
        {"_timestamp": 1.0, "system.cpu": 10, "system.gpu.0.temp": None},
        {"_timestamp": 2.0, "system.cpu": 50.5, "system.gpu.0.temp": 60},
    ]
    assert run.history(stream="events")["system.cpu"].tolist() == [10, 50.5]
    assert "system.cpu" in Api().runs("p").histories(stream="system", format="pandas").columns
    assert run.keys == ["loss"]
    assert len(Api().runs("p", {"system_metrics.cpu": {"$gt": 5}})) == 1
    assert len(Api().runs("p", {"system_metrics.gpu.0.temp": {"$gt": 99}})) == 0
