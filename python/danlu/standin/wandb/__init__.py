"""danlu under the name of wandb: `danlu run` puts it on the path of a program that imports wandb."""

from __future__ import annotations

import os
import sys


def _load_danlu() -> None:
    """Import danlu; where this Python has none of its own, the one that this file belongs to."""
    try:
        import danlu  # noqa: F401
    except ModuleNotFoundError as e:
        if e.name != "danlu":
            raise
        from importlib.util import module_from_spec, spec_from_file_location

        home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        path = os.path.join(home, "__init__.py")
        spec = spec_from_file_location("danlu", path, submodule_search_locations=[home])
        if spec is None or spec.loader is None:
            raise
        sys.modules["danlu"] = module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules["danlu"])
        except BaseException:
            del sys.modules["danlu"]
            raise


_load_danlu()

from danlu._layout import stand_in  # noqa: E402

stand_in(globals())
