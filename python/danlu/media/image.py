"""Pictures."""

from __future__ import annotations

import os

from .. import _say
from . import picture
from .arrays import is_torch, to_numpy
from .base import FileMedia, caption_of, is_path
from .boxes import BoundingBoxes2D
from .classes import Classes
from .content import Content, file_content
from .masks import ImageMask
from .places import place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from .._run import Run
    from .places import Place

_SCHEMES = ("http://", "https://", "s3://", "gs://")


class Image(FileMedia):
    """A picture: from a path, a Pillow image, a figure of matplotlib, an array, or another Image.

    Arrays have the shape (height, width) or (height, width, 1, 3 or 4); tensors of torch (channels, height,
    width), and (number, channels, height, width) becomes a grid. Integers are the bytes of pixels, those out
    of 0 to 255 as the nearest; True is 255. Floats in [0, 1] are multiplied by 255, in [-1, 1] they go from
    black to white, in [0, 255] they are as they are, others are stretched from the lowest to the highest; NaN
    is 0. `normalize=False` takes all floats as from 0 to 255.

    The picture is copied here, and encoded after `log` has returned. A file is kept as it is, byte for byte,
    and read by `log`. A URL can only be in a Table or an Artifact.

    Raises ValueError for another shape, file type or size, TypeError for what is no picture.
    """

    _log_type = "image-file"
    _list_type = "images/separated"
    _kind = "images"
    #: Most pixels of a side.
    MAX_DIMENSION: ClassVar[int] = 65500
    #: Most pictures of a list.
    MAX_ITEMS: ClassVar[int] = 108

    def __init__(
        self,
        data_or_path: Any,
        mode: str | None = None,
        caption: str | None = None,
        grouping: int | None = None,
        classes: Classes | Sequence[dict[str, Any]] | None = None,
        boxes: Mapping[str, Any] | None = None,
        masks: Mapping[str, Any] | None = None,
        file_type: str | None = None,
        normalize: bool = True,
    ) -> None:
        """Take a picture, with boxes and masks by layer over it; see `BoundingBoxes2D` and `ImageMask`.

        `mode` is Pillow's for the channels of an array; `file_type` is `png`, `jpg`, `jpeg` or `bmp`.
        `classes` are the names of classes, for all layers; `grouping` is how many pictures of a list belong
        together.
        """
        picture.needs_pillow("Image")
        if file_type is not None and file_type.lower() not in picture.FORMATS:
            raise ValueError(f"Image file_type must be png, jpg, jpeg or bmp, not `{file_type}`")
        self.format: str = (file_type or "png").lower()
        self._mode = mode
        self._normalize = normalize
        self._width = self._height = 0
        #: One of these, until it is encoded.
        self._array: Any = None
        self._picture: Any = None
        self._drawn: bytes | None = None
        self._reference: str | None = None
        self._grouping: int | None = None
        self._classes: Classes | None = None
        self._boxes: dict[str, BoundingBoxes2D] = {}
        self._masks: dict[str, ImageMask] = {}
        self._checked = False
        self._take(data_or_path, file_type)
        if max(self._width, self._height) > self.MAX_DIMENSION:
            raise ValueError(
                f"Image is {self._width} x {self._height} pixels, and a side has at most {self.MAX_DIMENSION}"
            )
        self._caption = caption_of("Image", caption) if caption is not None else self._caption
        self._grouping = self._grouping if grouping is None else grouping
        self._annotate(classes, boxes, masks)

    def _take(self, data: Any, file_type: str | None) -> None:
        if isinstance(data, Image):
            vars(self).update({name: value for name, value in vars(data).items() if name != "_bound"})
            if file_type is not None and file_type.lower() != self.format:
                self._picture, self._content, self._array = self.image, None, None
                self.format = file_type.lower()
        elif isinstance(data, str) and data.startswith(_SCHEMES):
            self._reference = data
            self.format = os.path.splitext(data)[1][1:].lower()
        elif is_path(data):
            self._take_file(data)
        elif hasattr(data, "download") and hasattr(data, "path"):
            self._take_file(data.download())
        elif picture.is_figure(data):
            self._drawn = picture.drawn(data)
            self._width, self._height = (int.from_bytes(self._drawn[at : at + 4], "big") for at in (16, 20))
        elif hasattr(data, "tobytes") and hasattr(data, "getbands"):
            if not all(data.size):
                raise ValueError(f"Image has no pixels: its size is {data.size[0]} x {data.size[1]}")
            self._picture = data.copy()
            self._width, self._height = data.size
        elif picture.is_tensor_like(data):
            self._take_array(data)
        else:
            raise TypeError(
                f"Image takes a path, an array, a Pillow image or a figure, not `{type(data).__name__}`"
            )
        self._warn_of_alpha()

    def _take_file(self, path: Any) -> None:
        from PIL import Image as Pillow
        from PIL import UnidentifiedImageError

        self._content = file_content("Image", path)
        self.format = self._content.ext[1:]
        try:
            with Pillow.open(self._content.path) as opened:
                self._width, self._height = opened.size
        except UnidentifiedImageError:
            raise ValueError(
                f"Image cannot be made of `{os.fspath(path)}`: it is no picture that Pillow knows"
            ) from None
        except Pillow.DecompressionBombError as e:
            raise ValueError(
                f"Image cannot be made of `{os.fspath(path)}`: {e} "
                "If you trust it, set PIL.Image.MAX_IMAGE_PIXELS = None"
            ) from None

    def _take_array(self, data: Any) -> None:
        array = picture.arranged(to_numpy(data, "Image"), is_torch(data))
        self._height, self._width = array.shape[:2]
        if self._mode is not None:
            from PIL import Image as Pillow

            bands = len(Pillow.new(self._mode, (1, 1)).getbands())
            if bands != (1 if array.ndim == 2 else array.shape[2]):
                raise ValueError(
                    f"Image mode `{self._mode}` has {bands} channels; the shape is {list(array.shape)}"
                )
        self._array = array

    def _warn_of_alpha(self) -> None:
        alpha = self._array is not None and self._array.shape[2:] == (4,)
        if self.format in picture.NO_ALPHA and (alpha or getattr(self._picture, "mode", "") == "RGBA"):
            _say.warn(f"A picture of file type `{self.format}` has no transparency: it is stored as RGB")

    def _annotate(self, classes: Any, boxes: Any, masks: Any) -> None:
        if classes is not None:
            self._classes = classes if isinstance(classes, Classes) else Classes(classes)
        for name, given in (("boxes", boxes), ("masks", masks)):
            if given is not None and not isinstance(given, dict):
                raise TypeError(f'Images "{name}" argument must be a dictionary')
        for key, layer in (boxes or {}).items():
            self._boxes[key] = layer if isinstance(layer, BoundingBoxes2D) else BoundingBoxes2D(layer, key)
        for key, layer in (masks or {}).items():
            self._masks[key] = layer if isinstance(layer, ImageMask) else ImageMask(layer, key)
        labels = {} if self._classes is None else self._classes.labels
        layers: list[BoundingBoxes2D | ImageMask] = [*self._boxes.values(), *self._masks.values()]
        for named in layers:
            named._classes = labels

    def guess_mode(self, data: Any, file_type: str | None = None) -> str:
        """Return Pillow's mode for an array: by its number of channels."""
        mode = picture.mode_of(tuple(data.shape))
        return "RGB" if mode == "RGBA" and file_type in picture.NO_ALPHA else mode

    @property
    def image(self) -> Any:
        """The picture as a Pillow image; None if it is a reference."""
        if self._reference is not None:
            return None
        # Another thread may be encoding it.
        array, known = self._array, self._picture
        if array is not None:
            return picture.of_array(array, self._mode, self._normalize)
        return picture.decode(self._drawn, self._content) if known is None else known

    @property
    def _image(self) -> Any:
        return self.image

    def to_data_array(self) -> list[Any]:
        """Return the pixels, row by row."""
        image = self.image
        if image is None:
            return []
        pixel = image.load()
        return [[pixel[x, y] for x in range(image.width)] for y in range(image.height)]

    def _freeze(self) -> None:
        super()._freeze()
        for mask in self._masks.values():
            mask._freeze()

    def _weight(self) -> int:
        waiting = super()._weight() + sum(mask._weight() for mask in self._masks.values())
        if self._array is not None:
            waiting += int(self._array.nbytes)
        elif self._content is None:
            waiting += len(self._drawn or b"") or self._width * self._height * 4
        return waiting

    def _is_large(self) -> bool:
        return super()._is_large() or any(mask._is_large() for mask in self._masks.values())

    def _encode(self) -> Content:
        content = Content(f".{self.format}", picture.encode(self.image, self.format))
        if self.format in ("png", "bmp"):
            # The file has all that they have.
            self._content, self._array, self._picture, self._drawn = content, None, None, None
        return content

    def _to_json(self, place: Place, key: str, step: int | str) -> dict[str, Any]:
        if self._reference is not None:
            entry = place.add_reference(self._reference)
            return {
                "_type": self._log_type,
                **entry,
                "format": self.format,
                **super()._fields(place, key, step),
            }
        if self._content is not None and not self._checked:
            # A file that is not whole shows only when all of it is decoded. It may have changed, too.
            self._width, self._height = picture.decode(None, self._content).size
        self._checked = True
        return super()._to_json(place, key, step)

    def _fields(self, place: Place, key: str, step: int | str) -> dict[str, Any]:
        fields = {"format": self.format, "width": self._width, "height": self._height}
        if self._grouping is not None:
            fields["grouping"] = self._grouping
        fields.update(super()._fields(place, key, step))
        if self._classes is not None:
            fields["classes"] = self._classes._as_file(place, key, step)
        if self._boxes:
            fields["boxes"] = _layers(self._boxes, place, key, step)
        if self._masks:
            fields["masks"] = _layers(self._masks, place, key, step)
        return fields

    @classmethod
    def _join(cls, items: Sequence[Image], place: Place, key: str, step: int | str) -> dict[str, Any]:
        stored = [item._to_json(place, key, step) for item in items]
        joined: dict[str, Any] = {
            "_type": cls._list_type,
            "width": items[0]._width,
            "height": items[0]._height,
            "format": items[0].format,
            "count": len(items),
            "filenames": [json["path"] for json in stored],
        }
        if captions := cls.all_captions(items):
            joined["captions"] = captions
        for name in ("masks", "boxes"):
            if any(name in json for json in stored):
                joined[f"all_{name}"] = [json.get(name) for json in stored]
        return joined

    @classmethod
    def all_masks(
        cls, images: Sequence[Image], run: Run, run_key: str, step: int | str
    ) -> list[dict[str, Any] | None] | bool:
        """Store the masks of pictures; return them by picture and layer, or False if there are none."""
        return _all([image._masks for image in images], run, run_key, step)

    @classmethod
    def all_boxes(
        cls, images: Sequence[Image], run: Run, run_key: str, step: int | str
    ) -> list[dict[str, Any] | None] | bool:
        """Store the boxes of pictures; return them by picture and layer, or False if there are none."""
        return _all([image._boxes for image in images], run, run_key, step)

    @classmethod
    def from_json(cls, json_obj: dict[str, Any], source_artifact: Any) -> Image:
        """Read a picture back, with its boxes, masks and classes."""
        classes = json_obj.get("classes")
        boxes, masks = (
            {
                layer: kind.from_json({**stored, "key": layer}, source_artifact)
                for layer, stored in (json_obj.get(name) or {}).items()
            }
            for name, kind in (("boxes", BoundingBoxes2D), ("masks", ImageMask))
        )
        return cls(
            cls._read_back(json_obj, source_artifact),
            caption=json_obj.get("caption"),
            grouping=json_obj.get("grouping"),
            classes=None if classes is None else Classes.from_json(classes, source_artifact),
            boxes=boxes,
            masks=masks,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Image):
            return NotImplemented
        return self is other or (self._reference, self.image) == (other._reference, other.image)

    def __hash__(self) -> int:
        return object.__hash__(self)


def _layers(layers: Mapping[str, FileMedia], place: Place, key: str, step: int | str) -> dict[str, Any]:
    return {name: layer._to_json(place, key, step) for name, layer in layers.items()}


def _all(
    pictures: Sequence[Mapping[str, FileMedia]], run: Run, key: str, step: int | str
) -> list[dict[str, Any] | None] | bool:
    if not any(pictures):
        return False
    place = place_of(run)
    return [_layers(layers, place, key, step) or None for layers in pictures]
