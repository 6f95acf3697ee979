"""Charts."""

from __future__ import annotations

from typing import Any

import pytest

from .entries import Topic, wandb

plots = Topic("plot", "The page of `danlu serve` draws them. None of them needs pandas or scikit-learn.")
TOPICS = [plots]


def shown(run: Any, chart: Any, spec: str) -> Any:
    """Log a chart, and return the rows of its table."""
    run.log({"chart": chart})
    run.finish()
    found = wandb.Api().run("p/r")
    drawn = found.rawconfig["_wandb"]["visualize"]["chart"]
    assert drawn["panel_config"]["panelDefId"] == spec
    assert any(key.endswith("chart_table") for key in found.keys)
    return chart.table.data


@plots.yes("plot.line(table, x, y, stroke, title, split_table)")
def _(run: Any, table: Any) -> None:
    shown(run, wandb.plot.line(table, "x", "y", stroke=None, title="t", split_table=True), "wandb/line/v0")


@plots.yes("plot.scatter(table, x, y, title, split_table)")
def _(run: Any, table: Any) -> None:
    shown(run, wandb.plot.scatter(table, "x", "y", "t"), "wandb/scatter/v0")


@plots.yes("plot.bar(table, label, value, title, split_table)")
def _(run: Any, table: Any) -> None:
    shown(run, wandb.plot.bar(table, "x", "y", title="t"), "wandb/bar/v0")


@plots.yes("plot.histogram(table, value, title, split_table)")
def _(run: Any, table: Any) -> None:
    shown(run, wandb.plot.histogram(table, "x", title="t"), "wandb/histogram/v0")


@plots.yes("plot.line_series(xs, ys, keys, title, xname, split_table)")
def _(run: Any) -> None:
    chart = wandb.plot.line_series([0, 1], [[2, 3], [4, 5]], keys=["a", "b"], title="t", xname="step")
    assert len(shown(run, chart, "wandb/lineseries/v0")) == 4
    with pytest.raises(ValueError):  # noqa: PT011
        wandb.plot.line_series([[0], [1]], [[2]])


@plots.yes("plot.confusion_matrix(probs, y_true, preds, class_names, title, split_table)")
def _(run: Any) -> None:
    chart = wandb.plot.confusion_matrix(y_true=[0, 1, 1], preds=[0, 1, 0], class_names=["a", "b"])
    assert ["b", "a", 1.0] in shown(run, chart, "wandb/confusion_matrix/v1")


@plots.yes("plot.roc_curve(y_true, y_probas, labels, classes_to_plot, title, split_table)")
def _(run: Any) -> None:
    chart = wandb.plot.roc_curve(
        [0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], labels=["a", "b"], classes_to_plot=[1]
    )
    assert {row[0] for row in shown(run, chart, "wandb/area-under-curve/v0")} == {"b"}


@plots.yes("plot.pr_curve(y_true, y_probas, labels, classes_to_plot, interp_size, title, split_table)")
def _(run: Any) -> None:
    chart = wandb.plot.pr_curve(
        [0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], labels=["a", "b"], interp_size=5
    )
    assert len(shown(run, chart, "wandb/area-under-curve/v0")) == 10


@plots.yes(
    "plot_table(vega_spec_name, data_table, fields, string_fields, split_table)",
    "plot.plot_table(vega_spec_name, data_table, fields, string_fields, split_table)",
    note="A spec of one's own is kept; the page draws those above.",
)
def _(run: Any, table: Any) -> None:
    assert wandb.plot.plot_table is wandb.plot_table
    shown(run, wandb.plot_table("me/mine", table, {"x": "x"}, {"title": "t"}, split_table=False), "me/mine")
    with pytest.raises(wandb.Error):
        wandb.plot_table("me/mine", "no table", {})


@plots.yes("visualize(id, value)", "plot.visualize(id, value)", "plots")
def _(run: Any, table: Any) -> None:
    assert wandb.plot.visualize is wandb.visualize
    assert wandb.plots is wandb.plot
    run.log({"old": wandb.visualize("wandb/line/v0", table)})
    run.finish()
    assert "old" in wandb.Api().run("p/r").rawconfig["_wandb"]["viz"]


@plots.yes("plot.CustomChart", note="`table` and `spec` are what it was made of.")
def _(table: Any) -> None:
    chart = wandb.plot.bar(table, "x", "y")
    assert isinstance(chart, wandb.plot.CustomChart)
    assert chart.table is table
    assert chart.spec
