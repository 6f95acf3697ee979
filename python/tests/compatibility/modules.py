"""Modules that `import wandb.…` finds under `danlu run`."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from .entries import Topic, named, wandb

modules = Topic(
    "Modules",
    "What can be imported under `danlu run`, where `importlib.metadata.version('wandb')` gives the version "
    "of the interface. A class is the same wherever it is imported from.",
)
TOPICS = [modules]

_PUBLIC = named(
    "",
    "agents analytics apis apis.internal apis.public apis.public.artifacts apis.public.files "
    "apis.public.projects apis.public.runs apis.public.sweeps data_types errors errors.term gym "
    "integration jupyter plot profiler proto sdk sdk.artifacts sdk.artifacts.artifact "
    "sdk.artifacts.exceptions sdk.data_types sdk.data_types.base_types.media "
    "sdk.data_types.base_types.wb_value sdk.data_types.image sdk.data_types.object_3d sdk.data_types.table "
    "sdk.lib sdk.lib.config_util sdk.lib.disabled sdk.lib.ipython sdk.lib.noop_run sdk.lib.runid "
    "sdk.lib.telemetry sdk.wandb_alerts sdk.wandb_config sdk.wandb_init sdk.wandb_login sdk.wandb_metric "
    "sdk.wandb_run sdk.wandb_settings sdk.wandb_summary sklearn tensorboard trigger util wandb_lib "
    "wandb_run wandb_sdk wandb_torch",
)


@modules.yes(*named("wandb.", " ".join(_PUBLIC)))
def _(full: str) -> None:
    name = full.partition(".")[2]
    module = importlib.import_module(f"danlu.{name}")
    assert module.__name__.startswith("danlu")
    assert importlib.import_module(f"danlu.{name}") is module


@modules.yes("wandb", note="Each module of this table is there with and without an import.")
def _() -> None:
    code = ["import wandb, importlib, importlib.metadata"]
    # What wandb imports by itself is there without an import.
    code += [f"wandb.{name}" for name in _PUBLIC]
    code += [f"importlib.import_module('wandb.{name}')" for name in _PUBLIC]
    code += [
        "from wandb.sdk.lib import RunDisabled",
        "from wandb.sdk.lib.disabled import RunDisabled as other",
        "from wandb.sdk.data_types.base_types.wb_value import WBValue",
        "assert wandb.wandb_run.Run is wandb.Run is wandb.sdk.wandb_run.Run and RunDisabled is other",
        "assert importlib.metadata.version('wandb') == wandb.__version__ and wandb.run is None",
        "assert wandb.InternalApi is wandb.PublicApi is wandb.Api",
        "with wandb.sdk.lib.telemetry.context(run=None) as tel: tel.feature.x = True",
        "print('every one')",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "danlu", "run", "-c", "\n".join(code)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "every one\n", done.stderr


@modules.yes("__version__", "InternalApi", "PublicApi", "sdk.lib.RunDisabled")
def _() -> None:
    assert wandb.__version__
    assert wandb.InternalApi is wandb.PublicApi is wandb.Api
    with wandb.init(mode="disabled") as run:
        assert isinstance(run, wandb.sdk.lib.RunDisabled)


@modules.yes(
    "files `wandb/*run-*/run-<id>.wandb`",
    "link `wandb/latest-run`",
    note="For libraries that look for the id there.",
)
def _(workdir: Path) -> None:
    code = "import wandb; wandb.init(id='r').finish()"
    subprocess.run([sys.executable, "-m", "danlu", "run", "-c", code], check=True, capture_output=True)
    assert [path.name for path in workdir.glob("wandb/offline-run-*/run-*.wandb")] == ["run-r.wandb"]
    assert (workdir / "wandb" / "latest-run").is_symlink()


@modules.no(
    "wandb.sdk.launch",
    "wandb.sdk.internal",
    "wandb.sdk.backend",
    "wandb.sdk.interface",
    note="Empty: what is behind them is wandb's own service and its jobs.",
)
def _(full: str) -> None:
    module = importlib.import_module("danlu." + full.partition(".")[2])
    with pytest.raises(AttributeError):
        module.anything  # noqa: B018


@modules.no(
    "wandb.tensorflow",
    "wandb.sacred",
    "wandb.fastai",
    "wandb.docker",
    "wandb.sync",
    note="Hooks of TensorFlow 1 and of sacred, and helpers of wandb's server and service. fastai brings "
    "its own callback.",
)
def _(full: str) -> None:
    with pytest.raises(ImportError):
        importlib.import_module("danlu." + full.partition(".")[2])
