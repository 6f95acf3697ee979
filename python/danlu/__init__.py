"""An offline-first run store for machine-learning training: one run is one SQLite file.

    import danlu as wandb

    wandb.init(project="mnist", config={"lr": 0.1})
    wandb.log({"loss": 0.5})
    wandb.finish()

`log` never raises and never waits for the network. What cannot be stored is warned about and counted in
`run.lost`.
"""

from __future__ import annotations

from . import _layout, _names
from ._config import Config
from ._core import __version__
from ._errors import Error, UsageError
from ._functions import (
    alert,
    config,
    define_metric,
    flush,
    link_model,
    log,
    log_artifact,
    log_model,
    mark_preempting,
    pin_config_keys,
    save,
    summary,
    unwatch,
    use_artifact,
    use_model,
    watch,
)
from ._run import Run
from ._session import finish, init, join, setup, teardown
from ._summary import Summary

#: The current run; None before `init` and after `finish`.
run: Run | None = None

TYPE_CHECKING = False
if TYPE_CHECKING:
    # What `_names` finds, for type checkers: a test holds the two together.
    from . import apis as apis
    from . import artifacts as artifacts
    from . import data_types as data_types
    from . import env as env
    from . import errors as errors
    from . import integration as integration
    from . import media as media
    from . import plot as plot
    from . import util as util
    from ._alert import AlertLevel
    from ._handle import attach as attach
    from ._login import login as login
    from ._login import sagemaker_auth as sagemaker_auth
    from ._metric import Metric as Metric
    from ._notebook import load_ipython_extension as load_ipython_extension
    from ._old import api as api
    from ._old import ensure_configured as ensure_configured
    from ._old import helper as helper
    from ._old import patched as patched
    from ._old import require as require
    from ._old import set_trace as set_trace
    from ._open import open as open  # noqa: A004
    from ._read import envelope
    from ._restore import restore
    from ._settings import Settings
    from ._term import termerror as termerror
    from ._term import termlog as termlog
    from ._term import termsetup as termsetup
    from ._term import termwarn as termwarn
    from .apis.public import Api
    from .artifacts import Artifact, ArtifactTTL
    from .errors import AuthenticationError as AuthenticationError
    from .errors import CommError as CommError
    from .errors import ConfigError as ConfigError
    from .errors import LogError as LogError
    from .errors import MultiprocessError as MultiprocessError
    from .errors import RequireError as RequireError
    from .errors import UnsupportedError as UnsupportedError
    from .errors import WandbCoreNotAvailableError as WandbCoreNotAvailableError
    from .integration import catboost as catboost
    from .integration import gym as gym
    from .integration import keras as keras
    from .integration import lightgbm as lightgbm
    from .integration import sb3 as sb3
    from .integration import sklearn as sklearn
    from .integration import tensorboard as tensorboard
    from .integration import xgboost as xgboost
    from .media.audio import Audio
    from .media.bokeh import Bokeh
    from .media.box3d import box3d
    from .media.boxes import BoundingBoxes2D as BoundingBoxes2D
    from .media.classes import Classes
    from .media.eval_table import EvalTable
    from .media.graph import Graph
    from .media.histogram import Histogram
    from .media.html import Html
    from .media.image import Image
    from .media.joined import JoinedTable
    from .media.masks import ImageMask as ImageMask
    from .media.molecule import Molecule
    from .media.object3d import Object3D
    from .media.plotly import Plotly
    from .media.table import Table
    from .media.trace_tree import WBTraceTree as WBTraceTree
    from .media.video import Video
    from .plot import plot_table
    from .plot import visualize as visualize
else:

    def __getattr__(name: str):
        """Import what is not needed to log: see `_names`."""
        found = _names.find(name)
        globals()[name] = found
        return found


__all__ = [
    "AlertLevel",
    "Api",
    "Artifact",
    "ArtifactTTL",
    "Audio",
    "Bokeh",
    "Classes",
    "Config",
    "Error",
    "EvalTable",
    "Graph",
    "Histogram",
    "Html",
    "Image",
    "JoinedTable",
    "Molecule",
    "Object3D",
    "Plotly",
    "Run",
    "Settings",
    "Summary",
    "Table",
    "UsageError",
    "Video",
    "__version__",
    "alert",
    "box3d",
    "config",
    "define_metric",
    "envelope",
    "finish",
    "flush",
    "init",
    "join",
    "link_model",
    "log",
    "log_artifact",
    "log_model",
    "mark_preempting",
    "pin_config_keys",
    "plot_table",
    "restore",
    "run",
    "save",
    "setup",
    "summary",
    "teardown",
    "unwatch",
    "use_artifact",
    "use_model",
    "watch",
]

_layout.install()


def __dir__() -> list[str]:
    return sorted({*globals(), *_names.NAMES})
