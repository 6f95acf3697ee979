"""Where settings come from, and `danlu.Settings`."""

from __future__ import annotations

import copy
import pathlib
import pickle
from typing import Any

import danlu
import pytest
from danlu._fields import FIELDS


@pytest.fixture(autouse=True)
def home(workdir: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A home without settings files."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(workdir / "config"))
    return workdir / "config"


def write(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[default]\n{text}\n")


def test_every_setting_has_its_default(capfd: pytest.CaptureFixture[str]) -> None:
    settings = danlu.Settings()
    assert len(FIELDS) > 130
    for name, (_, default) in FIELDS.items():
        assert getattr(settings, name) == default, name
    assert (settings.x_log_level, settings._log_level, settings.init_timeout) == (20, 20, 90.0)
    assert dict(settings) == settings.to_dict() == {name: default for name, (_, default) in FIELDS.items()}
    everything = danlu.Settings(**dict(settings))
    assert everything.x_stats_sampling_interval == 15.0
    assert capfd.readouterr().err == ""


def test_names_with_and_without_x(capfd: pytest.CaptureFixture[str]) -> None:
    settings = danlu.Settings(_disable_stats=True, x_service_wait=300, _log_level=30)
    assert (settings.x_disable_stats, settings._service_wait, settings._log_level) == (True, 300, 30)
    settings._disable_stats = False
    assert settings.x_disable_stats is False
    assert capfd.readouterr().err == ""


def test_old_and_unknown_names_are_warned_about_once(capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        settings = danlu.Settings(start_method="thread", _stats_sample_rate_seconds=5, nonsense=1)
        danlu.init(settings=settings).finish()
    assert (settings.start_method, settings.nonsense) == ("thread", 1)
    assert settings.x_stats_sampling_interval == 5
    err = capfd.readouterr().err
    assert err.count("The setting `start_method` does nothing; it is ignored") == 1
    assert err.count("The setting `nonsense` is unknown; it is ignored") == 1
    assert err.count("WARNING") == 2


def test_texts_become_what_the_setting_is() -> None:
    settings = danlu.Settings(save_code="true", x_log_level="10", init_timeout="1.5", run_tags="a, b")
    assert (settings.save_code, settings.x_log_level, settings.init_timeout) == (True, 10, 1.5)
    assert settings.run_tags == ["a", "b"]
    assert danlu.Settings(_log_level="info")._log_level == 20
    with pytest.raises(danlu.UsageError, match="`save_code` is true or false, not `perhaps`"):
        danlu.Settings(save_code="perhaps")
    with pytest.raises(danlu.UsageError, match="`init_timeout` is a number"):
        danlu.Settings(init_timeout="soon")


def test_settings_that_follow_from_others() -> None:
    settings = danlu.Settings(root_dir="/r")
    assert settings.wandb_dir == "/r/wandb"
    assert settings.sync_dir is settings.run_url is settings.timespec is settings._start_time is None
    assert (settings._offline, settings._noop, settings._jupyter, settings.is_local) == (
        False,
        False,
        False,
        True,
    )
    with pytest.raises(AttributeError, match="follows from other settings"):
        settings.sync_dir = "x"
    with pytest.raises(AttributeError, match="Settings have no `nothing`"):
        _ = settings.nothing
    with danlu.init(project="p", id="i", tags=["t"]) as run:
        settings = run.settings
        assert (settings.project, settings.run_id, settings.run_tags) == ("p", "i", ("t",))
        assert settings.sync_file == run.file
        assert settings.files_dir == run.dir
        assert settings.sync_dir == run.sync_dir
        assert settings._start_time == run.start_time
        assert settings.timespec in str(run.file)
        assert settings._offline


def test_init_leaves_the_settings_as_they_are() -> None:
    settings = danlu.Settings(project="p", run_name="n")
    with danlu.init(settings=settings) as first:
        assert (first.project, first.name) == ("p", "n")
    with danlu.init(settings=settings, name="m") as second:
        assert second.name == "m"
    assert first.id != second.id
    assert settings == danlu.Settings(project="p", run_name="n")
    for copied in (copy.copy(settings), copy.deepcopy(settings), pickle.loads(pickle.dumps(settings))):
        assert copied == settings
        copied.project = "q"
        assert settings.project == "p"
    with pytest.raises(danlu.UsageError, match=r"`settings` takes danlu\.Settings or a dict, not `int`"):
        danlu.init(settings=5)  # type: ignore[arg-type]


def test_which_source_is_the_strongest(
    workdir: pathlib.Path, home: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def project() -> str:
        with danlu.init() as run:
            return run.project

    write(home / "wandb" / "settings", "project = user\nentity = e\nunknown = 1")
    assert project() == "user"
    write(home / "danlu" / "settings", "project = danlu user")
    assert project() == "danlu user"
    write(workdir / "wandb" / "settings", "project = here")
    assert project() == "here"
    monkeypatch.setenv("WANDB_PROJECT", "wandb")
    assert project() == "wandb"
    monkeypatch.setenv("DANLU_PROJECT", "danlu")
    assert project() == "danlu"
    danlu.setup(danlu.Settings(project="setup"))
    assert project() == "setup"
    with danlu.init(settings={"project": "settings"}) as run:
        assert (run.project, run.entity) == ("settings", "e")
    with danlu.init(project="argument", settings={"project": "settings"}) as run:
        assert run.project == "argument"
    danlu.teardown()
    assert project() == "danlu"


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("WANDB__DISABLE_STATS", "true", "x_disable_stats", True),
        ("DANLU_X_LOG_LEVEL", "10", "x_log_level", 10),
        ("WANDB_HTTP_TIMEOUT", "30", "x_graphql_timeout_seconds", 30.0),
        ("WANDB_USER_EMAIL", "a@b", "email", "a@b"),
        ("WANDB_IGNORE_GLOBS", "*.pt,*.pth", "ignore_globs", ["*.pt", "*.pth"]),
        ("WANDB_X_EXTRA_HTTP_HEADERS", '{"a": "b"}', "x_extra_http_headers", {"a": "b"}),
        ("WANDB_DISABLE_GIT", "1", "disable_git", True),
    ],
)
def test_any_setting_from_the_environment(
    variable: str, text: str, field: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    with danlu.init() as run:
        assert getattr(run.settings, field) == value


def test_what_is_wrong_in_a_source_stops_nothing(
    workdir: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "soon")
    monkeypatch.setenv("WANDB_NOBODY_KNOWS_THIS", "1")
    write(workdir / "wandb" / "settings", "no setting\n=")
    danlu.init().finish()
    err = capfd.readouterr().err
    assert "WANDB_INIT_TIMEOUT is ignored: `init_timeout` is a number, not `soon`" in err
    assert "Cannot read the settings in" in err
    assert "NOBODY" not in err


def test_the_mode_of_a_directory(workdir: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(workdir / "wandb" / "settings", "mode = disabled")
    with danlu.init() as run:
        assert run.disabled
    monkeypatch.setenv("WANDB_MODE", "dryrun")
    with danlu.init() as run:
        assert (run.mode, run.offline) == ("offline", True)
    monkeypatch.delenv("WANDB_MODE")
    (workdir / "wandb" / "settings").unlink()
    monkeypatch.setenv("WANDB_DISABLED", "true")
    with danlu.init() as run:
        assert run.mode == "disabled"


def test_how_much_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    with danlu.init(settings=danlu.Settings(silent=True)) as run:
        run.log({"bad": b"\xff"})
    assert capfd.readouterr().err == ""
    with danlu.init(settings={"quiet": True}) as run:
        run.log({"bad": b"\xfe"})
    err = capfd.readouterr().err
    assert "goes to" not in err
    assert "finished" not in err
    assert err.count("WARNING") == 2
