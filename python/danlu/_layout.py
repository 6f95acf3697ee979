"""Which modules wandb has, and which of danlu are the same under another name.

One finder serves `danlu.<name>` for the names of this table, and `wandb.<name>` for everything that danlu
has. A module is loaded once, whatever it is called: `wandb.sdk.wandb_run` is `danlu._run`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

#: The version of wandb whose interface this is.
WANDB_VERSION = "0.31.0"

#: Modules of wandb by the module of danlu that they are. What is below them is below that one.
_SAME = {
    "agents.pyagent": "sweeps",
    "apis.internal": "apis.public",
    "catboost": "integration.catboost",
    "errors.errors": "errors",
    "errors.term": "_term",
    "fastai": "integration.fastai",
    "gym": "integration.gym",
    "jupyter": "_notebook",
    "keras": "integration.keras",
    "lightgbm": "integration.lightgbm",
    "plots": "plot",
    "sb3": "integration.sb3",
    "sdk.artifacts": "artifacts",
    "sdk.artifacts.artifact_manifest": "artifacts.manifest",
    "sdk.artifacts.artifact_manifest_entry": "artifacts.manifest",
    "sdk.artifacts.artifact_state": "artifacts.state",
    "sdk.artifacts.artifact_ttl": "artifacts.state",
    "sdk.artifacts.exceptions": "artifacts.errors",
    "sdk.data_types.base_types.media": "media.base",
    "sdk.data_types.base_types.wb_value": "media.base",
    "sdk.data_types.helper_types.bounding_boxes_2d": "media.boxes",
    "sdk.data_types.helper_types.classes": "media.classes",
    "sdk.data_types.helper_types.image_mask": "media.masks",
    "sdk.interface.artifacts": "artifacts",
    "sdk.lib.config_util": "_parse",
    "sdk.lib.disabled": "_noop",
    "sdk.lib.ipython": "_notebook",
    "sdk.lib.json_util": "util",
    "sdk.lib.noop_run": "_noop",
    "sdk.lib.runid": "util",
    "sdk.lib.telemetry": "_old",
    "sdk.wandb_alerts": "_alert",
    "sdk.wandb_artifacts": "artifacts",
    "sdk.wandb_config": "_config",
    "sdk.wandb_helper": "_old",
    "sdk.wandb_init": "_session",
    "sdk.wandb_login": "_login",
    "sdk.wandb_metric": "_metric",
    "sdk.wandb_require": "_old",
    "sdk.wandb_run": "_run",
    "sdk.wandb_settings": "_settings",
    "sdk.wandb_setup": "_session",
    "sdk.wandb_summary": "_summary",
    "sdk.wandb_sweep": "sweeps",
    "sdk.wandb_watch": "integration.torch",
    "sklearn": "integration.sklearn",
    "tensorboard": "integration.tensorboard",
    "wandb_agent": "sweeps",
    "wandb_lib": "sdk.lib",
    "wandb_run": "_run",
    "wandb_sdk": "sdk",
    "wandb_torch": "integration.torch",
    "xgboost": "integration.xgboost",
}

_MEDIA = "audio bokeh graph histogram html image molecule object_3d plotly table trace_tree video"
_SAME.update((f"sdk.data_types.{name}", f"media.{name.replace('_3d', '3d')}") for name in _MEDIA.split())

#: Packages of wandb that danlu has no module for, with the modules that have the names in them.
_PACKAGES = {
    "agents": ("sweeps",),
    "analytics": (),
    "integration.sacred": (),
    "proto": (),
    "sdk": ("",),
    "sdk.backend": (),
    "sdk.data_types": ("data_types", ""),
    "sdk.data_types.base_types": ("media.base",),
    "sdk.data_types.helper_types": ("data_types",),
    "sdk.interface": (),
    "sdk.internal": (),
    "sdk.lib": ("_noop", "_term", ""),
    "sdk.launch": (),
    "trigger": (),
    "viz": ("plot", ""),
}


def install() -> None:
    """Let the modules of the table be imported. Before others look: theirs would load a module twice."""
    sys.meta_path.insert(0, _Finder)


def stand_in(module: dict[str, Any]) -> None:
    """Fill the namespace of the module `wandb`, so that each of its names is danlu's."""
    import danlu

    from . import _session

    def find(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module 'wandb' has no attribute {name!r}")
        return getattr(danlu, name)

    module.update({name: value for name, value in vars(danlu).items() if not name.startswith("__")})
    module.update({"__version__": WANDB_VERSION, "__all__": danlu.__all__})
    module.update({"__getattr__": find, "__dir__": danlu.__dir__})
    _session.namespaces.append(module)


class _Finder:
    """Finds modules of danlu and wandb that are no files."""

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del target
        top, _, name = fullname.partition(".")
        if name in ("", "__main__") or top not in ("danlu", "wandb"):
            return None
        from importlib.machinery import PathFinder
        from importlib.util import spec_from_loader

        if top == "danlu" and "." not in name and PathFinder.find_spec(fullname, path) is not None:
            return None
        if top == "danlu" and name in _PACKAGES:
            return spec_from_loader(fullname, _PackageLoader(_PACKAGES[name]), is_package=True)  # type: ignore[arg-type]
        real = _real(name)
        if (top == "danlu" and real == name) or not _is_there(f"danlu.{real}"):
            return None
        return spec_from_loader(fullname, _SameLoader(f"danlu.{real}"))  # type: ignore[arg-type]


class _SameLoader:
    """Gives a module that is there under another name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def create_module(self, spec: ModuleSpec) -> None:
        """Let an empty module be made, which `exec_module` replaces."""

    def exec_module(self, module: ModuleType) -> None:
        import importlib

        sys.modules[module.__name__] = importlib.import_module(self._name)


class _PackageLoader:
    """Makes a package whose names are those of other modules."""

    def __init__(self, sources: tuple[str, ...]) -> None:
        self._sources = sources

    def create_module(self, spec: ModuleSpec) -> None:
        """Let an empty module be made."""

    def exec_module(self, module: ModuleType) -> None:
        import importlib

        def find(name: str) -> Any:
            missing = AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            if name.startswith("__"):
                raise missing
            below = f"{module.__name__}.{name}"
            if _is_there(below):
                return importlib.import_module(below)
            for source in self._sources:
                holder = importlib.import_module(f"danlu.{source}".rstrip("."))
                if hasattr(holder, name):
                    return getattr(holder, name)
            raise missing

        module.__getattr__ = find  # type: ignore[method-assign]


def _real(name: str) -> str:
    """Return what a module is called below danlu: the longest beginning that the table has decides."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        same = _SAME.get(".".join(parts[:count]))
        if same is not None:
            return _real(".".join([same, *parts[count:]]))
    return name


def _is_there(name: str) -> bool:
    if name in sys.modules:
        return True
    import importlib.util

    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        # Something above it is no package.
        return False
