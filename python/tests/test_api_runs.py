"""Finding runs: paths, filters, orders, and what is not there."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import danlu
import pytest
from conftest import Place, Scripts
from danlu.apis import public
from danlu.apis.public import Api, Run, RunNotFoundError


def make(run_id: str, loss: float = 1.0, code: int = 0, **arguments: Any) -> None:
    arguments.setdefault("project", "mnist")
    run = danlu.init(id=run_id, **arguments)
    run.log({"loss": loss * 2})
    run.log({"loss": loss})
    run.finish(code)


def ids(runs: Any) -> list[str]:
    return [run.id for run in runs]


@pytest.fixture
def api(place: Place) -> Api:
    make("a", 0.3, config={"lr": 0.1, "opt": "adam", "model": {"depth": 3}}, tags=["best", "x"], group="g1")
    make("b", 0.1, config={"lr": 0.01, "opt": "sgd"}, name="second", job_type="eval", entity="team")
    make("c", 0.2, 1, config={"lr": 0.5}, project="cifar", notes="broke")
    return place.api()


def test_runs_of_a_project_are_found_by_all_forms_of_its_path(api: Api) -> None:
    for path in (
        "mnist",
        "/mnist",
        "team/mnist",
        "/team/mnist/",
        "https://wandb.ai/team/mnist",
        "https://wandb.ai/team/mnist/workspace?nw=1",
    ):
        assert ids(api.runs(path)) == ["a", "b"], path
    assert ids(api.runs("other/mnist")) == ["a"], "a run without an entity is of any"
    assert ids(api.runs()) == ["a", "b", "c"]
    assert ids(Api({"project": "cifar"}).runs()) == ["c"]
    assert ids(Api({"entity": "other"}).runs("mnist")) == ["a"]
    with pytest.raises(ValueError, match="a/b/c/d"):
        api.runs("a/b/c/d")


def test_a_run_is_found_by_all_forms_of_its_path(api: Api) -> None:
    for path in (
        "b",
        "mnist/b",
        "mnist:b",
        "team/mnist/b",
        "/team/mnist/b",
        "team/mnist:b",
        "team/mnist/runs/b",
        "mnist/runs/b",
        "https://wandb.ai/team/mnist/runs/b",
        "https://wandb.ai/team/mnist/runs/b/overview?nw=1",
    ):
        run = api.run(path)
        assert (run.id, run.path) == ("b", ["team", "mnist", "b"]), path
    assert api.run("anything/mnist/a").id == "a"
    assert Api({"run": "c"}).run().project == "cifar"
    with pytest.raises(danlu.UsageError, match="path"):
        api.run()


def test_a_directory_is_chosen(api: Api, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = workdir / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert ids(Api().runs()) == []
    assert ids(Api(dir=workdir).runs()) == ["a", "b", "c"]
    assert ids(Api(str(workdir)).runs()) == ["a", "b", "c"]
    monkeypatch.setenv("WANDB_DIR", str(workdir))
    assert ids(Api().runs()) == ["a", "b", "c"]
    monkeypatch.setenv("DANLU_DIR", str(elsewhere))
    assert ids(Api().runs()) == []
    with pytest.raises(danlu.UsageError, match="one directory"):
        Api("x", dir="y")
    with pytest.raises(ValueError, match="no directory"):
        Api("missing").runs().objects  # noqa: B018


def test_what_is_not_there_is_said_with_what_is(api: Api) -> None:
    runs = api.runs("nope")
    with pytest.raises(
        ValueError, match=r"Could not find project nope in .*; there are mnist, team/mnist, cifar"
    ):
        len(runs)
    with pytest.raises(RunNotFoundError, match=f"Could not find run <Run mnist/zzz> in `{api.source.shown}`"):
        api.run("mnist/zzz")
    with pytest.raises(ValueError, match="there is mnist/a"):
        api.run("cifar/a")
    with pytest.raises(RunNotFoundError):
        api.run("other/mnist/b")
    with pytest.raises(danlu.Error):
        api.run("zzz")
    assert issubclass(RunNotFoundError, (ValueError, danlu.Error))
    assert issubclass(RunNotFoundError, danlu.CommError), "what older versions of wandb raise"


def test_an_id_of_two_projects_needs_its_project(api: Api, place: Place) -> None:
    make("a", project="cifar")
    place.sync()
    with pytest.raises(RunNotFoundError, match="mnist/a, cifar/a"):
        api.run("a")
    assert api.run("cifar/a").project == "cifar"
    make("a", 0.7, project="cifar")
    place.sync()
    assert api.run("cifar/a").summary["loss"] == 0.7, "of runs with the same path the newest"


_FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({"config.lr": 0.1}, ["a"]),
    ({"config.lr.value": 0.1}, ["a"]),
    ({"config.lr": {"$lt": 0.2}}, ["a", "b"]),
    ({"config.model.depth": 3}, ["a"]),
    ({"config.model.value.depth": 3}, ["a"]),
    ({"config.model.depth.value": 3}, ["a"]),
    ({"config.opt": {"$exists": False}}, ["c"]),
    ({"config.opt": {"$regex": "^s"}}, ["b"]),
    ({"summary_metrics.loss": {"$gte": 0.2}}, ["a", "c"]),
    ({"$or": [{"state": "failed"}, {"tags": "best"}]}, ["a", "c"]),
    ({"tags": {"$in": ["best", "none"]}}, ["a"]),
    ({"tags": {"$nin": ["best"]}}, ["b", "c"]),
    ({"state": {"$ne": "finished"}}, ["c"]),
    ({"display_name": "second"}, ["b"]),
    ({"displayName": {"$regex": "sec"}}, ["b"]),
    ({"display_name": "a"}, ["a"]),
    ({"name": "c"}, ["c"]),
    ({"group": "g1"}, ["a"]),
    ({"group": None}, ["b", "c"]),
    ({"jobType": "eval"}, ["b"]),
    ({"description": "broke"}, ["c"]),
    ({"duration": {"$lt": 60}}, ["a", "b", "c"]),
    ({"exit_code": 1}, ["c"]),
    ({"last_step": 1}, ["a", "b", "c"]),
    ({"metadata.program": {"$exists": True}}, ["a", "b", "c"]),
    ({"sweep": None}, ["a", "b", "c"]),
]


def test_runs_are_filtered(api: Api) -> None:
    for filters, expected in _FILTERS:
        assert ids(api.runs(filters=filters)) == expected, filters


def test_runs_are_filtered_by_time(api: Api) -> None:
    first, second, third = api.runs()
    assert ids(api.runs(filters={"created_at": {"$gte": first.created_at}})) == ["a", "b", "c"]
    assert ids(api.runs(filters={"created_at": {"$lt": "2020-01-01"}})) == []
    after_first = datetime.datetime.fromtimestamp(first.info["started"] + 1e-3)
    assert ids(api.runs(filters={"createdAt": {"$gt": after_first}})) == ["b", "c"]
    assert ids(api.runs(filters={"heartbeatAt": {"$gte": second.info["ended"]}})) == ["b", "c"]
    assert third.heartbeatAt == third.heartbeat_at


def test_unknown_fields_and_operators_are_named(api: Api) -> None:
    for filters, named in (
        ({"colour": 1}, "colour"),
        ({"state.x": 1}, "state.x"),
        ({"config": 1}, "config"),
        ({"config.lr": {"$near": 1}}, r"\$near"),
    ):
        with pytest.raises(ValueError, match=named):
            len(api.runs(filters=filters))
    with pytest.raises(ValueError, match="colour"):
        len(api.runs(order="-colour"))


def test_runs_are_ordered(api: Api) -> None:
    for order, expected in (
        ("+created_at", "abc"),
        ("created_at", "abc"),
        ("-created_at", "cba"),
        ("+summary_metrics.loss", "bca"),
        ("-config.lr.value", "cab"),
        ("-config.opt", "bac"),
        ("+display_name", "acb"),
        ("-heartbeat_at", "cba"),
    ):
        assert "".join(ids(api.runs(order=order))) == expected, order


def test_runs_are_a_sequence(api: Api) -> None:
    runs = api.runs(per_page=2)
    assert len(runs) == runs.length == 3
    assert runs[0].id == "a"
    assert runs[-1].id == "c"
    assert ids(runs[1:]) == ["b", "c"]
    assert ids(runs) == ids(runs) == ids(runs.objects) == ids(runs.convert_objects())
    assert runs.more
    assert [next(runs).id, next(runs).id, next(runs).id] == ["a", "b", "c"]
    with pytest.raises(StopIteration):
        next(runs)
    assert (runs.more, runs.cursor) == (False, "3")
    runs.upgrade_to_full()
    assert isinstance(runs[0], Run)
    assert repr(api.runs("mnist")) == "<Runs mnist>"


def test_the_best_run_is_the_smallest(workdir: Path) -> None:
    """What the tutorial does, with and without `define_metric`."""
    for run_id, losses in (("good", [0.5, 0.1, 0.4]), ("bad", [0.9, 0.3, 0.2])):
        run = danlu.init(project="project-name", id=run_id)
        for loss in losses:
            run.log({"val_loss": loss})
        (workdir / "model-best.h5").write_bytes(run_id.encode() + b"\xff\x00")
        run.save("model-best.h5")
        run.finish()
    (workdir / "model-best.h5").unlink()
    api = Api()
    runs = api.runs("project-name")
    best_run = min(runs, key=lambda r: r.summary.get("val_loss", float("inf")))
    assert best_run.id == "bad"
    best_run.file("model-best.h5").download()
    assert (workdir / "model-best.h5").read_bytes() == b"bad\xff\x00"


def test_projects(api: Api) -> None:
    projects = api.projects()
    assert [(project.entity, project.name) for project in projects] == [
        ("", "mnist"),
        ("team", "mnist"),
        ("", "cifar"),
    ]
    assert [project.name for project in api.projects("other")] == ["mnist", "cifar"]
    project = api.project("cifar")
    assert (project.id, project.path, ids(project.runs())) == ("cifar", ["", "cifar"], ["c"])
    assert len(project.sweeps()) == 0
    assert "c" in project.to_html()
    assert project.owner.username == ""
    with pytest.raises(ValueError, match="nope"):
        api.project("nope")
    api.create_project("new", "team")
    assert len(api.runs("new")) == 0
    assert api.project("new").name == "new"


def test_a_run_is_made(api: Api, place: Place) -> None:
    run = api.create_run(run_id="made", project="mnist")
    assert (run.id, run.state, run.lastHistoryStep) == ("made", "finished", -1)
    assert len(run.history()) == 0
    assert api.run("mnist/made").id == "made"
    if place.kind != "directory":
        return
    with danlu.init(project="mnist", id="made", resume="must") as live:
        live.log({"loss": 1.0})
    assert api.run("mnist/made").summary["loss"] == 1.0


def test_what_takes_a_server_says_so(api: Api, place: Place) -> None:
    names = """
        automation automations create_automation create_custom_chart create_registry create_report
        create_run_queue create_team create_user delete_automation integrations job list_jobs load_report
        organization queued_run registries registry reports run_queue slack_integrations
        update_automation upsert_run_queue webhook_integrations
    """
    for name in names.split():
        with pytest.raises(danlu.Error, match=rf"{name}.*takes a server"):
            getattr(api, name)("x", y=1)
        assert getattr(Api, name).__doc__
    with pytest.raises(danlu.Error, match="SQL"):
        api.client.execute("query {}")
    for name in () if place.kind == "server" else ("team", "user", "users"):
        with pytest.raises(danlu.Error, match=rf"{name}.*takes a server"):
            getattr(api, name)("x")
    run = api.run("a")
    for call in (run.stop, lambda: run.update_state("failed")):
        with pytest.raises(danlu.Error, match="takes a server"):
            call()


def test_who_reads(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert api.default_entity is None
    assert api.viewer.username
    assert Api({"entity": "me"}).viewer.entity == "me"
    monkeypatch.setenv("WANDB_ENTITY", "us")
    monkeypatch.setenv("WANDB_API_KEY", "key")
    assert (Api().default_entity, Api().api_key, Api(api_key="mine").api_key) == ("us", "key", "mine")
    api.flush()
    assert api.client.app_url == api.url
    assert api.url.startswith(("file:", "http://127.0.0.1"))
    assert api.user_agent.startswith("danlu ")


def test_from_path(api: Api) -> None:
    assert repr(api.from_path("mnist")) == "<Project mnist>"
    assert api.from_path("team/mnist").name == "mnist"
    assert api.from_path("team/mnist/b").id == "b"
    assert api.from_path("cifar/c").id == "c"
    with pytest.raises(ValueError, match="Could not find sweep"):
        api.from_path("team/mnist/sweeps/x")


def test_a_run_that_was_killed_has_crashed_and_is_whole(scripts: Scripts, workdir: Path) -> None:
    scripts.run(
        """
        import danlu, os
        run = danlu.init(project="p", id="dead")
        for n in range(100):
            run.log({"loss": n})
        os._exit(9)
        """
    )
    run = Api().run("p/dead")
    assert (run.state, run.exit_code, run.lastHistoryStep) == ("crashed", None, 99)
    assert [row["loss"] for row in run.scan_history()] == list(range(100))


def test_public_names() -> None:
    from danlu import apis

    assert apis.Api is apis.PublicApi is danlu.Api is Api
    for name in public.__all__:
        assert getattr(public, name) is not None
