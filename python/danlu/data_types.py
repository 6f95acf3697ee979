"""The classes of what can be logged besides numbers and texts, under one name as in wandb.

Those of tables are imported when they are asked for.
"""

from __future__ import annotations

from .media.audio import Audio
from .media.base import BatchableMedia, Media, WBValue
from .media.bokeh import Bokeh
from .media.box3d import box3d
from .media.boxes import BoundingBoxes2D
from .media.classes import Classes
from .media.graph import Graph, Node
from .media.histogram import Histogram
from .media.html import Html
from .media.image import Image
from .media.masks import ImageMask
from .media.molecule import Molecule
from .media.object3d import Object3D
from .media.plotly import Plotly
from .media.trace_tree import WBTraceTree
from .media.video import Video

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .media.eval_table import EvalTable
    from .media.joined import JoinedTable
    from .media.partitioned import PartitionedTable
    from .media.table import Table

__all__ = [
    "Audio",
    "BatchableMedia",
    "Bokeh",
    "BoundingBoxes2D",
    "Classes",
    "EvalTable",
    "Graph",
    "Histogram",
    "Html",
    "Image",
    "ImageMask",
    "JoinedTable",
    "Media",
    "Molecule",
    "Node",
    "Object3D",
    "PartitionedTable",
    "Plotly",
    "Table",
    "Video",
    "WBTraceTree",
    "WBValue",
    "box3d",
]

_MODULES = {
    "EvalTable": "eval_table",
    "JoinedTable": "joined",
    "PartitionedTable": "partitioned",
    "Table": "table",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".media.{_MODULES[name]}", __package__), name)
