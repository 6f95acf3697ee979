"""Pictures: what is stored of them, pixel by pixel, and what is refused."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import pathlib
import pickle
import re
from pathlib import Path
from typing import Any

import danlu
import numpy as np
import PIL.Image
import pytest
from conftest import Reader, named
from danlu.data_types import BoundingBoxes2D, Classes, Image, ImageMask
from danlu.media import picture
from stored import content, extract, log_one, pixels, value, values

RGB = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def png(array: Any) -> bytes:
    out = io.BytesIO()
    PIL.Image.fromarray(array).save(out, "png")
    return out.getvalue()


def test_a_picture_is_stored_with_its_size(read: Reader) -> None:
    found, data = log_one(read, Image(RGB, caption="noise"))
    sha256 = hashlib.sha256(data).hexdigest()
    assert found == {
        "_type": "image-file",
        "path": f"media/images/x_0_{sha256[:20]}.png",
        "sha256": sha256,
        "size": len(data),
        "format": "png",
        "width": 64,
        "height": 48,
        "caption": "noise",
    }
    assert (pixels(data) == RGB).all()


@pytest.mark.parametrize(
    ("array", "stored"),
    [
        (RGB[..., 0], RGB[..., 0]),
        (RGB[..., :1], RGB[..., 0]),
        (np.dstack([RGB, RGB[..., 0]]), np.dstack([RGB, RGB[..., 0]])),
        (RGB[None], RGB),
        (RGB[..., 0][None], RGB[..., 0]),
        (RGB.tolist(), RGB),
        (RGB[:1, :1], RGB[:1, :1]),
        (RGB[::2, ::-1], RGB[::2, ::-1]),
        (RGB.astype(np.int64), RGB),
        (np.array([[-5, 300]]), np.array([[0, 255]])),
        (np.array([[True, False]]), np.array([[255, 0]])),
        (np.array([[1, 0]], np.uint8), np.array([[1, 0]])),
        (RGB / 255, RGB),
        (RGB.astype(np.float32) / np.float32(255), RGB),
        (RGB / 127.5 - 1, RGB),
        (RGB.astype(float), RGB),
        (np.array([[-2.0, 0.0, 2.0]]), np.array([[0, 128, 255]])),
        (np.array([[np.nan, np.inf, 1.0, 0.5]]), np.array([[0, 0, 255, 128]])),
        (np.full((2, 2), np.nan), np.zeros((2, 2))),
        (np.full((2, 2), 1e300), np.full((2, 2), 255)),
        (np.array([[-1e308, 1e308]]), np.array([[0, 255]])),
        (np.array([[0.5]], np.float16), np.array([[128]])),
    ],
    ids=lambda array: f"{np.shape(array)}",
)
def test_arrays_become_the_pixels_that_they_mean(read: Reader, array: Any, stored: Any) -> None:
    _, data = log_one(read, Image(array))
    found = pixels(data)
    assert found.shape == stored.shape
    assert (found == stored).all()


def test_normalize_can_be_turned_off(read: Reader) -> None:
    _, data = log_one(read, Image(np.array([[0.2, 0.9, 254.6, 999.0, -3.0]]), normalize=False))
    assert pixels(data).tolist() == [[0, 1, 255, 255, 0]]


def test_the_array_may_change_after_the_constructor(read: Reader) -> None:
    array = RGB.copy()
    image = Image(array)
    array[:] = 0
    _, data = log_one(read, image)
    assert (pixels(data) == RGB).all()


def test_mode_of_channels(read: Reader) -> None:
    _, data = log_one(read, Image(RGB, mode="HSV"))
    expected = PIL.Image.frombytes("HSV", (64, 48), RGB.tobytes()).convert("RGB")
    assert (pixels(data) == np.asarray(expected)).all()
    with pytest.raises(ValueError, match="mode `L` has 1 channels"):
        Image(RGB, mode="L")


@pytest.mark.parametrize("file_type", ["jpg", "jpeg", "JPG"])
def test_jpeg(read: Reader, file_type: str, capfd: pytest.CaptureFixture[str]) -> None:
    smooth = np.linspace(0, 255, 64 * 64).astype(np.uint8).reshape(64, 64)
    found, data = log_one(read, Image(np.dstack([smooth] * 4), file_type=file_type))
    assert found["format"] == file_type.lower()
    assert found["path"].endswith(f".{file_type.lower()}")
    assert PIL.Image.open(io.BytesIO(data)).format == "JPEG"
    assert abs(pixels(data).astype(int) - np.dstack([smooth] * 3)).max() < 8
    assert "no transparency" in capfd.readouterr().err or file_type != "jpg"


def test_bmp(read: Reader) -> None:
    _, data = log_one(read, Image(RGB, file_type="bmp"))
    assert PIL.Image.open(io.BytesIO(data)).format == "BMP"
    assert (pixels(data) == RGB).all()


@pytest.mark.parametrize(
    "mode",
    [
        "1",
        "L",
        "LA",
        "P",
        "PA",
        "RGB",
        "RGBA",
        "RGBX",
        "CMYK",
        "YCbCr",
        "HSV",
        "I",
        "F",
        "I;16",
        "RGBa",
        "La",
    ],
)
@pytest.mark.parametrize("file_type", ["png", "jpg", "bmp"])
def test_pillow_images_of_every_mode(read: Reader, mode: str, file_type: str) -> None:
    source = PIL.Image.fromarray(RGB)
    if mode in ("RGBa", "La"):
        source = source.convert("RGBA" if mode == "RGBa" else "LA")
    elif mode == "PA":
        source = source.convert("P")
    elif mode == "I;16":
        source = source.convert("I")
    source = source.convert(mode)
    found, data = log_one(read, Image(source, file_type=file_type))
    assert (found["width"], found["height"]) == (64, 48)
    stored = PIL.Image.open(io.BytesIO(data))
    stored.load()
    if file_type == "png" and mode not in ("F", "I", "I;16"):
        same = "RGBA" if mode in ("LA", "PA", "RGBA", "RGBa", "La") else "RGB"
        expected = source.convert({"RGBa": "RGBA", "La": "LA"}.get(mode, mode)).convert(same)
        assert (np.asarray(stored.convert(same)) == np.asarray(expected)).all()
    if file_type == "png" and mode in ("I", "I;16"):
        assert (np.asarray(stored) == np.asarray(source)).all()


def test_a_pillow_image_may_change_after_the_constructor(read: Reader) -> None:
    source = PIL.Image.fromarray(RGB)
    image = Image(source)
    source.paste(0, (0, 0, 64, 48))
    _, data = log_one(read, image)
    assert (pixels(data) == RGB).all()


def test_a_sixteen_bit_picture_as_jpeg_is_scaled(read: Reader) -> None:
    array = np.full((8, 8), 0x8000, np.uint16)
    _, data = log_one(read, Image(PIL.Image.fromarray(array), file_type="jpg"))
    assert abs(pixels(data).astype(int) - 128).max() <= 1


@pytest.mark.parametrize("as_path", [str, pathlib.Path])
def test_a_file_is_kept_byte_for_byte(read: Reader, workdir: Path, as_path: Any) -> None:
    data = png(RGB)
    (workdir / "a.png").write_bytes(data)
    found, stored = log_one(read, Image(as_path("a.png"), caption="file"))
    assert stored == data
    assert (found["width"], found["height"], found["format"]) == (64, 48, "png")


def test_a_file_may_change_or_go_once_it_is_logged(read: Reader, workdir: Path) -> None:
    path = workdir / "a.png"
    with danlu.init() as run:
        for shade in range(20):
            path.write_bytes(png(np.full((4, 4), shade, np.uint8)))
            run.log({"x": Image("a.png")})
        path.unlink()
    assert run.lost == 0
    shades = [pixels(content(read, run, found["path"]))[0, 0] for found in values(read, run, "x")]
    assert shades == list(range(20))


def test_a_file_that_has_changed_before_it_is_logged(read: Reader, workdir: Path) -> None:
    (workdir / "a.png").write_bytes(png(RGB))
    image = Image("a.png")
    (workdir / "a.png").write_bytes(png(RGB[:5]))
    found, data = log_one(read, image)
    assert (found["width"], found["height"]) == (64, 5)
    assert (pixels(data) == RGB[:5]).all()


def test_a_file_that_is_gone_before_it_is_logged(workdir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (workdir / "a.png").write_bytes(png(RGB))
    image = Image("a.png")
    (workdir / "a.png").unlink()
    with danlu.init() as run:
        run.log({"x": image})
    assert run.lost == 1
    assert "Image `x` at step 0 is not stored: [Errno 2]" in capfd.readouterr().err


def test_a_picture_can_be_sent_to_another_process(read: Reader) -> None:
    sent = pickle.loads(pickle.dumps(Image(RGB, caption="sent", boxes={"b": BOXES})))
    found, data = log_one(read, copy.deepcopy(sent))
    assert found["caption"] == "sent"
    assert (pixels(data) == RGB).all()


class Artifact:
    """What an artifact looks like from here."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.manifest = self
        self.entries: dict[str, Path] = {}

    def _add(self, name: str) -> Path:
        assert name not in self.entries
        self.entries[name] = self.directory / name
        self.entries[name].parent.mkdir(parents=True, exist_ok=True)
        return self.entries[name]

    def new_file(self, name: str, mode: str) -> Any:
        return open(self._add(name), mode)

    def add_file(self, path: str, name: str) -> None:
        self._add(name).write_bytes(Path(path).read_bytes())

    def add_reference(self, url: str, name: str) -> None:
        self._add(name).write_text(url)

    def get_entry(self, name: str) -> Entry:
        return Entry(self.entries[name])


