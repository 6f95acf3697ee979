"""What is recorded of the machine and of where a run came from."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import danlu
import pytest
from conftest import QUIET, Reader, Scripts
from danlu import _core
from danlu._environment import packages
from danlu._recording import cards
from danlu._secrets import HIDDEN, is_secret_name, redact, redact_arguments, redact_variables


@pytest.fixture(autouse=True)
def everything(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in QUIET:
        monkeypatch.delenv(name)


def content(path: Path | str, name: str, place: Path) -> str:
    _core.read_file([str(path)], name, str(place / "out"))
    return (place / "out").read_text()


def names(read: Reader, path: Path | str) -> set[str]:
    return {name for (name,) in read.rows(path, "SELECT path FROM files")}


def git(*arguments: str) -> None:
    who = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


def test_samples_are_taken_at_the_start_and_at_the_end(scripts: Scripts, read: Reader) -> None:
    scripts.run("import danlu; danlu.init(project='p'); danlu.log({'cpu': 1})")
    counts = dict(read.rows(scripts.file(), "SELECT key, count(*) FROM system GROUP BY key"))
    assert counts["proc.memory.rssMB"] == 2
    assert {"memory_percent", "disk./.usagePercent", "network.sent", "proc.cpu.threads"} <= set(counts)
    assert read.history(scripts.file()) == [(0, "cpu", 1)]


def test_samples_follow_the_interval_and_stop_in_a_fork(scripts: Scripts, read: Reader) -> None:
    done = scripts.run(
        """
        import danlu, os, time
        run = danlu.init(project="p")
        child = os.fork()
        if child == 0:
            danlu.log({"lost": 1})
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            danlu.log({"x": 1})
        """,
        WANDB__STATS_SAMPLING_INTERVAL="0.1",
        WANDB_X_LABEL="node",
    )
    assert done.returncode == 0, done.stderr
    [(samples,)] = read.rows(
        scripts.file(), "SELECT count(*) FROM system WHERE key = 'proc.memory.rssMB/l:node'"
    )
    assert samples >= 4


def test_everything_can_be_switched_off(scripts: Scripts, read: Reader) -> None:
    scripts.run(
        "import danlu; danlu.init(project='p')",
        WANDB__DISABLE_STATS="true",
        WANDB__DISABLE_META="true",
        WANDB__SAVE_REQUIREMENTS="false",
        WANDB_DISABLE_CODE="true",
        WANDB_CONSOLE="off",
    )
    assert names(read, scripts.file()) == set()
    assert read.rows(scripts.file(), "SELECT * FROM system") == []
    assert read.rows(scripts.file(), "SELECT * FROM console") == []


def test_where_a_run_came_from_is_in_its_metadata(scripts: Scripts, read: Reader, tmp_path: Path) -> None:
    git("init", "-q", "-b", "main")
    git("remote", "add", "origin", "https://me:ghp_secret@example.org/code.git")
    (tmp_path / "model.py").write_text("lr = 1\n")
    git("add", "model.py")
    git("commit", "-qm", "first")
    (tmp_path / "model.py").write_text("lr = 2\n")
    done = scripts.run(
        "import danlu; danlu.init(project='p', settings={'save_code': True})",
        SLURM_JOB_ID="17",
        SLURM_JWT="eyJhbGciOi",
        GIT_AUTHOR_EMAIL="x",
    )
    assert done.returncode == 0, done.stderr
    path = scripts.file()
    assert names(read, path) == {"wandb-metadata.json", "requirements.txt", "diff.patch", "code/train.py"}
    found: dict[str, Any] = json.loads(content(path, "wandb-metadata.json", tmp_path))
    assert found["git"]["remote"] == f"https://{HIDDEN}@example.org/code.git"
    assert found["git"]["branch"] == "main"
    assert len(found["git"]["commit"]) == 40
    assert found["codePath"] == "train.py"
    assert found["root"] == str(tmp_path)
    assert found["slurm"] == {"job_id": "17", "jwt": HIDDEN}
    assert found["cpu_count_logical"] >= 1
    assert int(found["memory"]["total"]) > 0
    assert found["python"].startswith("cpython 3.")
    diff = content(path, "diff.patch", tmp_path)
    assert "-lr = 1\n+lr = 2\n" in diff
    assert "danlu.init" in content(path, "code/train.py", tmp_path)
    assert "pytest==" in content(path, "requirements.txt", tmp_path).lower()


def test_arguments_are_recorded_without_secrets(scripts: Scripts, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import danlu; danlu.init(project='p')")
    arguments = ["--lr=0.1", "--api-key", "abc123", "db.password=hunter2", "x", "--tokenizer", "bpe"]
    command = ["python", "train.py", *arguments]
    import sys

    subprocess.run([sys.executable, *command[1:]], check=True, capture_output=True, cwd=tmp_path)
    found = json.loads(content(scripts.file(), "wandb-metadata.json", tmp_path))
    expected = ["--lr=0.1", "--api-key", HIDDEN, f"db.password={HIDDEN}", "x", "--tokenizer", "bpe"]
    assert found["args"] == expected
    assert b"abc123" not in scripts.file().read_bytes()


def test_without_git_and_machine(scripts: Scripts, read: Reader, tmp_path: Path) -> None:
    git("init", "-q")
    scripts.run(
        "import danlu; danlu.init(project='p')", WANDB_DISABLE_GIT="1", WANDB__DISABLE_MACHINE_INFO="1"
    )
    found = json.loads(content(scripts.file(), "wandb-metadata.json", tmp_path))
    assert not {"git", "host", "cpu_count", "username", "email", "memory", "os"} & set(found)
    assert read.rows(scripts.file(), "SELECT * FROM system") == []


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("--api-key", True),
        ("HF_TOKEN", True),
        ("dbPassword", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("--key", True),
        ("credentials", True),
        ("--tokenizer", False),
        ("--max-tokens", False),
        ("keyboard", False),
        ("--monkey", False),
        ("author", False),
        ("--key-size", False),
    ],
)
def test_names_of_secrets(name: str, is_one: bool) -> None:
    assert is_secret_name(name) is is_one


def test_secrets_are_told_by_how_they_look() -> None:
    assert redact("https://u:p@host/x?api_key=abc&n=1") == f"https://{HIDDEN}@host/x?api_key={HIDDEN}&n=1"
    assert redact("s3://bucket/a@b") == "s3://bucket/a@b"
    assert redact("AKIAABCDEFGHIJKLMNOP") == HIDDEN
    assert redact("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln y") == f"x {HIDDEN} y"
    assert redact("hf_" + "a" * 30) == HIDDEN
    assert redact("plain 0.1") == "plain 0.1"
    assert redact_arguments(["--token", "--lr", "1", "--pad-token", "0", "--password=true"]) == [
        "--token",
        "--lr",
        "1",
        "--pad-token",
        "0",
        "--password=true",
    ]
    assert redact_variables([("SLURM_JWT", "x"), ("A", "b")]) == {"SLURM_JWT": HIDDEN, "A": "b"}


@pytest.mark.parametrize(
    ("variable", "chosen"),
    [
        (None, None),
        ("", []),
        ("-1", []),
        ("0, 2", ["0", "2"]),
        ("1,-1,2", ["1"]),
        ("GPU-abc", ["GPU-abc"]),
        ("MIG-1", None),
        ("NoDevFiles", []),
    ],
)
def test_cards_are_those_that_the_process_may_use(
    variable: str | None, chosen: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    if variable is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert cards(None) == chosen
    assert cards([3]) == ["3"]


def test_packages_are_found_as_importlib_finds_them() -> None:
    import importlib.metadata
    import sys

    theirs = {
        d.metadata["Name"].lower().replace("_", "-"): d.version for d in importlib.metadata.distributions()
    }
    ours = {name.lower().replace("_", "-"): version for name, version in packages(sys.path)}
    assert ours
    assert {name: theirs.get(name) for name in ours} == ours


def test_a_disabled_run_records_nothing(workdir: Path) -> None:
    run = danlu.init(mode="disabled")
    print("x")
    run.finish()
    assert os.listdir(workdir) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("--header=X-Api-Key: abc", "--header=X-Api-Key: ***"),
        ('{"api_key": "a b", "lr": 0.1}', '{"api_key": ***, "lr": 0.1}'),
        ("{'model': {'token': 'abc'}}", "{'model': {'token': ***}}"),
        ("password: abc", "password: ***"),
        ("https://example.org:80/a:b", "https://example.org:80/a:b"),
        ('{"pad_token": 0, "name": "x"}', '{"pad_token": 0, "name": "x"}'),
        ("data:tokenizer:v3", "data:tokenizer:v3"),
    ],
)
def test_headers_and_json_are_recorded_without_secrets(text: str, shown: str) -> None:
    assert redact_arguments([text]) == [shown]
