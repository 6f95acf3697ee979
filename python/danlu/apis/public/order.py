"""The order of runs: `+created_at`, `-summary_metrics.loss` and so on."""

from __future__ import annotations

from functools import cmp_to_key

from .filters import Moment, kind_of
from .summary import one_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypeVar

    from .filters import Document

    D = TypeVar("D", bound=Document)

#: What is of another kind comes in this order.
_KINDS = ("number", "text", "bool")


def ordered(documents: Iterable[D], order: str | None) -> list[D]:
    """Return documents in an order such as `-summary_metrics.loss`; several are separated by commas.

    `+` (or nothing) in front means smallest first, `-` largest first. What lacks the field, or has NaN there,
    comes last either way. What is alike stays in the order in which it came.
    """
    found = list(documents)
    for part in reversed([part.strip() for part in (order or "+created_at").split(",")]):
        field = part.lstrip("+-")
        if not field:
            raise ValueError(f"The order `{order}` names no field; give one such as `-created_at`")
        sign = -1 if part.startswith("-") else 1

        def compare(a: tuple[Any, D], b: tuple[Any, D], sign: int = sign) -> int:
            return _compare(a[0], b[0], sign)

        keyed = [(_value(document, field), document) for document in found]
        found = [document for _, document in sorted(keyed, key=cmp_to_key(compare))]
    return found


def _value(document: Document, field: str) -> Any:
    """Return what a document is ordered by; None for nothing."""
    value = next(iter(document.candidates(field)), None)
    if isinstance(value, Moment):
        return value.seconds
    number = one_number(value)
    if number is not None:
        value = number
    return None if kind_of(value) not in _KINDS or value != value else value


def _compare(a: Any, b: Any, sign: int) -> int:
    if a is None or b is None:
        return int(a is None) - int(b is None)
    kinds = _KINDS.index(kind_of(a)), _KINDS.index(kind_of(b))
    if kinds[0] != kinds[1]:
        return sign * (kinds[0] - kinds[1])
    return sign * (int(a > b) - int(a < b))
