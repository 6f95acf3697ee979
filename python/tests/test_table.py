"""Tables: their rows and columns, what fits into them, and what is stored."""

from __future__ import annotations

import copy
import datetime
import json
import math
import pickle
from pathlib import Path
from typing import Any

import danlu
import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import Reader
from danlu.artifacts import Artifact
from danlu.media.eval_table import EvalTable
from danlu.media.image import Image
from danlu.media.joined import JoinedTable
from danlu.media.partitioned import PartitionedTable
from danlu.media.table import Table

NAN, INF = math.nan, math.inf


def files(read: Reader, run: danlu.Run) -> dict[str, bytes]:
    rows = read.rows(
        run.file,
        "SELECT f.path, c.bytes FROM file AS f JOIN blob AS b ON b.sha256 = f.sha256 "
        "JOIN chunk AS c ON c.id = b.n << 24 ORDER BY f.id",
    )
    return dict(rows)


def strict(text: bytes) -> Any:
    """Read JSON as a parser does that knows no bare NaN."""

    def refuse(token: str) -> None:
        raise ValueError(token)

    return json.loads(text, parse_constant=refuse)


def stored(read: Reader, run: danlu.Run, key: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return what the history has of a table for each step, and the file that it names."""
    content = files(read, run)
    values = [json.loads(value) for _, name, value in read.history(run.file) if name == key]
    return [(value, strict(content[value["path"]])) for value in values]


def kinds_of(body: dict[str, Any]) -> dict[str, Any]:
    return dict(body["column_types"]["params"]["type_map"])


def reread(table: Table) -> Table:
    artifact = Artifact("a", "t")
    text = json.dumps(table.to_json(artifact), allow_nan=False)
    return type(table).from_json(json.loads(text), artifact)


# Making one


def test_default_columns() -> None:
    table = Table()
    assert table.columns == ["Input", "Output", "Expected"]
    table.add_data(1, 2, 3)
    assert table.data == [[1, 2, 3]]


def test_rows_of_all_kinds() -> None:
    expected = [[1, 2], [3, 4]]
    assert Table(["a", "b"], expected).data == expected
    assert Table(["a", "b"], rows=expected).data == expected
    assert Table(("a", "b"), [(1, 2), np.array([3, 4])]).data == expected
    assert Table(["a", "b"], np.array(expected)).data == expected
    assert Table([0, 1], (row for row in expected)).columns == [0, 1]
    assert Table(columns=[], data=[]).data == []


def test_the_rows_are_the_tables_own() -> None:
    rows = [[1], [2]]
    table = Table(["a"], rows)
    rows[0][0] = 5
    rows.append([3])
    assert table.data == [[1], [2]]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
        pd.DataFrame({"a": pd.array([1, 2], dtype="Int64"), "b": pd.Categorical(["x", None])}),
        pl.DataFrame({"a": [1, 2], "b": ["x", None]}),
    ],
)
def test_data_frames(frame: Any) -> None:
    expected = Table(["a", "b"], [[1, "x"], [2, None]])
    for table in (Table(dataframe=frame), Table(data=frame)):
        assert table.columns == ["a", "b"]
        assert table.data[0] == [1, "x"]
        # What is missing among texts is NaN or None, as pandas likes.
        assert table.data[1][1] is None or table.data[1][1] != table.data[1][1]
        assert kinds_of(table.to_json(Artifact("a", "t"))) == kinds_of(expected.to_json(Artifact("a", "t")))
    assert Table(columns=["b"], dataframe=frame).columns == ["b"]


def test_odd_data_frames(capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame([[1, 2], [3, 4]])
    assert Table(dataframe=frame).columns == [0, 1]
    assert Table(dataframe=pd.DataFrame({("a", "b"): [1]})).columns == ["('a', 'b')"]
    assert Table(dataframe=pd.DataFrame([[1, 2]], columns=["a", "a"])).data == [[1, 2]]
    assert Table(dataframe=pd.DataFrame()).data == []
    assert Table(["z"], dataframe=frame).columns == [0, 1]
    assert "has no columns ['z']" in capsys.readouterr().err
    times = Table(dataframe=pd.DataFrame({"t": pd.to_datetime(["2024-01-02", None])}))
    assert times.data[0][0] == datetime.datetime(2024, 1, 2)
    assert times.data[1][0] is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"columns": "ab"}, TypeError, "list of names as `columns`"),
        ({"columns": 3}, TypeError, "list of names as `columns`"),
        ({"columns": [1.5]}, TypeError, "strings or ints, not 1.5"),
        ({"data": "text"}, TypeError, "list of rows"),
        ({"data": 5}, TypeError, "list of rows"),
        ({"data": [1, 2, 3]}, TypeError, "Row 0 of a table's data must be a list of cells, not `int`"),
        ({"data": ["abc"]}, TypeError, "Row 0 of a table's data must be a list of cells, not `str`"),
        ({"data": np.zeros((2, 2, 2))}, ValueError, "two dimensions"),
        ({"data": np.zeros(2)}, ValueError, "two dimensions"),
        (
            {"columns": ["a"], "data": [[1], [1, 2]]},
            ValueError,
            r"expects 1 columns: \['a'\], found 2 in row 1",
        ),
        ({"dataframe": [[1]]}, TypeError, "DataFrame as `dataframe`"),
        ({"dtype": [int]}, ValueError, "1 items in `dtype` for 3 columns"),
        ({"optional": [True]}, ValueError, "1 items in `optional` for 3 columns"),
        ({"log_mode": "SOMETIMES"}, ValueError, "no log_mode 'SOMETIMES'"),
    ],
)
def test_what_is_no_table(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Table(**arguments)


# What fits into a column


def test_a_cell_that_does_not_fit_is_told_with_its_place() -> None:
    table = Table(["a", "b"], [[1, "x"]])
    with pytest.raises(
        TypeError, match=r"row 1, column `b` expects none or string, but was given number: 2\."
    ):
        table.add_data(1, 2)
    assert table.data == [[1, "x"]]
    with pytest.raises(ValueError, match="found 3 in row 1"):
        table.add_data(1, "x", 3)


def test_a_row_that_is_refused_leaves_no_trace() -> None:
    table = Table(["a", "b"], [[None, "x"]])
    with pytest.raises(TypeError):
        table.add_data("text", 5)
    table.add_data(5, "y")
    assert table.data == [[None, "x"], [5, "y"]]


@pytest.mark.parametrize(
    ("first", "second"),
    [(1, "x"), ("x", 1), (True, 1), (1, True), ([1], 1), ({"a": 1}, 1), (datetime.date(2024, 1, 1), 5)],
)
def test_types_that_do_not_mix(first: Any, second: Any) -> None:
    with pytest.raises(TypeError, match="incompatible types"):
        Table(["a"], [[first], [second]])
    assert Table(["a"], [[first], [second]], allow_mixed_types=True).data == [[first], [second]]


@pytest.mark.parametrize(
    "cells",
    [
        [1, 2.5, np.float32(3), np.int64(4), None, NAN, np.array(5), -INF, 10**30],
        ["x", None, "", NAN, np.str_("y")],
        [True, np.bool_(False), None],
        [[1], [2.5, None], [], ["x"], (1, 2)],
        [{"a": 1}, {"b": "x"}, {}, {"a": None}],
        [np.zeros((2, 3)), np.zeros((4, 3)), np.zeros(3), None],
        [datetime.datetime(2024, 1, 1), datetime.date(2024, 1, 1), np.datetime64("2024-01-01"), pd.NaT, None],
        [Path("a"), Path("b")],
        [Table(["x"]), Table(["y"], [[1]])],
    ],
)
def test_types_that_mix(cells: list[Any]) -> None:
    Table(["a"], [[cell] for cell in cells])


def test_columns_that_may_not_lack() -> None:
    with pytest.raises(TypeError, match="row 0, column `b` expects string, but was given none"):
        Table(["a", "b"], [[None, None]], dtype=[int, str], optional=[True, False])
    table = Table(["a"], [[NAN], [1.0]], optional=False)
    assert kinds_of(table.to_json(Artifact("a", "t"))) == {"a": {"wb_type": "number"}}


@pytest.mark.parametrize(
    ("dtype", "fit", "misfit"),
    [
        (int, 1, "x"),
        (float, 1.5, "x"),
        (str, "x", 1),
        (bool, True, 1),
        (np.float32, 1, "x"),
        (np.dtype("int64"), 1, "x"),
        (datetime.datetime, datetime.datetime(2024, 1, 1), 5),
        (list, [1], 1),
        ([float], [1], ["x"][0]),
        (dict, {"a": 1}, 1),
        (np.ndarray, np.zeros(2), 1),
        (Image, Image(np.zeros((2, 2, 3), dtype=np.uint8)), 1),
    ],
)
def test_types_that_are_given(dtype: Any, fit: Any, misfit: Any) -> None:
    table = Table(["a"], dtype=dtype if not isinstance(dtype, list) else [dtype])
    table.add_data(None)
    table.add_data(fit)
    with pytest.raises(TypeError, match="incompatible types"):
        table.add_data(misfit)
    Table(["a"], [[misfit], [fit]], dtype=Any)


def test_cast() -> None:
    table = Table(["a"], [[1], [2]], allow_mixed_types=True)
    assert repr(table.cast("a", int)) == "number"
    assert repr(table.cast("a", int, optional=True)) == "none or number"
    with pytest.raises(TypeError, match="Column `a` cannot be cast to string: there is 1 in it, a number"):
        table.cast("a", str)
    with pytest.raises(ValueError, match="no column 'b'"):
        table.cast("b", str)


# Rows and columns


def test_columns() -> None:
    table = Table(["a"], [[1], [2]])
    table.add_column("b", np.array(["x", "y"]))
    table.add_column("c", [None, 1.5], optional=True)
    assert table.columns == ["a", "b", "c"]
    assert table.data == [[1, "x", None], [2, "y", 1.5]]
    assert table.get_column("c") == [None, 1.5]
    array = table.get_column("a", convert_to="numpy")
    assert isinstance(array, np.ndarray)
    assert array.tolist() == [1, 2]
    with pytest.raises(ValueError, match="no column 'z'"):
        table.get_column("z")
    with pytest.raises(ValueError, match="not to 'torch'"):
        table.get_column("a", convert_to="torch")


def test_columns_that_cannot_be_added() -> None:
    table = Table(["a"], [[1], [2]])
    with pytest.raises(ValueError, match="column `a` already"):
        table.add_column("a", [1, 2])
    with pytest.raises(ValueError, match="3 cells for 2 rows"):
        table.add_column("b", [1, 2, 3])
    with pytest.raises(TypeError, match="must be a list, not `int`"):
        table.add_column("b", 5)
    with pytest.raises(TypeError, match="row 1, column `b` expects number, but was given string"):
        table.add_column("b", [1, "x"])
    with pytest.raises(TypeError, match="name of a column"):
        table.add_column(None, [1, 2])  # type: ignore[arg-type]
    assert table == Table(["a"], [[1], [2]])


def test_a_table_may_begin_with_a_column() -> None:
    table = Table(columns=[])
    table.add_column("a", [1, 2])
    table.add_column("b", ["x", "y"])
    table.add_data(3, "z")
    assert table.data == [[1, "x"], [2, "y"], [3, "z"]]


def test_arrays_of_columns() -> None:
    table = Table(["a", "b"], [[np.zeros((2, 2)), [1]], [np.ones((2, 2)), [1, 2]]])
    assert table.get_column("a", convert_to="numpy").shape == (2, 2, 2)
    assert table.get_column("b", convert_to="numpy").dtype == object


def test_rows_as_seen_by_others() -> None:
    table = Table(["a", "b"], [[1, "x"], [2, "y"]])
    assert [(index, row) for index, row in table.iterrows()] == [(0, [1, "x"]), (1, [2, "y"])]
    assert table.index_ref(1).get_row() == {"a": 2, "b": "y"}
    assert table.get_index() == [0, 1]
    assert table.get_index()[0].get_row() == {"a": 1, "b": "x"}
    with pytest.raises(IndexError, match="no row 2"):
        table.index_ref(2)
    frame = table.get_dataframe()
    assert isinstance(frame, pd.DataFrame)
    assert Table(dataframe=frame) == table


def test_computed_columns() -> None:
    table = Table(["a"], [[1], [2], [3]])
    table.add_computed_columns(
        lambda index, row: {"double": row["a"] * 2, **({"last": "yes"} if index == 2 else {})}
    )
    assert table.columns == ["a", "double", "last"]
    assert table.data == [[1, 2, None], [2, 4, None], [3, 6, "yes"]]
    with pytest.raises(TypeError, match="returned 5 for row 0: no dict"):
        table.add_computed_columns(lambda index, row: 5)  # type: ignore[arg-type, return-value]


def test_add_row_is_the_old_name(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(["a"])
    table.add_row(1)
    assert table.data == [[1]]


def test_keys() -> None:
    people = Table(["id", "name"], [["p1", "Ann"]])
    people.set_pk("id")
    marks = Table(["who", "mark"], [["p1", 1]])
    marks.set_fk("who", people, "id")
    people.add_data("p2", "Bob")
    marks.add_data("p2", 2)
    marks.add_data(people.get_column("id")[0], 3)
    assert marks.get_column("who") == ["p1", "p2", "p1"]
    with pytest.raises(ValueError, match="primary key already, `id`"):
        people.set_pk("name")
    with pytest.raises(ValueError, match="the table that it is in"):
        people.set_fk("name", people, "id")
    with pytest.raises(ValueError, match="is the primary key"):
        people.set_fk("id", marks, "who")
    with pytest.raises(TypeError, match="cannot be cast to primaryKey"):
        marks.set_pk("mark")
    index = Table(["row"], [[people.index_ref(1)]])
    assert (
        kinds_of(index.to_json(Artifact("a", "t")))["row"]["params"]["allowed_types"][1]["wb_type"]
        == "foreignIndex"
    )


def test_equality() -> None:
    def make(cell: Any) -> Table:
        return Table(["a"], [[cell]])

    assert make(1) == make(1)
    assert make(NAN) == make(NAN)
    assert make(np.arange(3)) == make(np.arange(3))
    assert make({"x": [1, {"y": None}]}) == make({"x": [1, {"y": None}]})
    assert make(make(1)) == make(make(1))
    assert make(1) != make(2)
    assert make(np.arange(3)) != make(np.arange(4))
    assert Table(["a"], [[1]]) != Table(["b"], [[1]])
    assert Table(["a"], [[1]]) != Table(["a"], [[1], [1]])
    assert Table(["a"], [[1]], dtype=int, optional=False) != Table(["a"], [[1]])
    assert make(1) != "a table"


# In a run


def test_what_the_run_has(read: Reader) -> None:
    with danlu.init(project="p") as run:
        run.log({"val/preds": Table(["a", "b"], [[1, "x"], [2.5, None]]), "loss": 1}, step=3)
    assert run.lost == 0
    [(value, body)] = stored(read, run, "val/preds")
    path = value.pop("path")
    assert path == f"media/table/val/preds_3_{value['sha256'][:20]}.table.json"
    assert value.pop("size") == len(files(read, run)[path])
    artifact = value.pop("artifact_path")
    assert artifact.startswith("wandb-artifact://")
    assert artifact.endswith("/val/preds.table.json")
    assert ":latest/val/preds.table.json" in value.pop("_latest_artifact_path")
    del value["sha256"]
    assert value == {"_type": "table-file", "ncols": 2, "nrows": 2, "log_mode": "IMMUTABLE"}
    assert body["columns"] == ["a", "b"]
    assert body["data"] == [[1, "x"], [2.5, None]]
    none = {"wb_type": "none"}
    kind = {"wb_type": "union", "params": {"allowed_types": [none, {"wb_type": "number"}]}}
    assert kinds_of(body)["a"] == kind


def test_the_artifact_of_a_table() -> None:
    table = Table(["a", "t"], [[NAN, datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)]])
    with danlu.init() as run:
        run.log({"val/preds": table})
    with danlu.init() as reader:
        artifact = reader.use_artifact(f"run-{run.id}-val_preds:latest")
        assert artifact.type == "run_table"
        assert artifact.get("val/preds") == table


def test_a_data_frame_is_a_table(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"pandas": pd.DataFrame({"a": [1, 2]}), "polars": pl.DataFrame({"a": [1, 2]})})
    assert run.lost == 0
    for key in ("pandas", "polars"):
        [(value, body)] = stored(read, run, key)
        assert value["_type"] == "table-file"
        assert body["data"] == [[1], [2]]


def test_a_data_frame_of_mixed_columns_is_stored(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"mixed": pd.DataFrame({"a": [1, "x"], "b": [None, 2.5]})})
    assert run.lost == 0
    assert stored(read, run, "mixed")[0][1]["data"][1] == ["x", 2.5]


def test_what_is_logged_is_what_it_was(read: Reader) -> None:
    array, items, number_of_ours = np.zeros(2), [1], np.array(7)
    table = Table(["a", "b", "c", "d"], [[array, items, 1, number_of_ours]], log_mode="MUTABLE")
    with danlu.init() as run:
        for number in range(3):
            run.log({"t": table})
            array += 1
            items.append(number)
            number_of_ours += 1
            table.data[0][2] += 1
            table.add_data(array, items, 0, 0)
    found = [body["data"] for _, body in stored(read, run, "t")]
    assert [len(rows) for rows in found] == [1, 2, 3]
    assert [rows[0] for rows in found] == [
        [[0, 0], [1], 1, 7],
        [[1, 1], [1, 0], 2, 8],
        [[2, 2], [1, 0, 1], 3, 9],
    ]


def test_an_immutable_table_stays_what_it_was(read: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(["a"], [[1]])
    assert not table.has_been_logged()
    with danlu.init() as run:
        run.log({"t": table})
        assert table.has_been_logged()
        assert "log_mode" not in capsys.readouterr().err
        run.log({"t": table})
        table.add_data(2)
        assert 'log_mode="MUTABLE"' in capsys.readouterr().err
        run.log({"t": table, "again": table})
    values = [value for value, body in stored(read, run, "t")]
    assert values[0] == values[1] == values[2]
    assert [body["data"] for _, body in stored(read, run, "again")] == [[[1]]]
    assert run.lost == 0


def test_an_incremental_table_stores_what_is_new(read: Reader) -> None:
    table = Table(["a"], log_mode="INCREMENTAL")
    with danlu.init() as run:
        for number in range(3):
            table.add_data(number)
            table.add_data(number + 0.5)
            run.log({"t": table})
    found = stored(read, run, "t")
    assert [body["data"] for _, body in found] == [[[0], [0.5]], [[1], [1.5]], [[2], [2.5]]]
    paths = [value["path"] for value, _ in found]
    for number, (value, _) in enumerate(found):
        assert value["_type"] == "incremental-table-file"
        assert value["increment_num"] == number
        assert value["previous_increments_paths"] == paths[:number]
    with danlu.init() as reader:
        artifact = reader.use_artifact(f"run-{run.id}-incr-t:latest")
        assert sorted(artifact.manifest.entries) == [f"{number}.t.table.json" for number in range(3)]
        assert artifact.get("1.t").data == [[1], [1.5]]


def test_increments_are_in_order_however_many_threads_store_them(read: Reader) -> None:
    table = Table(["a"], log_mode="INCREMENTAL")
    with danlu.init() as run:
        for number in range(24):
            table.add_data(number)
            run.log({"t": table})
            if number % 5 == 0:
                run.flush()
    found = stored(read, run, "t")
    assert [body["data"] for _, body in found] == [[[number]] for number in range(24)]
    assert [value["increment_num"] for value, _ in found] == list(range(24))


def test_a_table_can_be_copied_and_sent(read: Reader) -> None:
    table = Table(["a", "b"], [[1, [2]]], log_mode="INCREMENTAL")
    with danlu.init() as run:
        run.log({"t": table})
        assert copy.deepcopy(table) == pickle.loads(pickle.dumps(table)) == table


def test_increments_go_on_in_a_run_that_is_resumed(read: Reader) -> None:
    with danlu.init(id="again") as run:
        run.log({"t": Table(["a"], [[1]], log_mode="INCREMENTAL")})
    with danlu.init(id="again", resume="must") as run:
        run.log({"t": Table(["a"], [[2]], log_mode="INCREMENTAL")})
    values = [value for value, _ in stored(read, run, "t")]
    assert values[-1]["increment_num"] == 1
    assert len(values[-1]["previous_increments_paths"]) == 1


def test_many_increments_are_warned_about(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("danlu.media.table_store.MANY_INCREMENTS", 2)
    table = Table(["a"], log_mode="INCREMENTAL")
    with danlu.init() as run:
        for number in range(2):
            table.add_data(number)
            run.log({"often": table})
    assert "Table `often` has been logged in 2 increments" in capsys.readouterr().err


def test_too_many_rows(
    read: Reader, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Table, "MAX_ROWS", 3)
    monkeypatch.setattr(Table, "MAX_ARTIFACT_ROWS", 4)
    table = Table(["a"], [[number] for number in range(5)])
    with danlu.init() as run:
        run.log({"long": table})
    [(value, body)] = stored(read, run, "long")
    assert value["nrows"] == 5
    assert body["data"] == [[0], [1], [2]]
    said = capsys.readouterr().err
    assert "Table `long` has 5 rows: the file in the run has the first 3 of them" in said
    assert "Table `long` has 5 rows: an artifact has the first 4 of them" in said
    with danlu.init() as reader:
        assert len(reader.use_artifact(f"run-{run.id}-long:latest").get("long").data) == 4


def test_too_many_rows_may_be_an_error(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Table, "MAX_ROWS", 3)
    with danlu.init(settings={"table_raise_on_max_row_limit_exceeded": True}) as run:
        run.log({"long": Table(["a"], [[number] for number in range(5)])})
    assert run.lost == 1
    assert "it has 5 rows, more than 3" in capfd.readouterr().err


def test_tables_in_lists_dicts_and_the_summary(read: Reader) -> None:
    table = Table(["a"], [[1]])
    with danlu.init() as run:
        run.log({"d": {"t": table}, "l": [table, Table(["b"], [[2]])]})
        run.summary["s"] = table
    assert run.lost == 0
    assert stored(read, run, "d.t")[0][1]["data"] == [[1]]
    [(listed,)] = read.rows(run.file, "SELECT value FROM history WHERE key = 'l'")
    assert [item["_type"] for item in json.loads(listed)] == ["table-file", "table-file"]
    assert "_summary_" in json.loads(read.table(run.file, "summary")["s"])["path"]


def test_media_in_cells(read: Reader) -> None:
    pixels = np.zeros((4, 5, 3), dtype=np.uint8)
    table = Table(["id", "image"], [[1, Image(pixels, caption="black")], [2, None]])
    with danlu.init() as run:
        run.log({"preds": table})
        pixels += 255
    [(_, body)] = stored(read, run, "preds")
    cell = body["data"][0][1]
    assert cell["_type"] == "image-file"
    assert (cell["width"], cell["height"], cell["caption"]) == (5, 4, "black")
    content = files(read, run)
    assert content[cell["path"]].startswith(b"\x89PNG")
    assert cell["path"].startswith("media/images/preds_0_")
    kinds = [kind["wb_type"] for kind in kinds_of(body)["image"]["params"]["allowed_types"]]
    assert kinds == ["none", "image-file"]
    with danlu.init() as reader:
        artifact = reader.use_artifact(f"run-{run.id}-preds:latest")
        again = artifact.get("preds")
        picture = again.data[0][1]
        assert isinstance(picture, Image)
        assert np.asarray(picture.image).max() == 0
        [path] = [path for path in artifact.manifest.entries if path.startswith("media/")]
        assert path.startswith("media/images/")


def test_a_table_in_a_cell(read: Reader) -> None:
    inner = Table(["x"], [[NAN]])
    table = Table(["t"], [[inner]])
    with danlu.init() as run:
        run.log({"t": table})
        inner.add_data(2)
    cell = stored(read, run, "t")[0][1]["data"][0][0]
    assert (cell["_type"], cell["data"]) == ("table", [["NaN"]])
    assert reread(Table(["t"], [[inner]])) == Table(["t"], [[inner]])
    with pytest.raises(ValueError, match="cannot be a cell of itself: column `t`"):
        table.add_data(table)


def test_a_table_that_cannot_be_stored_is_counted(read: Reader) -> None:
    class Bad:
        def __str__(self) -> str:
            raise RuntimeError("no")

    with danlu.init() as run:
        run.log({"t": Table(["a"], [[Bad()]], allow_mixed_types=True), "loss": 1})
    assert run.lost == 1
    assert [key for _, key, _ in read.history(run.file)] == ["loss"]


# What comes back


@pytest.mark.parametrize(
    "cells",
    [
        [1, 2.5, NAN, INF, -INF, None, 10**30],
        ["NaN", "Infinity", "x", None, "\udc80", "日本"],
        [[NAN, "NaN", [INF, {"a": -INF}]], [], ["NaN"]],
        [{"a": NAN, "b": "NaN"}, {"a": None}],
        [True, False, None],
        [np.array([[1.5, NAN], [INF, 2]]), None],
        [datetime.datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.timezone.utc), None],
    ],
)
def test_cells_come_back_as_they_were(cells: list[Any]) -> None:
    table = Table(["a", 7], [[cell, number] for number, cell in enumerate(cells)])
    again = reread(table)
    assert again == table
    again.add_data(cells[0], 1)
    mixed = Table(["a"], [[cell] for cell in [*cells, NAN, "NaN", 1]], allow_mixed_types=True)
    assert [row[0] for row in reread(mixed).data[-3:]][1:] == ["NaN", 1]
    assert math.isnan(reread(mixed).data[-3][0])


def test_cells_of_other_types_have_a_plain_form() -> None:
    day = datetime.date(1970, 1, 2)
    naive = datetime.datetime(1970, 1, 1, 0, 0, 1)
    cells = [day, naive, np.datetime64("1970-01-02"), pd.Timestamp(1, unit="s"), pd.NaT]
    body = Table(["a"], [[cell] for cell in cells]).to_json(Artifact("a", "t"))
    assert [row[0] for row in body["data"]] == [86_400_000, 1000, 86_400_000, 1000, None]
    others = [Path("a/b"), b"text", {1: (2, 3)}, np.float32(1.5), np.bool_(True), pd.NA, {5}]
    body = Table(["a"], [[cell] for cell in others], allow_mixed_types=True).to_json(Artifact("a", "t"))
    assert [row[0] for row in body["data"]] == ["a/b", "text", {"1": [2, 3]}, 1.5, True, None, [5]]


def test_tables_of_other_writers_are_read(workdir: Path) -> None:
    np.savez_compressed(workdir / "cells.npz", a=np.arange(4).reshape(2, 2))
    where = {"path": "cells.npz", "key": "a"}
    kinds = {"a": {"wb_type": "ndarray", "params": {"shape": [2], "serialization_path": where}}}
    json_obj = {"columns": ["a", "b"], "data": [[None, 1], [None, "x"]]}
    json_obj["column_types"] = {"wb_type": "typedDict", "params": {"type_map": kinds}}
    table = Table.from_json(json_obj, workdir)
    assert [row[0].tolist() for row in table.data] == [[0, 1], [2, 3]]
    assert [row[1] for row in table.data] == [1, "x"]


def test_a_foreign_table_comes_along_in_an_artifact() -> None:
    people = Table(["id"], [["p1"]])
    people.set_pk("id")
    marks = Table(["who"], [["p1"]])
    marks.set_fk("who", people, "id")
    index = Table(["row"], [[people.index_ref(0)]], optional=False)
    with danlu.init() as run:
        artifact = Artifact("a", "t")
        artifact.add(marks, "marks")
        artifact.add(index, "index")
        [other] = [path for path in artifact.manifest.entries if path.startswith("media/tables/")]
        kind = kinds_of(marks.to_json(artifact))["who"]
        assert kind == {"wb_type": "foreignKey", "params": {"table": other, "col_name": "id"}}
        assert kinds_of(people.to_json(artifact))["id"] == {"wb_type": "primaryKey"}
        run.log_artifact(artifact)
    with danlu.init() as run:
        found = run.use_artifact("a:latest")
        assert found.get("marks") == marks
        assert found.get("index").data[0][0].get_row() == {"id": "p1"}


def test_tables_that_refer_to_each_other() -> None:
    one, two = Table(["id", "other"], [["a", "b"]]), Table(["id", "other"], [["b", "a"]])
    one.set_fk("other", two, "id")
    two.set_fk("other", one, "id")
    artifact = Artifact("a", "t")
    artifact.add(one, "one")
    assert len(artifact.manifest.entries) == 3
    with danlu.init() as run:
        run.log({"one": one})
    assert run.lost == 0


def test_tables_put_together() -> None:
    one, two = Table(["id", "a"], [[1, "x"]]), Table(["id", "b"], [[1, "y"]])
    with danlu.init() as run:
        artifact = Artifact("both", "dataset")
        artifact.add(one, "parts/one")
        artifact.add(Table(["id", "a"], [[2, "z"]]), "parts/two")
        artifact.add(JoinedTable(one, two, "id"), "joined")
        artifact.add(JoinedTable("parts/one.table.json", two, ["id", "id"]), "by_path")
        artifact.add(PartitionedTable("parts"), "all")
        run.log_artifact(artifact)
    with danlu.init() as run:
        found = run.use_artifact("both:latest")
        assert found.get("joined") == JoinedTable(one, two, "id")
        assert found.get("by_path") == JoinedTable(one, two, ["id", "id"])
        assert list(found.get("all").iterrows()) == [(0, [1, "x"]), (1, [2, "z"])]


def test_tables_that_cannot_be_put_together() -> None:
    table = Table(["a"])
    with pytest.raises(TypeError, match="not `int`"):
        JoinedTable(table, 5, "a")
    with pytest.raises(ValueError, match="join_key"):
        JoinedTable(table, table, ["a"])
    with pytest.raises(ValueError, match=r"no table `x.table.json`"):
        Artifact("a", "t").add(JoinedTable("x.table.json", table, "a"), "j")
    with danlu.init() as run:
        run.log({"j": JoinedTable(table, table, "a")})
    assert run.lost == 1


def test_eval_tables(read: Reader) -> None:
    groups = {"input_columns": ["q"], "output_columns": ["a"], "score_columns": ["s"]}
    table = EvalTable(["q", "a", "s", "n"], [["1+1", "2", 1.0, 0]], **groups)  # type: ignore[arg-type]
    with danlu.init() as run:
        run.log({"eval": table})
    [(value, body)] = stored(read, run, "eval")
    assert {group: value[group] for group in groups} == groups
    assert {group: body[group] for group in groups} == groups
    again = Table.from_json(json.loads(json.dumps(table.to_json(Artifact("a", "t")))), None)
    assert isinstance(again, EvalTable)
    assert again == table
    assert again.score_columns == ["s"]
    with pytest.raises(ValueError, match="no column 'z' for its input_columns"):
        EvalTable(["q"], input_columns=["z"])
    with pytest.raises(ValueError, match="'q' of an EvalTable is in two groups"):
        EvalTable(["q"], input_columns=["q"], score_columns=["q"])
