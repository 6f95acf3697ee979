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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # The names that are imported when they are asked for: see `_names`.
    from ._alert import AlertLevel as AlertLevel
    from ._attach import attach as attach
    from ._login import login as login
    from ._login import sagemaker_auth as sagemaker_auth
    from ._metric import Metric as Metric
    from ._old import api as api
    from ._old import ensure_configured as ensure_configured
    from ._old import helper as helper
    from ._old import patched as patched
    from ._old import require as require
    from ._old import set_trace as set_trace
    from ._open import open as open  # noqa: A004
    from ._read import envelope as envelope
    from ._restore import restore as restore
    from ._settings import Settings as Settings
    from ._term import termerror as termerror
    from ._term import termlog as termlog
    from ._term import termsetup as termsetup
    from ._term import termwarn as termwarn
    from .apis.public import Api as Api
    from .artifacts import Artifact as Artifact
    from .artifacts import ArtifactTTL as ArtifactTTL
    from .errors import AuthenticationError as AuthenticationError
    from .errors import CommError as CommError
    from .errors import ConfigError as ConfigError
    from .errors import LogError as LogError
    from .errors import MultiprocessError as MultiprocessError
    from .errors import RequireError as RequireError
    from .errors import UnsupportedError as UnsupportedError
    from .errors import WandbCoreNotAvailableError as WandbCoreNotAvailableError
    from .media.audio import Audio as Audio
    from .media.bokeh import Bokeh as Bokeh
    from .media.box3d import box3d as box3d
    from .media.boxes import BoundingBoxes2D as BoundingBoxes2D
    from .media.classes import Classes as Classes
    from .media.eval_table import EvalTable as EvalTable
    from .media.graph import Graph as Graph
    from .media.histogram import Histogram as Histogram
    from .media.html import Html as Html
    from .media.image import Image as Image
    from .media.joined import JoinedTable as JoinedTable
    from .media.masks import ImageMask as ImageMask
    from .media.molecule import Molecule as Molecule
    from .media.object3d import Object3D as Object3D
    from .media.plotly import Plotly as Plotly
    from .media.table import Table as Table
    from .media.trace_tree import WBTraceTree as WBTraceTree
    from .media.video import Video as Video
    from .plot import plot_table as plot_table
    from .plot import visualize as visualize

#: The current run; None before `init` and after `finish`.
run: Run | None = None

__all__ = [
    "Config",
    "Error",
    "Run",
    "Summary",
    "UsageError",
    "__version__",
    "alert",
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


def __getattr__(name: str) -> Any:
    """Import what is not needed to log: see `_names`."""
    found = _names.find(name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_names.NAMES})
