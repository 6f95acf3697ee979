"""Charts: their tables, how they are drawn, and what cannot be."""

from __future__ import annotations

import json
import math
import sys
from typing import Any, Callable

import danlu
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.metrics
from conftest import Reader, Scripts
from danlu import plot
from danlu.media.table import Table
from danlu.plot import CustomChart

AREA = "wandb/area-under-curve/v0"


Draw = Callable[..., Any]


@pytest.fixture(params=["numpy", "plain"])
def draw(request: pytest.FixtureRequest) -> Draw:
    """Draw with numpy, and as if it were not installed."""

    def draw(make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            if request.param == "plain":
                patch.setitem(sys.modules, "numpy", None)
            return make(*args, **kwargs)

    return draw


def drawn(chart: CustomChart | None) -> CustomChart:
    assert chart is not None
    return chart


def spec_of(chart: CustomChart | None) -> tuple[str, dict[str, Any], dict[str, Any]]:
    spec = drawn(chart).spec
    return spec.spec_name, spec.fields, spec.string_fields


def samples(count: int, classes: int, seed: int, ties: bool = False) -> tuple[Any, Any]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, count)
    truth[:classes] = range(classes)
    scores = generator.dirichlet(np.ones(classes), count)
    scores[np.arange(count), truth] += generator.random(count) * 0.5
    return truth, np.round(scores, 1) if ties else scores


def curve(chart: CustomChart | None, name: Any) -> list[list[float]]:
    return [row[1:] for row in drawn(chart).table.data if row[0] == name]


# Charts of a table


def test_charts_of_columns() -> None:
    table = Table(["a", "b", "c"], [[1, 2, "x"]])
    title = {"title": "T"}
    assert spec_of(plot.line(table, "a", "b", title="T")) == ("wandb/line/v0", {"x": "a", "y": "b"}, title)
    fields = {"x": "a", "y": "b", "stroke": "c"}
    assert spec_of(plot.line(table, "a", "b", stroke="c")) == ("wandb/line/v0", fields, {"title": ""})
    assert spec_of(plot.scatter(table, "a", "b", "T")) == ("wandb/scatter/v0", {"x": "a", "y": "b"}, title)
    assert spec_of(plot.bar(table, "c", "a", "T")) == ("wandb/bar/v0", {"label": "c", "value": "a"}, title)
    assert spec_of(plot.histogram(table, "a", "T")) == ("wandb/histogram/v0", {"value": "a"}, title)
    assert plot.histogram(table, "a").table is table


def test_a_column_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    plot.scatter(Table(["a"], [[1]]), "a", "nowhere")
    assert "A scatter chart shows nothing: its table has no column 'nowhere'" in capsys.readouterr().err


def test_plot_table_takes_any_spec() -> None:
    chart = plot.plot_table("me/mine", Table(["a"], [[1]]), {"x": "a"}, {"title": "T"})
    assert spec_of(chart) == ("me/mine", {"x": "a"}, {"title": "T"})
    assert plot.plot_table("me/mine", Table(["a"], [[1]]), {"x": "a"}).spec.string_fields == {}


@pytest.mark.parametrize("table", [None, [[1, 2]], "table"])
def test_a_chart_needs_a_table(table: Any) -> None:
    with pytest.raises(danlu.Error, match=r"drawn from a danlu\.Table"):
        plot.plot_table("me/mine", table, {})
    with pytest.raises(danlu.Error, match=r"drawn from a danlu\.Table"):
        plot.line(table, "a", "b")
    with pytest.raises(TypeError, match="visualize"):
        plot.visualize("me/mine", table)


# Line series


def test_line_series_with_one_axis_for_all_lines() -> None:
    chart = plot.line_series([0, 1], [[10, 11], [20, 21]], keys=["a", "b"], title="T", xname="epoch")
    columns = ["step", "lineKey", "lineVal"]
    assert chart.table.columns == columns
    assert chart.table.data == [[0, "a", 10], [1, "a", 11], [0, "b", 20], [1, "b", 21]]
    fields = {name: name for name in columns}
    assert spec_of(chart) == ("wandb/lineseries/v0", fields, {"title": "T", "xname": "epoch"})


