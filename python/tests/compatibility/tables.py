"""Tables."""

from __future__ import annotations

from typing import Any

import pytest

from .entries import Topic, wandb

tables = Topic("Tables", "[tables-and-charts.md](tables-and-charts.md) says all of it.")
TOPICS = [tables]


@tables.yes(
    "Table(columns, data, rows, dataframe, dtype, optional, allow_mixed_types, log_mode)",
    "Table.columns",
    "Table.data",
)
def _(run: Any) -> None:
    import pandas as pd

    table = wandb.Table(columns=["a", "b"], data=[[1, "x"]], optional=[True, False], allow_mixed_types=False)
    assert (table.columns, table.data) == (["a", "b"], [[1, "x"]])
    assert wandb.Table(dataframe=pd.DataFrame({"a": [1]})).columns == ["a"]
    assert wandb.Table(rows=[[1, 2, 3]], dtype=int).columns == ["Input", "Output", "Expected"]
    run.log({"t": table})
    run.finish()
    [row] = wandb.Api().run("p/r").scan_history()
    assert (row["t"]["_type"], row["t"]["nrows"], row["t"]["log_mode"]) == ("table-file", 1, "IMMUTABLE")


@tables.yes("Table.add_data(data)", "Table.add_row(row)")
def _(table: Any) -> None:
    table.add_data(5, 6.0)
    table.add_row(7, 8.0)
    assert table.data[2:] == [[5, 6.0], [7, 8.0]]
    with pytest.raises(ValueError, match="column"):
        table.add_data(1)
    with pytest.raises(TypeError):
        table.add_data("text", 1.0)


@tables.yes(
    "Table.add_column(name, data, optional)",
    "Table.add_computed_columns(fn)",
    "Table.get_column(name, convert_to)",
    "Table.get_dataframe()",
)
def _(table: Any) -> None:
    table.add_column("z", [5, 6], optional=True)
    table.add_computed_columns(lambda ndx, row: {"sum": row["x"] + row["z"]})
    assert table.get_column("sum") == [6, 9]
    assert table.get_column("x", convert_to="numpy").tolist() == [1, 3]
    assert list(table.get_dataframe().columns) == ["x", "y", "z", "sum"]


@tables.yes(
    "Table.iterrows()",
    "Table.get_index()",
    "Table.index_ref(index)",
    "Table.set_pk(col_name)",
    "Table.set_fk(col_name, table, table_col)",
)
def _() -> None:
    table = wandb.Table(columns=["key", "other"], data=[["a", "b"], ["c", "d"]])
    assert [(index, row) for index, row in table.iterrows()][1] == (1, ["c", "d"])
    assert table.get_index() == [0, 1]
    assert table.index_ref(1).get_row() == {"key": "c", "other": "d"}
    table.set_pk("key")
    table.set_fk("other", wandb.Table(columns=["k"], data=[["b"], ["d"]]), "k")


@tables.yes("Table.cast(col_name, dtype, optional)")
def _(table: Any) -> None:
    table.cast("x", int, optional=True)
    table.add_data(None, 1.0)
    with pytest.raises(TypeError):
        table.cast("x", str)


@tables.yes(
    "Table.bind_to_run(run, key, step)",
    "Table.to_json(run_or_artifact)",
    "Table.from_json(json_obj, source_artifact)",
    "Table.get_media_subdir()",
    "Table.has_been_logged()",
    "Table.MAX_ROWS",
    "Table.MAX_ARTIFACT_ROWS",
)
def _(run: Any, table: Any) -> None:
    assert not table.has_been_logged()
    table.bind_to_run(run, "t", 0)
    assert table.to_json(run)["path"].startswith(wandb.Table.get_media_subdir())
    assert (wandb.Table.MAX_ROWS, wandb.Table.MAX_ARTIFACT_ROWS) == (10000, 200000)
    built = wandb.Artifact("tables", type="dataset")
    built.add(table, "t")
    again = run.log_artifact(built).wait().get("t")  # By `from_json`.
    assert again == table
    run.log({"t": table})
    assert table.has_been_logged()


@tables.yes(
    "EvalTable(columns, data, rows, dataframe, dtype, optional, allow_mixed_types, log_mode, "
    "input_columns, output_columns, score_columns, backend, unsupported_media_mode)"
)
def _(run: Any) -> None:
    table = wandb.EvalTable(
        columns=["q", "a", "s"],
        data=[["1+1", "2", 1.0]],
        input_columns=["q"],
        output_columns=["a"],
        score_columns=["s"],
    )
    run.log({"eval": table})
    run.finish()
    [row] = wandb.Api().run("p/r").scan_history()
    assert row["eval"]["nrows"] == 1


@tables.yes("JoinedTable(table1, table2, join_key)", "data_types.PartitionedTable")
def _(run: Any, table: Any) -> None:
    other = wandb.Table(columns=["x", "w"], data=[[1, "one"]])
    built = wandb.Artifact("joined", type="dataset")
    built.add(wandb.JoinedTable(table, other, "x"), "j")
    built.add(table, "parts/one")
    built.add(wandb.data_types.PartitionedTable(parts_path="parts"), "all")
    logged = run.log_artifact(built).wait()
    assert type(logged.get("j")).__name__ == "JoinedTable"
    assert [row for _, row in logged.get("all").iterrows()] == table.data
