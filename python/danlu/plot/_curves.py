"""ROC curves and precision-recall curves, one for each class against the rest."""

from __future__ import annotations

from .. import _say
from ._chart import CustomChart, plot_table
from ._classes import classes_of
from ._numbers import MAX_ROWS, evenly, rounded
from ._ranking import best_precisions, ranking, rates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    #: The name of a class, and the coordinates of the points.
    Curve = tuple[Any, Sequence[float], Sequence[float]]


def roc_curve(
    y_true: Iterable[Any],
    y_probas: Iterable[Any] | None = None,
    labels: list[str] | None = None,
    classes_to_plot: list[Any] | None = None,
    title: str = "ROC Curve",
    split_table: bool = False,
) -> CustomChart | None:
    """Return a chart of the ROC curve of each class against all others.

    `y_true` has the class of each sample, and `y_probas` has shape (samples, classes), its columns in the
    order of the sorted classes, or (samples,) with the scores of the second of two classes. `labels` names
    classes that are numbers, and `classes_to_plot` are those that get a curve, by default all;
    `split_table` is that of `plot_table`. Returns None, and says why, if labels or scores are missing or no
    numbers; raises a ValueError if they do not belong together.
    """
    classes = classes_of("roc_curve", y_true, y_probas, labels, classes_to_plot)
    if classes is None:
        return None
    curves: list[Curve] = []
    for name, hits, scores in classes:
        false, true = ranking(hits, scores)
        if false[-1] > 0:
            curves.append((name, *rates(false, true)))
        else:
            _say.warn(f"The ROC curve of class {name} is undefined: y_true has no other class")
    titles = {
        "title": title,
        "x-axis-title": "False positive rate",
        "y-axis-title": "True positive rate",
    }
    return _chart(
        ["class", "fpr", "tpr"], curves, {"x": "fpr", "y": "tpr", "class": "class"}, titles, split_table
    )


def pr_curve(
    y_true: Iterable[Any] | None = None,
    y_probas: Iterable[Any] | None = None,
    labels: list[str] | None = None,
    classes_to_plot: list[Any] | None = None,
    interp_size: int = 21,
    title: str = "Precision-Recall Curve",
    split_table: bool = False,
) -> CustomChart | None:
    """Return a chart of the precision over the recall of each class against all others.

    A curve has `interp_size` points, at recalls from 1 to 0: the best precision that is reached with that
    recall or more. The other parameters (`y_true`, `y_probas`, `labels`, `classes_to_plot`,
    `split_table`) and what is raised are those of `roc_curve`.
    """
    if interp_size < 2:
        raise ValueError(f"pr_curve() needs an interp_size of at least 2, not {interp_size}")
    classes = classes_of("pr_curve", y_true, y_probas, labels, classes_to_plot)
    if classes is None:
        return None
    recalls = [1 - number / (interp_size - 1) for number in range(interp_size)]
    curves: list[Curve] = []
    for name, hits, scores in classes:
        curves.append((name, best_precisions(*ranking(hits, scores), recalls), recalls))
    titles = {"title": title, "x-axis-title": "Recall", "y-axis-title": "Precision"}
    fields = {"x": "recall", "y": "precision", "class": "class"}
    return _chart(["class", "precision", "recall"], curves, fields, titles, split_table)


def _chart(
    columns: list[str],
    curves: list[Curve],
    fields: dict[str, str],
    titles: dict[str, str],
    split_table: bool,
) -> CustomChart:
    from ..media.table import Table

    return plot_table(
        "wandb/area-under-curve/v0", Table(columns, _thinned(curves)), fields, titles, split_table
    )


def _thinned(curves: list[Curve]) -> list[list[Any]]:
    """Return the rows of curves: the same share of each and evenly, as many as a chart can hold."""
    count = sum(len(xs) for _, xs, _ in curves)
    if count > MAX_ROWS:
        _say.warn(f"A chart holds at most {MAX_ROWS} points: its curves are sampled evenly")
    rows: list[list[Any]] = []
    for name, xs, ys in curves:
        share = len(xs) if count <= MAX_ROWS else max(2, len(xs) * MAX_ROWS // count)
        places = evenly(range(len(xs)), share)
        rows += [[name, rounded(float(xs[place])), rounded(float(ys[place]))] for place in places]
    return rows