def test_line_series_with_an_axis_for_each_line() -> None:
    chart = plot.line_series([[0, 1], [5]], [[10, 11], [20]])
    assert chart.table.data == [[0, "line_0", 10], [1, "line_0", 11], [5, "line_1", 20]]


def test_line_series_of_arrays_columns_ranges_and_texts() -> None:
    expected = [[0, "a", 1.5], [1, "a", 2.5]]
    for ys in (
        np.array([[1.5, 2.5]]),
        [np.array([1.5, 2.5])],
        [pd.Series([1.5, 2.5])],
        [pl.Series([1.5, 2.5])],
    ):
        assert plot.line_series(range(2), ys, keys=["a"]).table.data == expected
    assert (
        plot.line_series((x for x in range(2)), ([y, y + 1] for y in [1.5]), keys=iter("a")).table.data
        == expected
    )
    assert plot.line_series(["mon", "tue"], [[1, 2]]).table.data == [
        ["mon", "line_0", 1],
        ["tue", "line_0", 2],
    ]
    assert plot.line_series([], []).table.data == []


def test_line_series_that_do_not_belong_together() -> None:
    with pytest.raises(ValueError, match="2 keys for 1 lines"):
        plot.line_series([0], [[1]], keys=["a", "b"])
    with pytest.raises(ValueError, match="2 lists of x values for 1 lines"):
        plot.line_series([[0], [1]], [[1]])
    with pytest.raises(ValueError, match="1 x values for 2 y values"):
        plot.line_series([0], [[1, 2]])
    with pytest.raises(TypeError, match="xs must be a list"):
        plot.line_series(1, [[1]])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="an item of ys must be a list"):
        plot.line_series([1], [1])  # type: ignore[list-item]


# Confusion matrices


def counts_of(chart: CustomChart, size: int) -> list[list[float]]:
    counts = [row[2] for row in chart.table.data]
    return [counts[row * size : (row + 1) * size] for row in range(size)]


@pytest.mark.parametrize("seed", range(5))
def test_confusion_matrix_is_scikit_learns(draw: Draw, seed: int) -> None:
    truth, probs = samples(200, 4, seed)
    expected = sklearn.metrics.confusion_matrix(truth, probs.argmax(axis=1), labels=range(4)).tolist()
    names = ["a", "b", "c", "d"]
    for given in (probs, probs.tolist()):
        chart = draw(plot.confusion_matrix, probs=given, y_true=truth, class_names=names)
        assert counts_of(chart, 4) == expected
    chart = draw(plot.confusion_matrix, preds=probs.argmax(axis=1).tolist(), y_true=truth.tolist())
    assert counts_of(chart, 4) == expected


def test_the_table_of_a_confusion_matrix() -> None:
    chart = plot.confusion_matrix(y_true=[0, 1, 1], preds=[0, 1, 0], class_names=["cat", "dog"])
    columns = ["Actual", "Predicted", "nPredictions"]
    assert chart.table.columns == columns
    assert chart.table.data == [
        ["cat", "cat", 1.0],
        ["cat", "dog", 0.0],
        ["dog", "cat", 1.0],
        ["dog", "dog", 1.0],
    ]
    assert all(type(row[2]) is float for row in chart.table.data)
    fields = {name: name for name in columns}
    assert spec_of(chart) == ("wandb/confusion_matrix/v1", fields, {"title": "Confusion Matrix Curve"})


