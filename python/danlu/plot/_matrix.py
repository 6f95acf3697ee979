"""Confusion matrices."""

from __future__ import annotations

from ._chart import CustomChart, plot_table
from ._numbers import as_array, as_list, is_missing, is_sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def confusion_matrix(
    probs: Iterable[Any] | None = None,
    y_true: Iterable[Any] | None = None,
    preds: Iterable[Any] | None = None,
    class_names: Iterable[str] | None = None,
    title: str = "Confusion Matrix Curve",
    split_table: bool = False,
) -> CustomChart:
    """Return a chart of how often which class was predicted for which.

    `y_true` are the labels of the samples. Predictions are given as `preds`, or as `probs` of shape
    (samples, classes), of which the largest counts. With `class_names` the labels are numbers from 0, or
    the names themselves; without, the labels that occur are sorted and called `Class_1` and so on. Raises a
    ValueError if both or neither of `probs` and `preds` are given, for lists of different lengths, and for
    labels that have no name. `split_table` is that of `plot_table`.
    """
    from ..media.table import Table

    actual, predicted = _labels(probs, y_true, preds)
    names = None if class_names is None else as_list(class_names, "class_names")
    places = _places(actual, predicted, names)
    if names is None:
        names = [f"Class_{number + 1}" for number in range(len(places))]
    counts = [[0.0] * len(names) for _ in names]
    for label, prediction in zip(actual, predicted):
        counts[places[label]][places[prediction]] += 1
    rows = [[a, p, counts[i][j]] for i, a in enumerate(names) for j, p in enumerate(names)]
    columns = ["Actual", "Predicted", "nPredictions"]
    fields = {name: name for name in columns}
    return plot_table(
        "wandb/confusion_matrix/v1", Table(columns, rows), fields, {"title": title}, split_table
    )


def _labels(probs: Any, y_true: Any, preds: Any) -> tuple[list[Any], list[Any]]:
    """Return the labels and the predictions of the samples."""
    if y_true is None:
        raise ValueError("confusion_matrix() needs y_true, the label of each sample")
    if (probs is None) == (preds is None):
        given = "neither" if probs is None else "both"
        raise ValueError(f"confusion_matrix() takes probs or preds, not {given}")
    actual = as_list(y_true, "y_true")
    predicted = _largest(probs) if preds is None else as_list(preds, "preds")
    if len(actual) != len(predicted):
        raise ValueError(
            f"confusion_matrix() has {len(actual)} labels in y_true for {len(predicted)} predictions"
        )
    for labels, what in ((actual, "y_true"), (predicted, "preds")):
        _check(labels, what)
    return actual, predicted


def _check(labels: list[Any], what: str) -> None:
    for row, label in enumerate(labels):
        if is_sequence(label):
            raise ValueError(f"{what} must have one dimension, but its item {row} is a list")
        if is_missing(label):
            raise ValueError(f"{what} has no label at position {row}: it is {label}")


def _largest(probs: Any) -> list[int]:
    """Return which of the numbers in each row is the largest, the first of several."""
    array = as_array(probs)
    if array is not None and array.ndim == 2 and array.shape[1]:
        found: list[int] = array.argmax(axis=1).tolist()
        return found
    rows = as_list(probs, "probs")
    if not all(is_sequence(row) and row for row in rows):
        raise ValueError("probs must have a row for each label of y_true, with a number for each class")
    return [max(range(len(row)), key=row.__getitem__) for row in rows]


def _places(actual: list[Any], predicted: list[Any], names: list[Any] | None) -> dict[Any, int]:
    """Return the row of the matrix that each label has."""
    found = set(actual) | set(predicted)
    if names is None:
        return {label: place for place, label in enumerate(_in_order(found))}
    for labels, what in ((set(actual), "y_true"), (set(predicted), "the predictions")):
        if len(labels) > len(names):
            raise ValueError(
                f"there are {len(labels)} different labels in {what}, but {len(names)} class names"
            )
    # Labels may be a mix of both, as names for y_true and the places of the largest probabilities.
    places: dict[Any, int] = {name: place for place, name in enumerate(names) if isinstance(name, str)}
    places.update((place, place) for place in range(len(names)))
    for label in found:
        if label not in places:
            raise ValueError(
                f"label {label!r} has no class name: with {len(names)} class names, labels are the numbers "
                f"0 to {len(names) - 1} or the names themselves"
            )
    return places


def _in_order(labels: set[Any]) -> list[Any]:
    try:
        return sorted(labels)
    except TypeError:
        return sorted(labels, key=lambda label: (type(label).__name__, str(label)))
