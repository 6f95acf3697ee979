"""How well scores tell the samples of a class from others, at every threshold.

The points are those of scikit-learn's `roc_curve` and `precision_recall_curve`. With numpy they are arrays,
otherwise lists.
"""

from __future__ import annotations

from bisect import bisect_left

from ._numbers import numpy_if_there

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Counts = Sequence[int]

#: How far a recall may lie below the one that is asked for: both are quotients of floats.
_EPSILON = 1e-9


def ranking(hits: Any, scores: Any) -> tuple[Counts, Counts]:
    """Return how many false and true positives there are with each score as threshold, highest first."""
    np = numpy_if_there()
    if np is None:
        return _ranking(hits, scores)
    values = np.asarray(scores, dtype=float)
    order = np.argsort(-values, kind="stable")
    values = values[order]
    ends = np.append(np.nonzero(values[1:] != values[:-1])[0], len(values) - 1)
    true = np.cumsum(np.asarray(hits, dtype=bool)[order])[ends]
    return 1 + ends - true, true


def _ranking(hits: list[bool], scores: list[float]) -> tuple[list[int], list[int]]:
    ranked = sorted(zip(scores, hits), key=lambda pair: -pair[0])
    false_counts, true_counts, true_count = [], [], 0
    for place, (score, hit) in enumerate(ranked):
        true_count += hit
        if place + 1 == len(ranked) or ranked[place + 1][0] != score:
            true_counts.append(true_count)
            false_counts.append(place + 1 - true_count)
    return false_counts, true_counts


def rates(false: Any, true: Any) -> tuple[Sequence[float], Sequence[float]]:
    """Return the shares of false and true positives, from none to all.

    Of three points that lie on a line, equally far apart, the middle one is left out.
    """
    np = numpy_if_there()
    if np is None:
        kept = _corners(false, true)
        return [0.0, *(false[p] / false[-1] for p in kept)], [0.0, *(true[p] / true[-1] for p in kept)]
    ends = [True] * min(len(false), 2)
    bent = (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0)
    places = np.concatenate((ends[:1], bent, ends[1:])).nonzero()[0]
    fpr, tpr = (np.concatenate(([0.0], counts[places] / counts[-1])) for counts in (false, true))
    return fpr, tpr


def _corners(false: list[int], true: list[int]) -> list[int]:
    last = len(false) - 1
    return [
        place
        for place in range(last + 1)
        if place in (0, last)
        or 2 * false[place] != false[place - 1] + false[place + 1]
        or 2 * true[place] != true[place - 1] + true[place + 1]
    ]


def best_precisions(false: Counts, true: Counts, recalls: list[float]) -> list[float]:
    """Return the best precision with each recall or more; without any positive prediction it is 1."""
    np = numpy_if_there()
    best: Any
    if np is not None:
        best = np.maximum.accumulate((true / (np.asarray(true) + false))[::-1])[::-1].tolist()
    else:
        best = [t / (t + f) for f, t in zip(false, true)]
        for place in range(len(best) - 2, -1, -1):
            best[place] = max(best[place], best[place + 1])
    # The first threshold at which so many true positives are found.
    needed = [(recall - _EPSILON) * int(true[-1]) for recall in recalls]
    return [best[bisect_left(true, count)] if recall > 0 else 1.0 for recall, count in zip(recalls, needed)]
