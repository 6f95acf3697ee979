"""Artifacts: versions, aliases, names, lifecycle."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any, Callable

import danlu
import pytest
from conftest import Reader, Scripts
from danlu.artifacts import (
    Artifact,
    ArtifactFinalizedError,
    ArtifactNotFoundError,
    ArtifactNotLoggedError,
    ArtifactStatusError,
    ArtifactTTL,
    catalog,
)


def made(name: str = "cells", kind: str = "dataset", **files: str) -> Artifact:
    artifact = Artifact(name, kind)
    for file, text in files.items():
        with artifact.new_file(file) as stream:
            stream.write(text)
    return artifact


def linked(run: danlu.Run, artifact: Artifact, target: str, aliases: list[str] | None = None) -> Artifact:
    link = run.link_artifact(artifact, target, aliases)
    assert link is not None
    return link


def events(read: Reader, run: danlu.Run) -> list[tuple[Any, ...]]:
    rows = read.rows(run.file, "SELECT name, relation, data FROM artifacts")
    return [(name, relation, json.loads(data)) for name, relation, data in rows]


def test_train_logs_and_evaluation_uses(workdir: Path, read: Reader) -> None:
    (workdir / "data").mkdir()
    (workdir / "data" / "a.txt").write_text("one")
    with danlu.init(project="p") as train:
        artifact = Artifact("cells", "dataset", description="of mice", metadata={"n": 1})
        artifact.add_dir(str(workdir / "data"))
        logged = train.log_artifact(artifact, aliases=["clean"])
        assert logged is artifact
        assert logged.wait() is artifact
    assert (logged.name, logged.version, logged.qualified_name) == ("cells:v0", "v0", "p/cells:v0")
    assert logged.aliases == ["latest", "clean"]
    assert (logged.state, logged.project, logged.entity) == ("COMMITTED", "p", "")
    shutil.rmtree(workdir / "data")
    with danlu.init(project="p") as evaluation:
        used = evaluation.use_artifact("cells:clean", type="dataset")
        assert used.description == "of mice"
        assert used.metadata == {"n": 1}
        path = used.download()
        assert path == str(workdir / "artifacts" / "cells:v0")
        assert (Path(path) / "a.txt").read_text() == "one"
    [(name, relation, data)] = events(read, train)
    assert (name, relation) == ("cells:v0", "made")
    assert data["manifest"]["a.txt"]["run"] == train.id
    [(name, relation, data)] = events(read, evaluation)
    assert (name, relation, data["of"]) == ("cells:v0", "used", logged.id)


def test_digests_are_those_of_wandb(workdir: Path) -> None:
    artifact = made(b="two", a="one")
    lines = b"wandb-artifact-manifest-v1\n"
    for path, content in (("a", b"one"), ("b", b"two")):
        digest = base64.b64encode(hashlib.md5(content).digest())
        assert artifact.manifest.entries[path].digest == digest.decode()
        lines += path.encode() + b":" + digest + b"\n"
    assert artifact.digest == hashlib.md5(lines).hexdigest()
    assert (artifact.size, artifact.file_count) == (6, 2)
    assert artifact.manifest.to_manifest_json() == {
        "version": 1,
        "storagePolicy": "wandb-storage-policy-v1",
        "storagePolicyConfig": {"storageLayout": "V2"},
        "contents": {
            "a": {"digest": "+XxdKZQb+xsv2rCHSQargg==", "size": 3},
            "b": {"digest": "uKn3Fdu2T9XFbneDxoIKYQ==", "size": 3},
        },
    }


def test_versions_count_and_the_same_content_makes_none() -> None:
    with danlu.init(project="p") as run:
        first = run.log_artifact(made(a="1"), aliases=["best"])
        again = run.log_artifact(made(a="1"), aliases=["good"])
        assert (again.version, again.id) == ("v0", first.id)
        assert again.aliases == ["latest", "best", "good"]
        second = run.log_artifact(made(a="2"), aliases=["best"])
        assert (second.version, second.aliases) == ("v1", ["latest", "best"])
        assert run.use_artifact("cells:v0").aliases == ["good"]
        # The newest is another one: what was before becomes new again.
        assert run.log_artifact(made(a="1")).version == "v2"
        assert run.use_artifact("cells").version == "v2"
        assert run.use_artifact("cells:best").version == "v1"


def test_names_reach_over_projects_and_entities() -> None:
    with danlu.init(project="data", entity="team") as run:
        run.log_artifact(made(a="1"))
    with danlu.init(project="data") as run:
        run.log_artifact(made(a="2"))
    with danlu.init(project="models", entity="team") as run:
        assert run.use_artifact("team/data/cells:v0").qualified_name == "team/data/cells:v0"
        assert run.use_artifact("data/cells").qualified_name == "team/data/cells:v0"
        assert run.use_artifact(run.use_artifact("data/cells").id).name == "cells:v0"
        with pytest.raises(ArtifactNotFoundError, match=r"there is .*`team/data/cells`"):
            run.use_artifact("cells")
    with danlu.init(project="other") as run:
        assert run.use_artifact("data/cells").qualified_name == "data/cells:v0"
        with pytest.raises(danlu.Error, match=r"no version `v7`.*`v0`, `latest`"):
            run.use_artifact("data/cells:v7")
        for name in ("a/b/c/d", "", "x:", "/x", "x:a:b", "x:a/b"):
            with pytest.raises(ValueError, match="Invalid artifact path"):
                run.use_artifact(name)
        with pytest.raises(ValueError, match="type model does not match type dataset"):
            run.use_artifact("data/cells", type="model")
        with pytest.raises(TypeError, match="not `int`"):
            run.use_artifact(7)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Artifact("a b", "x"), "may only contain alphanumeric characters"),
        (lambda: Artifact("a/b", "x"), "may only contain alphanumeric characters"),
        (lambda: Artifact("..", "x"), "may only contain alphanumeric characters"),
        (lambda: Artifact("a" * 129, "x"), "longer than 128 characters"),
        (lambda: Artifact("a", "job"), "reserved for internal use"),
        (lambda: Artifact("a", "run_table"), "reserved for internal use"),
        (lambda: Artifact("a", "wandb-history"), "reserved for internal use"),
        (lambda: Artifact("source-a", "code"), "reserved for internal use"),
        (lambda: Artifact("a", ""), "needs a type"),
        (lambda: Artifact("a", "x/y"), "type is invalid"),
        (lambda: Artifact("a", "x", metadata={"a": float("nan")}), "no nan"),
        (lambda: Artifact("a", "x", metadata={"a": [float("inf")]}), "no inf"),
        (lambda: Artifact("a", "x", metadata={str(n): n for n in range(101)}), "more than 100 metadata keys"),
        (lambda: Artifact("a", "x", digest_algorithm="SHA"), "digest_algorithm"),
    ],
)
def test_bad_names_types_and_metadata(build: Callable[[], Artifact], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_metadata_is_a_dict_and_numbers_of_libraries_are_taken() -> None:
    with pytest.raises(TypeError, match="metadata must be dict"):
        Artifact("a", "x", metadata=[1])  # type: ignore[arg-type]
    import numpy as np

    artifact = Artifact("a", "x", metadata={"acc": np.float32(0.5), "shape": (1, 2), "none": None})
    assert artifact.metadata == {"acc": 0.5, "shape": [1, 2], "none": None}


def test_bad_aliases() -> None:
    with danlu.init() as run:
        for alias in ("a/b", "a:b", ""):
            with pytest.raises(ValueError, match="must not be empty or contain"):
                run.log_artifact(made(a="1"), aliases=[alias])
        # One text is one alias, and a version's name is none.
        one = run.log_artifact(made(a="1"), aliases="best")
        assert one.aliases == ["latest", "best"]
        assert run.log_artifact(made(a="2"), aliases=["v7", "good"]).aliases == ["latest", "good"]


def test_a_collection_keeps_its_type() -> None:
    with danlu.init(project="p") as run:
        run.log_artifact(made(a="1"))
        with pytest.raises(ValueError, match=r"p/cells already exists with type 'dataset'.*type 'model'"):
            run.log_artifact(made("cells", "model", a="1"))
        assert run.lost == 0


def test_before_it_is_logged() -> None:
    artifact = made(a="1")
    assert artifact.is_draft()
    assert (artifact.name, artifact.type, artifact.state) == ("cells", "dataset", "PENDING")
    facts = (
        "id",
        "version",
        "qualified_name",
        "entity",
        "project",
        "aliases",
        "tags",
        "created_at",
        "updated_at",
    )
    more = ("commit_hash", "collection", "url", "source_name", "is_link", "history_step", "linked_artifacts")
    for name in facts + more:
        with pytest.raises(ArtifactNotLoggedError, match=rf"`{name}` of artifact `cells`|`source_artifact`"):
            getattr(artifact, name)
    for call in (
        artifact.wait,
        artifact.download,
        artifact.logged_by,
        artifact.used_by,
        artifact.delete,
        artifact.new_draft,
    ):
        with pytest.raises(ArtifactStatusError):
            call()
    assert issubclass(ArtifactNotLoggedError, AttributeError)


def test_after_it_is_logged_nothing_changes() -> None:
    with danlu.init() as run:
        artifact = run.log_artifact(made(a="1"))
        for change in (
            lambda: artifact.add_file(__file__),
            lambda: artifact.add_dir("."),
            lambda: artifact.add_reference("s3://b/k"),
            lambda: artifact.remove("a"),
            lambda: artifact.new_file("b").__enter__(),
        ):
            with pytest.raises(ArtifactFinalizedError, match="is finalized"):
                change()
        finalized = made(a="1")
        finalized.finalize()
        with pytest.raises(ArtifactFinalizedError):
            finalized.add_file(__file__)


def test_what_can_be_changed_later() -> None:
    with danlu.init(project="p") as run:
        artifact = run.log_artifact(made(a="1"), aliases=["old"], tags=["t"])
        artifact.aliases.append("new")
        artifact.aliases.remove("old")
        artifact.tags = ["u"]
        artifact.metadata["n"] = 2
        artifact.description = "text"
        artifact.ttl = datetime.timedelta(days=3)
        artifact.save()
        found = run.use_artifact("cells:new")
        assert (found.aliases, found.tags) == (["latest", "new"], ["u"])
        assert (found.metadata, found.description) == ({"n": 2}, "text")
        assert found.ttl == datetime.timedelta(days=3)
        with pytest.raises(ArtifactNotFoundError):
            run.use_artifact("cells:old")
        with pytest.raises(ValueError, match="has to be positive"):
            artifact.ttl = datetime.timedelta(0)
        artifact.ttl = ArtifactTTL.INHERIT
        artifact.save()
        assert run.use_artifact("cells").ttl is None
    # The run is over: what is said now is said in its name, and it stays as it was.
    found.aliases = ["late"]
    found.save()
    [info] = catalog(".").runs.values()
    assert info["state"] == "finished"
    with danlu.init(project="p") as other:
        assert other.use_artifact("cells:late").version == "v0"


def test_a_draft_of_a_version() -> None:
    with danlu.init(project="p") as run:
        run.log_artifact(made(a="1", b="2"))
        draft = run.use_artifact("cells").new_draft()
        assert draft.is_draft()
        draft.remove("a")
        with draft.new_file("c") as file:
            file.write("3")
        logged = run.log_artifact(draft)
        assert logged.version == "v1"
        assert sorted(run.use_artifact("cells:v1").manifest.entries) == ["b", "c"]
        assert sorted(run.use_artifact("cells:v0").manifest.entries) == ["a", "b"]


def test_incremental_begins_with_the_newest() -> None:
    with danlu.init(project="p") as run:
        run.log_artifact(made(a="1", b="2"))
        more = Artifact("cells", "dataset", incremental=True)
        assert more.incremental
        with more.new_file("b") as file:
            file.write("changed")
        run.log_artifact(more)
        path = Path(run.use_artifact("cells").download())
        assert {file.name: file.read_text() for file in path.iterdir()} == {"a": "1", "b": "changed"}
        # The first one of a name has nothing to begin with.
        assert run.log_artifact(Artifact("new", "x", incremental=True)).file_count == 0


def test_delete_and_the_numbers_after_it() -> None:
    with danlu.init(project="p") as run:
        run.log_artifact(made(a="1"))
        second = run.log_artifact(made(a="2"), aliases=["best"])
        with pytest.raises(ValueError, match=r"aliases best: delete_aliases=True"):
            second.delete()
        second.delete(delete_aliases=True)
        assert second.state == "DELETED"
        assert run.use_artifact("cells").version == "v0"
        with pytest.raises(ArtifactNotFoundError):
            run.use_artifact("cells:v1")
        assert run.log_artifact(made(a="2")).version == "v2"


def test_paths_and_uris_become_artifacts(workdir: Path) -> None:
    (workdir / "m.pt").write_text("weights")
    (workdir / "d").mkdir()
    (workdir / "d" / "x").write_text("x")
    with danlu.init(id="r1") as run:
        assert (logged := run.log_artifact("m.pt")).name == "run-r1-m.pt:v0"
        assert logged.type == "unspecified"
        assert run.log_artifact(workdir / "d", name="dir", type="dataset").name == "dir:v0"
        reference = run.log_artifact("s3://bucket/key.bin")
        assert reference.name == "run-r1-key.bin:v0"
        assert reference.manifest.entries["key.bin"].ref == "s3://bucket/key.bin"
        with pytest.raises(ValueError, match="path must be a file, directory or external reference"):
            run.log_artifact("nowhere")
        with pytest.raises(TypeError, match="not `dict`"):
            run.log_artifact({})  # type: ignore[arg-type]


def test_models(workdir: Path) -> None:
    (workdir / "m.pt").write_text("weights")
    (workdir / "dir").mkdir()
    for name in ("a", "b"):
        (workdir / "dir" / name).write_text(name)
    with danlu.init(id="r1", project="p") as run:
        run.log_model("m.pt", aliases=["best"])
        assert Path(run.use_model("run-r1-m.pt:best")).read_text() == "weights"
        run.log_model("dir", name="both")
        assert sorted(file.name for file in Path(run.use_model("both")).iterdir()) == ["a", "b"]
        run.log_artifact(made(a="1"))
        with pytest.raises(ValueError, match="'model' artifacts: cells:v0 has the type 'dataset'"):
            run.use_model("cells")
        linked = run.link_model("m.pt", "mnist", name="net", aliases=["prod"])
        assert linked is not None
        assert linked.qualified_name == "model-registry/mnist:v0"
        assert linked.source_qualified_name == "p/net:v0"
        assert run.use_artifact("model-registry/mnist:prod").is_link
        with pytest.raises(ValueError, match="must not contain '/' or ':'"):
            run.link_model("m.pt", "a/b")


def test_a_disabled_run_does_nothing_sensibly(workdir: Path) -> None:
    with danlu.init(project="p", mode="disabled") as run:
        logged = run.log_artifact(made(a="1"), aliases=["best"])
        assert (logged.wait().name, logged.aliases) == ("cells:v0", ["latest", "best"])
        assert Path(logged.file()).read_text() == "1"
        logged.aliases.append("x")
        logged.save()
        assert run.use_artifact(logged) is logged
        assert run.use_artifact("nothing") is None
        assert run.link_artifact(logged, "reg") is logged
        (workdir / "m").write_text("m")
        run.log_model("m")
        assert run.log_code() is None
    assert not (workdir / "wandb").exists()


def test_a_finished_run_refuses(workdir: Path) -> None:
    with danlu.init(id="r1") as run:
        pass
    with pytest.raises(danlu.UsageError, match=r"Run \(r1\) is finished. The call to `log_artifact`"):
        run.log_artifact(made(a="1"))
    with pytest.raises(danlu.UsageError, match="use_artifact"):
        run.use_artifact("cells")


def test_saved_without_a_run_it_makes_one(read: Reader) -> None:
    artifact = made(a="1")
    artifact.save(project="p")
    assert artifact.qualified_name == "p/cells:v0"
    [info] = catalog(".").runs.values()
    assert info["state"] == "finished"
    assert read.rows(info["path"], "SELECT job_type FROM run") == [("auto",)]


def test_what_cannot_be_stored_is_a_warning(workdir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with danlu.init(project="p") as run:
        (workdir / "wandb" / "artifacts.lock").mkdir()
        logged = run.log_artifact(made(a="1"))
        assert run.lost == 1
        assert "Artifact `cells` is not stored" in capfd.readouterr().err
        with pytest.raises(ArtifactNotLoggedError, match="could not be stored"):
            logged.wait()
        (workdir / "wandb" / "artifacts.lock").rmdir()
        assert run.log_artifact(made(a="1")).version == "v0"


RACE = """
    import sys, danlu
    from danlu.artifacts import Artifact
    danlu.init(project="p")
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(5):
        artifact = Artifact("cells", "dataset")
        with artifact.new_file("a") as file:
            file.write(f"{sys.argv[0]} {danlu.run.id} {n}")
        print(danlu.run.log_artifact(artifact, aliases=[danlu.run.id]).version, flush=True)
    danlu.finish()
