"""The command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .entries import Topic, wandb

commands = Topic(
    "The command line",
    "`danlu` in place of `wandb`; under `danlu run` the command `wandb` is there too, and is `danlu`.",
)
TOPICS = [commands]


def ok(scripts: Any, *arguments: str) -> str:
    done = scripts.danlu(*arguments)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


@commands.yes("wandb offline", "wandb online", "wandb disabled", "wandb enabled", "wandb status")
def _(name: str, scripts: Any, workdir: Path) -> None:
    command = name.split()[-1]
    ok(scripts, command)
    with wandb.init(mode=None) as run:
        expected = {"online": "online", "disabled": "disabled"}.get(command, "offline")
        assert run.mode == expected


@commands.partly(
    "wandb login",
    note="`--host` and a key store the key of a danlu server; without one it says that none is needed.",
)
def _(scripts: Any) -> None:
    assert "login" in ok(scripts, "login", "--help")
    ok(scripts, "login")


@commands.partly(
    "wandb sync",
    note="Sends runs to a directory or a danlu server. wandb's own options (`--sync-all`, "
    "`--include-offline` …) are not taken: all runs are sent, and what the remote has is not sent again.",
)
def _(scripts: Any, ended: Any, workdir: Path) -> None:
    ok(scripts, "sync", str(workdir / "remote"))
    assert len(list((workdir / "remote" / "runs").iterdir())) == 1


@commands.no(
    "wandb pull", "wandb restore", note="`danlu files` and `danlu get` list and write the files of a run."
)
def _(name: str, scripts: Any, ended: Any, workdir: Path) -> None:
    assert scripts.danlu(name.split()[-1]).returncode == 2
    assert "notes.txt" in ok(scripts, "files", "old")
    ok(scripts, "get", "old", "notes.txt", "-o", "out.txt")
    assert (workdir / "out.txt").read_text() == "hello\n"


@commands.no(
    "wandb leet",
    "wandb leet inspect",
    note="There is no terminal interface: `danlu ls`, `show` and `sql` answer, `danlu serve` has a page.",
)
def _(name: str, scripts: Any, ended: Any) -> None:
    assert scripts.danlu("leet").returncode == 2
    assert json.loads(ok(scripts, "ls", "--json"))[0]["id"] == "old"
    assert "loss" in ok(scripts, "show", "old")


@commands.no(
    "wandb clean",
    "wandb purge-cache",
    note="There is no cache. A run is a file, which `rm` removes; `danlu gc` removes what killed processes "
    "left.",
)
def _(name: str, scripts: Any, ended: Any) -> None:
    assert scripts.danlu(name.split()[-1]).returncode == 2
    ok(scripts, "gc")


@commands.partly(
    "wandb verify",
    note="`danlu verify` proves that runs hold what was written; there is no installation of a server to "
    "check.",
)
def _(scripts: Any, ended: Any) -> None:
    ok(scripts, "verify")


@commands.no("wandb init", note="Nothing has to be set up; `wandb/settings` can be written by hand.")
def _(scripts: Any) -> None:
    assert scripts.danlu("init").returncode == 2


@commands.no(
    "wandb artifact put",
    "wandb artifact get",
    "wandb artifact ls",
    "wandb artifact cache",
    note="Not built yet: `run.log_artifact` and `Api().artifact(…).download()` do it in a line of Python.",
)
def _(name: str, scripts: Any) -> None:
    assert scripts.danlu("artifact", name.split()[-1]).returncode == 2


@commands.no(
    "wandb sweep",
    "wandb agent",
    "wandb controller",
    "wandb sweep-scheduler",
    note="Not built yet: sweeps come with a later release.",
)
def _(name: str, scripts: Any) -> None:
    assert scripts.danlu(name.split()[-1]).returncode == 2


@commands.no(
    "wandb launch",
    "wandb launch-agent",
    "wandb job",
    "wandb scheduler",
    "wandb server",
    "wandb docker",
    "wandb docker-run",
    note="Jobs, queues and containers of wandb's server. `danlu serve` starts a danlu server, `danlu run` "
    "a training.",
)
def _(name: str, scripts: Any) -> None:
    assert scripts.danlu(name.split()[-1]).returncode == 2
