"""The examples of docs/reading.md."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Scripts

PAGE = Path(__file__).parents[2] / "docs" / "reading.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def test_the_examples_run(scripts: Scripts, workdir: Path) -> None:
    code = "\n".join(blocks("python"))
    done = scripts.run(code)
    assert done.returncode == 0, done.stderr
    assert (workdir / "best" / "model-best.h5").read_text() == "weights for 0.001"
    for line in "\n".join(blocks("shell")).splitlines():
        command, _, _ = line.partition("  #")
        if not command.strip():
            continue
        if command.startswith("danlu "):
            command = f"{sys.executable} -m {command}"
        elif shutil.which(command.split()[0]) is None:
            pytest.fail(f"{command.split()[0]} is not installed")
        shell = subprocess.run(command, shell=True, cwd=workdir, capture_output=True, text=True, timeout=60)
        assert shell.returncode == 0, f"{command}\n{shell.stderr}"
        assert "danlu get" in line or shell.stdout.strip(), command
