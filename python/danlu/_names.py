"""Where the names of `import danlu` are that are imported when they are asked for."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The names by the module below `danlu` that has them.
_MODULES = {
    "_alert": "AlertLevel",
    "_handle": "attach",
    "_login": "login sagemaker_auth",
    "_metric": "Metric",
    "_notebook": "load_ipython_extension",
    "_open": "open",
    "_old": "api ensure_configured helper patched require set_trace",
    "_read": "envelope",
    "_restore": "restore",
    "_session": "teardown",
    "_settings": "Settings",
    "_term": "termerror termlog termsetup termwarn",
    "apis.public": "Api",
    "artifacts": "Artifact ArtifactTTL",
    "media.audio": "Audio",
    "media.bokeh": "Bokeh",
    "media.boxes": "BoundingBoxes2D",
    "media.box3d": "box3d",
    "media.classes": "Classes",
    "media.eval_table": "EvalTable",
    "media.graph": "Graph",
    "media.histogram": "Histogram",
    "media.html": "Html",
    "media.image": "Image",
    "media.joined": "JoinedTable",
    "media.masks": "ImageMask",
    "media.molecule": "Molecule",
    "media.object3d": "Object3D",
    "media.plotly": "Plotly",
    "media.table": "Table",
    "media.trace_tree": "WBTraceTree",
    "media.video": "Video",
    "plot": "plot_table visualize",
    "sweeps": "agent controller sweep",
    "errors": (
        "AuthenticationError CommError ConfigError LogError MultiprocessError RequireError UnsupportedError "
        "WandbCoreNotAvailableError"
    ),
}

#: The module of each name.
NAMES = {name: module for module, names in _MODULES.items() for name in names.split()}

#: Names for what is called something else.
_ALIASES = {"InternalApi": "Api", "PublicApi": "Api", "_attach": "attach", "_teardown": "teardown"}

#: Modules that are there as attributes of `danlu` without being imported first.
SUBMODULES = frozenset(
    (
        "agents",
        "analytics",
        "apis",
        "artifacts",
        "catboost",
        "data_types",
        "env",
        "errors",
        "fastai",
        "gym",
        "integration",
        "jupyter",
        "keras",
        "lightgbm",
        "media",
        "plot",
        "plots",
        "profiler",
        "proto",
        "sacred",
        "sb3",
        "sdk",
        "sklearn",
        "sweeps",
        "tensorboard",
        "tensorflow",
        "trigger",
        "util",
        "wandb_agent",
        "wandb_lib",
        "wandb_run",
        "wandb_sdk",
        "wandb_torch",
        "xgboost",
    )
)


def find(name: str) -> Any:
    """Return what `danlu.<name>` is. Raises AttributeError if there is no such name."""
    import importlib

    name = _ALIASES.get(name, name)
    module = name if name in SUBMODULES else NAMES.get(name)
    try:
        if module is not None:
            found = importlib.import_module(f"danlu.{module}")
            return found if module == name else getattr(found, name)
    except ModuleNotFoundError as e:
        if not f"danlu.{module}.".startswith(f"{e.name}."):
            raise
    raise AttributeError(f"module 'danlu' has no attribute {name!r}")
