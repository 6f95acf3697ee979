"""Runs of a remote: what is the same as where they were written, and what only a remote has."""

from __future__ import annotations

import math
import os
import random
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import danlu
import pytest
from conftest import Place, Scripts
from danlu.apis.public import NotFoundError, RunNotFoundError
from danlu.errors import AuthenticationError, CommError

pytestmark = pytest.mark.usefixtures("homeless")


@pytest.fixture
def server(workdir: Path) -> Iterator[Place]:
    place = Place("server", workdir)
    place.begin()
    yield place
    place.end()


def train(seed: int) -> None:
    """Write a run with something of everything that a run can say."""
    chance = random.Random(seed)
    config: dict[str, Any] = {
        "lr": 10.0 ** -chance.randint(1, 5),
        "net": {"depth": seed, "wide": seed % 2 == 0},
    }
    config.update(text="words", layers=[{"n": seed}, {"n": 3}])
    # What JSON cannot say.
    if seed % 3 == 0:
        config.update(nan=math.nan, text="NaN")
    if seed % 5 == 0:
        config.update(huge=2**70, deep={"huge": [2**70, 1e300]})
    tags = ["all", f"t{seed % 3}"]
    given: dict[str, Any] = {"config": config, "tags": tags, "id": f"run{seed:02}", "project": f"p{seed % 2}"}
    if seed % 4 == 0:
        given.update(name=f'the {seed}th "best"', notes="some\nnotes", group="g", job_type="train")
    if seed % 3 == 0:
        given["entity"] = "team"
    run = danlu.init(**given)
    if seed % 2:
        run.define_metric("loss", summary="min,max,best", goal="minimize")
        run.define_metric("acc*", summary="mean")
    for step in range(20):
        run.log({"loss": chance.random(), "acc": step / 20, "n": step, "word": f"w{step}"})
        if step % 7 == 0:
            run.log({"rare": None if step else math.inf, "list": [step, {"deep": "x"}]})
    run.summary["by hand"] = {"a": {"b": seed}}
    run.alert("look", text=f"at {seed}", level="WARN")
    Path("weights.bin").write_bytes(bytes([seed]) * 1000)
    run.save("weights.bin")
    run.finish(seed % 5)


FILTERS: list[dict[str, Any]] = [
    {},
    {"state": "finished"},
    {"state": {"$ne": "finished"}},
    {"state": {"$in": ["failed", "nonsense"]}},
    {"config.lr": {"$lt": 0.01}},
    {"config.lr": 0.1},
    {"config.net.depth": {"$gte": 5}},
    {"config.net.value.depth": 3},
    {"config.net.wide": True},
    {"config.layers.n": 3},
    {"config.layers.n": {"$gt": 5}},
    {"config.text": "NaN"},
    {"config.nan": {"$exists": True}},
    {"config.nan": {"$ne": 1}},
    {"summary_metrics.loss": {"$lt": 0.1}},
    {"summary.loss.min": {"$lt": 0.05}},
    {"summary_metrics.acc": {"$gt": 0.5}},
    {"summary_metrics.n": 19},
    {"summary_metrics._step": {"$gt": 1}},
    {"tags": "t1"},
    {"tags": {"$in": ["t1", "t2"]}},
    {"tags": {"$nin": ["t1"]}},
    {"tags": {"$all": ["all", "t0"]}},
    {"$or": [{"tags": "t1"}, {"config.lr": {"$lt": 0.001}}]},
    {"$nor": [{"tags": "t1"}, {"state": "failed"}]},
    {"$and": [{"state": "failed"}, {"$or": [{"group": "g"}, {"name": "run03"}]}]},
    {"group": "g"},
    {"group": {"$ne": "g"}},
    {"group": None},
    {"display_name": 'the 4th "best"'},
    {"display_name": {"$regex": "best"}},
    {"notes": {"$exists": False}},
    {"entity": "team"},
    {"exit_code": {"$gt": 2}},
    {"created_at": {"$gt": "2020-01-01T00:00:00"}},
    {"created_at": {"$lt": "2020-01-01T00:00:00"}},
    {"name": {"$in": [f"run{n:02}" for n in range(700)]}},
    {"host": {"$not": {"$regex": "^$"}}},
    {"last_step": {"$gte": 20}},
    {"duration": {"$lt": 3600}},
]
ORDERS = [
    "+created_at",
    "-created_at",
    "-summary_metrics.loss",
    "+config.lr",
    "-name",
    "+display_name,-created_at",
]


