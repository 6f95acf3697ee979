"""Artifacts as the Api finds them."""

from __future__ import annotations

from pathlib import Path

import danlu
import pytest
from conftest import Place
from danlu.apis.public import Api, NotFoundError
from danlu.artifacts import Artifact
from danlu.artifacts.of_run import log_artifact, use_artifact

pytestmark = pytest.mark.usefixtures("everywhere")


@pytest.fixture
def api(workdir: Path) -> Api:
    for n in range(3):
        with danlu.init(project="mnist", id=f"train{n}") as run:
            artifact = Artifact("model", type="model", metadata={"n": n})
            (workdir / "weights.txt").write_text(f"weights {n}")
            artifact.add_file(str(workdir / "weights.txt"))
            log_artifact(run, artifact, aliases=["best"] if n == 1 else None, tags=["odd"] if n % 2 else None)
            data = Artifact("cells", type="dataset")
            (workdir / "cells.txt").write_text("always the same")
            data.add_file(str(workdir / "cells.txt"))
            log_artifact(run, data)
    with danlu.init(project="mnist", id="eval") as run:
        use_artifact(run, "model:best")
    with danlu.init(project="cifar", id="other") as run:
        artifact = Artifact("net", type="model")
        artifact.add_file(str(workdir / "cells.txt"))
        log_artifact(run, artifact)
    return Api()


def test_an_artifact_is_found(api: Api, workdir: Path) -> None:
    for name, version in (
        ("mnist/model:best", "v1"),
        ("mnist/model:v0", "v0"),
        ("mnist/model", "v2"),
        ("model:latest", "v2"),
        ("anyone/mnist/model:latest", "v2"),
    ):
        assert api.artifact(name).version == version, name
        assert api.artifact_exists(name)
    artifact = api.artifact("mnist/model:best", type="model")
    assert artifact.metadata == {"n": 1}
    assert (Path(artifact.download(str(workdir / "out"))) / "weights.txt").read_text() == "weights 1"
    for name in ("mnist/model:v9", "mnist/nothing", "cifar/model", "a/b/c/d"):
        assert not api.artifact_exists(name), name
        with pytest.raises(ValueError):  # noqa: PT011
            api.artifact(name)
    assert not api.artifact_exists("mnist/model", type="dataset")
    assert api.from_path("mnist/model:best").version == "v1"
    assert Api({"project": "cifar"}).artifact("net").project == "cifar"


def test_versions_types_and_collections(api: Api) -> None:
    assert [artifact.version for artifact in api.artifacts("model", "mnist/model")] == ["v2", "v1", "v0"]
    assert [artifact.version for artifact in api.artifact_versions("model", "mnist/model")] == [
        "v2",
        "v1",
        "v0",
    ]
    assert [a.version for a in api.artifacts("model", "mnist/model", order="+created_at")] == [
        "v0",
        "v1",
        "v2",
    ]
    assert [a.version for a in api.artifacts("model", "mnist/model", tags=["odd"])] == ["v1"]
    with pytest.raises(ValueError, match="colour"):
        len(api.artifacts("model", "mnist/model", order="colour"))
    assert [kind.name for kind in api.artifact_types("mnist")] == ["dataset", "model"]
    assert [c.name for c in api.artifact_type("model", "mnist").collections()] == ["model"]
    assert [c.name for c in api.project("mnist").collections()] == ["cells", "model"]
    assert [c.name for c in api.project("mnist").collections({"type": "dataset"})] == ["cells"]
    assert [kind.name for kind in api.project("cifar").artifacts_types()] == ["model"]
    assert [c.name for c in api.artifact_collections("mnist", "model", order="-name")] == ["model"]
    found = api.artifact_collection("model", "mnist/model")
    assert (found.name, found.type, found.project, found.id) == ("model", "model", "mnist", "mnist/model")
    assert set(found.aliases) == {"latest", "best"}
    assert [artifact.version for artifact in found.versions()] == ["v2", "v1", "v0"]
    assert found.is_sequence()
    assert found.created_at.endswith("Z")
    assert api.artifact_type("model", "mnist").collection("model").id == found.id
    assert api.artifact_collection_exists("mnist/model", "model")
    assert not api.artifact_collection_exists("mnist/model", "dataset")
    with pytest.raises(ValueError, match="of the type `model`, and not `dataset`"):
        api.artifact_collection("dataset", "mnist/model")


def test_what_runs_made_and_used(api: Api) -> None:
    assert {artifact.name for artifact in api.run("mnist/train1").logged_artifacts()} == {
        "model:v1",
        "cells:v0",
    }
    assert [artifact.name for artifact in api.run("mnist/eval").used_artifacts()] == ["model:v1"]
    assert len(api.run("mnist/eval").logged_artifacts()) == 0
    assert api.artifact("mnist/model:v1").logged_by().summary is not None
    assert [run.id for run in api.artifact("mnist/model:v1").used_by()] == ["eval"]


def test_a_name_of_several_projects_needs_its_project(api: Api, workdir: Path, place: Place) -> None:
    with danlu.init(project="cifar") as run:
        artifact = Artifact("model", type="model")
        artifact.add_file(str(workdir / "cells.txt"))
        log_artifact(run, artifact)
    place.sync()
    with pytest.raises(NotFoundError, match="mnist/model, cifar/model"):
        api.artifact("model")


def test_a_run_keeps_its_artifacts_unless_told(api: Api, place: Place) -> None:
    if place.kind == "remote":
        with pytest.raises(danlu.Error, match="takes a server"):
            api.run("cifar/other").delete(delete_artifacts=True)
        return
    with pytest.raises(danlu.Error, match=r"holds the files of .*net:v0"):
        api.run("cifar/other").delete()
    assert api.artifact_exists("cifar/net")
    api.run("cifar/other").delete(delete_artifacts=True)
    assert "other" not in [run.id for run in api.runs()]


def test_a_run_that_has_ended_is_said_to_have_made_and_used_something(api: Api) -> None:
    run = api.run("cifar/other")
    model = api.artifact("mnist/model:v0")
    assert run.use_artifact(model).version == "v0"
    assert [artifact.name for artifact in run.used_artifacts()] == ["model:v0"]
    made = run.log_artifact(model, aliases=["chosen"], tags=["reviewed"])
    assert "chosen" in made.aliases
    assert api.artifact("mnist/model:chosen").version == "v0"
    assert api.artifact("mnist/model:chosen").tags == ["reviewed"]
    assert {artifact.name for artifact in run.logged_artifacts()} == {"model:v0", "net:v0"}
    with pytest.raises(danlu.UsageError, match="not logged yet"):
        run.use_artifact(Artifact("new", type="model"))
