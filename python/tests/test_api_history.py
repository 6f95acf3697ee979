"""Rows that are read back: sampled, scanned, as data frames, of several attempts and ranks."""

from __future__ import annotations

import itertools
import math
import sys
from pathlib import Path
from typing import Any

import danlu
import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import Scripts
from danlu.apis.public import Api, Run

pytestmark = pytest.mark.usefixtures("everywhere")


def one() -> Run:
    return Api().runs()[-1]


def plain(rows: Any) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in row.items() if key not in ("_timestamp", "_runtime")} for row in rows
    ]


def test_rows_are_scanned_in_order_of_their_steps() -> None:
    with danlu.init() as live:
        live.log({"loss": 1.0, "n": 1, "text": "a"})
        live.log({"n": 2, "flag": True})
        live.log({"loss": math.inf, "text": None}, step=7)
        live.log({"loss": 0.5, "list": [1, {"x": 2}]}, step=9)
    rows = list(one().scan_history())
    assert plain(rows) == [
        {"loss": 1.0, "n": 1, "text": "a", "_step": 0},
        {"n": 2, "flag": True, "_step": 1},
        {"loss": math.inf, "text": None, "_step": 7},
        {"loss": 0.5, "list": [1, {"x": 2}], "_step": 9},
    ]
    assert type(rows[0]["n"]) is int
    assert type(rows[0]["loss"]) is float
    assert rows[0]["_timestamp"] <= rows[-1]["_timestamp"]
    assert 0 <= rows[0]["_runtime"] <= rows[-1]["_runtime"] < 60
    scan = one().scan_history
    assert list(scan(keys=["loss", "n"])) == [{"loss": 1.0, "n": 1}], "only rows with all keys"
    assert list(scan(keys=["n", "_step"])) == [{"n": 1, "_step": 0}, {"n": 2, "_step": 1}]
    assert list(scan(keys="n")) == [{"n": 1}, {"n": 2}]
    assert [row["_step"] for row in scan(keys=["_step"])] == [0, 1, 7, 9]
    assert list(scan(keys=["missing"])) == []
    assert [row["_step"] for row in scan(min_step=1, max_step=9)] == [1, 7]
    assert [row["_step"] for row in scan(min_step=2)] == [7, 9]
    assert next(scan())["_step"] == 0
    assert plain(one().beta_scan_history()) == plain(rows)
    with pytest.raises(TypeError, match="`5`"):
        scan(keys=[5])  # type: ignore[list-item]
        list(scan(keys=[5]))  # type: ignore[list-item]


def test_whole_numbers_stay_whole() -> None:
    with danlu.init() as live:
        for n in (1, 2**60 + 1, -3):
            live.log({"large": n, "mixed": n if n < 0 else 0.5, "bool": n < 0})
    assert [row["large"] for row in one().scan_history()] == [1, 2**60 + 1, -3]
    assert [row["mixed"] for row in one().scan_history()] == [0.5, 0.5, -3]
    frame = one().history()
    assert frame["large"].tolist() == [1, 2**60 + 1, -3]
    assert frame["large"].dtype == np.int64
    assert frame["mixed"].dtype == np.float64
    assert frame["bool"].tolist() == [False, False, True]


def test_a_value_that_came_late_is_in_its_row() -> None:
    with danlu.init() as live:
        for n in range(3):
            live.log({"loss": float(n)})
        live._log_late(1, 5.0, {"image": {"_type": "image-file"}})
        live._log_late(0, 5.0, {"loss": 9.0})
    assert plain(one().scan_history()) == [
        {"loss": 9.0, "_step": 0},
        {"loss": 1.0, "image": {"_type": "image-file"}, "_step": 1},
        {"loss": 2.0, "_step": 2},
    ]
    frame = one().history()
    assert frame["loss"].tolist() == [9.0, 1.0, 2.0]
    assert frame["image"][1] == {"_type": "image-file"}