"""


def test_two_processes_never_give_one_number_twice(scripts: Scripts) -> None:
    import subprocess

    processes = [scripts.start(RACE, subprocess.PIPE) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    versions = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        versions += out.split()
    assert sorted(versions) == [f"v{n}" for n in range(10)]
    [collection] = catalog(str(scripts.directory)).collections.values()
    assert [version.number for version in collection.versions] == list(range(10))
    assert len(collection.aliases) == 3


def test_another_process_sees_a_version_at_once(scripts: Scripts) -> None:
    with danlu.init(project="p") as run:
        run.log_artifact(made(a="here"))
        done = scripts.run("""
            import danlu
            with danlu.init(project="p") as run:
                print(open(run.use_artifact("cells").file()).read())
                artifact = run.use_artifact("cells").new_draft()
                with artifact.new_file("b") as file:
                    file.write("there")
                run.log_artifact(artifact)
        """)
        assert done.stdout == "here\n", done.stderr
        assert sorted(run.use_artifact("cells:v1").manifest.entries) == ["a", "b"]


@pytest.mark.parametrize("at", ["contents", "event"])
def test_killed_in_between_a_version_is_not_there(scripts: Scripts, at: str) -> None:
    """Killed after the contents are stored, or after the event: complete, or not there."""
    done = scripts.run(f"""
        import os, signal, danlu
        from danlu.artifacts import Artifact, events
        run = danlu.init(project="p")
        artifact = Artifact("cells", "dataset")
        with artifact.new_file("a") as file:
            file.write("1")
        record = events.Ledger.record
        def killed(self, *arguments):
            if {at == "event"}:
                run._event("artifact", arguments[1], arguments[2], __import__("json").dumps(
                    dict(arguments[3], run=run.id, time=1.0, seq=1)))
            os.kill(os.getpid(), signal.SIGKILL)
        events.Ledger.record = killed
        run.log_artifact(artifact)
    """)
    assert done.returncode == -9
    with danlu.init(project="p") as run:
        if at == "event":
            assert Path(run.use_artifact("cells:v0").file()).read_text() == "1"
        else:
            with pytest.raises(ArtifactNotFoundError):
                run.use_artifact("cells")
        # The number that a dead run had kept is free again.
        assert run.log_artifact(made(a="2")).version == ("v1" if at == "event" else "v0")
        leftover = list((scripts.directory / "wandb").glob("artifact-staging-*"))
        assert len(leftover) <= 1


def test_runs_of_two_directories_put_together(workdir: Path) -> None:
    for place in ("one", "two"):
        for n in range(2):
            with danlu.init(project="p", dir=str(workdir / place)) as run:
                run.log_artifact(made(a=f"{place} {n}"), aliases=[place])
    for file in (workdir / "two" / "wandb").glob("run-*.sqlite"):
        shutil.copy(file, workdir / "one" / "wandb")
    [collection] = catalog("one").collections.values()
    contents = {}
    with danlu.init(project="p", dir=str(workdir / "one")) as run:
        for version in collection.versions:
            contents[version.version] = Path(
                run.use_artifact(version.name).file(str(workdir / version.version))
            )
        assert {name: path.read_text() for name, path in contents.items()} == {
            "v0": "one 0",
            "v1": "one 1",
            "v2": "two 0",
            "v3": "two 1",
        }
        # Of two that had the highest number, the younger one is the newest.
        assert run.use_artifact("cells").version == "v3"
        assert run.use_artifact("cells:one").version == "v1"
        assert run.log_artifact(made(a="new")).version == "v4"


def test_several_runs_make_one_together() -> None:
    for n in range(2):
        with danlu.init(project="p", group="g") as run:
            part = run.upsert_artifact(made(**{f"part{n}": str(n)}))
            assert part.is_draft()
    with danlu.init(project="p", group="g") as run:
        done = run.finish_artifact(made(last="x"))
        assert sorted(run.use_artifact("cells").manifest.entries) == ["last", "part0", "part1"]
        assert done.version == "v0"
        # What is in a version is not in the next one.
        assert run.finish_artifact(made(only="y")).file_count == 1
    with danlu.init(project="p") as run, pytest.raises(TypeError, match="Cannot upsert artifact unless"):
        run.upsert_artifact(made(a="1"))


def test_links_and_registries() -> None:
    with danlu.init(project="p", entity="team") as run:
        artifact = run.log_artifact(made(a="1"))
        link = linked(run, artifact, "wandb-registry-data/cells", ["prod"])
        assert link.is_link
        assert (link.qualified_name, link.aliases) == ("wandb-registry-data/cells:v0", ["latest", "prod"])
        assert (link.source_name, link.source_project) == ("cells:v0", "p")
        assert Path(link.file()).read_text() == "1"
        again = linked(run, artifact, "wandb-registry-data/cells", ["more"])
        assert again.aliases == ["latest", "prod", "more"]
        second = artifact.link("portfolio")
        assert second.qualified_name == "team/p/portfolio:v0"
        assert [found.qualified_name for found in artifact.linked_artifacts] == [
            "wandb-registry-data/cells:v0",
            "team/p/portfolio:v0",
        ]
        other = run.log_artifact(made("net", "model", a="1"))
        with pytest.raises(ValueError, match=r"type model to collection .*whose type is dataset"):
            run.link_artifact(other, "portfolio")
        with pytest.raises(ValueError, match="to its own collection"):
            run.link_artifact(artifact, "cells")
        with pytest.raises(ValueError, match="Invalid target path"):
            run.link_artifact(artifact, "a:b")
        with pytest.raises(ValueError, match="is not a linked artifact"):
            artifact.unlink()
        second.unlink()
        assert len(artifact.linked_artifacts) == 1
        artifact.delete()
        with pytest.raises(ArtifactNotFoundError):
            run.use_artifact("wandb-registry-data/cells")


def test_where_the_file_system_has_no_locks(monkeypatch: pytest.MonkeyPatch, workdir: Path) -> None:
    import errno
    import fcntl
    import os

    def flock(descriptor: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with danlu.init(project="p") as run:
        assert run.log_artifact(made(a="1")).version == "v0"
        # One that was left by a process that died a while ago does not stand in the way.
        held = workdir / "wandb" / "artifacts.lock.held"
        held.touch()
        os.utime(held, (1, 1))
        assert run.log_artifact(made(a="2")).version == "v1"
        assert not held.exists()


def test_a_run_id_in_two_projects() -> None:
    for project in ("p", "q"):
        with danlu.init(project=project, id="same") as run:
            run.log_artifact(made(a=project))
    with danlu.init(project="r") as run:
        for project in ("p", "q"):
            assert Path(run.use_artifact(f"{project}/cells").file(project)).read_text() == project


def test_an_event_that_a_power_cut_took(workdir: Path) -> None:
    with danlu.init(project="p") as run:
        run.log_artifact(made(a="1"))
    recent = workdir / "wandb" / "artifacts.recent"
    ghost = json.loads(recent.read_text())
    ghost["events"][0]["data"].update(uid="ghost", version="v1")
    recent.write_text(json.dumps(ghost))
    with danlu.init(project="p") as run:
        assert run.use_artifact("cells").version == "v0"
        recent.write_text("{ cut")
        assert run.log_artifact(made(a="2")).version == "v1"


def test_many_uses_do_not_pile_up(workdir: Path) -> None:
    with danlu.init(project="p") as run:
        artifact = run.log_artifact(made(a="1"))
        for _ in range(250):
            run.use_artifact(artifact)
        waiting = json.loads((workdir / "wandb" / "artifacts.recent").read_text())["events"]
        assert len(waiting) < 250


def test_a_fork_does_not_log_what_the_parent_logs() -> None:
    import os

    with danlu.init(project="p") as run:
        child = os.fork()
        if child == 0:
            run.log_artifact(made(a="child"))
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert run.log_artifact(made(a="parent")).version == "v0"


def test_import_of_danlu_does_not_import_artifacts(scripts: Scripts) -> None:
    done = scripts.run("import sys, danlu; print('danlu.artifacts' in sys.modules)")
    assert done.stdout == "False\n"
    assert sys.modules["danlu.artifacts"] is not None


def test_the_directory_above_that_of_the_runs_will_do(workdir: Path) -> None:
    with danlu.init(project="p") as run:
        run.log_artifact(made(a="1"))
    [version] = catalog(".").by_uid.values()
    artifact = Artifact._of(version, ".")
    artifact.aliases.append("best")
    artifact.save()
    assert catalog(str(workdir / "wandb")).by_uid[artifact.id].aliases == ["latest", "best"]
    assert Path(artifact.file()).read_text() == "1"


LOOP = """
    import danlu
    from danlu.artifacts import Artifact
    danlu.init(project="p")
    for n in range(1000):
        artifact = Artifact("cells", "dataset")
        for file in range(5):
            with artifact.new_file(str(file)) as stream:
                stream.write(f"{danlu.run.id} {n} {file}")
        print(danlu.run.log_artifact(artifact).version, flush=True)