class Entry:
    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def download(self) -> str:
        return self.path


def test_pictures_in_artifacts(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = Artifact(workdir / "artifact")
    classes = [{"id": 3, "name": "sky"}]
    image = Image(RGB, masks={"m": {"mask_data": RGB[..., 0]}}, boxes={"b": BOXES}, classes=classes)
    found = image.to_json(artifact)
    assert image.to_json(artifact) == found
    assert found["path"] == f"media/images/{found['sha256'][:20]}.png"
    assert sorted(name.split("/")[1] for name in artifact.entries) == [
        "classes",
        "images",
        "images",
        "metadata",
    ]
    back = Image.from_json(found, artifact)
    assert back == image
    assert back._masks["m"].labels == {3: "sky"}
    monkeypatch.setattr("danlu.media.content.MAX_READ", 0)
    (workdir / "a.png").write_bytes(png(RGB))
    assert Image("a.png").to_json(artifact)["path"] in artifact.entries
    assert Image(artifact.get_entry(found["path"])) == image
    reference = Image("https://example.com/pictures/a.png").to_json(artifact)
    assert artifact.entries[reference["path"]].read_text() == "https://example.com/pictures/a.png"


def test_a_large_file_is_stored_before_log_returns(
    read: Reader, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("danlu.media.content.MAX_READ", 1000)
    data = png(RGB)
    (workdir / "a.png").write_bytes(data)
    with danlu.init() as run:
        run.log({"x": [Image("a.png"), Image("a.png")]})
        (workdir / "a.png").unlink()
    found = value(read, run, "x")
    assert found["count"] == 2
    assert content(read, run, found["filenames"][1]) == data


def test_the_directory_may_change_before_it_is_logged(
    read: Reader, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workdir / "a.png").write_bytes(png(RGB))
    (workdir / "other").mkdir()
    run = danlu.init()
    image = Image("a.png")
    monkeypatch.chdir(workdir / "other")
    run.log({"x": image})
    run.finish()
    assert run.lost == 0


def test_an_image_of_an_image(read: Reader) -> None:
    first = Image(RGB, caption="first", masks={"m": {"mask_data": RGB[..., 0]}})
    assert first._caption == "first"
    found, data = log_one(read, Image(first, caption="second"))
    assert found["caption"] == "second"
    assert "m" in found["masks"]
    assert (pixels(data) == RGB).all()
    assert Image(Image(RGB), file_type="jpg").format == "jpg"


def test_what_users_ask_of_an_image() -> None:
    image = Image(RGB)
    assert image.image.size == (64, 48)
    assert (np.asarray(image.image) == RGB).all()
    assert np.array_equal(image.to_data_array(), RGB)
    assert image == Image(RGB)
    assert image != Image(RGB[::-1])
    assert Image.get_media_subdir() == "media/images"
    assert Image.MAX_ITEMS == 108
    assert Image.MAX_DIMENSION == 65500
    assert image.guess_mode(RGB) == "RGB"
    assert image.guess_mode(np.dstack([RGB, RGB])[..., :4], "jpg") == "RGB"
    assert Image.all_captions([image, image]) is False
    assert Image.all_captions([image, Image(RGB, caption="a")]) == [None, "a"]


def test_figures_of_matplotlib(read: Reader) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots()
    axes.plot([1, 2, 3])
    images = [Image(figure), Image(axes), Image(plt), Image(axes.get_lines()[0])]
    expected = io.BytesIO()
    figure.savefig(expected, format="png")
    axes.clear()
    plt.close("all")
    with danlu.init() as run:
        run.log({"x": images})
    found = value(read, run, "x")
    assert (found["width"], found["height"]) == (640, 480)
    for name in found["filenames"]:
        assert (pixels(content(read, run, name)) == pixels(expected.getvalue())).all()


class Jax:
    """What has no numpy of its own but gives an array."""

    shape = RGB.shape

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return RGB


def test_other_arrays(read: Reader) -> None:
    _, data = log_one(read, Image(Jax()))
    assert (pixels(data) == RGB).all()


def test_several_pictures_are_one_value(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"a/b": [Image(RGB, caption="0"), Image(RGB[::-1])], "plain": (Image(RGB), Image(RGB))})
    found = value(read, run, "a/b")
    names = found.pop("filenames")
    assert found == {
        "_type": "images/separated",
        "width": 64,
        "height": 48,
        "format": "png",
        "count": 2,
        "captions": ["0", None],
    }
    assert names[0].startswith("media/images/a/b_0_")
    assert (pixels(content(read, run, names[1])) == RGB[::-1]).all()
    assert "captions" not in value(read, run, "plain")


def test_only_so_many_pictures_of_a_list_are_stored(read: Reader, capfd: pytest.CaptureFixture[str]) -> None:
    image = Image(RGB)
    with danlu.init() as run:
        run.log({"x": [image] * 109})
        run.log({"x": [image] * 108})
    assert [found["count"] for found in values(read, run, "x")] == [108, 108]
    assert capfd.readouterr().err.count("108 of a list of 109") == 1


BOXES: dict[str, Any] = {
    "box_data": [
        {
            "position": {"minX": 0.1, "maxX": np.float32(0.5), "minY": 0, "maxY": 1},
            "class_id": np.int64(1),
            "scores": {"acc": np.float64(0.5)},
            "box_caption": "cat",
        },
        {
            "position": {"middle": np.array([10, 20]), "width": 5, "height": 6},
            "class_id": 2,
            "domain": "pixel",
        },
    ],
    "class_labels": {1: "cat", 2: "dog"},
}


def test_boxes_and_masks(read: Reader, workdir: Path) -> None:
    classes = [{"id": 0, "name": "road"}, {"id": 3, "name": "sky"}]
    mask = np.where(RGB[..., 0] > 128, 3, 0)
    masks: Any = {
        "truth": {"mask_data": mask},
        "guess": {"mask_data": mask, "class_labels": {0: "a", 3: "b"}},
    }
    image = Image(RGB, boxes={"b": BOXES}, masks=masks, classes=classes)
    with danlu.init() as run:
        run.log({"seg": image})
        run.log({"seg": image, "list": [image, Image(RGB)]})
    assert run.lost == 0
    first, second = values(read, run, "seg")
    assert first["boxes"]["b"]["_type"] == "boxes2D"
    assert first["boxes"]["b"]["path"].startswith("media/metadata/boxes2D/seg_0_")
    assert first["masks"]["truth"]["path"].startswith("media/images/mask/seg_0_")
    assert first["masks"]["truth"]["path"].endswith(".mask.png")
    assert second["masks"]["truth"]["sha256"] == first["masks"]["truth"]["sha256"]
    stored = json.loads(content(read, run, first["boxes"]["b"]["path"]))
    assert stored["box_data"][0]["class_id"] == 1
    assert stored["box_data"][1]["position"] == {"middle": [10, 20], "width": 5, "height": 6}
    assert (pixels(content(read, run, first["masks"]["truth"]["path"])) == mask).all()
    joined = value(read, run, "list")
    assert set(joined["all_masks"][0]) == {"truth", "guess"}
    assert joined["all_masks"][1] is None
    assert joined["all_boxes"][0]["b"]["_type"] == "boxes2D"

    kept = json.loads(read.table(run.file, "config")["_wandb"])
    name = "seg_wandb_delimeter_truth"
    assert kept["mask/class_labels"][name] == {
        "type": "mask/class_labels",
        "key": name,
        "value": {"0": "road", "3": "sky"},
    }
    assert kept["mask/class_labels"]["seg_wandb_delimeter_guess"]["value"] == {"0": "a", "3": "b"}
    assert kept["bounding_box/class_labels"]["seg_wandb_delimeter_b"]["value"] == {"1": "cat", "2": "dog"}

    back = Image.from_json(first, extract(read, run, workdir / "out"))
    assert (np.asarray(back.image) == RGB).all()
    assert back._classes == Classes(classes)
    assert back._boxes["b"].labels == {1: "cat", 2: "dog"}
    assert (pixels(back._masks["truth"]._encoded().read()) == mask).all()


def test_labels_without_names_are_the_classes_that_are_there(read: Reader) -> None:
    with danlu.init() as run:
        for highest in (2, 3, 3):
            mask = np.arange(4).reshape(2, 2).clip(0, highest)
            run.log({"m": Image(RGB[:2, :2], masks={"l": {"mask_data": mask}})})
    kept = json.loads(read.table(run.file, "config")["_wandb"])
    [labels] = kept["mask/class_labels"].values()
    assert labels["value"] == {str(number): f"class_{number}" for number in range(4)}


def test_a_mask_of_a_file(read: Reader, workdir: Path) -> None:
    (workdir / "m.png").write_bytes(png(RGB[..., 0]))
    masks = {"m": {"path": "m.png", "class_labels": {1: "a"}}}
    with danlu.init() as run:
        run.log({"x": Image(RGB, masks=masks)})
        (workdir / "m.png").unlink()
    stored = value(read, run, "x")["masks"]["m"]
    assert (pixels(content(read, run, stored["path"])) == RGB[..., 0]).all()


@pytest.mark.parametrize(
    ("boxes", "why"),
    [
        ([], "must be a dictionary with `box_data`"),
        ({}, "must be a dictionary with `box_data`"),
        ({"box_data": {}}, "must be a list"),
        ({"box_data": [3]}, "must be a dictionary"),
        ({"box_data": [{}]}, "must contain a position"),
        ({"box_data": [{"position": {"minX": 0, "maxX": 1, "minY": 0}}]}, "must contain a position"),
        ({"box_data": [{"position": {"middle": "ab", "width": 1, "height": 1}}]}, "must contain a position"),
        (
            {"box_data": [{"position": {"minX": "0", "maxX": 1, "minY": 0, "maxY": 1}}]},
            "must contain a position",
        ),
        ({"box_data": [{**BOXES["box_data"][0], "class_id": "1"}]}, "must be an integer"),
        ({"box_data": [{**BOXES["box_data"][0], "scores": [1]}]}, "must be a dictionary"),
        ({"box_data": [{**BOXES["box_data"][0], "scores": {"a": "b"}}]}, "must be a number"),
        ({"box_data": [{**BOXES["box_data"][0], "box_caption": 3}]}, "must be a string"),
        ({"box_data": [], "class_labels": ["a"]}, "numbers to strings"),
        ({"box_data": [], "class_labels": {"a": "b"}}, "must be an integer"),
    ],
)
def test_boxes_that_cannot_be_drawn(boxes: Any, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        Image(RGB, boxes={"layer": boxes})


@pytest.mark.parametrize(
    ("mask", "error", "why"),
    [
        ({}, TypeError, "`mask_data` or `path`"),
        ({"mask_data": RGB}, ValueError, r"\(height, width\), not \(48, 64, 3\)"),
        ({"mask_data": np.zeros((0, 3), int)}, ValueError, "shape"),
        ({"mask_data": np.array([[256]])}, ValueError, "from 0 to 255"),
        ({"mask_data": np.array([[-1]])}, ValueError, "from 0 to 255"),
        ({"mask_data": np.array([[0.5]])}, TypeError, "whole numbers"),
        ({"mask_data": np.array([["a"]])}, TypeError, "whole numbers"),
        ({"path": "missing.png"}, ValueError, "no such file"),
        ({"path": 3}, TypeError, "must be a path"),
    ],
)
def test_masks_that_are_none(mask: Any, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        Image(RGB, masks={"layer": mask})


@pytest.mark.parametrize(
    ("data", "arguments", "error", "why"),
    [
        (
            RGB.transpose(2, 0, 1),
            {},
            ValueError,
            r"Un-supported shape for image conversion \[3, 48, 64\].*transpose",
        ),
        (np.zeros((4, 4, 2)), {}, ValueError, "Un-supported shape"),
        (np.zeros(5), {}, ValueError, "Un-supported shape"),
        (np.zeros((2, 3, 4, 4, 3)), {}, ValueError, "Un-supported shape"),
        ([], {}, ValueError, "Un-supported shape"),
        (np.zeros((0, 5)), {}, ValueError, "no pixels"),
        (PIL.Image.new("L", (0, 5)), {}, ValueError, "no pixels"),
        (np.array([["a"]]), {}, TypeError, "arrays of numbers"),
        (np.array([[1j]]), {}, TypeError, "arrays of numbers"),
        (object(), {}, TypeError, "a path, an array"),
        (None, {}, TypeError, "a path, an array"),
        (np.zeros((1, 65501), np.uint8), {}, ValueError, "at most 65500"),
        (RGB, {"file_type": "tiff"}, ValueError, "png, jpg, jpeg or bmp"),
        (RGB, {"caption": [3]}, TypeError, "takes a text as `caption`"),
        (RGB, {"boxes": [1]}, TypeError, 'Images "boxes" argument must be a dictionary'),
        (RGB, {"masks": [1]}, TypeError, 'Images "masks" argument must be a dictionary'),
        (RGB, {"classes": [{"id": 1}]}, TypeError, "`id` and `name`"),
        ("missing.png", {}, ValueError, "no such file"),
        (".", {}, ValueError, "no regular file"),
        ("text.png", {}, ValueError, "no picture"),
        ("empty.png", {}, ValueError, "no picture"),
    ],
    ids=named,
)
def test_what_is_no_picture_is_refused(
    workdir: Path, data: Any, arguments: dict[str, Any], error: type[Exception], why: str
) -> None:
    (workdir / "text.png").write_text("no picture")
    (workdir / "empty.png").touch()
    with pytest.raises(error, match=why):
        Image(data, **arguments)


def test_a_file_that_is_not_whole_is_told_once_and_counted(
    read: Reader, workdir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (workdir / "cut.png").write_bytes(png(RGB)[:2000])
    with danlu.init() as run:
        for _ in range(3):
            run.log({"cut": Image("cut.png"), "loss": 1.0})
    assert run.lost == 3
    assert values(read, run, "cut") == []
    assert values(read, run, "loss") == [1.0] * 3
    err = capfd.readouterr().err
    # Of which step it is told depends on which thread came first.
    assert len(re.findall(r"Image `cut` at step \d is not stored: .*truncated", err)) == 1


def test_a_url_is_only_for_tables_and_artifacts(capfd: pytest.CaptureFixture[str]) -> None:
    image = Image("https://example.com/a.png")
    assert image.image is None
    with danlu.init() as run:
        run.log({"x": image})
    assert run.lost == 1
    assert "download it first" in capfd.readouterr().err


def test_the_same_picture_is_encoded_and_stored_once(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = []
    encode = picture.encode

    def counting(*arguments: Any) -> bytes:
        encoded.append(arguments)
        return encode(*arguments)

    monkeypatch.setattr(picture, "encode", counting)
    image = Image(RGB)
    with danlu.init() as run:
        for _ in range(200):
            run.log({"x": image})
    assert len(encoded) == 1
    assert len(values(read, run, "x")) == 200
    assert read.rows(run.file, "SELECT count(DISTINCT path), count(DISTINCT sha256) FROM file") == [(200, 1)]
    assert read.rows(run.file, "SELECT count(*) FROM blob") == [(1,)]
    assert run.file is not None
    assert [path for path in Path(run.file).parent.rglob("*") if path.suffix == ".png"] == []
    assert not Path(run.dir).exists()


def test_to_json_and_bind_to_run(read: Reader) -> None:
    with danlu.init() as run:
        image = Image(RGB)
        image.bind_to_run(run, "key", 7)
        found = image.to_json(run)
        assert found["path"].startswith("media/images/key_7_")
        joined = Image.seq_to_json([image, image], run, "seq", "summary")
        assert joined["filenames"][0].startswith("media/images/seq_summary_")
        masked = Image(RGB, masks={"m": {"mask_data": RGB[..., 0]}})
        assert Image.all_boxes([masked], run, "k", 1) is False
        all_masks = Image.all_masks([masked, image], run, "k", 1)
        assert isinstance(all_masks, list)
        assert all_masks[1] is None
        with pytest.raises(TypeError, match="a Run or an Artifact"):
            image.to_json(3)
    assert (pixels(content(read, run, found["path"])) == RGB).all()


def test_layers_may_be_objects() -> None:
    layer = ImageMask({"mask_data": RGB[..., 0]}, "m")
    boxes = BoundingBoxes2D(BOXES, "b")
    image = Image(RGB, masks={"m": layer}, boxes={"b": boxes})
    assert image._masks["m"] is layer
    assert image._boxes["b"] is boxes


@pytest.mark.parametrize("key", ["../../a", "/a/b/", "a\\b", "a\nb", "", "ü" * 300, "a/./b", ".."])
def test_keys_become_names_of_files(read: Reader, key: str) -> None:
    with danlu.init() as run:
        image = Image(RGB)
        image.bind_to_run(run, key, 0)
        name = image.to_json(run)["path"]
    assert content(read, run, name)
    assert ".." not in name.split("/")
    assert max(len(part.encode()) for part in name.split("/")) <= 255