def everything(api: Any) -> dict[str, Any]:
    """Return what an Api says of all runs, in values that compare; NaN as a text."""
    runs = {run.storage_id: all_of(run) for run in api.runs()}
    assert runs
    return {
        "runs": runs,
        "filtered": [[run.id for run in api.runs(None, filters)] for filters in FILTERS],
        "counted": [len(api.runs(None, filters)) for filters in FILTERS],
        "ordered": [[run.id for run in api.runs("p1", None, order)] for order in ORDERS],
        "of a project": [run.id for run in api.runs("team/p0")],
        "pages": [run.id for run in api.runs(None, {"tags": "t1"}, per_page=2)],
        "projects": [project.path for project in api.projects()],
        "histories": repr(api.runs("p0").histories(samples=5)),
    }


def all_of(run: Any) -> dict[str, Any]:
    names = """
        id name entity project state exit_code created_at heartbeat_at duration lastHistoryStep tags notes
        group job_type config rawconfig json_config summary_metrics system_metrics metadata host keys username
        path
    """
    said = {name: repr(getattr(run, name)) for name in names.split()}
    said["summary"] = repr({key: run.summary[key] for key in run.summary.keys()})  # noqa: SIM118
    said["history"] = repr(run.history(pandas=False))
    said["some"] = repr(run.history(samples=3, keys=["loss", "acc"], pandas=False))
    said["scanned"] = repr(list(run.scan_history()))
    said["between"] = repr(list(run.scan_history(["n", "word"], min_step=5, max_step=8)))
    said["frame"] = run.to_pandas().to_csv()
    said["files"] = repr([(f.name, f.size, f.sha256, f.updated_at, f.mimetype, f.md5) for f in run.files()])
    said["sql"] = repr(run.sql("SELECT step, key, value FROM history WHERE key = ? ORDER BY step", "loss"))
    said["console"] = repr([str(line) for line in run.console_logs()])
    return said


@pytest.mark.parametrize("kind", ["remote", "server"])
def test_a_remote_says_what_the_directory_says(kind: str, workdir: Path) -> None:
    for seed in range(1, 13):
        train(seed)
    here = everything(danlu.Api())
    place = Place(kind, workdir)
    place.begin()
    try:
        there = everything(place.api())
        again = everything(place.api())
    finally:
        place.end()
    for name, said in here["runs"].items():
        assert there["runs"][name] == said
    assert there == here == again


def test_a_server_is_asked_page_by_page(server: Place) -> None:
    for seed in range(1, 8):
        with danlu.init(id=f"run{seed:02}", project="p", tags=["all"], config={"lr": 1 / seed}) as live:
            for step in range(23):
                live.log({"loss": 1 / (step + seed)})
    api = server.api()
    runs = api.runs(None, {"tags": "all"}, per_page=2)
    assert len(runs) == 7, "the server counts"
    assert len(runs._read) == 2, "and one page was read for it"
    assert runs[2].id == "run03"
    assert len(runs._read) == 4
    assert [run.id for run in runs] == [f"run{n:02}" for n in range(1, 8)]
    cache = Path(os.environ["DANLU_CACHE_DIR"])
    [run.config for run in runs], [dict(run.summary) for run in runs]
    assert not list(cache.rglob("*.sqlite")), "no records were needed for that"
    assert len(runs[0].history(pandas=False)) == 23
    assert len(list(cache.rglob("*.sqlite"))) == 1