"""


@pytest.mark.parametrize("after", [1, 3, 4])
def test_killed_at_any_time_versions_are_complete(scripts: Scripts, after: int) -> None:
    said = []
    with scripts.start(LOOP) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(after)]
        process.kill()
        rest = process.stdout.read().split()
    found = [version.version for version in catalog(".").collections["", "p", "cells"].versions]
    # All that was said is there; the last one may be there without having been said.
    assert found[: len(said + rest)] == said + rest
    assert len(found) <= len(said + rest) + 1
    with danlu.init(project="p") as run:
        for version in found:
            root = run.use_artifact(f"cells:{version}").download()
            assert len(list(Path(root).iterdir())) == 5
        assert run.log_artifact(made(a="after")).version == f"v{len(found)}"


def test_a_fork_while_the_lock_is_held_does_not_keep_it(workdir: Path) -> None:
    import os

    from danlu.artifacts.lock import locked

    with danlu.init(project="p") as run:
        directory = str(workdir / "wandb")
        reading, writing = os.pipe()
        with locked(directory):
            child = os.fork()
            if child == 0:
                os.close(writing)
                os.read(reading, 1)
                with locked(directory):
                    os._exit(0)
        # The child lives, and does not hold what its parent has let go of.
        assert run.log_artifact(made(a="1")).version == "v0"
        os.close(writing)
        assert os.waitpid(child, 0)[1] == 0
        os.close(reading)


def test_several_threads_and_several_writers_of_one_run(scripts: Scripts) -> None:
    code = """
        import threading, danlu
        from danlu.artifacts import Artifact
        run = danlu.init(project="p", id="shared")
        def work(thread):
            for n in range(3):
                artifact = Artifact("cells", "dataset")
                with artifact.new_file("a") as file:
                    file.write(f"{run.file} {thread} {n}")
                version = run.log_artifact(artifact).version
                with open(run.use_artifact(f"cells:{version}").file(f"out-{version}")) as file:
                    assert file.read() == f"{run.file} {thread} {n}"
        threads = [threading.Thread(target=work, args=(thread,)) for thread in range(3)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert run.lost == 0
    """
    processes = [scripts.start(code, RANK=str(rank), WORLD_SIZE="2") for rank in range(2)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    found = catalog(".")
    [collection] = found.collections.values()
    assert [version.number for version in collection.versions] == list(range(18))
    assert {version.name for version in found.made_by("shared")} == {f"cells:v{n}" for n in range(18)}
    assert len(found.runs["shared"]["parts"]) == 2
