"""A tutorial for wandb: each of its snippets runs unchanged, without an account or a network.

A snippet is in a file of its own, as it was printed. What it takes for granted stands before it
(`before.py`), and what shows that it worked, after it. Snippets about sweeps are not run yet: there are no
sweeps.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digits import lay_out

HERE = Path(__file__).parent


class Place:
    """A directory that somebody trains in, in a network namespace of its own where that is possible."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()

    def run(self, name: str, *, replace: tuple[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a snippet with what belongs around it."""
        around = HERE / name
        texts = [
            (around / part).read_text()
            for part in ("before.py", "snippet.py", "after.py")
            if (around / part).exists()
        ]
        if replace is not None:
            assert texts[1].count(replace[0]) == 1
            texts[1] = texts[1].replace(*replace)
        return self.script("".join(texts))

    def script(self, text: str) -> subprocess.CompletedProcess[str]:
        (self.directory / "train.py").write_text(text)
        return self.danlu("run", "--", sys.executable, "train.py")

    def danlu(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "DANLU_"))}
        environment["HOME"] = str(self.directory)
        command = [*without_network(), sys.executable, "-m", "danlu", *arguments]
        return subprocess.run(
            command,
            cwd=self.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
        )

    def files(self) -> list[Path]:
        return sorted((self.directory / "wandb").glob("run-*.sqlite"))

    def file(self) -> Path:
        [path] = self.files()
        return path

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return rows(self.file(), sql, *parameters)


def rows(path: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute(sql, parameters).fetchall()
    finally:
        connection.close()


def without_network() -> list[str]:
    """Return what to put before a command so that it has no network: nothing where that is not allowed."""
    command = ["unshare", "--net", "--map-root-user"]
    try:
        allowed = subprocess.run([*command, "true"], capture_output=True).returncode == 0
    except OSError:
        allowed = False
    return command if allowed else []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "project")


def succeeded(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


def state(path: Path) -> Any:
    return rows(path, "SELECT state FROM run")[0][0]


def test_the_basics(place: Place) -> None:
    done = place.run("basics")
    succeeded(done)
    assert place.rows("SELECT project, name, state FROM run") == [
        ("my-image-classifier", "resnet-50-experiment", "finished")
    ]
    config = dict(place.rows("SELECT key, value FROM config WHERE key NOT LIKE '\\_%' ESCAPE '\\'"))
    assert config == {"learning_rate": 0.001, "batch_size": 64, "epochs": 20, "optimizer": '"Adam"'}
    told = json.loads((place.directory / "told.json").read_text())
    assert len(told) == 20
    keys = ("train_loss", "val_loss", "val_accuracy")
    for key, column in zip(keys, zip(*told)):
        assert place.rows("SELECT step, value FROM history WHERE key = ? ORDER BY step", key) == list(
            enumerate(column)
        )
    assert place.rows("SELECT value FROM history WHERE key = 'epoch' ORDER BY step") == [
        (n,) for n in range(20)
    ]
    [(size,)] = place.rows("SELECT size FROM files WHERE path = 'model.pth'")
    assert size == (place.directory / "model.pth").stat().st_size
    assert place.danlu("get", "latest", "model.pth", "-o", "back.pth").returncode == 0
    assert (place.directory / "back.pth").read_bytes() == (place.directory / "model.pth").read_bytes()


def test_lightning(place: Place) -> None:
    succeeded(place.run("lightning"))
    history = "SELECT value FROM history WHERE key = ? ORDER BY step"
    assert place.rows("SELECT project, state FROM run") == [("my-project", "finished")]
    told = json.loads((place.directory / "told.json").read_text())
    assert len(told) == 640
    steps = [step for (step,) in place.rows(history, "trainer/global_step")]
    assert steps == list(range(49, 640, 50)), "Lightning logs every 50th step"
    assert [loss for (loss,) in place.rows(history, "train_loss")] == [told[step] for step in steps]
    assert place.rows("SELECT value FROM config WHERE key = 'width'") == [(8,)]
    defined = dict(place.rows("SELECT name, data FROM metrics"))
    assert json.loads(defined["*"])["step_metric"] == "trainer/global_step"


def test_media(place: Place) -> None:
    succeeded(place.run("media"))
    value = dict(place.rows("SELECT key, value FROM history"))
    images = json.loads(value["predictions"])
    assert (images["_type"], images["count"], images["format"]) == ("images/separated", 5, "png")
    assert images["captions"] == [f"Sample {n}" for n in range(5)]
    pictures = np.load(place.directory / "pictures.npy")
    for name, picture in zip(images["filenames"], pictures):
        assert _picture(place, name, picture)
    video = json.loads(value["animation"])
    assert (video["_type"], video["caption"]) == ("video-file", "Training progression")
    assert _content(place, video["path"]) == (place.directory / "animation.mp4").read_bytes()
    cloud = json.loads(value["point_cloud"])
    assert cloud["_type"] == "object3D-file"
    assert cloud["path"].endswith(".obj")
    assert _content(place, cloud["path"]) == (place.directory / "pointcloud.obj").read_bytes()


def _picture(place: Place, name: str, picture: np.ndarray) -> bool:
    import io

    from PIL import Image

    return bool((np.asarray(Image.open(io.BytesIO(_content(place, name)))) == picture).all())


def _content(place: Place, name: str) -> bytes:
    succeeded(place.danlu("get", "latest", name, "-o", "content", "--force"))
    return (place.directory / "content").read_bytes()


def test_charts(place: Place) -> None:
    succeeded(place.run("charts"))
    value = dict(place.rows("SELECT key, value FROM history"))
    labels = np.load(place.directory / "labels.npz")
    table = json.loads(_content(place, json.loads(value["confusion_matrix_table"])["path"]))
    assert table["columns"] == ["Actual", "Predicted", "nPredictions"]
    names = ["cat", "dog", "fox"]
    counted = {(actual, predicted): count for actual, predicted, count in table["data"]}
    from sklearn.metrics import confusion_matrix

    expected = confusion_matrix(labels["y_true"], labels["y_probs"].argmax(axis=1))
    assert counted == {(a, b): expected[i][j] for i, a in enumerate(names) for j, b in enumerate(names)}
    curve = json.loads(_content(place, json.loads(value["roc_curve_table"])["path"]))
    assert curve["columns"] == ["class", "fpr", "tpr"]
    assert {row[0] for row in curve["data"]} == set(names)
    [(kept,)] = place.rows("SELECT value FROM config WHERE key = '_wandb'")
    charts = json.loads(kept)["visualize"]
    panels = {key: chart["panel_config"]["panelDefId"] for key, chart in charts.items()}
    assert panels == {
        "confusion_matrix": "wandb/confusion_matrix/v1",
        "roc_curve": "wandb/area-under-curve/v0",
    }
    summary = dict(place.rows("SELECT key, value FROM summary"))
    assert _nested(summary, "val_loss") == {"min": 0.4}
    assert _nested(summary, "val_accuracy") == {"max": 0.8}


def _nested(summary: dict[str, Any], key: str) -> dict[str, Any]:
    if key in summary:
        found: dict[str, Any] = json.loads(summary[key])
        return found
    return {name[len(key) + 1 :]: value for name, value in summary.items() if name.startswith(f"{key}.")}


def test_the_life_of_a_project(place: Place) -> None:
    assert place.script((HERE / "lifecycle" / "earlier.py").read_text()).returncode == 9
    succeeded(place.run("lifecycle"))
    assert (place.directory / "told.txt").read_text() == "better"
    assert (place.directory / "model-best.h5").read_text() == "the model of better"
    [run] = [path for path in place.files() if "previous-run-id" in path.name]
    assert state(run) == "finished"
    losses = rows(run, "SELECT step, value FROM history WHERE key = 'loss' ORDER BY step")
    assert losses == [(0, 1), (1, 1 / 2), (2, 1 / 3), (3, 1 / 4), (4, 1 / 5), (5, 0.1)]


def test_monitoring(place: Place) -> None:
    succeeded(place.run("monitoring"))
    logged = dict(place.rows("SELECT key, value FROM history"))
    assert 0 <= logged["cpu_usage"] <= 100
    assert logged["gpu_mem"] == 0
    system = {key for (key,) in place.rows("SELECT DISTINCT key FROM system")}
    assert {"cpu", "proc.memory.rssMB"} <= system


def test_a_failure_is_told(place: Place) -> None:
    # The snippet has a comment where the training would be, which is no Python.
    comment = "    # 训练代码\n"
    done = place.run("errors", replace=(comment, f"{comment}    train()\n"))
    assert done.returncode == 1
    assert "RuntimeError: out of memory" in done.stderr
    assert place.rows("SELECT title, text FROM alerts") == [("Training Failed", "Error: out of memory")]
    assert place.rows("SELECT state FROM run") == [("failed",)]
    assert "Training Failed" in place.danlu("alerts").stdout


def test_performance(place: Place) -> None:
    done = place.run("performance")
    succeeded(done)
    assert "takes a dict" in done.stderr, "log(...) with an ellipsis is told, and training goes on"
    assert place.rows(
        "SELECT path FROM files WHERE path LIKE '%.pt' OR path = 'notes.txt' ORDER BY path"
    ) == [
        ("last.pt",),
        ("model.pt",),
    ]


def test_the_complete_project(place: Place, tmp_path: Path) -> None:
    lay_out(tmp_path / "data")
    done = place.run("mnist")
    succeeded(done)
    assert place.rows("SELECT project, state FROM run") == [("mnist-classifier", "finished")]
    accuracy = [
        value for (value,) in place.rows("SELECT value FROM history WHERE key = 'val_accuracy' ORDER BY step")
    ]
    assert len(accuracy) == 10
    assert max(accuracy) > 0.9, f"it learned to read: {accuracy}"
    summary = dict(place.rows("SELECT key, value FROM summary"))
    assert (summary["best_val_acc"], summary["final_val_acc"]) == (max(accuracy), accuracy[-1])
    batches = place.rows("SELECT value FROM history WHERE key = 'batch_loss' ORDER BY step")
    assert len(batches) == 10
    assert batches[0][0] > 2 > 0.5 > batches[-1][0]
    [(size,)] = place.rows("SELECT size FROM files WHERE path = 'best_model.pth'")
    assert size == (place.directory / "best_model.pth").stat().st_size


def test_the_commands_need_no_account(place: Place) -> None:
    assert "no login" in place.danlu("login").stdout
    assert place.danlu("run", "--", "wandb", "login").returncode == 0
    succeeded(place.danlu("offline"))
    assert "offline" in place.danlu("run", "--", "wandb", "status").stdout


def test_large_files_are_left_out_by_wandbignore(place: Place) -> None:
    (place.directory / ".wandbignore").write_text("*.bin\n")
    (place.directory / "large.bin").write_bytes(b"x" * 1000)
    (place.directory / "small.txt").write_text("x")
    succeeded(place.script("import wandb\nwandb.init()\nwandb.save('*')\nwandb.finish()\n"))
    saved = {path for (path,) in place.rows("SELECT path FROM files")}
    assert "small.txt" in saved
    assert "large.bin" not in saved


def test_hyperparameters_are_shown_when_init_has_them(place: Place) -> None:
    succeeded(place.script("import wandb\nwandb.init(config={'lr': 0.1})\nwandb.finish()\n"))
    shown = json.loads(place.danlu("show", "latest", "--json").stdout)
    assert shown["config"]["lr"] == 0.1