def test_labels_without_names_are_sorted_and_numbered() -> None:
    chart = plot.confusion_matrix(y_true=["dog", "ant"], preds=["dog", "cat"])
    assert [row[0] for row in chart.table.data[::3]] == ["Class_1", "Class_2", "Class_3"]
    assert counts_of(chart, 3) == [[0, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_labels_may_be_the_names() -> None:
    names = ["dog", "cat"]
    by_name = plot.confusion_matrix(y_true=["dog", "cat"], preds=["cat", "cat"], class_names=names)
    mixed = plot.confusion_matrix(y_true=["dog", "cat"], probs=[[0.1, 0.9], [0.4, 0.6]], class_names=names)
    assert counts_of(by_name, 2) == counts_of(mixed, 2) == [[0, 1], [0, 1]]
    floats = plot.confusion_matrix(
        y_true=np.array([0.0, 1.0]), preds=pd.Series([True, True]), class_names=names
    )
    assert counts_of(floats, 2) == [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y_true": [0], "preds": [0], "probs": [[1]]}, "not both"),
        ({"y_true": [0]}, "not neither"),
        ({"preds": [0]}, "needs y_true"),
        ({"y_true": [0, 1], "preds": [0]}, "2 labels in y_true for 1 predictions"),
        (
            {"y_true": [0, 1, 2], "preds": [0, 0, 0], "class_names": ["a", "b"]},
            "3 different labels in y_true",
        ),
        ({"y_true": [0, 0], "preds": [0, 1], "class_names": ["a"]}, "2 different labels in the predictions"),
        ({"y_true": [0, 5], "preds": [0, 0], "class_names": ["a", "b"]}, "label 5 has no class name"),
        ({"y_true": [-1], "preds": [0], "class_names": ["a", "b"]}, "label -1 has no class name"),
        ({"y_true": [0, None], "preds": [0, 0]}, "no label at position 1"),
        ({"y_true": [0, math.nan], "preds": [0, 0]}, "no label at position 1"),
        ({"y_true": [[0, 1]], "preds": [0]}, "one dimension"),
        ({"y_true": [0], "probs": [0.5]}, "with a number for each class"),
    ],
)
def test_what_no_confusion_matrix_can_be_made_of(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot.confusion_matrix(**arguments)


# Curves


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ties", [False, True])
def test_roc_curve_is_scikit_learns(draw: Draw, seed: int, ties: bool) -> None:
    truth, scores = samples(120, 3, seed, ties)
    chart = draw(plot.roc_curve, truth, scores)
    assert drawn(chart).table.columns == ["class", "fpr", "tpr"]
    for label in range(3):
        fpr, tpr, _ = sklearn.metrics.roc_curve(truth, scores[:, label], pos_label=label)
        expected = np.round(np.stack([fpr, tpr], axis=1), 3)
        np.testing.assert_array_equal(curve(chart, label), expected)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("size", [2, 21, 40])
def test_pr_curve_is_scikit_learns(draw: Draw, seed: int, ties: bool, size: int) -> None:
    truth, scores = samples(120, 3, seed, ties)
    chart = draw(plot.pr_curve, truth, scores, interp_size=size)
    assert drawn(chart).table.columns == ["class", "precision", "recall"]
    for label in range(3):
        precision, recall, _ = sklearn.metrics.precision_recall_curve(truth == label, scores[:, label])
        recalls = np.linspace(1, 0, size)
        best = [precision[recall >= r - 1e-9].max() for r in recalls]
        np.testing.assert_allclose(
            curve(chart, label), np.round(np.stack([best, recalls], axis=1), 3), atol=1e-9
        )


def test_how_curves_are_drawn() -> None:
    truth, scores = samples(20, 2, 0)
    fields = {"x": "fpr", "y": "tpr", "class": "class"}
    strings = {
        "title": "ROC Curve",
        "x-axis-title": "False positive rate",
        "y-axis-title": "True positive rate",
    }
    assert spec_of(plot.roc_curve(truth, scores)) == (AREA, fields, strings)
    fields = {"x": "recall", "y": "precision", "class": "class"}
    strings = {"title": "T", "x-axis-title": "Recall", "y-axis-title": "Precision"}
    assert spec_of(plot.pr_curve(truth, scores, title="T")) == (AREA, fields, strings)


@pytest.mark.parametrize("make", [plot.roc_curve, plot.pr_curve])
def test_inputs_of_all_kinds_are_the_same(make: Any) -> None:
    truth, scores = samples(40, 3, 1)
    expected = make(truth, scores).table
    assert make(truth.tolist(), scores.tolist()).table == expected
    assert make(pd.Series(truth), pd.DataFrame(scores)).table == expected
    assert make(pl.Series(truth), pl.DataFrame(scores)).table == expected
    assert make(tuple(truth), [tuple(row) for row in scores]).table == expected
    assert make(list(truth), list(scores)).table == expected


@pytest.mark.parametrize("make", [plot.roc_curve, plot.pr_curve])
def test_names_and_choice_of_classes(make: Any) -> None:
    truth, scores = samples(40, 3, 1)

    def names(chart: Any) -> list[Any]:
        return list(dict.fromkeys(row[0] for row in chart.table.data))

    assert names(make(truth, scores)) == [0, 1, 2]
    assert names(make(truth, scores, labels=["a", "b", "c"])) == ["a", "b", "c"]
    assert names(make(truth, scores, labels={0: "a", 1: "b", 2: "c"})) == ["a", "b", "c"]
    assert names(make(truth + 5, scores, labels=["a", "b", "c"])) == ["a", "b", "c"]
    assert names(make(truth.astype(float), scores, labels=["a", "b", "c"])) == ["a", "b", "c"]
    assert names(make(truth, scores, labels=["a", "b", "c"], classes_to_plot=[2, 0])) == ["a", "c"]
    texts = np.array(["dog", "cat", "eel"])[truth]
    assert names(make(texts, scores)) == ["cat", "dog", "eel"]
    assert names(make(texts, scores, labels=["x", "y", "z"], classes_to_plot=["eel"])) == ["eel"]
    with pytest.raises(ValueError, match="none for the class 2"):
        make(truth, scores, labels=["a", "b"])


@pytest.mark.parametrize("make", [plot.roc_curve, plot.pr_curve])
def test_a_class_without_samples(make: Any) -> None:
    truth, scores = samples(60, 4, 2)
    there = truth != 1
    part, rows = truth[there], scores[there]
    whole = make(part, rows, labels=["a", "b", "c", "d"])
    assert curve(whole, "c") == curve(make((part == 2).astype(int), rows[:, [0, 2]]), 1)
    names = np.array(["d0", "d1", "d2", "d3"])
    assert curve(make(names[part], rows, labels=names.tolist()), "d2") == curve(whole, "c")
    with pytest.raises(ValueError, match="4 columns, but y_true has 3 classes"):
        make(names[part], rows)


@pytest.mark.parametrize("make", [plot.roc_curve, plot.pr_curve])
def test_scores_of_the_second_of_two_classes(make: Any) -> None:
    truth, scores = samples(40, 2, 3)
    scores = scores / scores.sum(axis=1, keepdims=True)
    both = make(truth, np.stack([1 - scores[:, 1], scores[:, 1]], axis=1)).table
    assert make(truth, scores[:, 1]).table == both
    assert make(truth, scores[:, 1:].tolist()).table == both
    assert make(truth.astype(bool), scores[:, 1]).table.data[0][0] is False


def test_the_curve_of_the_only_class_is_undefined(capsys: pytest.CaptureFixture[str]) -> None:
    assert drawn(plot.roc_curve([1, 1], [[0.1, 0.9], [0.2, 0.8]])).table.data == []
    assert "ROC curve of class 1 is undefined" in capsys.readouterr().err
    assert curve(plot.pr_curve([1, 1], [[0.1, 0.9], [0.2, 0.8]], interp_size=2), 1) == [[1, 1], [1, 0]]


@pytest.mark.parametrize("make", [plot.roc_curve, plot.pr_curve])
@pytest.mark.parametrize(
    ("truth", "scores", "message"),
    [
        (None, [[1, 0]], "y_true is missing"),
        ([0], None, "y_probas is missing"),
        ("01", [[1, 0]] * 2, "y_true must be a list or an array, not `str`"),
        (1, [[1, 0]], "y_true must be a list or an array, not `int`"),
        ([0, None], [[1, 0]] * 2, "y_true has no label in row 1"),
        ([0, math.nan], [[1, 0]] * 2, "y_true has no label in row 1"),
        (pd.Series([0, None], dtype="Int64"), [[1, 0]] * 2, "y_true has no label in row 1"),
        ([0, "a"], [[1, 0]] * 2, "no order"),
        ([[0], [1]], [[1, 0]] * 2, "one label for each sample"),
        ([0, 1], [[1, 0], [math.nan, 1]], "y_probas must be numbers, but in row 1 there is nan"),
        ([0, 1], [[1, 0], ["a", 1]], "y_probas must be numbers, but in row 1 there is 'a'"),
        ([0, 1], [[1, 0], [1]], "2 scores in row 0, but 1 in row 1"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    make: Any, truth: Any, scores: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(truth, scores) is None
    assert message in capsys.readouterr().err


def test_curves_of_what_does_not_belong_together() -> None:
    with pytest.raises(ValueError, match="1 rows in y_probas for 2 labels"):
        plot.roc_curve([0, 1], [[1, 0]])
    with pytest.raises(ValueError, match="interp_size of at least 2"):
        plot.pr_curve([0, 1], [[1, 0]] * 2, interp_size=1)


def test_long_curves_are_sampled_evenly_and_alike(draw: Draw, capsys: pytest.CaptureFixture[str]) -> None:
    truth, scores = samples(30_000, 3, 4)
    whole = {label: sklearn.metrics.roc_curve(truth == label, scores[:, label])[:2] for label in range(3)}
    rows = draw(plot.roc_curve, truth, scores).table.data
    assert rows == draw(plot.roc_curve, truth, scores).table.data
    count = sum(len(fpr) for fpr, _ in whole.values())
    assert 9_000 < len(rows) <= 10_000 < count
    for label, (fpr, tpr) in whole.items():
        points = [row[1:] for row in rows if row[0] == label]
        assert abs(len(points) / len(rows) - len(fpr) / count) < 0.001
        assert points[0] == [0, 0]
        assert points[-1] == [1, 1]
        all_points = np.round(np.stack([fpr, tpr], axis=1), 3).tolist()
        assert all(point in all_points for point in points[::100])


# Charts in a run


def files(read: Reader, run: danlu.Run) -> dict[str, Any]:
    rows = read.rows(
        run.file,
        "SELECT f.path, c.bytes FROM file AS f JOIN blob AS b ON b.sha256 = f.sha256 "
        "JOIN chunk AS c ON c.id = b.n << 24 WHERE f.path LIKE 'media/%' ORDER BY f.id",
    )
    return {path: json.loads(content) for path, content in rows}


def test_a_chart_is_a_table_and_a_drawing(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"loss": 1, "cm": plot.confusion_matrix(y_true=[0, 1], preds=[0, 1])})
        run.log({"cm": plot.confusion_matrix(y_true=[0, 1], preds=[1, 1])})
    assert run.lost == 0
    history = read.history(run.file)
    assert [(step, key) for step, key, _ in history] == [(0, "cm_table"), (0, "loss"), (1, "cm_table")]
    stored = files(read, run)
    tables = [json.loads(value) for _, key, value in history if key == "cm_table"]
    assert [stored[table["path"]]["data"][0][2] for table in tables] == [1.0, 0.0]
    assert stored[tables[0]["path"]]["columns"] == ["Actual", "Predicted", "nPredictions"]
    panel = json.loads(read.table(run.file, "config")["_wandb"])["visualize"]["cm"]
    assert panel["panel_type"] == "Vega2"
    settings = panel["panel_config"]
    assert settings["panelDefId"] == "wandb/confusion_matrix/v1"
    assert settings["fieldSettings"]["Actual"] == "Actual"
    assert settings["stringSettings"] == {"title": "Confusion Matrix Curve"}
    assert settings["transform"] == {"name": "tableWithLeafColNames"}
    [sets] = settings["userQuery"]["queryFields"]
    table = {"name": "summaryTable", "args": [{"name": "tableKey", "value": "cm_table"}], "fields": []}
    assert sets["name"] == "runSets"
    assert sets["fields"][-1] == table


def test_a_split_table_has_a_place_of_its_own(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"l": plot.line(Table(["a", "b"], [[1, 2]]), "a", "b", split_table=True)})
    assert [key for _, key, _ in read.history(run.file)] == ["Custom Chart Tables/l_table"]
    panel = json.loads(read.table(run.file, "config")["_wandb"])["visualize"]["l"]
    query = panel["panel_config"]["userQuery"]["queryFields"][0]["fields"][-1]
    assert query["args"] == [{"name": "tableKey", "value": "Custom Chart Tables/l_table"}]


def test_charts_inside_of_dicts_and_lists(read: Reader) -> None:
    table = Table(["a", "b"], [[1, 2]])
    with danlu.init() as run:
        run.log({"val": {"roc": plot.roc_curve([0, 1], [0.1, 0.9]), "n": 1}})
        run.log({"all": [plot.line(table, "a", "b"), plot.bar(table, "a", "b")]})
    assert run.lost == 0
    keys = [key for _, key, _ in read.history(run.file)]
    assert keys == ["val.n", "val.roc_table", "all_0_table", "all_1_table"]
    panels = json.loads(read.table(run.file, "config")["_wandb"])["visualize"]
    assert {key: panel["panel_config"]["panelDefId"] for key, panel in panels.items()} == {
        "val.roc": AREA,
        "all_0": "wandb/line/v0",
        "all_1": "wandb/bar/v0",
    }


def test_none_in_place_of_a_chart_is_logged(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"roc": plot.roc_curve([0, None], [0.1, 0.9]), "loss": 1})
    assert ("loss", 1) in [(key, value) for _, key, value in read.history(run.file)]
    assert run.lost == 0


def test_charts_and_tables_need_no_other_library(read: Reader, scripts: Scripts) -> None:
    done = scripts.run("""
        import sys
        for name in ("numpy", "pandas", "polars", "sklearn", "PIL", "torch"):
            sys.modules[name] = None
        import danlu
        from danlu import plot
        from danlu.media.table import Table
        with danlu.init() as run:
            run.log({
                "table": Table(["a", "b"], [[1, [2.5, None]], [float("nan"), []]]), "cm":
                plot.confusion_matrix(probs=[[0.1, 0.9], [0.8, 0.2]], y_true=[1, 0], class_names=["a", "b"]),
                "roc": plot.roc_curve([0, 1, 1], [[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]]), "pr":
                plot.pr_curve([0, 1, 1], [0.1, 0.6, 0.5]), "lines": plot.line_series([0, 1], [[1, 2], [3,
                4]]),
            })
        assert run.lost == 0
    """)
    assert done.returncode == 0, done.stderr
    keys = [key for _, key, _ in read.history(scripts.file())]
    assert keys == ["cm_table", "lines_table", "pr_table", "roc_table", "table"]


def test_one_chart_under_two_keys(read: Reader) -> None:
    chart = plot.line(Table(["a", "b"], [[1, 2]]), "a", "b")
    with danlu.init() as run:
        run.log({"one": chart, "two": chart})
    assert [key for _, key, _ in read.history(run.file)] == ["one_table", "two_table"]
    assert set(json.loads(read.table(run.file, "config")["_wandb"])["visualize"]) == {"one", "two"}


def test_visualize_keeps_the_table_under_its_own_key(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"elbow": plot.visualize("wandb/elbow/v1", Table(["a"], [[1]]))})
    [(step, key, value)] = read.history(run.file)
    assert (step, key, json.loads(value)["_type"]) == (0, "elbow", "table-file")
    drawing = {"id": "wandb/elbow/v1", "historyFieldSettings": {"key": "elbow", "x-axis": "_step"}}
    assert json.loads(read.table(run.file, "config")["_wandb"])["viz"] == {"elbow": drawing}


def test_a_spec_says_where_its_table_is() -> None:
    chart = plot.line(Table(["a", "b"], [[1, 2]]), "a", "b")
    with pytest.raises(danlu.Error, match="when the chart is logged"):
        _ = chart.spec.table_key
    chart.set_key("k")
    assert chart.spec.table_key == "k_table"
    assert chart.spec.config_key == ("_wandb", "visualize", "k")
    assert chart.spec.config_value["panel_config"]["panelDefId"] == "wandb/line/v0"
