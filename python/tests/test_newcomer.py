"""What somebody who comes new to danlu stumbled over."""

from __future__ import annotations

import os
from pathlib import Path

import danlu
import numpy as np
import pytest
from conftest import Reader, Scripts
from danlu import _core


def test_the_last_step_is_the_highest_however_long_a_picture_takes(workdir: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    with danlu.init(project="p", id="x") as run:
        run.log({"pictures": [danlu.Image(noise) for _ in range(3)]})
        for step in range(50):
            run.log({"loss": step})
    [found] = _core.runs(workdir)
    assert found["last_step"] == 50
    assert danlu.Api().run("p/x").lastHistoryStep == 50


def test_latest_is_what_the_link_says(workdir: Path, scripts: Scripts) -> None:
    for name in ("old", "new"):
        danlu.init(project="p", id=name).finish()
    link = workdir / "wandb" / "latest-run.sqlite"
    before = os.readlink(link)
    old = danlu.Api().run("p/old")
    old.tags.append("seen")
    old.update()
    assert os.readlink(link) == before, "nobody trained"
    danlu.init(project="p", id="old", resume="must").finish()
    assert "old" in os.readlink(link)
    assert '"id": "old"' in scripts.danlu("show", "latest", "--json").stdout


def test_a_file_that_lies_there_and_cannot_be_read_stops_nothing(scripts: Scripts) -> None:
    (scripts.directory / "config-defaults.yaml").write_text("lr: {value: 3}")
    done = scripts.run(
        """
        import sys
        sys.modules["yaml"] = None
        import danlu
        danlu.init().finish()
        """
    )
    assert done.returncode == 0, done.stderr
    assert "`config-defaults.yaml` is left out: PyYAML is needed" in done.stderr


def test_metadata_of_a_run_that_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANLU__DISABLE_META", "false")
    danlu.init(project="p", id="x").finish()
    metadata = danlu.Api().run("p/x").metadata
    assert metadata["cpu_count"] > 0
    assert metadata["host"]


def test_the_stand_in_is_no_requirement(
    scripts: Scripts, read: Reader, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANLU__SAVE_REQUIREMENTS", "true")
    (workdir / "train.py").write_text("import wandb\nwandb.init().finish()\n")
    done = scripts.danlu("run", "train.py")
    assert done.returncode == 0, done.stderr
    path = read.rows(scripts.files()[-1], "SELECT path FROM files")
    assert ("requirements.txt",) in path
    assert scripts.danlu("get", str(scripts.files()[-1]), "requirements.txt").returncode == 0
    packages = (workdir / "requirements.txt").read_text()
    assert "pytest==" in packages
    assert "wandb" not in packages


def test_a_remote_says_what_it_is(scripts: Scripts) -> None:
    danlu.init().finish()
    assert scripts.danlu("sync", "./stick").returncode == 0
    assert "It is a remote" in scripts.danlu("ls", "stick").stdout
