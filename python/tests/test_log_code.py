"""The source code of a run."""

from __future__ import annotations

from pathlib import Path

import danlu
import pytest
from danlu.artifacts import Artifact


@pytest.fixture
def source(workdir: Path) -> Path:
    for name in (
        "train.py",
        "pkg/model.py",
        "pkg/data.bin",
        "requirements.txt",
        "Dockerfile",
        "notes.md",
        ".git/hook.py",
        "venv/lib/site.py",
    ):
        path = workdir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (workdir / "venv" / "pyvenv.cfg").write_text("home = /usr/bin")
    return workdir


def entries(artifact: Artifact | None) -> list[str]:
    assert artifact is not None
    return sorted(artifact.manifest.entries)


def test_python_requirements_and_dockerfiles(source: Path) -> None:
    with danlu.init(project="p") as run:
        (source / "wandb" / "inside.py").write_text("of the runs")
        artifact = run.log_code()
        assert artifact is not None
        assert artifact.type == "code"
        assert artifact.name.startswith("source-p-")
        assert entries(artifact) == ["Dockerfile", "pkg/model.py", "requirements.txt", "train.py"]
        again = run.log_code()
        assert again is not None
        assert again.version == "v0"
        used = run.use_artifact(artifact.name)
        assert (Path(used.download()) / "pkg" / "model.py").read_text() == "pkg/model.py"


def test_what_is_taken_can_be_said(source: Path) -> None:
    with danlu.init(project="p") as run:
        assert entries(run.log_code("pkg", name="mine", include_fn=lambda path: path.endswith(".bin"))) == [
            "data.bin"
        ]
        roots = []

        def include(path: str, root: str) -> bool:
            roots.append(root)
            return path.endswith((".py", ".md"))

        artifact = run.log_code(
            ".", include_fn=include, exclude_fn=lambda path, root: path.startswith(f"{root}/pkg")
        )
        assert entries(artifact) == ["notes.md", "train.py"]
        assert set(roots) == {str(source)}


def test_nothing_found(source: Path) -> None:
    with danlu.init(project="p") as run:
        assert run.log_code(include_fn=lambda path: False) is None
        assert run.log_code("missing") is None
