"""Artifacts that were logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .entries import Topic, wandb

read = Topic("Reading an Artifact")
TOPICS = [read]


@read.yes("Artifact.get_entry(name)", "Artifact.get_path(name)", "Artifact.manifest", "Artifact.__getitem__")
def _(artifact: Any, table: Any) -> None:
    assert artifact.get_entry("data.csv").size == 8
    assert artifact.get_path("data.csv").path == "data.csv"
    assert artifact.manifest.to_manifest_json()["contents"]["data.csv"]["size"] == 8


@read.yes("Artifact.files(names, per_page, start)", "Artifact.file(root)")
def _(artifact: Any) -> None:
    assert [file.name for file in artifact.files(names=["data.csv"], per_page=1)] == ["data.csv"]
    assert Path(artifact.file(root="there")).read_text() == "a,b\n1,2\n"


@read.yes(
    "Artifact.download(root, allow_missing_references, skip_cache, path_prefix, multipart)",
    "Artifact.checkout(root)",
    "Artifact.verify(root)",
)
def _(artifact: Any) -> None:
    root = Path(artifact.download(path_prefix="data", skip_cache=True, multipart=True))
    assert root.parts[-2:] == ("artifacts", "data:v0")
    assert (root / "data.csv").exists()
    artifact.verify(root=str(root))
    (root / "more").write_text("more")
    artifact.checkout(root=str(root))
    assert not (root / "more").exists()
    (root / "data.csv").write_text("other")
    with pytest.raises(ValueError, match=r"data\.csv"):
        artifact.verify(str(root))


@read.yes(
    "Artifact.id",
    "Artifact.name",
    "Artifact.type",
    "Artifact.version",
    "Artifact.qualified_name",
    "Artifact.entity",
    "Artifact.project",
    "Artifact.collection",
    "Artifact.state",
    "Artifact.commit_hash",
    note="Before it is logged, those that it then gets raise `ArtifactNotLoggedError`.",
)
def _(artifact: Any) -> None:
    assert artifact.id
    assert artifact.commit_hash
    assert (artifact.name, artifact.type, artifact.version, artifact.state) == (
        "data:v0",
        "dataset",
        "v0",
        "COMMITTED",
    )
    assert (artifact.entity, artifact.project, artifact.qualified_name) == ("", "p", "p/data:v0")
    assert artifact.collection.name == "data"
    with pytest.raises(wandb.artifacts.ArtifactNotLoggedError):
        wandb.Artifact("new", type="dataset").id  # noqa: B018


@read.yes(
    "Artifact.size",
    "Artifact.file_count",
    "Artifact.digest",
    "Artifact.created_at",
    "Artifact.updated_at",
    "Artifact.history_step",
)
def _(run: Any, artifact: Any) -> None:
    assert (artifact.size, artifact.file_count, len(artifact.digest)) == (8, 1, 32)
    assert artifact.created_at <= artifact.updated_at
    assert artifact.created_at.endswith("Z")
    assert artifact.history_step is None


@read.yes("Artifact.incremental", "Artifact.use_as", "Artifact.distributed_id")
def _() -> None:
    built = wandb.Artifact("a", type="dataset", incremental=True, use_as="x")
    built.distributed_id = "together"
    assert (built.incremental, built.use_as, built.distributed_id) == (True, "x", "together")


@read.partly("Artifact.digest_algorithm", note="Always MD5, whatever was asked for.")
def _(artifact: Any) -> None:
    assert artifact.digest_algorithm == "MD5"


@read.partly("Artifact.url", note="None: an artifact is in a directory, not on a server.")
def _(artifact: Any) -> None:
    assert artifact.url is None


@read.yes(
    "Artifact.is_link",
    "Artifact.linked_artifacts",
    "Artifact.linked_at",
    "Artifact.source_artifact",
    "Artifact.source_collection",
    "Artifact.source_entity",
    "Artifact.source_name",
    "Artifact.source_project",
    "Artifact.source_qualified_name",
    "Artifact.source_version",
)
def _(artifact: Any) -> None:
    linked = artifact.link("p/collection")
    assert linked.is_link
    assert not artifact.is_link
    assert linked.linked_at
    assert [link.name for link in artifact.linked_artifacts] == ["collection:v0"]
    assert linked.source_artifact.name == linked.source_name == "data:v0"
    assert linked.source_collection.name == "data"
    assert linked.source_version == "v0"
    assert (linked.source_entity, linked.source_project) == ("", "p")
    assert linked.source_qualified_name == "p/data:v0"


@read.yes("Artifact.logged_by()", "Artifact.used_by()")
def _(run: Any, artifact: Any) -> None:
    run.finish()
    with wandb.init(project="p", id="user") as user:
        user.use_artifact("data:latest")
    assert artifact.logged_by().id == "r"
    assert [used.id for used in artifact.used_by()] == ["user"]
