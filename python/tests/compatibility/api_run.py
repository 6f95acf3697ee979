"""Runs that are read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .entries import Topic, wandb

runs = Topic("Api: Run and Runs", "Names are those of `wandb.apis.public`.")
TOPICS = [runs]
_R = "apis.public.Run"


@runs.yes(
    f"{_R}.history(samples, keys, x_axis, pandas, stream)",
    note="Samples are equally far apart, the same every time.",
)
def _(ended: Any) -> None:
    assert list(ended.history(samples=5, keys=["loss"]).columns) == ["_step", "loss"]
    assert len(ended.history(samples=5, pandas=False)) == 5
    assert ended.history(stream="system", pandas=False, x_axis="_step") == []


@runs.yes(
    f"{_R}.scan_history(keys, page_size, min_step, max_step, use_cache)",
    f"{_R}.beta_scan_history(keys, page_size, min_step, max_step, use_cache)",
)
def _(ended: Any) -> None:
    assert [row["n"] for row in ended.scan_history(keys=["n"], min_step=2, max_step=5)] == [2, 3, 4]
    assert len(list(ended.beta_scan_history(page_size=3, use_cache=False))) == 10


@runs.yes(f"{_R}.download_history_exports(download_dir, require_complete_history)", note="One Parquet file.")
def _(ended: Any, workdir: Path) -> None:
    result = ended.download_history_exports(workdir / "out", require_complete_history=True)
    assert len(list((workdir / "out").glob("**/*.parquet"))) == 1
    assert result


@runs.yes(
    f"{_R}.id",
    f"{_R}.entity",
    f"{_R}.project",
    f"{_R}.path",
    f"{_R}.storage_id",
    f"{_R}.state",
    f"{_R}.lastHistoryStep",
)
def _(ended: Any) -> None:
    assert (ended.id, ended.entity, ended.project, ended.path) == ("old", "e", "p", ["e", "p", "old"])
    assert (ended.storage_id, ended.state, ended.lastHistoryStep) == ("e/p/old", "finished", 9)


@runs.yes(
    f"{_R}.created_at", f"{_R}.heartbeatAt", f"{_R}.username", f"{_R}.user", f"{_R}.metadata", f"{_R}.dir"
)
def _(ended: Any, workdir: Path) -> None:
    assert ended.created_at <= ended.heartbeatAt
    assert ended.created_at.endswith("Z")
    assert ended.user.username == ended.username
    assert ended.metadata["host"]
    assert Path(ended.dir) == workdir


@runs.yes(
    f"{_R}.name",
    f"{_R}.notes",
    f"{_R}.description",
    f"{_R}.tags",
    f"{_R}.group",
    f"{_R}.job_type",
    f"{_R}.update()",
    f"{_R}.save()",
    note="Can be changed and saved once the run has ended.",
)
def _(ended: Any) -> None:
    assert (ended.name, ended.group, ended.job_type, ended.tags) == ("first", "g", "j", ["a"])
    ended.name, ended.notes = "renamed", "prose"
    ended.tags.append("b")
    ended.config["lr"] = 5
    ended.summary["best"] = 1
    ended.update()
    ended.summary.update({"more": 2})
    found = wandb.Api().run("e/p/old")
    assert (found.name, found.description, found.tags) == ("renamed", "prose", ["a", "b"])
    assert (found.config["lr"], found.summary["best"], found.summary["more"]) == (5, 1, 2)
    found.save()


@runs.yes(f"{_R}.config", f"{_R}.rawconfig", f"{_R}.json_config")
def _(ended: Any) -> None:
    assert ended.config == {"lr": 0.1}
    assert ended.rawconfig["lr"] == 0.1
    assert '"lr": {"value": 0.1' in ended.json_config


@runs.yes(f"{_R}.summary", f"{_R}.summary_metrics", f"{_R}.system_metrics")
def _(ended: Any) -> None:
    assert ended.summary["n"] == ended.summary.get("n") == ended.summary_metrics["n"] == 9
    assert dict(ended.summary)["n"] == ended.summary._json_dict["n"] == 9
    assert ended.system_metrics == {}


@runs.yes(f"{_R}.files(names, pattern, per_page)", f"{_R}.file(name)", f"{_R}.upload_file(path, root)")
def _(ended: Any, workdir: Path) -> None:
    assert [file.name for file in ended.files(names=["notes.txt"])] == ["notes.txt"]
    (workdir / "more.txt").write_text("more")
    assert ended.upload_file("more.txt", root=".").name == "more.txt"
    assert {file.name for file in ended.files(pattern="%.txt", per_page=1)} == {"more.txt", "notes.txt"}
    assert ended.file("notes.txt").size == 6


@runs.yes(f"{_R}.console_logs(per_page, last)")
def _(ended: Any) -> None:
    assert any("printed" in str(line) for line in ended.console_logs(per_page=10, last=5))


@runs.yes(f"{_R}.load(force)", f"{_R}.load_full_data(force)", f"{_R}.wait_until_finished()")
def _(ended: Any) -> None:
    ended.config["lr"] = 9
    assert ended.load(force=True)["id"] == ended.load_full_data()["id"] == "old"
    ended.wait_until_finished()
    assert ended.config["lr"] == 0.1


@runs.yes(
    f"{_R}.logged_artifacts(per_page)",
    f"{_R}.used_artifacts(per_page)",
    f"{_R}.log_artifact(artifact, aliases, tags)",
    f"{_R}.use_artifact(artifact, use_as)",
    note="Of an artifact that is logged already, and of a run that has ended.",
)
def _(ended: Any, run: Any, artifact: Any) -> None:
    run.finish()
    assert ended.use_artifact(artifact, use_as="x").version == "v0"
    ended.log_artifact(artifact, aliases=["mine"], tags=["t"])
    assert [one.name for one in ended.used_artifacts()] == ["data:v0"]
    assert wandb.Api().run("p/r").logged_artifacts(per_page=1)[0].name == "data:v0"
    assert wandb.Api().run("e/p/old").logged_artifacts()[0].name == "data:v0"


@runs.partly(
    f"{_R}.create(api, run_id, project, entity, state)", note="It is finished, whatever `state` says."
)
def _() -> None:
    assert wandb.apis.public.Run.create(wandb.Api(), run_id="new", project="p").id == "new"


@runs.yes(
    f"{_R}.delete(delete_artifacts)",
    note="A run with artifacts is only deleted with `delete_artifacts=True`.",
)
def _(ended: Any) -> None:
    ended.delete(delete_artifacts=False)
    with pytest.raises(ValueError, match="Could not find"):
        wandb.Api().run("e/p/old")


@runs.yes(f"{_R}.to_html(height, hidden)")
def _(ended: Any) -> None:
    assert "first" in ended.to_html(height=100, hidden=True)


@runs.partly(f"{_R}.url", note="The address of the run file (`file://…`).")
def _(ended: Any) -> None:
    assert ended.url.startswith("file://")


@runs.yes(f"{_R}.sweep", f"{_R}.sweep_name")
def _(ended: Any) -> None:
    assert ended.sweep is ended.sweep_name is None


@runs.no(
    f"{_R}.stop()",
    note="Nobody listens to a run that is read back; the error says which process on which machine to stop.",
)
def _(ended: Any) -> None:
    with pytest.raises(wandb.Error, match="kill"):
        ended.stop()


@runs.no(f"{_R}.update_state(state)", note="How a run is follows from how it ended. Tags can say more.")
def _(ended: Any) -> None:
    with pytest.raises(wandb.Error, match="tags"):
        ended.update_state("failed")


_S = "apis.public.Runs"


@runs.yes(f"{_S}.histories(samples, keys, x_axis, format, stream)")
def _(ended: Any) -> None:
    found = wandb.Api().runs("e/p")
    assert len(found.histories(samples=3, keys=["loss"])) == 3
    for kind in ("pandas", "polars"):
        assert len(found.histories(format=kind, x_axis="_step", stream="default")) == 10


@runs.yes(
    f"{_S}.convert_objects()",
    f"{_S}.cursor",
    f"{_S}.more",
    f"{_S}.upgrade_to_full()",
    f"{_S}.__len__",
    f"{_S}.__getitem__",
)
def _(ended: Any) -> None:
    found = wandb.Api().runs("e/p", per_page=1)
    found.upgrade_to_full()
    assert len(found) == 1
    assert found[0].id == "old"
    assert [run.id for run in found[:5]] == ["old"]
    assert found.more
    assert found.cursor is None
    assert [run.id for run in found] == [run.id for run in found.convert_objects()] == ["old"]