def test_edits_lie_over_the_run_and_the_rest_is_pushed(server: Place) -> None:
    train(4)
    api = server.api()
    run = api.run("p0/run04")
    run.name, run.notes, run.group = "renamed", "other notes", "g2"
    run.tags.append("checked")
    run.update()
    digest = api.run("run04").info["digest"]
    assert digest == run.info["digest"], "records do not change by that"
    run.config["lr"] = 7
    run.summary["best"] = 0.5
    run.job_type = "eval"
    run.update()
    again = server.api().run("run04")
    assert (again.name, again.notes, again.group, again.job_type) == ("renamed", "other notes", "g2", "eval")
    assert again.tags == ["all", "t1", "checked"]
    assert (again.config["lr"], again.summary["best"]) == (7, 0.5)
    assert again.state == "failed", "as before"
    assert [r.id for r in api.runs(None, {"tags": "checked", "group": "g2"})] == ["run04"]


def test_a_file_is_stored_in_a_run_of_a_server(server: Place, workdir: Path) -> None:
    train(5)
    api = server.api()
    (workdir / "report.txt").write_text("all well")
    file = api.run("run05").upload_file("report.txt")
    assert (file.name, file.size) == ("report.txt", 8)
    (workdir / "report.txt").unlink()
    assert server.api().run("run05").file("report.txt").download("out").read() == "all well"


def test_a_run_is_deleted_at_a_server(server: Place) -> None:
    train(3)
    train(5)
    api = server.api()
    run = api.run("run03")
    run.delete()
    assert [run.id for run in api.runs()] == ["run05"]
    with pytest.raises(RunNotFoundError, match="run03"):
        api.run("run03")
    with pytest.raises(ValueError, match="run03"):
        run.load(force=True)


def test_what_a_server_does_not_have_is_said(server: Place) -> None:
    train(1)
    api = server.api()
    with pytest.raises(RunNotFoundError, match=r"Could not find run <Run nope> in `http://127.0.0.1:\d+`"):
        api.run("nope")
    with pytest.raises(ValueError, match=r"Could not find project q .*; there are p1"):
        len(api.runs("q"))
    with pytest.raises(NotFoundError, match=r"has no file `x`; it has .*weights\.bin"):
        api.run("run01").file("x")
    with pytest.raises(ValueError, match="colour"):
        len(api.runs(None, {"colour": 1}))


def test_a_wrong_key_and_a_server_that_is_not_there_are_told_apart(server: Place) -> None:
    train(1)
    server.sync()
    assert server.address is not None
    wrong = danlu.Api(server.address, api_key="dk_wrong")
    with pytest.raises(AuthenticationError, match=r"401.*danlu login"):
        len(wrong.runs())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(CommError, match=f"Cannot reach `{address}`"):
        len(danlu.Api(address, api_key="k").runs())
    with pytest.raises(danlu.UsageError, match="one place"):
        danlu.Api({"base_url": address}, dir="x")
    with pytest.raises(ValueError, match="is no remote"):
        danlu.Api(remote="nowhere")


