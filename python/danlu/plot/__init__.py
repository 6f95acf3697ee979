"""Charts: a table, and how it is drawn.

    run.log({"roc": danlu.plot.roc_curve(y_true, y_probas)})

All functions work without pandas and scikit-learn; numpy is used when it is there.
"""

from __future__ import annotations

from ._basic import bar, histogram, line, scatter
from ._chart import CustomChart, CustomChartSpec, plot_table
from ._curves import pr_curve, roc_curve
from ._matrix import confusion_matrix
from ._series import line_series
from ._visualize import Visualize, visualize

__all__ = [
    "CustomChart",
    "CustomChartSpec",
    "Visualize",
    "bar",
    "confusion_matrix",
    "histogram",
    "line",
    "line_series",
    "plot_table",
    "pr_curve",
    "roc_curve",
    "scatter",
    "visualize",
]
