"""One wheel for every Python: the same program gives the same in all that are on the path.

Nothing is installed in them: they get the package of the Python that runs the tests. Which ones ran is
printed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import danlu
import pytest

NAMES = [f"python3.{minor}" for minor in range(9, 15)]
VERSION = "import sys; sys.stdout.write('%d.%d' % sys.version_info[:2])"

PROGRAM = """
import json, sys
import danlu as wandb

with wandb.init(project="p", id="x", config={"lr": 0.1, "layers": [1, 2]}, tags=["a"]) as run:
    for n in range(100):
        wandb.log({"loss": 1 / (n + 1), "nested": {"n": n}, "flag": n % 2 == 0})
    wandb.log({"table": wandb.Table(columns=["n", "text"], data=[[1, "one"], [2, "two"]])})
    wandb.config.lr = 0.1
    wandb.config.update({"lr": 0.2}, allow_val_change=True)
    wandb.define_metric("loss", summary="min")
    wandb.summary["best"] = 0.5
    with open("model.txt", "w") as file:
        file.write("weights")
    wandb.save("model.txt")
    artifact = wandb.Artifact("data", type="dataset", metadata={"n": 1})
    artifact.add_file("model.txt")
    artifact.add(wandb.Table(columns=["a"], data=[[1.5]]), "rows")
    run.log_artifact(artifact)

api = wandb.Api()
found = api.run("p/x")
used = api.artifact("p/data:latest")
with open(used.get_entry("model.txt").download()) as file:
    content = file.read()
print(json.dumps({
    "state": found.state,
    "lost": run.lost,
    "config": dict(found.config),
    "summary": {key: found.summary[key] for key in ("best", "nested.n", "flag")},
    "table": [found.summary["table"][key] for key in ("_type", "ncols", "nrows", "sha256")],
    "rows": [row["loss"] for row in found.scan_history(keys=["loss"])],
    "sampled": found.history(samples=5, keys=["loss"], pandas=False),
    "files": sorted(file.name for file in found.files() if "config" not in file.name),
    "artifact": [used.version, used.digest, used.get("rows").data, content],
    "tags": found.tags,
    "modules": [name for name in ("numpy", "pandas", "PIL") if name in sys.modules],
}))
"""


def on_path() -> dict[str, str]:
    """Return the Pythons on the path, and the running one, by version."""
    found: dict[str, str] = {}
    for name in [sys.executable, *NAMES]:
        path = shutil.which(name)
        if path is None:
            continue
        # What a version manager puts on the path may be of a version that it does not run here.
        done = subprocess.run([path, "-c", VERSION], capture_output=True, text=True, timeout=60)
        if done.returncode == 0:
            found.setdefault(done.stdout, path)
    return found


def result_of(python: str, directory: Path) -> dict[str, Any]:
    directory.mkdir()
    # Of what is installed beside danlu here, another Python can use nothing.
    package = directory / "package"
    package.mkdir()
    (package / "danlu").symlink_to(Path(danlu.__file__).parent)
    environment = {**os.environ, "PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python, "-W", "error", "-S", "-c", PROGRAM],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_python_gives_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pythons = on_path()
    running = "{}.{}".format(*sys.version_info)
    assert running in pythons
    results = {version: result_of(path, tmp_path / version) for version, path in pythons.items()}
    with capsys.disabled():
        print(f" [ran in Python {', '.join(sorted(results, key=lambda v: int(v[2:])))}] ", end="")
    own = results[running]
    assert own["state"] == "finished"
    assert own["lost"] == 0
    assert own["config"] == {"lr": 0.2, "layers": [1, 2]}
    assert own["summary"] == {"best": 0.5, "nested.n": 99, "flag": False}
    assert len(own["rows"]) == 100
    assert own["rows"][-1] == 0.01
    assert own["artifact"][0] == "v0"
    assert own["artifact"][2:] == [[[1.5]], "weights"]
    assert own["modules"] == []
    for version, found in results.items():
        assert found == own, f"Python {version}"
