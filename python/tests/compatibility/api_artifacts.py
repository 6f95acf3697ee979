"""Files, projects and sweeps that are read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from danlu import _core

from .entries import Topic, wandb

files = Topic("Api: File and Files")
projects = Topic("Api: Project and Sweep")
TOPICS = [files, projects]
_F, _P, _S = "apis.public.File", "apis.public.Project", "apis.public.Sweep"


@files.yes(f"{_F}.download(root, replace, exist_ok, api)", note="An open text file, as with wandb.")
def _(ended: Any) -> None:
    file = ended.file("notes.txt")
    with file.download(root="there", api=wandb.Api()) as text:
        assert text.read() == "hello\n"
    with pytest.raises(ValueError, match="exist"):
        file.download("there")
    for again in ({"replace": True}, {"exist_ok": True}):
        file.download("there", **again).close()


@files.yes(f"{_F}.name", f"{_F}.size", f"{_F}.md5", f"{_F}.mimetype", f"{_F}.updated_at")
def _(ended: Any) -> None:
    file = ended.file("notes.txt")
    assert (file.name, file.size, file.mimetype) == ("notes.txt", 6, "text/plain")
    assert len(file.md5) == 24
    assert file.updated_at


@files.partly(
    f"{_F}.url",
    f"{_F}.direct_url",
    f"{_F}.path_uri",
    note="The address of the run file; `path_uri` is empty: there is no bucket.",
)
def _(ended: Any) -> None:
    file = ended.file("notes.txt")
    assert file.url == file.direct_url
    assert file.url.startswith("file://")
    assert file.path_uri == ""


@files.no(
    f"{_F}.delete()",
    note="Run files are only appended to, so that what was recorded can be proved. Delete the run.",
)
def _(ended: Any) -> None:
    with pytest.raises(wandb.Error, match="delete"):
        ended.file("notes.txt").delete()


@files.yes(
    "apis.public.Files.convert_objects()",
    "apis.public.Files.cursor",
    "apis.public.Files.more",
    "apis.public.Files.update_variables()",
)
def _(ended: Any) -> None:
    found = ended.files(per_page=1)
    found.update_variables()
    assert found.more
    assert found.cursor is None
    assert len(found) == len(found.convert_objects()) == 1


@projects.yes(
    f"{_P}.name",
    f"{_P}.entity",
    f"{_P}.id",
    f"{_P}.owner",
    f"{_P}.path",
    f"{_P}.url",
    f"{_P}.to_html(height, hidden)",
    note="`url` is the address of the directory.",
)
def _(ended: Any, workdir: Path) -> None:
    project = wandb.Api().project("p", "e")
    assert (project.name, project.entity, project.id, project.path) == ("p", "e", "e/p", ["e", "p"])
    assert project.owner.username == "e"
    assert project.url.startswith(workdir.as_uri())
    assert "p" in project.to_html(height=9, hidden=True)


@projects.yes(
    f"{_P}.artifacts_types(per_page)",
    f"{_P}.collections(filters, order, per_page)",
    f"{_P}.sweeps(per_page, filters, order)",
)
def _(artifact: Any) -> None:
    project = wandb.Api().project("p")
    assert [kind.name for kind in project.artifacts_types()] == ["dataset"]
    assert [one.name for one in project.collections(filters={"name": "data"}, per_page=3)] == ["data"]
    assert list(project.sweeps()) == []


def _sweep(directory: Path) -> Any:
    """Make a run that says that it is of a sweep, and return the sweep."""
    config = {"name": "by hand", "metric": {"name": "acc", "goal": "maximize"}, "run_cap": 5}
    about = json.dumps({"sweep_id": "s1", "sweep_config": config})
    run: Any = _core.Run(project="p", id="s", dir=directory, silent=True, info=about)
    run.log({"acc": 1.0})
    run._end(0)
    return wandb.Api().sweep("p/s1")


@projects.yes(
    f"{_S}.config",
    f"{_S}.entity",
    f"{_S}.expected_run_count",
    f"{_S}.id",
    f"{_S}.load(force)",
    f"{_S}.name",
    f"{_S}.order",
    f"{_S}.path",
    f"{_S}.state",
    f"{_S}.url",
    f"{_S}.username",
    f"{_S}.to_html(height, hidden)",
    note="A sweep is the runs that say that they are of it.",
)
def _(workdir: Path) -> None:
    sweep = _sweep(workdir)
    assert sweep.load(force=True) == sweep.config
    assert (sweep.id, sweep.name) == ("s1", "by hand")
    assert (sweep.entity, sweep.username, sweep.path) == ("", "", ["", "p", "s1"])
    assert (sweep.state, sweep.expected_run_count, sweep.order) == ("FINISHED", 5, "-summary_metrics.acc")
    assert sweep.url.startswith(workdir.as_uri())
    assert sweep.to_html(height=9, hidden=True)


@projects.yes(f"{_S}.runs", f"{_S}.best_run(order)", f"{_S}.get(api, entity, project, sid, order, query)")
def _(workdir: Path) -> None:
    sweep = _sweep(workdir)
    assert [run.id for run in sweep.runs] == ["s"]
    assert sweep.best_run(order=None).id == "s"
    assert wandb.apis.public.Sweep.get(wandb.Api(), project="p", sid="s1").id == "s1"


@projects.no(
    f"{_S}.agent(agent_id)",
    f"{_S}.agents()",
    f"{_S}.enqueue_run(config, display_name)",
    note="A server knows the agents and has the queue. Each run says on which host and in which process it "
    "ran.",
)
def _(workdir: Path) -> None:
    sweep = _sweep(workdir)
    for call in (lambda: sweep.agent("a"), sweep.agents, lambda: sweep.enqueue_run({})):
        with pytest.raises(wandb.Error, match="takes a server"):
            call()
