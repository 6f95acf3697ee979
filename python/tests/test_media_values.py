"""What log makes of values that are not numbers: at once, later, or not at all."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

import danlu
import numpy as np
import pytest
from conftest import Reader, Scripts
from danlu import _values
from danlu.data_types import Classes, Histogram, Html, Image
from stored import value, values

PICTURE = np.zeros((4, 4), np.uint8)


def kinds(deferred: list[tuple[str, object]]) -> dict[str, str]:
    return {name: type(item).__name__ for name, item in deferred}


def test_media_are_found_at_any_depth() -> None:
    image, page = Image(PICTURE), Html("<p>")
    row = {
        "image": image,
        "deep": {"er": {"image": image, "n": 1}},
        "batch": [image, image],
        "tuple": (image,),
        "mixed": [image, page],
        "nested": [1, {"a": [image]}],
        "big": np.arange(33),
        "small": np.arange(32),
        "plain": [1, 2],
        "none": [],
    }
    leaves, problems, deferred = _values.flatten("x", row)
    assert problems == []
    assert dict(leaves) == {
        "x.deep.er.n": 1,
        "x.small": json.dumps(list(range(32)), separators=(",", ":")),
        "x.plain": "[1,2]",
        "x.none": "[]",
    }
    assert kinds(deferred) == {
        "x.image": "Image",
        "x.deep.er.image": "Image",
        "x.batch": "Batch",
        "x.tuple": "Batch",
        "x.mixed": "Mixed",
        "x.nested": "Mixed",
        "x.big": "Histogram",
    }


def test_a_list_of_different_media_is_a_list_of_each(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"x": [Image(PICTURE), Html("<p>"), "text", 3]})
        run.log({"x": [1, {"a": [Image(PICTURE)], "b": float("nan")}]})
        run.log({"x": [np.arange(100), np.arange(200)]})
    assert run.lost == 0
    first, second, third = values(read, run, "x")
    assert [first[0]["_type"], first[1]["_type"], *first[2:]] == ["image-file", "html-file", "text", 3]
    assert second[1]["a"][0]["_type"] == "image-file"
    assert second[1]["b"] == "NaN"
    assert [sum(histogram["values"]) for histogram in third] == [100, 200]


def test_a_list_may_change_once_it_is_logged(read: Reader) -> None:
    images = [Image(PICTURE)] * 3
    mixed: list[Any] = [Image(PICTURE), 1]
    with danlu.init() as run:
        run.log({"x": images, "y": mixed})
        images.clear()
        mixed.clear()
    assert value(read, run, "x")["count"] == 3
    assert len(value(read, run, "y")) == 2


def test_a_list_that_has_itself_and_a_picture_does_not_stop_the_training(read: Reader) -> None:
    endless: list[Any] = [Image(PICTURE)]
    endless.append(endless)
    with danlu.init() as run:
        run.log({"x": endless, "loss": 1.0})
    assert run.lost == 1
    assert value(read, run, "loss") == 1.0


def test_every_class_has_its_name() -> None:
    for name in danlu.data_types.__all__:
        assert callable(getattr(danlu.data_types, name)), name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        danlu.data_types.Nothing  # noqa: B018


@dataclasses.dataclass
class Evaluation:
    loss: float
    picture: Any


def test_media_in_a_dataclass(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"eval": Evaluation(0.5, Image(PICTURE))})
    assert value(read, run, "eval.loss") == 0.5
    assert value(read, run, "eval.picture")["_type"] == "image-file"


@pytest.mark.parametrize(
    ("array", "stored"),
    [
        (np.array([[2.5]]), 2.5),
        (np.array([3]), 3),
        (np.array([]), []),
        (np.arange(32).reshape(4, 8), np.arange(32).reshape(4, 8).tolist()),
        (np.array(["a"] * 40), ["a"] * 40),
        (np.array([1j] * 2), ["1j", "1j"]),
        (np.array([1j] * 40), ["1j"] * 40),
        (datetime.datetime(2024, 2, 29, 12), "2024-02-29T12:00:00"),
        (1 + 2j, "(1+2j)"),
        (np.complex64(2j), "2j"),
        (b"text", "text"),
        (
            {"_type": "histogram", "values": [1], "bins": [0, 1]},
            {"_type": "histogram", "values": [1], "bins": [0, 1]},
        ),
    ],
    ids=repr,
)
def test_values_that_are_stored_at_once(read: Reader, array: Any, stored: Any) -> None:
    with danlu.init() as run:
        run.log({"x": array})
    assert run.lost == 0
    assert value(read, run, "x") == stored


def test_a_dict_with_another_type_is_flattened(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"x": {"_type": "adam", "lr": 0.1}, "y": {"_type": [1], "a": 1}})
    assert value(read, run, "x.lr") == 0.1
    assert value(read, run, "y.a") == 1


@pytest.mark.parametrize(
    ("array", "non_finite"),
    [
        (np.linspace(0, 1, 1000), 0),
        (np.arange(100, dtype=np.uint8), 0),
        (np.array([True, False] * 50), 0),
        (np.where(np.arange(100) % 2, np.nan, 1.0), 50),
        (np.full(50, np.inf), 50),
        (np.full(50, np.nan), 50),
        (np.array([-1.7e308, 1.7e308] * 20), 0),
        (np.full(64, 6e4, np.float16), 0),
        (np.full(64, 2**63 - 1), 0),
        (np.zeros((8, 8)), 0),
        (np.full(50, 5e-324), 0),
    ],
    ids=lambda value: str(value)[:20],
)
def test_large_arrays_are_histograms(read: Reader, array: Any, non_finite: int) -> None:
    with danlu.init() as run:
        run.log({"x": array})
    assert run.lost == 0
    found = value(read, run, "x")
    assert found["_type"] == "histogram"
    assert len(found["values"]) == 64
    assert len(found["bins"]) == 65
    assert sum(found["values"]) == array.size - non_finite
    assert found.get("non_finite", 0) == non_finite
    assert all(low <= high for low, high in zip(found["bins"], found["bins"][1:]))


def test_an_array_may_change_once_it_is_logged(read: Reader) -> None:
    array = np.zeros(100)
    with danlu.init() as run:
        for step in range(20):
            array[:] = step
            run.log({"x": array})
    for step, found in enumerate(values(read, run, "x")):
        assert found["bins"][0] <= step <= found["bins"][-1]
        assert sum(found["values"]) == 100


def test_media_are_no_config(read: Reader, capfd: pytest.CaptureFixture[str]) -> None:
    with danlu.init(config={"lr": 0.1, "image": Image(PICTURE)}) as run:
        run.config["list"] = [Image(PICTURE)]
        run.config["classes"] = {"a": Classes([{"id": 1, "name": "a"}])}
    assert run.lost == 3
    assert set(read.table(run.file, "config")) == {"lr"}
    err = capfd.readouterr().err
    assert "A value of `image` is not stored: it is or has media (`Image`), which only log can store" in err


def test_media_in_the_summary(read: Reader) -> None:
    run = danlu.init()
    run._later("summary", 0.0, [("best", Image(PICTURE)), ("hist", Histogram([1, 2]))])
    run.finish()
    summary = read.table(run.file, "summary")
    assert json.loads(summary["best"])["path"].startswith("media/images/best_summary_")
    assert json.loads(summary["hist"])["_type"] == "histogram"


def test_what_was_logged_last_is_in_the_summary(read: Reader) -> None:
    with danlu.init() as run:
        for step in range(5):
            run.log({"x": Image(np.full((2, 2), step, np.uint8))})
        run.flush()
        assert run.summary["x"]["path"].startswith("media/images/x_4_")
    assert json.loads(read.table(run.file, "summary")["x"])["path"].startswith("media/images/x_4_")


def test_steps_of_what_is_stored_later(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"x": Image(PICTURE)}, commit=False)
        run.log({"a": 1})
        run.log({"x": Image(PICTURE)}, step=10)
        run.log({"a": 2}, step=10)
        run.log({"a": 3}, step=5)
        assert run.step >= 10
    rows = read.rows(run.file, "SELECT step, key, time FROM history WHERE key = 'x' ORDER BY step")
    assert [step for step, _, _ in rows] == [0, 10]
    times = dict(read.rows(run.file, "SELECT step, max(time) FROM history WHERE key = 'a' GROUP BY step"))
    assert abs(rows[0][2] - times[0]) < 60


def test_a_disabled_run_takes_media() -> None:
    with danlu.init(mode="disabled") as run:
        run.log({"x": Image(PICTURE), "y": np.arange(100)})
    assert run.lost == 0


def test_the_import_brings_nothing_heavy(scripts: Scripts) -> None:
    heavy = ["PIL", "bokeh", "imageio_ffmpeg", "matplotlib", "numpy", "pandas", "plotly", "rdkit"]
    code = f"""
        import sys, danlu.data_types, danlu.media.queue, danlu.media.batch
        print([name for name in {heavy} if name in sys.modules])
    """
    done = scripts.run(code)
    assert done.stdout.strip() == "[]", done.stderr
