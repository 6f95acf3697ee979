"""Masks over a picture: what class each pixel is of."""

from __future__ import annotations

from .arrays import to_numpy
from .base import FileMedia, is_path, require
from .classes import labels_of
from .content import Content, file_content

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .places import Place


class ImageMask(FileMedia):
    """A layer of classes: `{"mask_data": array, "class_labels": {int: str}}`, or with `path` for a PNG file.

    The array has the shape (height, width) and classes from 0 to 255.
    """

    _log_type = "mask"
    _kind = "images/mask"

    def __init__(self, val: dict[str, Any], key: str) -> None:
        """Take the mask of the layer `key`; raises TypeError or ValueError for what is none."""
        self._key = key
        self._array: Any = None
        what = f"mask layer `{key}`"
        if not isinstance(val, dict) or not ("mask_data" in val or "path" in val):
            raise TypeError(f"The {what} must be a dictionary with `mask_data` or `path`")
        self._labels = labels_of(what, val["class_labels"]) if val.get("class_labels") else None
        self._classes: dict[int, str] = {}
        if "path" in val:
            if not is_path(val["path"]):
                raise TypeError(f"The `path` of {what} must be a path, not `{type(val['path']).__name__}`")
            self._content = file_content(f"The {what}", val["path"], ".mask.png")
        else:
            self._array = _mask(val["mask_data"], what)

    @property
    def labels(self) -> dict[int, str]:
        """The names of the classes that the mask has."""
        if self._labels is not None:
            return self._labels
        if self._array is None:
            return self._classes
        import numpy as np

        seen = np.unique(self._array).tolist()
        return {number: self._classes.get(number, f"class_{number}") for number in seen}

    def _weight(self) -> int:
        return super()._weight() + (0 if self._array is None else int(self._array.nbytes))

    def _encode(self) -> Content:
        import io

        array = self._array
        image = require("PIL.Image", "A mask", "pillow").frombytes("L", array.shape[::-1], array.tobytes())
        out = io.BytesIO()
        image.save(out, "png")
        return Content(".mask.png", out.getvalue())

    def _fields(self, place: Place, key: str, step: int | str) -> dict[str, Any]:
        del step
        place.add_labels("mask/class_labels", key, self._key, self.labels)
        return {}

    @classmethod
    def type_name(cls) -> str:
        """Return the `_type` of its JSON."""
        return cls._log_type

    @classmethod
    def from_json(cls, json_obj: dict[str, Any], source_artifact: Any) -> ImageMask:
        """Read a layer back."""
        return cls({"path": cls._read_back(json_obj, source_artifact)}, json_obj.get("key", ""))


def _mask(data: Any, what: str) -> Any:
    import numpy as np

    array = to_numpy(data, f"The {what}")
    while array.ndim > 2 and 1 in array.shape:
        array = array.squeeze(array.shape.index(1))
    if array.ndim != 2 or not array.size:
        raise ValueError(f"The `mask_data` of {what} must have the shape (height, width), not {array.shape}")
    if array.dtype.kind not in "biu" and not (array.dtype.kind == "f" and (array == np.rint(array)).all()):
        raise TypeError(f"The `mask_data` of {what} must be whole numbers, not {array.dtype}")
    if array.min() < 0 or array.max() > 255:
        raise ValueError(
            f"The `mask_data` of {what} must be from 0 to 255: it is from {array.min()} to {array.max()}"
        )
    return array.astype(np.uint8)
