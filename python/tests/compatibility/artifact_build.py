"""Artifacts that are made."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from .entries import Topic, wandb

build = Topic("Making an Artifact", "[artifacts.md](artifacts.md) says how a directory of runs keeps them.")
TOPICS = [build]


@build.partly(
    "Artifact(name, type, description, metadata, incremental, use_as, storage_region, digest_algorithm)",
    note="Digests are MD5, whatever `digest_algorithm` says; regions are of servers.",
)
def _() -> None:
    built = wandb.Artifact(
        "a", type="dataset", description="d", metadata={"n": 1}, use_as="train", storage_region="x"
    )
    assert (built.name, built.type, built.description, built.metadata) == ("a", "dataset", "d", {"n": 1})
    for name, kind in (("a/b", "dataset"), ("a", "job")):
        with pytest.raises(ValueError):  # noqa: PT011
            wandb.Artifact(name, type=kind)


@build.yes(
    "Artifact.add_file(local_path, name, is_tmp, skip_cache, policy, overwrite)",
    "Artifact.add_dir(local_path, name, skip_cache, policy, merge)",
    "Artifact.get_added_local_path_name(local_path)",
    "Artifact.remove(item)",
)
def _(workdir: Path) -> None:
    (workdir / "d").mkdir()
    (workdir / "d" / "a").write_text("a")
    (workdir / "b").write_text("b")
    built = wandb.Artifact("a", type="dataset")
    built.add_dir("d", name="dir", policy="immutable", skip_cache=True)
    entry = built.add_file("b", name="named", is_tmp=False, policy="mutable", overwrite=True)
    assert entry.path == "named" == built.get_added_local_path_name("b")
    built.remove("named")
    built.add_dir("d", name="dir", merge=True)
    assert list(built.manifest.entries) == ["dir/a"]


@build.yes("Artifact.new_file(name, mode, encoding, policy)")
def _() -> None:
    built = wandb.Artifact("a", type="dataset")
    with built.new_file("a.txt", mode="w", encoding="utf-8") as file:
        file.write("text")
    with pytest.raises(ZeroDivisionError), built.new_file("b.txt"):
        1 / 0  # noqa: B018
    assert list(built.manifest.entries) == ["a.txt"]
    assert built.size == 4


@build.partly(
    "Artifact.add_reference(uri, name, checksum, max_objects)",
    note="`file://` is read and has a digest. Of `s3://`, `gs://`, `http://` and others the address is the "
    "digest: nothing is asked of the network, and `download` does not fetch them.",
)
def _(workdir: Path) -> None:
    (workdir / "r.txt").write_text("r")
    built = wandb.Artifact("a", type="dataset")
    built.add_reference((workdir / "r.txt").as_uri(), name="r", max_objects=10)
    [entry] = built.add_reference("s3://bucket/key", name="k", checksum=False)
    assert sorted(built.manifest.entries) == ["k", "r"]
    assert entry.ref == "s3://bucket/key"


@build.yes("Artifact.add(obj, name, overwrite)", "Artifact.get(name)")
def _(run: Any, table: Any) -> None:
    built = wandb.Artifact("a", type="dataset")
    assert built.add(table, "t").path == "t.table.json"
    logged = run.log_artifact(built).wait()
    assert logged.get("t") == table


@build.yes("Artifact.finalize()", "Artifact.is_draft()", "Artifact.new_draft()", "Artifact.json_encode()")
def _(artifact: Any) -> None:
    built = wandb.Artifact("a", type="dataset")
    assert built.is_draft()
    built.finalize()
    with pytest.raises(wandb.artifacts.ArtifactFinalizedError):
        built.add_reference("s3://a/b")
    draft = artifact.new_draft()
    assert draft.is_draft()
    assert list(draft.manifest.entries) == ["data.csv"]
    assert artifact.json_encode()["sequenceName"] == "data"


@build.yes(
    "Artifact.save(project, settings)", "Artifact.wait(timeout)", note="Without a run, one is made for it."
)
def _(workdir: Path) -> None:
    built = wandb.Artifact("alone", type="dataset")
    with built.new_file("a") as file:
        file.write("a")
    built.save(project="p", settings=wandb.Settings(silent=True))
    assert built.wait(timeout=5).version == "v0"
    built.description = "later"
    built.save()
    assert wandb.Api().artifact("p/alone:latest").description == "later"


@build.yes(
    "Artifact.description",
    "Artifact.metadata",
    "Artifact.aliases",
    "Artifact.tags",
    note="Can be set; `save()` records it.",
)
def _(artifact: Any) -> None:
    artifact.description = "new"
    artifact.metadata["more"] = 2
    artifact.aliases.append("prod")
    artifact.tags = ["t"]
    artifact.save()
    found = wandb.Api().artifact("p/data:prod")
    assert (found.description, found.metadata, found.tags) == ("new", {"rows": 1, "more": 2}, ["t"])


@build.partly(
    "Artifact.ttl", "ArtifactTTL", note="Kept and shown. Nothing removes an artifact when its time is over."
)
def _(artifact: Any) -> None:
    artifact.ttl = datetime.timedelta(days=1)
    artifact.save()
    assert wandb.Api().artifact("p/data:v0").ttl == datetime.timedelta(days=1)
    artifact.ttl = wandb.ArtifactTTL.INHERIT


@build.yes("Artifact.link(target_path, aliases)", "Artifact.unlink()")
def _(artifact: Any) -> None:
    linked = artifact.link("p/collection", aliases=["prod"])
    assert linked.name == "collection:v0"
    assert "prod" in linked.aliases
    linked.unlink()
    assert not wandb.Api().artifact_exists("p/collection:v0")


@build.partly(
    "Artifact.delete(delete_aliases)",
    note="The version is no longer found. Run files are only appended to, so its bytes stay until its run "
    "is deleted.",
)
def _(artifact: Any) -> None:
    artifact.delete(delete_aliases=True)
    assert artifact.state == "DELETED"
    assert not wandb.Api().artifact_exists("p/data:v0")
