"""Things in space: point clouds and models."""

from __future__ import annotations

import os

from .base import FileMedia, caption_of, is_path
from .box3d import box3d
from .content import Content, file_content, json_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar

    from .places import Place

__all__ = ["Object3D", "box3d"]

FILE_TYPES = ("obj", "gltf", "glb", "babylon", "stl", "pts.json")
_CLOUD_TYPES = ("lidar/beta",)


class Object3D(FileMedia):
    """A thing in space: an array of points, the path of a model or an open file with one, or a scene.

    - An array of N x 3 (x, y, z), N x 4 (and a category from 1 to 14) or N x 6 (and red, green, blue from 0
      to 255). Points with NaN or infinity are left out.
    - A file of type obj, gltf, glb, babylon, stl or pts.json; for an open file `file_type` says which, else
      its name does.
    - A dict `{"type": "lidar/beta", "points": …, "boxes": […], "vectors": […]}`; boxes are of `box3d`.

    Raises ValueError for another shape or file type.
    """

    _log_type = "object3D-file"
    _list_type = "object3D"
    _kind = "object3D"
    SUPPORTED_TYPES: ClassVar[set[str]] = set(FILE_TYPES)

    def __init__(self, data_or_path: Any, caption: str | None = None, **kwargs: Any) -> None:
        """Copy the points, or read the open file."""
        self._caption = caption_of("Object3D", caption)
        self._scene: Any = None
        file_type = kwargs.pop("file_type", None)
        if kwargs:
            raise TypeError(
                f"Object3D takes `caption` and `file_type`, not {', '.join(f'`{name}`' for name in kwargs)}"
            )
        if hasattr(data_or_path, "read"):
            self._content = _read(data_or_path, file_type)
        elif is_path(data_or_path):
            ext = _type_of(os.fspath(data_or_path), file_type)
            self._content = file_content("Object3D", data_or_path, f".{ext}")
        elif isinstance(data_or_path, dict):
            self._scene = _scene(data_or_path)
        elif hasattr(data_or_path, "shape") or hasattr(data_or_path, "__array__"):
            self._scene = _points(data_or_path)
        else:
            raise ValueError(
                "Object3D takes an array, a dict, or a file of type "
                f"{', '.join(FILE_TYPES)}, not `{type(data_or_path).__name__}`"
            )

    @classmethod
    def from_file(cls, data_or_path: Any, file_type: str | None = None) -> Object3D:
        """Make one of a path or an open file."""
        return cls(data_or_path, file_type=file_type)

    @classmethod
    def from_numpy(cls, data: Any) -> Object3D:
        """Make one of an array of points."""
        return cls(data)

    @classmethod
    def from_point_cloud(
        cls,
        points: Sequence[Any],
        boxes: Sequence[Any],
        vectors: Sequence[Any] | None = None,
        point_cloud_type: str = "lidar/beta",
    ) -> Object3D:
        """Make a scene of points, boxes and vectors."""
        return cls({"type": point_cloud_type, "points": points, "boxes": boxes, "vectors": vectors or []})

    def _weight(self) -> int:
        points = self._scene.get("points") if isinstance(self._scene, dict) else self._scene
        size = getattr(points, "nbytes", None)
        if size is None:
            size = 0 if points is None else 200 * len(points)
        return super()._weight() + int(size)

    def _encode(self) -> Content:
        scene = self._scene
        if not isinstance(scene, dict):
            import numpy as np

            scene = scene[np.isfinite(scene).all(axis=1)] if scene.dtype.kind == "f" else scene
        self._content, self._scene = Content(".pts.json", json_bytes(scene)), None
        return self._content

    @classmethod
    def _join(cls, items: Sequence[Object3D], place: Place, key: str, step: int | str) -> dict[str, Any]:
        stored = [item._to_json(place, key, step) for item in items]
        joined = {
            "_type": cls._list_type,
            "filenames": [os.path.relpath(json["path"], cls.get_media_subdir()) for json in stored],
            "count": len(stored),
            "objects": stored,
        }
        captions = cls.captions(items)
        return {**joined, "captions": captions} if captions else joined

    @classmethod
    def from_json(cls, json_obj: dict[str, Any], source_artifact: Any) -> Object3D:
        """Read a thing back."""
        return cls(cls._read_back(json_obj, source_artifact), caption=json_obj.get("caption"))


def _type_of(name: str, given: str | None) -> str:
    """Return the type of a file, as given or else by its name."""
    known = next((ext for ext in FILE_TYPES if name.lower().endswith(f".{ext}")), None)
    if known is None and given is None and name.lower().endswith(".json"):
        known = "pts.json"
    found = given.lower().lstrip(".") if given is not None else known
    if found not in FILE_TYPES:
        raise ValueError(
            f"Object3D supports the file types {', '.join(FILE_TYPES)}, not `{given or name}`; "
            "give file_type= if the name does not say it"
        )
    return found


def _read(file: Any, file_type: str | None) -> Content:
    name = getattr(file, "name", "")
    ext = _type_of(name if isinstance(name, str) else "", file_type)
    if getattr(file, "seekable", lambda: False)():
        file.seek(0)
    try:
        data = file.read()
    except UnicodeDecodeError:
        # Opened for reading text, and it is none; the bytes are below.
        file.buffer.seek(0)
        data = file.buffer.read()
    return Content(f".{ext}", data.encode() if isinstance(data, str) else bytes(data))


def _points(data: Any) -> Any:
    from .arrays import is_numeric, to_numpy

    array = to_numpy(data, "Object3D")
    if array.ndim != 2 or array.shape[1] not in (3, 4, 6):
        raise ValueError(
            "The shape of the numpy array must be one of N x 3 (x, y, z), N x 4 (x, y, z, category) or "
            f"N x 6 (x, y, z, r, g, b), not {array.shape}"
        )
    if not is_numeric(array):
        raise ValueError(f"Object3D takes points that are numbers, not {array.dtype}")
    return array


def _scene(scene: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a scene."""
    if scene.get("type") not in _CLOUD_TYPES:
        raise ValueError(f"Object3D takes a dict with the `type` lidar/beta, not {scene.get('type')!r}")
    made = dict(scene)
    points = scene.get("points")
    made["points"] = (
        _points(points) if hasattr(points, "shape") else [_copy(point) for point in _or_none(points)]
    )
    for name in ("boxes", "vectors"):
        made[name] = [_copy(item) for item in _or_none(scene.get(name))]
    for box in made["boxes"]:
        if not isinstance(box, dict) or "corners" not in box:
            raise ValueError(
                "Each box of Object3D must be a dict with `corners`, `label` and `color`: see box3d"
            )
    return made


def _or_none(items: Any) -> Any:
    return () if items is None else items


def _copy(item: Any) -> Any:
    if hasattr(item, "tolist"):
        return item.tolist()
    if isinstance(item, dict):
        return {name: _copy(part) for name, part in item.items()}
    return [_copy(part) for part in item] if isinstance(item, (list, tuple)) else item