def test_the_key_comes_from_the_environment_or_the_login(
    server: Place, scripts: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(1)
    server.sync()
    assert server.address is not None
    assert server.key is not None
    for name in ("DANLU_API_KEY", "WANDB_API_KEY"):
        monkeypatch.setenv(name, server.key)
        assert len(danlu.Api(server.address).runs()) == 1
        monkeypatch.delenv(name)
    with pytest.raises(AuthenticationError):
        len(danlu.Api(server.address).runs())
    assert scripts.danlu("login", server.address, "--key", server.key).returncode == 0
    assert len(danlu.Api(server.address).runs()) == 1


def test_a_content_that_is_not_there_is_told(workdir: Path) -> None:
    train(2)
    place = Place("remote", workdir)
    place.begin()
    api = place.api()
    run = api.run("run02")
    file = run.file("weights.bin")
    blob = workdir / "stick" / "blobs" / file.sha256[:2] / file.sha256
    whole = blob.read_bytes()
    blob.unlink()
    with pytest.raises(danlu.Error, match=f"stick` does not have the content {file.sha256} yet"):
        file.download("out")
    assert not os.path.exists("out/weights.bin")
    assert len(run.history(pandas=False)) == 23, "the rest is there"
    blob.write_bytes(whole[:-1] + b"x")
    with pytest.raises(danlu.Error, match="damaged"):
        file.download("out", replace=True)
    assert not os.path.exists("out/weights.bin")
    blob.write_bytes(whole)
    with file.download("out", replace=True):
        assert Path("out/weights.bin").read_bytes() == whole


def test_a_download_goes_on_where_it_was_broken_off(server: Place, workdir: Path) -> None:
    content = random.Random(1).randbytes(3_000_000)
    with danlu.init(id="big") as run:
        (workdir / "big.bin").write_bytes(content)
        run.save("big.bin")
    api = server.api()
    file = api.run("big").file("big.bin")
    part = Path(api.dir) / f"part-{file.sha256}"
    part.write_bytes(content[:1_234_567])
    file.download("out").close()
    assert (workdir / "out" / "big.bin").read_bytes() == content
    for wrong in (b"not the beginning of it", content + b"more"):
        part.write_bytes(wrong)
        file.download("other", replace=True).close()
        assert (workdir / "other" / "big.bin").read_bytes() == content, "then it begins anew"


@pytest.mark.parametrize("kind", ["remote", "server"])
def test_artifacts_come_from_and_go_to_a_remote(kind: str, workdir: Path) -> None:
    train(1)
    with danlu.init(id="maker", project="p") as run:
        (workdir / "weights.txt").write_text("weights")
        artifact = danlu.Artifact("model", type="model", metadata={"n": 1})
        artifact.add_file(str(workdir / "weights.txt"))
        run.log_artifact(artifact)
    place = Place(kind, workdir)
    place.begin()
    try:
        # Of the Api nothing is kept here.
        found = place.api().artifact("p/model:v0")
        assert (Path(found.download("out")) / "weights.txt").read_text() == "weights"
        found.aliases.append("best")
        found.metadata["n"] = 2
        found.save()
        again = place.api().artifact("p/model:best")
        assert (again.version, again.metadata) == ("v0", {"n": 2})
        made_by = again.logged_by()
        assert made_by is not None
        assert made_by.id == "maker"
        names = [file.name for file in made_by.files()]
        assert made_by.file(names[0]).download("of the maker").read() == "weights"
        [user] = place.api().runs("p1")
        assert user.use_artifact(again).name == "model:v0"
        assert [run.id for run in place.api().artifact("p/model").used_by()] == ["run01"]
    finally:
        place.end()
    assert danlu.Api().artifact("p/model").aliases == ["latest"], "here nothing changed"


def test_the_cache_can_go_at_any_time(server: Place) -> None:
    train(1)
    run = server.api().run("run01")
    rows = run.history(pandas=False)
    shutil.rmtree(os.environ["DANLU_CACHE_DIR"])
    again = server.api().run("run01")
    assert again.history(pandas=False) == rows


def test_who_has_the_key_and_who_is_in_a_team(server: Place) -> None:
    train(1)
    api: Any = server.api()
    viewer = api.viewer
    assert viewer.username
    found = api.user(viewer.username)
    assert found is not None
    assert found.username == viewer.username
    assert [user.username for user in api.users(viewer.username)] == [viewer.username]
    assert api.user("nobody") is None
    with pytest.raises(ValueError, match="no team `nobody`"):
        api.team("nobody")
    ask = api.source.ask
    ask("POST", "teams", {"name": "lab"})
    ask("PUT", f"teams/lab/members/{viewer.username}", {"role": "write"})
    team = api.team("lab")
    assert [(member.username, member.role) for member in team.members] == [(viewer.username, "write")]
    assert "lab" in api.viewer.teams


def test_the_child_of_a_fork_reads_runs_too(place: Place, scripts: Scripts) -> None:
    """The threads that see to connections are the parent's: who asks them in a child waits for ever."""
    with danlu.init(id="abc", project="p") as run:
        run.log({"a": 1})
    place.sync()
    given = {} if place.address is None else {"base_url": place.address}
    code = f"""
        import gc, multiprocessing, os
        import danlu
        api = danlu.Api({given!r}, api_key={place.key!r})
        def look(n):
            return api.run("p/abc").summary["a"] + n
        look(0)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(pool.map(look, range(4)))
        child = os.fork()
        if child == 0:
            del api
            gc.collect()
            os._exit(5)
        print(os.waitpid(child, 0)[1] >> 8, look(0))
    """
    done = scripts.run(code)
    assert (done.returncode, done.stdout) == (0, "[1, 2, 3, 4]\n5 1\n"), done.stderr
