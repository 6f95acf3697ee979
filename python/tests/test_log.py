"""Logging rows: values, steps, and what cannot be stored."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import math
import os
import pathlib
import sqlite3
import subprocess
import sys
import threading
from collections import OrderedDict, namedtuple
from decimal import Decimal
from pathlib import Path
from typing import Any

import danlu
import pytest
from conftest import Reader, named


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: list[float]


class MyFloat(float):
    def __float__(self) -> float:
        raise ValueError("never asked")


class Scalar:
    """What a torch tensor with one element looks like."""

    shape = ()

    def __init__(self, value: object) -> None:
        self.value = value

    def item(self) -> object:
        return self.value


class Raising:
    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def item(self) -> object:
        raise self.error("no item")


class Unprintable:
    def __repr__(self) -> str:
        raise ValueError("no repr")


def log_one(read: Reader, value: object) -> dict[str, Any]:
    with danlu.init() as run:
        run.log({"x": value, "other": 1})
    values = {key: value for _, key, value in read.history(run.file)}
    assert values.pop("other") == 1
    return values


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (0.5, 0.5),
        (-0.0, -0.0),
        (5e-324, 5e-324),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
        (math.nan, None),
        (MyFloat(1.5), 1.5),
        (3, 3),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (2**63, "9223372036854775808"),
        (10**40, "1" + "0" * 40),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        ("grün\n\0", '"grün\\n\\u0000"'),
        ("a\ud800b", '"a\\ud800b"'),
        ("", '""'),
        ([1, 2.5, "a", None, True], '[1,2.5,"a",null,true]'),
        ((math.nan, math.inf, -math.inf), '["NaN","Infinity","-Infinity"]'),
        ({3, 1, 2}, "[1,2,3]"),
        ([{"a": 2**70}], '[{"a":1180591620717411303424}]'),
        (datetime.date(2024, 2, 29), '"2024-02-29"'),
        (datetime.datetime(2024, 2, 29, 12, 30), '"2024-02-29T12:30:00"'),
        (pathlib.PurePosixPath("a/b"), '"a/b"'),
        (Color.RED, '"Color.RED"'),
        (Decimal("0.25"), 0.25),
        (b"text", '"text"'),
        (Scalar(2.5), 2.5),
        (Scalar(7), 7),
        (Scalar(True), "true"),
        (Scalar(Scalar(1)), 1),
        (float, "\"<class 'float'>\""),
    ],
    ids=named,
)
def test_values_are_stored_as_what_they_are(read: Reader, value: object, stored: object) -> None:
    found = log_one(read, value)["x"]
    assert found == stored
    assert type(found) is type(stored)
    if isinstance(stored, float) and isinstance(found, float):
        assert math.copysign(1, found) == math.copysign(1, stored)


def test_dicts_are_flattened(read: Reader) -> None:
    value = {"a": {"b": 1, 2: 2.5}, "empty": {}, "list": [1], "point": Point(1, [2.0])}
    assert log_one(read, value) == {
        "x.a.b": 1,
        "x.a.2": 2.5,
        "x.list": "[1]",
        "x.point.x": 1,
        "x.point.y": "[2.0]",
    }


def test_numpy_values(read: Reader) -> None:
    import numpy as np

    row = {
        "f64": np.float64(0.1),
        "f32": np.float32(0.5),
        "f16": np.float16("nan"),
        "long": np.longdouble(2.5),
        "i8": np.int8(-3),
        "u64": np.uint64(2**64 - 1),
        "bool": np.bool_(True),
        "str": np.str_("a"),
        "zero_d": np.array(1.5),
        "one": np.array([[4]]),
        "many": np.array([1.0, np.nan]),
        "none": np.array([]),
        "date": np.datetime64("2024-02-29"),
    }
    with danlu.init() as run:
        run.log(row)
    assert {key: value for _, key, value in read.history(run.file)} == {
        "f64": 0.1,
        "f32": 0.5,
        "f16": None,
        "long": 2.5,
        "i8": -3,
        "u64": "18446744073709551615",
        "bool": "true",
        "str": '"a"',
        "zero_d": 1.5,
        "one": 4,
        "many": '[1.0,"NaN"]',
        "none": "[]",
        "date": '"2024-02-29"',
    }


def cyclic_list() -> object:
    value: list[object] = []
    value.append(value)
    return value


def deep_list(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"\xff\x00", "no UTF-8 text"),
        (cyclic_list(), "it contains itself"),
        (deep_list(65), "nested deeper than 64"),
        (deep_list(100_000), "nested deeper than 64"),
        (Raising(ValueError), "`Raising` raised ValueError: no item"),
        (Unprintable(), "`Unprintable` raised ValueError: no repr"),
        ("x" * (17 << 20), "at most 16777216"),
    ],
    ids=["bytes", "cycle", "deep", "very deep", "item", "repr", "large"],
)
def test_what_cannot_be_stored_is_said_once_and_counted(
    read: Reader, capfd: pytest.CaptureFixture[str], value: object, why: str
) -> None:
    with danlu.init() as run:
        for _ in range(3):
            run.log({"bad": value, "good": 1})
        assert run.lost == 3
    assert [row[1:] for row in read.history(run.file)] == [("good", 1)] * 3
    err = capfd.readouterr().err
    assert err.count(why) == 1
    assert err.count("WARNING") == 2  # The other one is the sum at the end.
    losses = read.rows(run.file, "SELECT data FROM event WHERE kind = 'lost'")
    assert sum(json.loads(data)["records"] for (data,) in losses) == 3


def test_a_value_may_be_64_deep(read: Reader) -> None:
    assert log_one(read, deep_list(64))["x"] == "[" * 64 + "1" + "]" * 64


def test_a_dict_that_contains_itself_loses_only_that(read: Reader, capfd: pytest.CaptureFixture[str]) -> None:
    row: dict[str, Any] = {"loss": 0.5}
    row["self"] = row
    with danlu.init() as run:
        run.log(row)
    history = read.history(run.file)
    assert (0, "loss", 0.5) in history
    assert (0, "self.loss", 0.5) in history
    assert "contains itself" in capfd.readouterr().err


@pytest.mark.parametrize("data", ["text", None, 3, [1], object()], ids=named)
def test_what_is_no_dict_does_not_stop_the_training(
    read: Reader, capfd: pytest.CaptureFixture[str], data: Any
) -> None:
    with danlu.init() as run:
        run.log(data)
        run.log(data)
        run.log({"loss": 1.0})
        assert run.lost == 2
    assert read.history(run.file) == [(0, "loss", 1.0)]
    assert capfd.readouterr().err.count("log() takes a dict") == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_passes_through(read: Reader, error: type[BaseException]) -> None:
    run = danlu.init()
    with pytest.raises(error):
        run.log({"loss": 1.0, "bad": Raising(error)})
    run.finish()
    assert read.history(run.file) == [(0, "loss", 1.0)]
    assert run.lost == 0


def test_keys(read: Reader, capfd: pytest.CaptureFixture[str]) -> None:
    row: dict[Any, Any] = {1: "int", "a\udc00": 1, "": 2, "k" * 5000: 3, "ü/ä": 4, Unprintable(): 5}
    with danlu.init() as run:
        run.log(row)
        assert run.lost == 3
    assert read.history(run.file) == [(0, "1", '"int"'), (0, "a\\udc00", 1), (0, "ü/ä", 4)]
    assert capfd.readouterr().err.count("is not stored") == 3


def test_mappings_that_are_no_dict(read: Reader) -> None:
    import types

    with danlu.init() as run:
        run.log(OrderedDict(a=1))
        run.log(types.MappingProxyType({"a": 2}))
    assert read.history(run.file) == [(0, "a", 1), (1, "a", 2)]


def test_a_value_that_logs_or_changes_the_dict_while_it_is_asked(read: Reader) -> None:
    run = danlu.init()
    row: dict[str, Any] = {}

    class Meddler:
        def item(self) -> float:
            row[f"new{len(row)}"] = 1
            run.log({"inner": 1})
            return 2.0

    row.update(a=1, meddler=Meddler(), b=2)
    run.log(row)
    run.finish()
    assert {(key, value) for _, key, value in read.history(run.file)} == {
        ("inner", 1),
        ("a", 1),
        ("meddler", 2),
        ("b", 2),
    }


def test_keys_in_changing_order_and_built_anew(read: Reader) -> None:
    with danlu.init() as run:
        for i in range(50):
            names = [f"k{j}" for j in range(5)]
            if i % 2:
                names.reverse()
            run.log({name: int(name[1]) * 100 + i for name in names})
            run.log({"k9": i, "k1": i})
    history = read.history(run.file)
    assert len(history) == 50 * 7
    for step, key, value in history:
        assert value == (0 if step % 2 else int(key[1]) * 100) + step // 2


def test_a_commit_that_is_neither_true_nor_false(read: Reader, capfd: pytest.CaptureFixture[str]) -> None:
    class Neither:
        def __bool__(self) -> bool:
            raise ValueError("bool")

    run = danlu.init()
    run.log({"a": 1}, commit=Neither())
    run.finish()
    assert run.lost == 0
    assert read.history(run.file) == [(0, "a", 1)]
    assert "log() takes True or False as `commit`" in capfd.readouterr().err


def test_steps_and_commit(read: Reader) -> None:
    Pair = namedtuple("Pair", "step commit")
    with danlu.init() as run:
        seen: list[int] = []
        calls = [
            Pair(None, None),
            Pair(None, False),
            Pair(None, True),
            Pair(7, None),
            Pair(7, True),
            Pair(3, None),
            Pair(None, None),
            Pair(20.0, None),
        ]
        for step, commit in calls:
            run.log({"a": len(seen)}, step=step, commit=commit)
            seen.append(run.step)
    assert seen == [1, 1, 2, 7, 8, 8, 9, 20]
    rows = read.rows(run.file, "SELECT step, value FROM history ORDER BY value")
    assert [step for step, _ in rows] == [0, 1, 1, 7, 7, 3, 8, 20]


def test_numpy_steps(read: Reader) -> None:
    import numpy as np

    with danlu.init() as run:
        run.log({"a": 1}, step=np.int64(5))
        run.log({"a": 2}, np.uint8(6), np.bool_(True))
        assert run.step == 7


@pytest.mark.parametrize("step", ["5", 1.5, 2**63, 2**70, 1e30, math.nan, object()], ids=named)
def test_a_bad_step_keeps_the_row(read: Reader, capfd: pytest.CaptureFixture[str], step: Any) -> None:
    with danlu.init() as run:
        run.log({"a": 1}, step=step)
        run.log({"a": 2}, step=step)
        assert run.lost == 0
    assert read.history(run.file) == [(0, "a", 1), (1, "a", 2)]
    assert capfd.readouterr().err.count("as `step`") == 1


def test_the_last_steps_that_there_are(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"a": 1}, step=-5)
        run.log({"a": 2}, step=2**63 - 1)
        run.log({"a": 3})
        run.log({"a": 4})
    assert [step for step, _, _ in read.history(run.file)] == [-5] + [2**63 - 1] * 3


def test_what_threads_log_while_the_run_ends_is_stored_or_counted(read: Reader) -> None:
    for _ in range(10):
        run = danlu.init(project="p")
        ended = threading.Event()

        def work(run: danlu.Run = run, ended: threading.Event = ended) -> None:
            while not ended.is_set():
                run.log({"a": 1.0, "b": 2})

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        run.finish()
        lost = run.lost
        while run.lost == lost:
            pass
        ended.set()
        for thread in threads:
            thread.join()
        counts = "SELECT (SELECT count(*) FROM row), (SELECT count(*) FROM point)"
        ((rows, points),) = read.rows(run.file, counts)
        assert points == 2 * rows


def test_logging_from_threads(read: Reader) -> None:
    run = danlu.init()

    def work(name: str) -> None:
        for i in range(500):
            run.log({name: i, "np": Scalar(i)})

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    assert run.lost == 0
    rows = read.rows(run.file, "SELECT key, count(*), sum(value) FROM history GROUP BY 1 ORDER BY 1")
    assert rows == [("np", 2000, 4 * sum(range(500)))] + [(f"t{n}", 500, sum(range(500))) for n in range(4)]


def test_logging_after_the_end_is_said(read: Reader, capfd: pytest.CaptureFixture[str]) -> None:
    run = danlu.init()
    run.log({"a": 1})
    run.finish()
    run.log({"a": 2})
    run.finish()
    assert read.history(run.file) == [(0, "a", 1)]
    assert run.summary["a"] == 1
    assert "is finished" in capfd.readouterr().err


OUTSIDE = """
import sqlite3, sys
while True:
    connection = sqlite3.connect(sys.argv[1], timeout=5)
    connection.execute("SELECT count(*), min(value) FROM history").fetchone()
    connection.close()
