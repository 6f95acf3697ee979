"""What the curves of a classifier are drawn from: for each class, which samples have it, and its scores."""

from __future__ import annotations

from .. import _say
from ._numbers import as_array, as_list, is_missing, is_sequence, numpy_if_there

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class UndrawableError(Exception):
    """Labels or scores that no curve can be drawn from."""


class Classes:
    """The classes that occur among the labels, and the scores of all samples for each."""

    def __init__(self, y_true: list[Any], scores: Any, labels: Any, wanted: Any) -> None:
        self._y_true = y_true
        self._scores = scores
        self._labels = labels
        self._wanted = None if wanted is None else as_list(wanted, "classes_to_plot")
        try:
            self._found = sorted(set(y_true))
        except TypeError:
            raise UndrawableError("y_true has labels of types that have no order among each other") from None
        self._places = _places(self._found, len(scores[0]) if len(scores) else 0, labels)

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        """Yield the name of each class to plot, whether each sample has it, and the scores for it."""
        for label, place in zip(self._found, self._places):
            if self._wanted is None or label in self._wanted:
                hits = [found == label for found in self._y_true]
                if isinstance(self._scores, list):
                    yield self._name(label), hits, [row[place] for row in self._scores]
                else:
                    yield self._name(label), hits, self._scores[:, place]

    def _name(self, label: Any) -> Any:
        """Return what the table calls a class: what `labels` has for a number, else the class itself."""
        number = _as_place(label)
        if self._labels is None or number is None:
            return label
        if isinstance(self._labels, dict):
            return self._labels.get(label, label)
        if 0 <= number < len(self._labels):
            return self._labels[number]
        if len(self._labels) == len(self._found):
            return self._labels[self._found.index(label)]
        raise ValueError(f"labels has {len(self._labels)} names, none for the class {label} of y_true")


def classes_of(function: str, y_true: Any, y_probas: Any, labels: Any, wanted: Any) -> Classes | None:
    """Return the classes; None if the labels or scores cannot be drawn, which is said then.

    Raises a ValueError if there are not as many scores as labels, or not as many columns as classes.
    """
    try:
        truth, scores = _truth_of(y_true), _scores_of(y_probas)
        if len(truth) != len(scores):
            raise ValueError(
                f"{function}() has {len(scores)} rows in y_probas for {len(truth)} labels in y_true"
            )
        names = labels if labels is None or isinstance(labels, dict) else as_list(labels, "labels")
        return Classes(truth, scores, names, wanted)
    except UndrawableError as e:
        _say.tell(f"ERROR: {function}() draws nothing: {e}")
        return None


def _truth_of(y_true: Any) -> list[Any]:
    truth = _items(y_true, "y_true")
    for row, label in enumerate(truth):
        if is_sequence(label):
            raise UndrawableError(f"y_true must have one label for each sample, but its row {row} is a list")
        if is_missing(label):
            raise UndrawableError(f"y_true has no label in row {row}: it is {label}")
    return truth


def _scores_of(y_probas: Any) -> Any:
    """Return the scores as rows of a column for each class: an array if there is numpy, or a list."""
    array = as_array(y_probas)
    if array is not None and (array == array).all():
        if array.ndim == 2 and array.shape[1] != 1:
            return array
        # They are those of the second of two classes.
        column = array.reshape(-1, 1).astype(float)
        return numpy_if_there().hstack([1 - column, column])
    rows: list[Any] = [
        row if isinstance(row, (list, tuple)) else [row] for row in _items(y_probas, "y_probas")
    ]
    for number, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise UndrawableError(
                f"y_probas has {len(rows[0])} scores in row 0, but {len(row)} in row {number}"
            )
        for score in row:
            if is_missing(score) or not isinstance(score, (int, float)):
                raise UndrawableError(f"y_probas must be numbers, but in row {number} there is {score!r}")
    if rows and len(rows[0]) == 1:
        return [[1 - row[0], row[0]] for row in rows]
    return rows


def _items(values: Any, what: str) -> list[Any]:
    if values is None:
        raise UndrawableError(f"{what} is missing")
    if not is_sequence(values) or isinstance(values, (dict, set)):
        raise UndrawableError(f"{what} must be a list or an array, not `{type(values).__name__}`")
    return as_list(values, what)


def _places(found: list[Any], columns: int, labels: Any) -> list[int]:
    """Return the column of the scores of each class."""
    if columns == len(found):
        return list(range(columns))
    # Some class has no sample. Where it was is known if classes are numbers, or named by column.
    numbers = [_as_place(label) for label in found]
    places = [number for number in numbers if number is not None and 0 <= number < columns]
    if len(places) == len(found):
        return places
    if isinstance(labels, list) and len(labels) == columns and all(label in labels for label in found):
        return [labels.index(label) for label in found]
    shown = ", ".join(repr(label) for label in found[:10]) + (", …" if len(found) > 10 else "")
    raise ValueError(
        f"y_probas has {columns} columns, but y_true has {len(found)} classes: {shown}. Where a class has no "
        "sample, y_true must be numbers from 0, or names that are all in labels"
    )


def _as_place(label: Any) -> int | None:
    """Return a class as a whole number; None if it is none."""
    if isinstance(label, int) or (isinstance(label, float) and label.is_integer()):
        return int(label)
    return None
