"""Opening one run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import danlu
import pandas as pd
import pytest
from conftest import Scripts
from danlu.apis.public import Run, RunNotFoundError


def make(run_id: str = "x", **arguments: Any) -> str:
    with danlu.init(project="p", id=run_id, config={"lr": 0.1}, **arguments) as run:
        for n in range(1000):
            run.log({"loss": n / 2, "acc": n})
        Path("model.pth").write_text("weights")
        run.save("model.pth")
    return str(run.file)


def test_a_run_is_opened_by_everything_that_names_it(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make("other")
    file = make()
    for name in (
        file,
        Path(file),
        Path(file).relative_to(workdir),
        "x",
        "p/x",
        "p:x",
        "latest",
        "wandb/latest-run.sqlite",
    ):
        with danlu.open(name) as run:
            assert isinstance(run, Run)
            assert (run.id, run.project, run.state) == ("x", "p", "finished"), name
    assert danlu.open().id == "x"
    elsewhere = workdir / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert danlu.open("other", dir=workdir).id == "other"
    monkeypatch.setenv("DANLU_DIR", str(workdir))
    assert danlu.open("other").id == "other"


def test_what_an_open_run_has() -> None:
    make()
    with danlu.open() as run:
        assert run.config == {"lr": 0.1}
        assert run.summary["loss"] == 499.5
        assert run.keys == ["loss", "acc"]
        frame = run.history()
        assert isinstance(frame, pd.DataFrame)
        assert len(frame) == 1000, "all rows"
        assert list(run.history(keys=["loss"]).columns) == ["_step", "loss"]
        assert len(run.history(samples=10)) == 10
        assert run.to_pandas(["acc"])["acc"].sum() == sum(range(1000))
        assert run.to_polars()["acc"].sum() == sum(range(1000))
        assert next(run.scan_history(keys=["acc"])) == {"acc": 0}
        assert run.sql("SELECT count(*) FROM history") == [(2000,)]
        assert run.sql("SELECT value FROM config WHERE key = ?", "lr") == [(0.1,)]
        assert [file.name for file in run.files()] == ["model.pth"]
        assert run.file("model.pth").download("out").read() == "weights"
        with pytest.raises(danlu.Error, match="Cannot answer the query"):
            run.sql("DELETE FROM key")
    assert run.config == {"lr": 0.1}, "closing closes nothing that is needed"


def test_a_live_run_is_opened_as_itself() -> None:
    live = danlu.init(project="p")
    live.log({"loss": 1.0})
    live._drain()
    with danlu.open(live) as run:
        assert (run.id, run.state, run.summary["loss"]) == (live.id, "running", 1.0)
    live.finish()
    with pytest.raises(danlu.UsageError, match="not stored"):
        danlu.open(danlu.init(mode="disabled"))


def test_a_file_with_another_name_is_opened(workdir: Path) -> None:
    copy = workdir / "shared" / "best.sqlite"
    copy.parent.mkdir()
    shutil.copy(make(), copy)
    with danlu.open(copy) as run:
        assert (run.id, run.project, run.state, run.lastHistoryStep) == ("x", "p", "finished", 999)
        assert run.exit_code == 0
        assert run.summary["loss"] == 499.5
        assert run.file("model.pth").size == 7
        with pytest.raises(danlu.Error, match="does not have the name of a run file"):
            run.tags.append("new")
            run.update()


def test_a_run_that_was_killed_is_opened_whole(scripts: Scripts) -> None:
    scripts.run(
        "import danlu, os; r = danlu.init(id='dead'); [r.log({'a': n}) for n in range(50)]; os._exit(1)"
    )
    with danlu.open(scripts.file()) as run:
        assert (run.state, len(run.history())) == ("crashed", 50)


def test_what_cannot_be_opened(workdir: Path) -> None:
    with pytest.raises(RunNotFoundError, match="no runs"):
        danlu.open()
    with pytest.raises(RunNotFoundError, match=r"no run file `missing\.sqlite`"):
        danlu.open("missing.sqlite")
    with pytest.raises(ValueError, match="Could not find run"):
        danlu.open("missing")
    (workdir / "notes.sqlite").write_text("not a database, but long enough to look at" * 99)
    with pytest.raises(danlu.Error, match=r"notes\.sqlite"):
        danlu.open("notes.sqlite")


def test_a_file_of_one_rank_opens_the_whole_run(scripts: Scripts) -> None:
    for rank in (0, 1):
        code = f"import danlu; r = danlu.init(id='x'); r.log({{'loss': {rank}}}); r.finish()"
        assert scripts.run(code, RANK=str(rank), WORLD_SIZE="2").returncode == 0
    for file in scripts.files():
        assert danlu.open(file).history()["loss"].tolist() == [0, 1]
