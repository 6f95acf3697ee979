"""What the tests share: a clean directory and environment, and eyes that are not danlu's."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import danlu
import pytest

#: Switches off what is recorded by itself: tests of other things count files and rows.
QUIET = {
    "DANLU__DISABLE_META": "true",
    "DANLU__DISABLE_STATS": "true",
    "DANLU__SAVE_REQUIREMENTS": "false",
    "DANLU_DISABLE_CODE": "true",
}


def named(value: object) -> str:
    """Name a case by its value, alike in every process."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


class Reader:
    """Reads run files with Python's own sqlite3."""

    def rows(self, path: str | Path | None, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        assert path is not None
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    def history(self, path: str | Path | None) -> list[tuple[Any, ...]]:
        return self.rows(path, "SELECT step, key, value FROM history ORDER BY step, key")

    def table(self, path: str | Path | None, view: str) -> dict[str, Any]:
        return dict(self.rows(path, f"SELECT key, value FROM {view}"))

    def end(self, path: str | Path | None) -> str:
        [(data,)] = self.rows(path, "SELECT data FROM event WHERE kind = 'end'")
        return str(data)


@pytest.fixture
def read() -> Reader:
    return Reader()


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in list(os.environ):
        if name.startswith(("DANLU_", "WANDB_")):
            monkeypatch.delenv(name)
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    while danlu.run is not None:
        danlu.run.finish()


class Scripts:
    """Runs training scripts as programs of their own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def start(self, code: str, stdin: int = subprocess.DEVNULL, **environment: str) -> subprocess.Popen[str]:
        path = self.directory / "train.py"
        text = textwrap.dedent(code)
        # Not again while another process may be reading it.
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        return subprocess.Popen(
            [sys.executable, str(path)],
            cwd=self.directory,
            env={**os.environ, **environment},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        with self.start(code, subprocess.DEVNULL, **environment) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def danlu(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "danlu", *arguments]
        return subprocess.run(command, cwd=self.directory, capture_output=True, text=True, timeout=120)

    def files(self) -> list[Path]:
        return sorted((self.directory / "wandb").glob("run-*.sqlite"))

    def file(self) -> Path:
        [path] = self.files()
        return path


@pytest.fixture
def scripts(workdir: Path) -> Scripts:
    return Scripts(workdir)


class Place:
    """Where runs are read from: where they were written, or where they were synced to."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.kind = kind
        self.directory = directory
        self.address: str | None = None
        self.key: str | None = None
        self._server: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        if self.kind == "remote":
            self.address = str(self.directory / "stick")
        if self.kind == "server":
            self.serve()

    def serve(self) -> None:
        """Start a real server on a free port."""
        data = str(self.directory / "server-data")
        command = ["-m", "danlu", "serve", "--data", data, "--listen", "127.0.0.1:0", "--json"]
        self._server = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        said = json.loads(self._server.stdout.readline())
        self.address = said["url"]
        self.key = said.get("api_key") or self.key

    def end(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.communicate()

    def sync(self) -> None:
        """Push what there is."""
        if self.address is None or not (self.directory / "wandb").is_dir():
            return
        command = [sys.executable, "-m", "danlu", "sync", "--dir", str(self.directory), self.address]
        environment = {**os.environ, "DANLU_API_KEY": self.key or ""}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr + done.stdout

    def api(self, overrides: dict[str, Any] | str | Path | None = None, **keywords: Any) -> danlu.Api:
        """Return an Api that reads all runs that were written so far, unless another place is named."""
        if keywords or isinstance(overrides, (str, Path)):
            return danlu.Api(overrides, **keywords)
        self.sync()
        given = dict(overrides or {})
        if self.address is not None:
            given["base_url"] = self.address
        return danlu.Api(given, api_key=self.key)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Read runs from everywhere, unless a test is marked as one of a directory alone."""
    if "place" in metafunc.fixturenames:
        kinds = ["directory"]
        if metafunc.definition.get_closest_marker("local") is None:
            kinds += ["remote", "server"]
        metafunc.parametrize("place", kinds, indirect=True)


@pytest.fixture
def everywhere(place: Place, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `Api()` of a test module read the runs from each place that they can be in."""
    monkeypatch.setattr(request.module, "Api", place.api)


@pytest.fixture
def homeless(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's cache and keys out of it."""
    monkeypatch.setenv("DANLU_CACHE_DIR", str(workdir / "cache"))
    monkeypatch.setenv("DANLU_CONFIG_DIR", str(workdir / "config"))


@pytest.fixture
def place(request: pytest.FixtureRequest, homeless: None, workdir: Path) -> Iterator[Place]:
    place = Place(request.param, workdir)
    place.begin()
    yield place
    place.end()
