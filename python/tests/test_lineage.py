"""Who made and who used what."""

from __future__ import annotations

import json
from pathlib import Path

import danlu
from conftest import Reader, Scripts
from danlu.artifacts import Artifact, Version, catalog


def made(name: str, text: str) -> Artifact:
    artifact = Artifact(name, "dataset")
    with artifact.new_file("a") as file:
        file.write(text)
    return artifact


def names(versions: list[Version]) -> list[str]:
    return [version.name for version in versions]


def test_a_pipeline(read: Reader) -> None:
    with danlu.init(project="p", id="prepare") as run:
        run.log_artifact(made("raw", "1"))
    with danlu.init(project="p", id="train") as run:
        run.use_artifact("raw", use_as="input")
        # Twice is once.
        run.use_artifact("raw:v0")
        run.log_artifact(made("net", "1"))
    with danlu.init(project="p", id="test") as run:
        net = run.use_artifact("net")
        link = run.link_artifact(net, "best")
        assert link is not None
        raw = run.use_artifact(link)
        assert raw.source_name == "net:v0"
        # What this run did a moment ago is known, though its file does not have it yet.
        found = catalog(".")
        assert names(found.used_by("test")) == ["net:v0"]
    found = catalog(".")
    assert names(found.made_by("prepare")) == ["raw:v0"]
    assert names(found.made_by("train")) == ["net:v0"]
    assert names(found.used_by("train")) == ["raw:v0"]
    [version] = found.made_by("train")
    assert found.users[version.uid] == ["test"]
    [path] = Path("wandb").glob("run-*-train.sqlite")
    rows = read.rows(path, "SELECT name, relation, data FROM artifacts")
    assert [(name, relation) for name, relation, _ in rows] == [
        ("raw:v0", "used"),
        ("raw:v0", "used"),
        ("net:v0", "made"),
    ]
    assert json.loads(rows[0][2])["use_as"] == "input"


def test_two_runs_that_make_the_same() -> None:
    for run_id in ("one", "two"):
        with danlu.init(project="p", id=run_id) as run:
            artifact = run.log_artifact(made("raw", "1"))
    found = catalog(".")
    assert found.makers[artifact.id] == ["one", "two"]
    assert found.by_uid[artifact.id].run == "one"


def test_a_draft_that_is_used_is_logged_first() -> None:
    with danlu.init(project="p", id="r") as run:
        draft = made("raw", "1")
        used = run.use_artifact(draft, aliases=["mine"])
        assert used is draft
        assert used.aliases == ["latest", "mine"]
    found = catalog(".")
    assert names(found.made_by("r")) == names(found.used_by("r")) == ["raw:v0"]


def test_a_fork_has_a_copy_of_what_was_said() -> None:
    with danlu.init(project="p", id="old") as run:
        run.log({"x": 1})
        artifact = run.log_artifact(made("raw", "1"))
    with danlu.init(project="p", id="new", fork_from="old?_step=0") as run:
        assert run.use_artifact("raw").id == artifact.id
        assert run.log_artifact(made("raw", "2")).version == "v1"
    found = catalog(".")
    assert found.makers[artifact.id] == ["old"]


def test_the_step_of_the_run_and_a_resumed_one() -> None:
    with danlu.init(project="p", id="r") as run:
        assert run.log_artifact(made("early", "1")).history_step is None
        for n in range(3):
            run.log({"x": n})
        assert run.log_artifact(made("raw", "1")).history_step == 2
    with danlu.init(project="p", id="r", resume="must") as run:
        run.log({"x": 3})
        assert run.log_artifact(made("raw", "2")).history_step == 3
    assert names(catalog(".").made_by("r")) == ["early:v0", "raw:v0", "raw:v1"]


def test_a_crashed_run_is_part_of_it(scripts: Scripts) -> None:
    done = scripts.run("""
        import os, signal, danlu
        run = danlu.init(project="p", id="crashed")
        open("m", "w").write("weights")
        run.log_model("m", name="net")
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert done.returncode == -9
    with danlu.init(project="p") as run:
        assert Path(run.use_model("net")).read_text() == "weights"
    assert names(catalog(".").made_by("crashed")) == ["net:v0"]