def test_the_history_is_sampled_alike_every_time() -> None:
    with danlu.init() as live:
        for n in range(1001):
            live.log({"n": n, "odd": n, "even": n} if n % 2 == 0 else {"n": n, "odd": n})
    run = one()
    rows = run.history(samples=11, pandas=False)
    assert [row["n"] for row in rows] == list(range(0, 1001, 100))
    frame = run.history(samples=11)
    assert isinstance(frame, pd.DataFrame)
    assert frame["n"].tolist() == list(range(0, 1001, 100))
    pd.testing.assert_frame_equal(frame, run.history(samples=11))
    assert len(run.history()) == 500
    assert run.history()["n"].iloc[[0, -1]].tolist() == [0, 1000]
    assert len(run.history(samples=5000)) == len(run.history(samples=None)) == 1001
    assert run.history(samples=1)["n"].tolist() == [1000]
    with pytest.raises(ValueError, match="`samples`"):
        run.history(samples=0)
    both = run.history(keys=["even", "odd"], samples=10_000)
    assert list(both.columns) == ["_step", "even", "odd"]
    assert both["even"].tolist() == both["odd"].tolist() == list(range(0, 1001, 2))
    assert run.history(keys=["even"], x_axis="odd", pandas=False)[:2] == [
        {"odd": 0, "even": 0},
        {"odd": 2, "even": 2},
    ]
    assert list(run.history(keys=["n"], x_axis="_timestamp").columns) == ["_timestamp", "n"]
    assert len(run.history(keys=["n", "missing"])) == 0
    assert list(run.history(keys=["n", "missing"]).columns) == ["_step", "n", "missing"]


def test_frames_and_rows_say_the_same() -> None:
    with danlu.init() as live:
        for n in range(50):
            row: dict[str, Any] = {"loss": 1 / (n + 1)}
            if n % 3 == 0:
                row["epoch"] = n // 3
            if n % 7 == 0:
                row["note"] = "x"
            live.log(row, step=n * 2)
    run = one()
    frame, rows = run.history(), run.history(pandas=False)
    for name in ("loss", "epoch", "note", "_step", "_timestamp", "_runtime"):
        for there, row in itertools.zip_longest(frame[name], rows):
            if name in row:
                assert there == row[name], name
            else:
                assert isinstance(there, float)
                assert math.isnan(there)
    assert frame["epoch"].dtype == np.float64
    assert pl.DataFrame(run.to_polars())["note"].to_list() == [row.get("note") for row in rows]
    assert run.to_polars(["epoch"])["epoch"].to_list() == list(range(17))
    assert run.to_pandas(["epoch"])["epoch"].tolist() == list(range(17))


