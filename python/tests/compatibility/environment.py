"""Environment variables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from danlu import _settings, _sources, env
from danlu._fields import FIELDS

from .entries import Topic, named, wandb

variables = Topic(
    "Environment variables",
    "`WANDB_<ANY SETTING>` sets a setting, `WANDB__FOO` is `x_foo`; the tables above say what each does. "
    "Each can also begin with `DANLU_`, which comes first. [environment.md](environment.md) has those of "
    "danlu itself.",
)
TOPICS = [variables]


@variables.yes(
    *named("WANDB_", "PROJECT ENTITY NAME NOTES TAGS RUN_GROUP JOB_TYPE RUN_ID RESUME DIR CONFIG_PATHS")
)
def _(name: str, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workdir / "c.yaml").write_text("a: 1\n")
    values = {"TAGS": "a,b", "RESUME": "allow", "CONFIG_PATHS": "c.yaml"}
    variable = name[len("WANDB_") :]
    monkeypatch.setenv(name, values.get(variable, "given"))
    with wandb.init() as run:
        about: Any = {
            "PROJECT": run.project,
            "ENTITY": run.entity,
            "NAME": run.name,
            "NOTES": run.notes,
            "RUN_GROUP": run.group,
            "JOB_TYPE": run.job_type,
            "RUN_ID": run.id,
        }
        assert about.get(variable, "given") == "given"
        assert (run.tags == ("a", "b")) == (variable == "TAGS")
        assert (dict(run.config) == {"a": 1}) == (variable == "CONFIG_PATHS")
        assert ("/given/wandb/" in str(run.file)) == (variable == "DIR")
        assert (run.settings.resume == "allow") == (variable == "RESUME")


@variables.yes(
    "WANDB_MODE", "WANDB_DISABLED", note="`online`, `offline`, `disabled`, `shared`, `dryrun`, `run`."
)
def _(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_DISABLED", "true")
    with wandb.init() as run:
        assert run.mode == "disabled"
    monkeypatch.setenv("WANDB_MODE", "dryrun")
    with wandb.init() as run:
        assert run.mode == "offline"


@variables.yes("WANDB_SILENT", "WANDB_QUIET")
def _(name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(name, "true")
    with wandb.init():
        pass
    assert capfd.readouterr().err == ""


@variables.yes("WANDB_IGNORE_GLOBS")
def _(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_IGNORE_GLOBS", "*.ckpt,*.tmp")
    (workdir / "a.ckpt").write_text("a")
    with wandb.init() as run:
        assert run.save("*.ckpt") == []


@variables.yes("WANDB_ARTIFACT_DIR")
def _(artifact: Any, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_ARTIFACT_DIR", str(workdir / "elsewhere"))
    assert Path(artifact.download()).parent == workdir / "elsewhere"


@variables.yes(
    *named(
        "WANDB_",
        "CONSOLE SAVE_CODE DISABLE_CODE DISABLE_GIT GIT_ROOT GIT_COMMIT GIT_REMOTE_URL NOTEBOOK_NAME "
        "PROGRAM DOCKER HOST USERNAME USER_EMAIL SWEEP_ID SWEEP_PARAM_PATH",
    ),
    note="The settings of these names.",
)
def _(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    field = name[len("WANDB_") :].lower().replace("user_email", "email")
    monkeypatch.setenv(name, "true")
    assert _sources.gathered()[field] in ("true", True)


@variables.yes("WANDB_CONFIG_DIR", note="Where a file `settings` and keys are.")
def _(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workdir / "settings").write_text("[default]\nproject = of-file\n")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(workdir))
    with wandb.init() as run:
        assert run.project == "of-file"


@variables.partly(
    "WANDB_API_KEY",
    "WANDB_BASE_URL",
    note="Kept, and shown by `Api().api_key` and the like; no run needs them.",
)
def _(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "https://example.org")
    assert _sources.gathered()[name[len("WANDB_") :].lower()] == "https://example.org"
    with wandb.init() as run:
        assert run.file is not None


@variables.partly(
    *named(
        "WANDB_",
        "APP_URL IDENTITY_TOKEN_FILE CREDENTIALS_FILE INSECURE_DISABLE_SSL HTTP_TIMEOUT "
        "FILE_PUSHER_TIMEOUT INIT_TIMEOUT SHOW_RUN ERROR_REPORTING DEBUG SERVICE _SERVICE_WAIT "
        "START_METHOD REQUIRE_CORE",
    ),
    note="Taken without an error; there is no server, no service and no report of errors that they could "
    "be about.",
)
def _(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "3")
    with wandb.init() as run:
        run.log({"a": 1})
    assert run.lost == 0


@variables.partly("WANDB_CACHE_DIR", "WANDB_DATA_DIR", note="Nothing is cached or staged beside the runs.")
def _(name: str, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, str(workdir / "other"))
    with wandb.init() as run:
        run.log_artifact(__file__, type="code-file")
    assert not (workdir / "other").exists()
    assert env.get_cache_dir() == str(workdir / "other") or env.get_data_dir() == str(workdir / "other")


@variables.partly(
    "WANDB_ARGS", note="Arguments are those of the process; `wandb.env.get_args()` reads the variable."
)
def _(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_ARGS", json.dumps(["--lr", "1"]))
    assert env.get_args() == ["--lr", "1"]


variables.yes(
    "WANDB_LOG_MODEL",
    "WANDB_WATCH",
    note="Read by transformers itself.",
    test="tests/integrations/test_huggingface.py::test_transformers",
)


@variables.no(
    *named("WANDB_AGENT_", "REPORT_INTERVAL KILL_DELAY DISABLE_FLAPPING MAX_INITIAL_FAILURES"),
    note="For the agents of sweeps, which are not built yet.",
)
def _(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "3")
    assert name[len("WANDB_") :].lower() not in FIELDS
    assert name not in _sources.gathered()
    assert _settings.Settings()


@variables.yes(
    "env",
    "env.set_entity(value)",
    "env.set_project(value)",
    "env.get_project",
    "env.get_entity",
    "env.get_dir",
)
def _(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_PROJECT", "WANDB_ENTITY"):
        monkeypatch.setenv(name, "before")
    wandb.env.set_project("p")
    wandb.env.set_entity("e")
    assert (wandb.env.get_project(), wandb.env.get_entity(), wandb.env.get_dir()) == ("p", "e", None)
    with wandb.init() as run:
        assert run.path.startswith("e/p/")
