"""Videos."""

from __future__ import annotations

import os

from .. import _say
from .._errors import Error
from . import ffmpeg, picture
from .base import FileMedia, caption_of, is_path
from .content import Content, file_content

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar

    from .places import Place

FORMATS = ("gif", "mp4", "webm", "ogg")


class Video(FileMedia):
    """A video: the path of a file, an open file or BytesIO with one, or an array of frames.

    Arrays have the shape (time, channels, height, width), or (number, time, channels, height, width) for
    videos beside each other, with 1, 3 or 4 channels; numbers are pixels as for `Image`. `fps` is frames per
    second of an array, by default 4; `format` is `gif`, `mp4`, `webm` or `ogg`, by default `gif`.

    All but `gif` need ffmpeg (`pip install imageio-ffmpeg`), which gets the frames after `log` has returned;
    an odd width or height gets a line of black more. Raises ValueError for another shape or format.
    """

    _log_type = "video-file"
    _list_type = "videos"
    _kind = "videos"
    EXTS: ClassVar[tuple[str, ...]] = FORMATS

    def __init__(
        self,
        data_or_path: Any,
        caption: str | None = None,
        fps: float | None = None,
        format: str | None = None,  # noqa: A002
    ) -> None:
        """Copy the frames."""
        self._caption = caption_of("Video", caption)
        self._frames: Any = None
        self._width = self._height = 0
        self._format = "gif" if format is None else format.lower()
        self._fps = 4 if fps is None else fps
        if self._format not in FORMATS:
            raise ValueError(f"Video accepts the formats {', '.join(FORMATS)}, not `{format}`")
        if is_path(data_or_path):
            self._take_file(data_or_path, fps)
        elif hasattr(data_or_path, "read"):
            self._take_open(data_or_path, format)
        elif picture.is_tensor_like(data_or_path):
            if not self._fps > 0:
                raise ValueError(f"The `fps` of Video must be positive, not {fps}")
            self._take_array(data_or_path)
        else:
            raise ValueError(
                f"Video takes a path, an open file or an array of frames, not `{type(data_or_path).__name__}`"
            )

    def _take_file(self, path: Any, fps: object) -> None:
        ext = os.path.splitext(path)[1][1:].lower()
        if ext not in FORMATS:
            raise ValueError(
                f"Video accepts files of the formats {', '.join(FORMATS)}, not `{os.fspath(path)}`"
            )
        if fps is not None:
            _say.warn("Video does not use `fps` for a file, which has its own")
        self._content = file_content("Video", path)
        self._format = ext

    def _take_open(self, file: Any, given: str | None) -> None:
        ext = os.path.splitext(str(getattr(file, "name", "")))[1][1:].lower()
        file.seek(0)
        data = file.read()
        if isinstance(data, str):
            raise ValueError('Video takes files that are open for reading bytes: open(path, "rb")')
        if given is None:
            self._format = ext if ext in FORMATS else _format_of(data)
        self._content = Content(f".{self._format}", bytes(data))

    def _take_array(self, data: Any) -> None:
        from .arrays import is_numeric, to_numpy

        if self._format == "gif":
            picture.needs_pillow("Video with the format gif")
        elif not ffmpeg.is_there():
            raise Error(f"Video needs ffmpeg for the format {self._format}: pip install imageio-ffmpeg")
        array = to_numpy(data, "Video")
        if array.ndim not in (4, 5):
            raise ValueError(
                "Video must be at least 4 dimensions: time, channels, height, width, or 5 with the number of "
                f"videos first; the shape is {list(array.shape)}"
            )
        if array.shape[-3] not in (1, 3, 4) or 0 in array.shape:
            hint = ", which looks like channels last: transpose it" if array.shape[-1] in (1, 3, 4) else ""
            raise ValueError(
                "Video takes 1, 3 or 4 channels before height and width; "
                f"the shape is {list(array.shape)}{hint}"
            )
        if not is_numeric(array):
            raise ValueError(f"Video takes frames of numbers, not {array.dtype}")
        if array.ndim == 4:
            array = array[None]
        rows, columns = _grid_of(len(array))
        self._height, self._width = array.shape[-2] * rows, array.shape[-1] * columns
        self._frames = array

    def _weight(self) -> int:
        frames = self._frames
        return super()._weight() + (0 if frames is None else int(frames.nbytes))

    def _encode(self) -> Content:
        data = ffmpeg.encode(_prepared(self._frames), self._fps, self._format)
        self._content, self._frames = Content(f".{self._format}", data), None
        return self._content

    def _fields(self, place: Place, key: str, step: int | str) -> dict[str, Any]:
        size = {"width": self._width, "height": self._height} if self._width else {}
        return {**super()._fields(place, key, step), **size}

    @classmethod
    def _join(cls, items: Sequence[Video], place: Place, key: str, step: int | str) -> dict[str, Any]:
        return {
            "_type": cls._list_type,
            "count": len(items),
            "videos": [item._to_json(place, key, step) for item in items],
            "captions": cls.captions(items),
        }

    @classmethod
    def from_json(cls, json_obj: dict[str, Any], source_artifact: Any) -> Video:
        """Read a video back."""
        made = cls(cls._read_back(json_obj, source_artifact), caption=json_obj.get("caption"))
        made._width, made._height = json_obj.get("width", 0), json_obj.get("height", 0)
        return made


def _format_of(data: bytes) -> str:
    """Return the format of a video by how it begins."""
    if data[4:8] == b"ftyp":
        return "mp4"
    return {b"\x1aE\xdf\xa3": "webm", b"OggS": "ogg"}.get(data[:4], "gif")


def _grid_of(count: int) -> tuple[int, int]:
    """Return rows and columns for so many videos, as even as powers of two can be."""
    power = (count - 1).bit_length()
    return 2 ** (power // 2), 2 ** (power - power // 2)


def _prepared(array: Any) -> Any:
    """Return videos (number, time, channels, height, width) as one of frames (time, height, width, 3)."""
    import numpy as np

    from .arrays import pixels

    array = pixels(array, True)
    array = (
        array[:, :, :3]
        if array.shape[2] == 4
        else np.broadcast_to(array, (*array.shape[:2], 3, *array.shape[3:]))
    )
    count, time, _, height, width = array.shape
    rows, columns = _grid_of(count)
    frames = np.zeros((time, rows * height, columns * width, 3), np.uint8)
    for index in range(count):
        top, left = index // columns * height, index % columns * width
        frames[:, top : top + height, left : left + width] = array[index].transpose(0, 2, 3, 1)
    return frames
