"""Runs the scripts beside this file as a user's training under `danlu run`, and reads what the run holds."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parent / "scripts"


class Trained:
    """What a training left: its run, and `report`, which the script wrote of what the library itself says."""

    def __init__(self, directory: Path, output: str) -> None:
        self.directory = directory
        self.output = output
        report = directory / "report.json"
        self.report: dict[str, Any] = json.loads(report.read_text()) if report.exists() else {}
        self.paths = sorted(
            path
            for path in directory.rglob("run-*.sqlite")
            if not path.is_symlink() and path.parent.name == "wandb"
        )

    @property
    def path(self) -> Path:
        [path] = self.paths
        return path

    def danlu(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "danlu", *arguments]
        return subprocess.run(command, cwd=self.directory, capture_output=True, text=True, check=True).stdout

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    def series(self, key: str) -> list[Any]:
        return [value for _, value in self.points(key)]

    def points(self, key: str) -> list[tuple[int, Any]]:
        found = self.rows("SELECT step, value FROM history WHERE key = ? ORDER BY step", key)
        return [(step, _plain(value)) for step, value in found]

    def keys(self) -> set[str]:
        return {key for (key,) in self.rows("SELECT DISTINCT key FROM history")}

    def config(self) -> dict[str, Any]:
        return {key: _plain(value) for key, value in self.rows("SELECT key, value FROM config")}

    def summary(self) -> dict[str, Any]:
        return {key: _plain(value) for key, value in self.rows("SELECT key, value FROM summary")}

    def files(self) -> dict[str, int]:
        return dict(self.rows("SELECT path, size FROM files"))

    def artifacts(self, kind: str = "model") -> dict[str, dict[str, Any]]:
        found = self.rows(
            "SELECT name, data FROM event WHERE kind = 'artifact' AND text = 'made' ORDER BY id"
        )
        read = {name: json.loads(data) for name, data in found}
        return {name: data for name, data in read.items() if data["type"] == kind}

    def metrics(self) -> dict[str, dict[str, Any]]:
        found = self.rows("SELECT name, data FROM event WHERE kind = 'metric' ORDER BY id")
        return {name: json.loads(data) for name, data in found}

    def exit_code(self) -> int:
        [(data,)] = self.rows("SELECT data FROM event WHERE kind = 'end'")
        return int(json.loads(data)["exit_code"])


def _plain(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


class Trainer:
    """Runs scripts in a directory of their own, without a network."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(self, script: str, *arguments: str, exit_code: int = 0, **environment: str) -> Trained:
        command = [sys.executable, str(SCRIPTS / f"{script}.py"), *arguments]
        done = subprocess.run(
            [sys.executable, "-m", "danlu", "run", "--", *command],
            cwd=self.directory,
            env={**self.environment(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        assert done.returncode == exit_code, done.stdout
        assert "could not be stored" not in done.stdout, done.stdout
        return Trained(self.directory, done.stdout)

    def environment(self) -> dict[str, str]:
        # Ultralytics has no callbacks where it thinks that it is being tested itself.
        ours = ("DANLU_", "WANDB_", "PYTEST_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        offline = dict.fromkeys(("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"), "1")
        # Who asks a proxy that is not there is not answered.
        nowhere = dict.fromkeys(
            ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"
        )
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "2"}
        return {**kept, **offline, **nowhere, **quiet, "HOME": str(self.directory)}


@pytest.fixture
def train(tmp_path: Path) -> Trainer:
    return Trainer(tmp_path)
