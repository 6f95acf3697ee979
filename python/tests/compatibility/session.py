"""Functions and objects of the module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .entries import Topic, wandb

_SWEEPS = (
    "Not built yet: sweeps come with a later release. Until then start runs from a loop, or with optuna, "
    "whose callback works."
)

session = Topic(
    "The session",
    "The functions of the current run (`log`, `save`, `watch` …) take what the methods of `Run` take, and "
    "raise `Error` before `init`.",
)
TOPICS = [session]


@session.yes(
    "log(data, step, commit, sync)",
    "save(glob_str, base_path, policy, glob)",
    "define_metric(name, step_metric, step_sync, hidden, summary, overwrite, goal)",
    "alert(title, text, level, wait_duration)",
)
def _(run: Any, workdir: Path) -> None:
    wandb.define_metric("loss", summary="min", goal="minimize")
    wandb.log({"loss": 0.5}, step=3, commit=True)
    wandb.log(data={"loss": 0.7}, sync=False)
    assert wandb.run is run
    assert run.step == 5
    assert run.summary["loss"] == {"min": 0.5}
    (workdir / "x.txt").write_text("x")
    assert len(wandb.save("x.txt")) == 1
    wandb.alert("title", "text", wait_duration=0)
    wandb.finish()
    for name in ("log", "save", "define_metric", "alert"):
        with pytest.raises(wandb.Error, match=r"You must call danlu.init\(\) before"):
            getattr(wandb, name)({})


@session.yes(
    "log_artifact(artifact_or_path, name, type, aliases, tags)",
    "use_artifact(artifact_or_name, type, aliases, use_as)",
    "log_model(path, name, aliases)",
    "use_model(name)",
    "link_model(path, registered_model_name, name, aliases)",
)
def _(run: Any, workdir: Path) -> None:
    (workdir / "m.pt").write_text("weights")
    assert wandb.log_artifact("m.pt", name="files", type="dataset", aliases=["a"]).version == "v0"
    assert wandb.use_artifact("files:a").name == "files:v0"
    wandb.log_model("m.pt", name="net")
    assert Path(wandb.use_model("net:latest")).read_text() == "weights"
    linked = wandb.link_model("m.pt", "registered", name="net")
    assert linked.is_link


@session.partly(
    "mark_preempting()",
    note="Recorded as the tag `preempting`. A run that is stopped then is `failed` or `crashed`; "
    "`init(resume='allow')` goes on with it.",
)
def _(run: Any) -> None:
    wandb.mark_preempting()
    wandb.finish(1)
    found = wandb.Api().run("p/r")
    assert (found.tags, found.state) == (["preempting"], "failed")


@session.partly(
    "pin_config_keys(keys)",
    note="Recorded in the config (`_wandb.pinned_keys`). The page of `danlu serve` shows every key.",
)
def _(run: Any) -> None:
    wandb.pin_config_keys(["lr"])
    wandb.finish()
    assert wandb.Api().run("p/r").rawconfig["_wandb"]["pinned_keys"] == ["lr"]


session.yes(
    "watch(models, criterion, log, log_freq, idx, log_graph)",
    "unwatch(models)",
    note="Models of torch.",
    test="tests/integrations/test_watch.py::test_histograms_are_of_the_values_that_torch_has",
)


@session.yes("finish(exit_code, quiet)", "join(exit_code)", "run")
def _(run: Any) -> None:
    assert wandb.run is run
    wandb.finish(exit_code=3, quiet=True)
    assert wandb.run is None
    assert wandb.Api().run("p/r").exit_code == 3
    wandb.finish()
    wandb.init(project="p", id="s")
    wandb.join(0)
    assert wandb.Api().run("p/s").state == "finished"


@session.yes(
    "config",
    "summary",
    note="As in wandb, `Error` before `init`; a `config` or `summary` imported before it is that of the "
    "run later.",
)
def _(workdir: Path) -> None:
    from danlu import config, summary

    with pytest.raises(wandb.Error, match=r"before danlu.config"):
        config["lr"]
    wandb.init(project="p", config={"lr": 0.1})
    wandb.log({"loss": 1})
    assert config["lr"] == wandb.config.lr == 0.1
    assert summary["loss"] == wandb.summary["loss"] == 1


@session.partly(
    "setup(settings)", note="Returns None: there is no service. Its settings are those of later runs."
)
def _() -> None:
    wandb.setup(wandb.Settings(project="of-setup"))
    assert wandb.init().project == "of-setup"
    wandb.teardown()


@session.yes("teardown(exit_code)", "_teardown(exit_code)")
def _(run: Any) -> None:
    wandb.teardown(exit_code=2)
    assert wandb.run is None
    assert wandb.Api().run("p/r").exit_code == 2
    wandb._teardown()


@session.yes("attach(attach_id, run_id, run)", "_attach(attach_id, run_id, run)")
def _(run: Any) -> None:
    assert wandb.attach(run._attach_id) is run
    assert wandb.attach(run_id=run._attach_id).id == "r"
    assert wandb._attach(run=run) is run


@session.partly(
    "login(key, relogin, host, force, timeout, verify, referrer, prompt, anonymous)",
    note="Always True: no account is needed, and nothing is asked. A key is stored for the danlu server "
    "`host`.",
)
def _(monkeypatch: pytest.MonkeyPatch, workdir: Path) -> None:
    monkeypatch.setenv("DANLU_CONFIG_DIR", str(workdir / "config"))
    assert wandb.login() is True
    assert wandb.login(anonymous="allow", relogin=True, timeout=3, verify=True) is True
    assert wandb.login(key="k" * 40, host="http://127.0.0.1:8080") is True
    assert "k" * 40 in (workdir / "config" / "credentials.json").read_text()


@session.yes("require(requirement, experiment)")
def _() -> None:
    wandb.require("service")
    wandb.require(["core", "legacy-service"])
    with pytest.raises(wandb.errors.UnsupportedError, match="nonsense"):
        wandb.require("nonsense")


@session.yes(
    "restore(name, run_path, replace, root)", note="From the runs of the directory, and this run itself."
)
def _(ended: Any, workdir: Path) -> None:
    (workdir / "notes.txt").unlink()
    file = wandb.restore("notes.txt", run_path="e/p/old", root="there")
    assert file is not None
    assert file.read() == "hello\n"
    file.close()


@session.yes("ensure_configured()", "helper", note="There is nothing to configure.")
def _() -> None:
    wandb.ensure_configured()
    wandb.helper()
    assert wandb.run is None


@session.yes("api", note="`api_key`, `default_entity`, `settings()` and `viewer()`.")
def _(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    monkeypatch.setenv("WANDB_ENTITY", "team")
    assert (wandb.api.api_key, wandb.api.default_entity) == ("secret", "team")
    assert wandb.api.viewer()["entity"] == wandb.api.settings("entity") == "team"


@session.yes("patched", "set_trace")
def _(monkeypatch: pytest.MonkeyPatch) -> None:
    import pdb

    stopped = []
    monkeypatch.setattr(pdb, "set_trace", lambda: stopped.append(True))
    wandb.set_trace()
    assert stopped == [True]
    assert {"tensorboard", "keras", "gym"} <= set(wandb.patched)


@session.partly("load_ipython_extension", note="`%load_ext wandb` is taken, and there are no magic commands.")
def _(run: Any) -> None:
    wandb.load_ipython_extension(object())
    assert wandb.run is run


@session.partly(
    "sagemaker_auth(overrides, path, api_key)",
    note="Does nothing: no run needs a key, also on SageMaker.",
)
def _(workdir: Path) -> None:
    wandb.sagemaker_auth(overrides={"WANDB_API_KEY": "k"}, path=str(workdir))
    assert list(workdir.iterdir()) == []


@session.no(
    "sweep(sweep, entity, project, prior_runs)",
    "agent(sweep_id, function, entity, project, count, forward_signals, term_timeout, "
    "max_consecutive_failed_runs)",
    "controller(sweep_id_or_config, entity, project)",
    note=_SWEEPS,
)
def _(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(wandb, name)


@session.no("wandb_agent", note=_SWEEPS)
def _(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(wandb, name)


@session.no(
    "docker",
    "get_ipython",
    "_cleanup_media_tmp_dir()",
    note="Helpers of wandb itself: they start its server, ask for the shell of a notebook, and clear a "
    "directory that danlu does not have.",
)
def _(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(wandb, name)
