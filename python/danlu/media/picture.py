"""Pillow images of arrays and figures, and the files of them."""

from __future__ import annotations

import sys

from .arrays import is_torch, pixels
from .base import require

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .content import Content

#: Names of file types and what Pillow calls them.
FORMATS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "bmp": "BMP"}
#: Pillow's modes that a file type has.
_MODES = {
    "PNG": ("1", "L", "LA", "I;16", "P", "RGB", "RGBA"),
    "JPEG": ("L", "RGB"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
}
#: File types that have no transparency.
NO_ALPHA = ("jpg", "jpeg")
_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}
#: Tensors of several pictures become one, so many beside each other and so far apart.
GRID_COLUMNS, GRID_PADDING = 8, 2


def needs_pillow(what: str) -> None:
    """Raise an error if Pillow is missing, without importing it, which takes a while."""
    import importlib.util

    try:
        found = "PIL" in sys.modules or importlib.util.find_spec("PIL") is not None
    except ImportError:
        found = False
    if not found:
        require("PIL", what, "pillow")


def arranged(array: Any, torch: bool) -> Any:
    """Return an array as (height, width) or (height, width, channels); raises ValueError if it is none."""
    while array.ndim > 3 and 1 in array.shape[:-3]:
        array = array.squeeze(array.shape.index(1))
    if torch and array.ndim == 4:
        array = _grid(array)
    elif torch and array.ndim == 3 and array.shape[0] in _CHANNELS:
        array = array.transpose(1, 2, 0)
    elif array.ndim == 3 and array.shape[0] == 1 and array.shape[2] not in _CHANNELS:
        array = array[0]
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    mode_of(array.shape)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"Image takes arrays of numbers, not of {array.dtype}")
    return array


def mode_of(shape: tuple[int, ...]) -> str:
    """Return Pillow's mode for a shape."""
    mode = "L" if len(shape) == 2 else _CHANNELS.get(shape[2]) if len(shape) == 3 else None
    if mode is None or 0 in shape:
        why = "it has no pixels" if 0 in shape else "it takes (height, width) or (height, width, 1, 3 or 4)"
        hint = "; transpose it to (height, width, channels)" if len(shape) == 3 and shape[0] in (3, 4) else ""
        raise ValueError(f"Un-supported shape for image conversion {list(shape)}: {why}{hint}")
    return mode


def _grid(batch: Any) -> Any:
    """Put pictures (number, channels, height, width) beside each other."""
    import numpy as np

    count, channels, height, width = batch.shape
    columns = max(1, min(count, GRID_COLUMNS))
    rows = -(-count // columns)
    pad = GRID_PADDING
    grid = np.zeros((rows * (height + pad) + pad, columns * (width + pad) + pad, channels), batch.dtype)
    for index in range(count):
        top, left = (
            pad + place * (size + pad) for place, size in zip(divmod(index, columns), (height, width))
        )
        grid[top : top + height, left : left + width] = batch[index].transpose(1, 2, 0)
    return grid


def of_array(array: Any, mode: str | None, normalize: bool) -> Any:
    """Return the picture of an array."""
    import numpy as np
    from PIL import Image

    data = np.ascontiguousarray(pixels(array, normalize))
    return Image.frombytes(mode or mode_of(data.shape), data.shape[1::-1], data.tobytes())


def decode(drawn: bytes | None, content: Content | None) -> Any:
    """Return the picture of what was drawn, or else of a file."""
    import io

    from PIL import Image

    data = content.read() if content is not None else drawn
    picture = Image.open(io.BytesIO(data or b""))
    picture.load()
    return picture


def encode(picture: Any, file_type: str) -> bytes:
    """Return a picture as the bytes of a file, in the mode that is nearest to its own."""
    import io

    kind = FORMATS[file_type]
    out = io.BytesIO()
    _in_mode(picture, _MODES[kind]).save(out, kind)
    return out.getvalue()


def _in_mode(picture: Any, modes: tuple[str, ...]) -> Any:
    if picture.mode in modes:
        return picture
    if picture.mode == "F":
        import numpy as np

        return of_array(np.asarray(picture), "L", normalize=True)
    if picture.mode.startswith("I"):
        # 16 bits, or the upper 8 of them.
        wide = picture.convert("I")
        return wide.convert("I;16") if "I;16" in modes else wide.point(lambda value: value / 256).convert("L")
    if picture.mode == "La":
        picture = picture.convert("LA")
    alpha = picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info
    if alpha and "RGBA" in modes:
        return picture.convert("RGBA")
    if alpha:
        picture = picture.convert("RGBA")
    return picture.convert("L" if picture.mode == "1" else "RGB")


def is_figure(value: object) -> bool:
    """Say whether it is a figure, axes or another artist of matplotlib, or pyplot with its current figure."""
    if "matplotlib" not in sys.modules:
        return False
    if getattr(value, "__name__", "") == "matplotlib.pyplot":
        return True
    artist = sys.modules.get("matplotlib.artist")
    return artist is not None and isinstance(value, artist.Artist)


def figure_of(value: Any) -> Any:
    """Return the figure that a value of matplotlib is, or is in."""
    if hasattr(value, "gcf"):
        return value.gcf()
    figure = value if hasattr(value, "savefig") else value.get_figure()
    if figure is None:
        raise ValueError(f"`{type(value).__name__}` is in no figure, and only a figure can be logged")
    # A SubFigure has no canvas of its own to draw on.
    return figure if hasattr(figure, "savefig") else figure.figure


def drawn(value: Any) -> bytes:
    """Draw a figure now, as it may change or be closed; return it as PNG, hardly compressed."""
    import io

    out = io.BytesIO()
    figure_of(value).savefig(out, format="png", pil_kwargs={"compress_level": 1})
    return out.getvalue()


def is_tensor_like(value: object) -> bool:
    """Say whether it is an array, or can be made one."""
    return is_torch(value) or hasattr(value, "__array__") or isinstance(value, (list, tuple))