"""


def test_another_sqlite_in_the_process_costs_no_row_and_no_file(
    read: Reader, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Closing a handle on a file drops all POSIX locks of the process on it, of whichever library.

    Then another process that reads takes a transaction under way for one of a dead writer, and rolls it back.
    """
    rows = 4000
    run = danlu.init()
    assert run.file is not None
    done = threading.Event()
    opened = 0

    def look() -> None:
        nonlocal opened
        while not done.wait(0.01):
            connection = sqlite3.connect(str(run.file), timeout=5)
            try:
                connection.execute("SELECT count(*) FROM row").fetchone()
            except sqlite3.DatabaseError:
                pass  # It may be in the middle of a change; what counts is the end.
            finally:
                connection.close()
            opened += 1

    looker = threading.Thread(target=look)
    looker.start()
    outside = subprocess.Popen([sys.executable, "-c", OUTSIDE, str(run.file)])
    try:
        for i in range(rows):
            run.log({"i": i, "half": i / 2})
            if i % 100 == 0:
                (tmp_path / "model.bin").write_bytes(os.urandom(200_000))
                assert run.save(tmp_path / "model.bin") == ["model.bin"]
                # Lets the others come to look while rows are being logged and applied.
                done.wait(0.05)
        assert outside.poll() is None, "the reader outside saw something else than a run file"
    finally:
        outside.kill()
        outside.communicate()
        done.set()
        looker.join()
    run.finish()
    assert opened > 10
    assert run.lost == 0
    found = read.rows(run.file, "SELECT value FROM history WHERE key = 'i' ORDER BY step")
    assert [value for (value,) in found] == list(range(rows))
    assert read.rows(run.file, "PRAGMA integrity_check") == [("ok",)]
    assert read.rows(run.file, "SELECT count(*) FROM blob") == [(rows // 100,)]
    assert "WARNING" not in capfd.readouterr().err
    assert sorted(path.suffix for path in Path(run.file).parent.iterdir() if not path.is_symlink()) == [
        ".sqlite"
    ]
