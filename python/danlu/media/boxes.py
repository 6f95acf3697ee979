"""Boxes over a picture."""

from __future__ import annotations

import numbers

from .base import FileMedia
from .classes import integer, labels_of
from .content import Content, json_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .places import Place

_POSITION = (
    "Each box must contain a position with: middle, width, and height or minX, maxX, minY, maxY, "
    "all of them numbers"
)
_CORNERS = ("minX", "maxX", "minY", "maxY")
_MIDDLE = ("middle", "width", "height")


class BoundingBoxes2D(FileMedia):
    """A layer of boxes: `{"box_data": [box, …], "class_labels": {int: str}}`.

    A box is `{"position", "class_id", "scores"?, "box_caption"?, "domain"?}`. The position is `minX`, `maxX`,
    `minY`, `maxY`, or `middle` ([x, y]), `width`, `height`: fractions of the picture, or pixels if `domain`
    is `"pixel"`. `scores` is `{name: number}`.
    """

    _log_type = "boxes2D"
    _kind = "metadata/boxes2D"

    def __init__(self, val: dict[str, Any], key: str) -> None:
        """Take the boxes of the layer `key`; raises TypeError for what cannot be drawn."""
        self._key = key
        what = f"box layer `{key}`"
        if not isinstance(val, dict) or "box_data" not in val:
            raise TypeError(f"The {what} must be a dictionary with `box_data`")
        if not isinstance(val["box_data"], (list, tuple)):
            raise TypeError(f"The `box_data` of {what} must be a list of boxes")
        self._val = [_box(box, what) for box in val["box_data"]]
        self._labels = labels_of(what, val["class_labels"]) if val.get("class_labels") else None
        self._classes: dict[int, str] = {}

    @property
    def labels(self) -> dict[int, str]:
        """The names of the classes that the boxes are of."""
        if self._labels is not None:
            return self._labels
        ids = sorted({box["class_id"] for box in self._val if "class_id" in box})
        return {number: self._classes.get(number, f"class_{number}") for number in ids}

    def _encode(self) -> Content:
        body = {"box_data": self._val, "class_labels": self.labels}
        return Content(".boxes2D.json", json_bytes(body))

    def _fields(self, place: Place, key: str, step: int | str) -> dict[str, Any]:
        del step
        place.add_labels("bounding_box/class_labels", key, self._key, self.labels)
        return {}

    @classmethod
    def type_name(cls) -> str:
        """Return the `_type` of its JSON."""
        return cls._log_type

    @classmethod
    def from_json(cls, json_obj: dict[str, Any], source_artifact: Any) -> BoundingBoxes2D:
        """Read a layer back."""
        import json

        with open(cls._read_back(json_obj, source_artifact), encoding="utf-8") as file:
            body = json.load(file)
        if isinstance(body, list):
            body = {"box_data": body}
        labels = {int(number): label for number, label in (body.get("class_labels") or {}).items()}
        return cls({**body, "class_labels": labels}, json_obj.get("key", ""))


def _box(given: Any, what: str) -> dict[str, Any]:
    """Return a copy of a box whose numbers are Python's."""
    if not isinstance(given, dict):
        raise TypeError(f"Each box of {what} must be a dictionary, not `{type(given).__name__}`")
    box: dict[str, Any] = {**given, "position": _position(given.get("position"))}
    if "class_id" in box:
        box["class_id"] = integer(box["class_id"], f"The `class_id` of a box of {what}")
    if not isinstance(box.get("box_caption", ""), str):
        raise TypeError(f"The `box_caption` of a box of {what} must be a string")
    scores = box.get("scores")
    if scores is not None:
        if not isinstance(scores, dict):
            raise TypeError(f"The `scores` of a box of {what} must be a dictionary")
        box["scores"] = {
            name: _number(score, f"A score of a box of {what}") for name, score in scores.items()
        }
    return box


def _position(position: Any) -> dict[str, Any]:
    if isinstance(position, dict):
        if all(name in position for name in _CORNERS):
            return {name: _number(position[name], _POSITION) for name in _CORNERS}
        if all(name in position for name in _MIDDLE):
            x, y = _pair(position["middle"])
            return {"middle": [x, y], **{name: _number(position[name], _POSITION) for name in _MIDDLE[1:]}}
    raise TypeError(_POSITION)


def _pair(middle: Any) -> list[Any]:
    if isinstance(middle, str) or not hasattr(middle, "__len__") or len(middle) != 2:
        raise TypeError(_POSITION)
    return [_number(part, _POSITION) for part in middle]


def _number(value: Any, what: str) -> Any:
    item = getattr(value, "item", None)
    if callable(item):
        value = item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(what if what is _POSITION else f"{what} must be a number, not {value!r}")
    return value
