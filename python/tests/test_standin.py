"""`import wandb` under `danlu run`: modules, names, and what tools look for on disk."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import textwrap

import pytest
from conftest import Reader


class Wandb:
    """Runs code in which wandb is danlu."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory

    def __call__(self, code: str, **environment: str) -> str:
        (self.directory / "train.py").write_text(textwrap.dedent(code))
        done = subprocess.run(
            [sys.executable, "-m", "danlu", "run", "-W", "error", "train.py"],
            cwd=self.directory,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        self.said = done.stderr
        return done.stdout


@pytest.fixture
def wandb(workdir: pathlib.Path) -> Wandb:
    return Wandb(workdir)


def test_a_name_is_the_same_wherever_it_is_imported_from(wandb: Wandb) -> None:
    wandb(
        """
        import danlu, wandb
        import wandb.sdk.wandb_run, wandb.wandb_run
        from wandb.sdk.lib import RunDisabled
        from wandb.sdk.lib.disabled import RunDisabled as other
        from wandb.sdk.lib.config_util import ConfigError
        from wandb.errors import CommError, UsageError
        from wandb.errors.term import termwarn
        from wandb.sdk.lib.runid import generate_id
        from wandb.sdk.lib import telemetry
        import wandb.util, wandb.env

        assert wandb.wandb_run.Run is wandb.Run is wandb.sdk.wandb_run.Run is danlu.Run
        assert RunDisabled is other
        assert issubclass(ConfigError, wandb.Error) and wandb.Error is danlu.Error
        assert issubclass(CommError, wandb.errors.Error) and UsageError is danlu.UsageError
        assert wandb.util is danlu.util and wandb.util.generate_id is generate_id
        assert wandb.sdk is wandb.wandb_sdk is danlu.sdk and wandb.wandb_lib is wandb.sdk.lib
        assert wandb.termwarn is termwarn is wandb.sdk.lib.termwarn
        assert wandb.sdk.wandb_config.Config is wandb.Config
        assert wandb.sdk.wandb_settings.Settings is wandb.Settings is danlu.Settings
        with telemetry.context(run=None) as tel:
            tel.feature.keras = True
        import wandb.sdk.wandb_summary as summary
        assert summary is danlu._summary
        for name in wandb.__all__:
            assert getattr(wandb, name) is getattr(danlu, name) or name == "__version__", name
        """
    )


def test_detection(wandb: Wandb) -> None:
    out = wandb(
        """
        import importlib.metadata, importlib.util, danlu, wandb
        name = importlib.metadata.metadata("wandb")["Name"]
        print(importlib.metadata.version("wandb"), wandb.__version__, name)
        assert danlu.__version__ != wandb.__version__
        assert importlib.util.find_spec("wandb") is not None
        assert importlib.util.find_spec("wandb.sdk.wandb_run") is not None
        assert importlib.util.find_spec("wandb.nothing") is None
        assert list(wandb.__path__)
        assert hasattr(wandb, "run") and wandb.run is None
        assert not hasattr(wandb, "nothing") and not hasattr(wandb.sdk, "nothing")
        assert "init" in dir(wandb) and "Settings" in dir(wandb)
        try:
            import wandb.nothing
        except ModuleNotFoundError as e:
            print(e)
        """
    )
    assert out == "0.31.0 0.31.0 wandb\nNo module named 'wandb.nothing'\n"


def test_the_current_run_is_shown_and_may_be_replaced(wandb: Wandb) -> None:
    wandb(
        """
        import danlu, wandb
        from wandb import log as early
        run = wandb.init(config={"a": 1})
        assert wandb.run is run is danlu.run and wandb.config is run.config
        # Nothing stands between: what a loop calls is the method of the run.
        assert wandb.log == run.log == danlu.log
        early({"a": 1})
        wandb.run = None
        wandb.log = lambda *_: None
        assert wandb.log({}) is None and danlu.run is run
        wandb.finish()
        assert wandb.run is None and wandb.log is early
        """
    )


def test_a_run_begun_before_the_import_is_shown(wandb: Wandb) -> None:
    wandb("import danlu\nrun = danlu.init()\nimport wandb\nassert wandb.run is run\nwandb.log({'a': 1})")


def test_directories_that_tools_look_for(wandb: Wandb, workdir: pathlib.Path, read: Reader) -> None:
    wandb("import wandb\nrun = wandb.init(id='ab12')\nrun.log({'a': 1})")
    [directory] = workdir.glob("wandb/*run-*-ab12/")
    assert directory.name.startswith("offline-run-")
    # ultralytics takes the newest of these, lerobot the one of the latest run.
    [link] = workdir.glob("wandb/*run-*/run-*.wandb")
    assert link.name == "run-ab12.wandb"
    assert os.path.getmtime(link) > 0
    assert read.history(link) == [(0, "a", 1)]
    assert [path.name for path in workdir.glob("wandb/latest-run/run-*")] == ["run-ab12.wandb"]
    wandb("import wandb\nwandb.init(id='cd34', mode='online').log({'a': 1})")
    assert [path.name for path in workdir.glob("wandb/latest-run/run-*")] == ["run-cd34.wandb"]
    assert [path.name[:4] for path in workdir.glob("wandb/*run-*-cd34/")] == ["run-"]
    listed = subprocess.run(
        [sys.executable, "-m", "danlu", "ls"], capture_output=True, text=True, check=True, timeout=60
    )
    assert listed.stdout.count("ab12") == 1
    assert listed.stderr == ""


def test_the_directories_can_be_left_out(wandb: Wandb, workdir: pathlib.Path) -> None:
    wandb("import wandb\nwandb.init().finish()", DANLU_LAYOUT="off")
    assert not [path for path in (workdir / "wandb").iterdir() if path.is_dir()]


def test_lazy_modules_and_names(wandb: Wandb) -> None:
    wandb(
        """
        import sys, wandb
        heavy = {"numpy", "pandas", "torch", "PIL", "asyncio"} & set(sys.modules)
        assert not heavy, heavy
        assert wandb.util.generate_id(5).isalnum()
        wandb.require("core")
        import inspect
        assert "init" in dict(inspect.getmembers(wandb, inspect.isfunction))
        try:
            wandb.require("the impossible")
        except wandb.errors.UnsupportedError as e:
            assert "the impossible" in str(e)
        wandb.ensure_configured()
        assert wandb.api.api_key is None
        wandb.env.set_project("from env")
        wandb.env.set_entity("e")
        assert wandb.env.get_project() == "from env"
        assert wandb.init().project == "from env"
        """
    )


def test_a_spawned_process_goes_on_with_a_pickled_run(
    wandb: Wandb, workdir: pathlib.Path, read: Reader
) -> None:
    wandb(
        """
        import multiprocessing, pickle, wandb

        def work(run):
            assert isinstance(run, wandb.Run)
            if run.id == "parent":
                run.log({"child": 1})
                run.config["seen"] = True

        if __name__ == "__main__":
            run = wandb.init(id="parent", project="p")
            run.log({"a": 1})
            assert pickle.loads(pickle.dumps(run)) is run
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                pool.map(work, [run])
                pool.close()
                pool.join()
        """
    )
    files = sorted(workdir.glob("wandb/run-*.sqlite"))
    assert sorted(key for path in files for _, key, _ in read.history(path)) == ["a", "child"]


def test_attach(wandb: Wandb, workdir: pathlib.Path, read: Reader) -> None:
    wandb(
        """
        import subprocess, sys, wandb
        run = wandb.init(id="parent", project="p")
        run.log({"a": 1})
        code = "import sys, wandb; wandb._attach(sys.argv[1]); wandb.log({'child': wandb.run.id == 'parent'})"
        assert subprocess.call([sys.executable, "-c", code, run._attach_id]) == 0
        assert wandb._attach(run._attach_id) is run
        """
    )
    files = sorted(workdir.glob("wandb/run-*.sqlite"))
    rows = {key: value for path in files for _, key, value in read.history(path)}
    assert rows == {"a": 1, "child": "true"}


def test_modules_are_there_without_being_imported(wandb: Wandb) -> None:
    wandb(
        """
        import wandb

        assert wandb.apis.public.Run is not wandb.Run
        assert wandb.apis.internal.Api is wandb.Api
        assert wandb.apis.public.artifacts.Artifacts is wandb.apis.public.Artifacts
        assert wandb.errors.term.termwarn is wandb.termwarn
        assert issubclass(wandb.sdk.artifacts.exceptions.ArtifactNotLoggedError, AttributeError)
        from wandb.sdk.artifacts.artifact_ttl import ArtifactTTL
        from wandb.sdk.artifacts.artifact_state import ArtifactState
        from wandb.sdk.artifacts.artifact_manifest import ArtifactManifest
        from wandb.sdk.artifacts.artifact_manifest_entry import ArtifactManifestEntry
        assert ArtifactTTL is wandb.ArtifactTTL
        """
    )


def test_attach_is_a_function_after_its_module_was_imported(wandb: Wandb) -> None:
    wandb(
        """
        import pickle, wandb

        run = wandb.init()
        assert pickle.loads(pickle.dumps(run)) is run
        assert wandb._attach(run._attach_id) is run is wandb.attach(run._attach_id)
        """
    )
