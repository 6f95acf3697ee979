"""What a run does with artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .entries import Topic, wandb

artifacts = Topic(
    "Artifacts of a Run", "All of it works without a server: versions and aliases are those of the directory."
)
TOPICS = [artifacts]


@artifacts.yes("Run.log_artifact(artifact_or_path, name, type, aliases, tags)")
def _(run: Any, workdir: Path) -> None:
    (workdir / "a.txt").write_text("a")
    logged = run.log_artifact("a.txt", type="text", aliases=["latest", "good"], tags=["t"])
    assert (logged.name, logged.type) == ("run-r-a.txt:v0", "text")
    assert set(logged.aliases) == {"latest", "good"}
    assert logged.tags == ["t"]
    with pytest.raises((TypeError, ValueError)):
        run.log_artifact(5)


@artifacts.yes("Run.use_artifact(artifact_or_name, type, aliases, use_as)")
def _(run: Any, artifact: Any) -> None:
    used = run.use_artifact("data:best", type="dataset", use_as="training")
    assert used.name == "data:v0"
    assert run.use_artifact(artifact, aliases=["again"]).version == "v0"
    with pytest.raises(ValueError, match="nothing"):
        run.use_artifact("nothing:latest")
    run.finish()
    assert [found.name for found in wandb.Api().run("p/r").used_artifacts()] == ["data:v0"]


@artifacts.yes(
    "Run.upsert_artifact(artifact_or_path, name, type, aliases, distributed_id)",
    "Run.finish_artifact(artifact_or_path, name, type, aliases, distributed_id)",
)
def _(run: Any, workdir: Path) -> None:
    for part in ("a", "b"):
        built = wandb.Artifact("parts", type="dataset")
        (workdir / part).write_text(part)
        built.add_file(part)
        run.upsert_artifact(built, distributed_id="together")
    done = run.finish_artifact(wandb.Artifact("parts", type="dataset"), distributed_id="together")
    assert sorted(done.wait().manifest.entries) == ["a", "b"]


@artifacts.yes(
    "Run.link_artifact(artifact, target_path, aliases)",
    note="The target is a collection of the directory; a `wandb-registry-…` is one too.",
)
def _(run: Any, artifact: Any) -> None:
    linked = run.link_artifact(artifact, "wandb-registry-model/best", aliases=["prod"])
    assert linked.is_link
    assert "prod" in linked.aliases


@artifacts.yes("Run.log_model(path, name, aliases)", "Run.use_model(name)")
def _(run: Any, workdir: Path) -> None:
    (workdir / "m.pt").write_text("weights")
    run.log_model("m.pt", name="net", aliases=["good"])
    assert Path(run.use_model("net:good")).read_text() == "weights"


@artifacts.yes("Run.link_model(path, registered_model_name, name, aliases)")
def _(run: Any, workdir: Path) -> None:
    (workdir / "m.pt").write_text("weights")
    linked = run.link_model("m.pt", "registered", name="net", aliases=["prod"])
    assert linked.type == "model"
    assert linked.is_link


@artifacts.yes("Run.log_code(root, name, include_fn, exclude_fn)")
def _(run: Any, workdir: Path) -> None:
    (workdir / "train.py").write_text("pass\n")
    (workdir / "other.txt").write_text("no code\n")
    logged = run.log_code(".", name="source", exclude_fn=lambda path: path.endswith("skip.py"))
    assert logged.type == "code"
    assert list(logged.manifest.entries) == ["train.py"]
    assert run.log_code(include_fn=lambda path, root: False) is None