def test_without_pandas_there_are_rows(scripts: Scripts) -> None:
    with danlu.init(project="p") as live:
        live.log({"loss": 1.0})
    done = scripts.run(
        """
        import sys
        for name in ("pandas", "polars", "numpy"):
            sys.modules[name] = None
        import importlib.util as util
        find = util.find_spec
        gone = ("pandas", "polars", "numpy")
        util.find_spec = lambda name, *rest: None if name in gone else find(name, *rest)
        from danlu.apis.public import Api
        import danlu
        run = Api().runs("p")[0]
        print([(row["_step"], row["loss"]) for row in run.history()])
        print(run.history(keys=["loss"]))
        for call in (run.to_pandas, run.to_polars, lambda: run.download_history_exports("out")):
            try:
                call()
            except danlu.Error as e:
                print(e)
        """
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["[(0, 1.0)]", "[{'_step': 0, 'loss': 1.0}]"]
    assert len([line for line in lines[2:] if "pip install" in line]) == 3, lines


def test_a_run_that_went_on_is_one(workdir: Path) -> None:
    with danlu.init(id="x") as live:
        for n in range(3):
            live.log({"loss": float(n)})
    with danlu.init(id="x", resume="must") as live:
        for n in range(3, 5):
            live.log({"loss": float(n), "new": n})
    run = one()
    assert plain(run.scan_history(min_step=2)) == [
        {"loss": 2.0, "_step": 2},
        {"loss": 3.0, "new": 3, "_step": 3},
        {"loss": 4.0, "new": 4, "_step": 4},
    ]
    assert run.lastHistoryStep == 4
    assert run.summary["loss"] == 4.0
    runtimes = [row["_runtime"] for row in run.scan_history()]
    assert runtimes == sorted(runtimes)


def test_a_run_that_was_rewound_counts_from_there() -> None:
    with danlu.init(id="x") as live:
        for n in range(5):
            live.log({"loss": float(n), "old": n})
    with danlu.init(resume_from="x?_step=2") as live:
        live.log({"loss": 30.0})
    assert [(row["_step"], row["loss"]) for row in one().scan_history()] == [(0, 0), (1, 1), (2, 2), (3, 30)]
    assert one().history()["loss"].tolist() == [0, 1, 2, 30]


def test_ranks_have_rows_of_their_own(scripts: Scripts) -> None:
    for rank in (0, 1):
        done = scripts.run(
            f"""
            import danlu
            with danlu.init(id="x", project="p") as live:
                for n in range(2):
                    live.log({{"loss": {rank} + n / 10, "gpu{rank}": n}})
            """,
            RANK=str(rank),
            WORLD_SIZE="2",
        )
        assert done.returncode == 0, done.stderr
    run = one()
    assert len(Api().runs("p")) == 1
    assert plain(run.scan_history(keys=["_step", "loss", "gpu1"])) == [
        {"_step": 0, "loss": 1.0, "gpu1": 0, "_rank": 1},
        {"_step": 1, "loss": 1.1, "gpu1": 1, "_rank": 1},
    ]
    rows = plain(run.scan_history(keys=["loss"]))
    assert rows == [
        {"loss": 0.0, "_rank": 0},
        {"loss": 1.0, "_rank": 1},
        {"loss": 0.1, "_rank": 0},
        {"loss": 1.1, "_rank": 1},
    ]
    frame = run.history()
    assert frame["_rank"].tolist() == [0, 1, 0, 1]
    assert frame["loss"].tolist() == [0.0, 1.0, 0.1, 1.1]
    assert set(run.keys) == {"loss", "gpu0", "gpu1"}
    run.tags.append("seen")
    run.config["lr"] = 0.5
    run.update()
    run.upload_file(__file__, root=Path(__file__).parent)
    [again] = Api().runs("p")
    assert (again.tags, again.config, again.state) == (["seen"], {"lr": 0.5}, "finished")
    assert [file.name for file in again.files()] == [Path(__file__).name]


def test_a_compacted_run_is_read(scripts: Scripts) -> None:
    with danlu.init(project="p", config={"lr": 1}) as live:
        for n in range(100):
            live.log({"loss": float(n)})
    assert scripts.danlu("compact", "--all").returncode == 0
    assert one().config == {"lr": 1}
    assert [row["loss"] for row in one().scan_history()] == list(range(100))
    assert one().summary["loss"] == 99


def test_histories_of_several_runs() -> None:
    for run_id in ("a", "b"):
        with danlu.init(project="p", id=run_id) as live:
            live.log({"loss": 1.0})
            live.log({"loss": 0.5})
    runs = Api().runs("p")
    rows = runs.histories(keys=["loss"])
    assert rows[0] == {"_step": 0, "loss": 1.0, "run_id": "a"}
    assert [row["run_id"] for row in rows] == ["a", "a", "b", "b"]
    assert runs.histories(format="pandas").groupby("run_id")["loss"].min().to_dict() == {"a": 0.5, "b": 0.5}
    assert runs.histories(format="polars")["run_id"].to_list() == ["a", "a", "b", "b"]
    with pytest.raises(ValueError, match="Invalid format: csv"):
        runs.histories(format="csv")


def test_a_history_is_written_as_parquet(workdir: Path) -> None:
    with danlu.init(project="p") as live:
        for n in range(600):
            live.log({"loss": n / 2})
    result = one().download_history_exports(workdir / "out")
    [path] = result.paths
    assert path == workdir / "out" / f"{live.id}.parquet"
    assert (result.errors, result.contains_live_data) == (None, False)
    assert pd.read_parquet(path)["loss"].tolist() == [n / 2 for n in range(600)]


def test_many_points_make_a_frame() -> None:
    with danlu.init(project="p") as live:
        for n in range(100_000):
            live.log({"loss": float(n), "n": n})
    frame = one().to_pandas()
    assert len(frame) == 100_000
    assert frame["loss"].sum() == frame["n"].sum() == sum(range(100_000))
    assert "pandas" in sys.modules
