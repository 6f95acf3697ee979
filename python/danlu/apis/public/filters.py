"""Filters in MongoDB's language, as `Api.runs` takes them.

https://www.mongodb.com/docs/manual/reference/operator/query

A field is a name with dots. Values of different kinds do not compare,
and what a comparison says of a list holds if it holds for one of its elements.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Protocol

    Test = Callable[[Any], bool]

    class Document(Protocol):
        """What is filtered."""

        def candidates(self, field: str) -> list[Any]:
            """Return the values of a field, none where it is missing; raise ValueError for no such field."""


class Missing:
    """Stands for the value of a field that is not there."""

    def __repr__(self) -> str:
        return "missing"


MISSING = Missing()


def compile_filter(filters: Mapping[str, Any] | None) -> Callable[[Document], bool]:
    """Return what says whether a document passes; raise ValueError for an operator that does not exist."""
    tests = [_clause(key, value) for key, value in _mapping("A filter", filters or {}).items()]
    return lambda document: all(test(document) for test in tests)


def _mapping(what: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} takes a dict, not `{value!r}`")
    return value


def _list(what: str, value: object) -> list[Any]:
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise ValueError(f"{what} takes a list, not `{value!r}`")
    return list(value)


def _clause(key: str, value: Any) -> Callable[[Document], bool]:
    if not isinstance(key, str):
        raise ValueError(f"A filter has names of fields as keys, not `{key!r}`")
    if not key.startswith("$"):
        test = _condition(key, value)
        return lambda document: test(document.candidates(key) or [MISSING])
    if key not in ("$and", "$or", "$nor"):
        raise ValueError(f"There is no operator `{key}` between filters (there are $and, $or and $nor)")
    parts = [compile_filter(_mapping(f"Each part of `{key}`", part)) for part in _list(f"`{key}`", value)]
    if not parts:
        raise ValueError(f"`{key}` takes a list that is not empty")
    if key == "$and":
        return lambda document: all(part(document) for part in parts)
    wanted = key == "$or"
    return lambda document: any(part(document) for part in parts) is wanted


def _condition(field: str, value: Any) -> Callable[[list[Any]], bool]:
    """Return what says whether the values of a field pass."""
    if not _has_operators(field, value):
        return _some(_equals(value))
    options = value.get("$options", "")
    tests = [_operator(name, what, field, options) for name, what in value.items() if name != "$options"]
    return lambda values: all(test(values) for test in tests)


def _has_operators(field: str, value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    with_dollar = [isinstance(key, str) and key.startswith("$") for key in value]
    if any(with_dollar) and not all(with_dollar):
        raise ValueError(
            f"The filter of `{field}` has operators and other keys beside each other: {dict(value)}"
        )
    return any(with_dollar)


def _operator(name: str, operand: Any, field: str, options: str) -> Callable[[list[Any]], bool]:
    if name in _COMPARISONS:
        return _some(_compares(name, operand))
    if name in _NEGATIONS:
        positive = _operator(_NEGATIONS[name], operand, field, options)
        return lambda values: not positive(values)
    if name == "$eq":
        return _some(_equals(operand))
    if name == "$in":
        tests = [_equals(item) for item in _list("`$in`", operand)]
        return _some(lambda value: any(test(value) for test in tests))
    if name == "$all":
        every = [_some(_equals(item)) for item in _list("`$all`", operand)]
        return lambda values: bool(every) and all(test(values) for test in every)
    if name == "$exists":
        return lambda values: (values != [MISSING]) is bool(operand)
    if name == "$regex":
        return _some(_equals(_pattern(operand, options)))
    if name == "$not":
        if not (isinstance(operand, re.Pattern) or _has_operators(field, operand)):
            raise ValueError(f"`$not` takes operators or a pattern, not `{operand!r}`")
        inner = _condition(field, operand)
        return lambda values: not inner(values)
    known = "$eq $ne $gt $gte $lt $lte $in $nin $all $exists $regex $options $not"
    raise ValueError(f"There is no operator `{name}` (in the filter of `{field}`); there are {known}")


_NEGATIONS = {"$ne": "$eq", "$nin": "$in"}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda a, b: a > b,
    "$gte": lambda a, b: a >= b,
    "$lt": lambda a, b: a < b,
    "$lte": lambda a, b: a <= b,
}


def _some(test: Test) -> Callable[[list[Any]], bool]:
    """Return what says whether one of the values, or an element of a value that is a list, passes."""

    def passes(values: list[Any]) -> bool:
        return any(
            test(value) or (isinstance(value, (list, tuple)) and any(map(test, value))) for value in values
        )

    return passes


def _pattern(operand: Any, options: str) -> re.Pattern[str]:
    flags = 0
    for letter in options:
        if letter not in "imsx":
            raise ValueError(f"`$options` has the letters i, m, s and x, not `{options}`")
        flags |= getattr(re, letter.upper())
    if isinstance(operand, re.Pattern):
        return operand
    if not isinstance(operand, str):
        raise ValueError(f"`$regex` takes a text, not `{operand!r}`")
    try:
        return re.compile(operand, flags)
    except re.error as e:
        raise ValueError(f"The pattern `{operand}` of `$regex` is none: {e}") from None


def _equals(wanted: Any) -> Test:
    if isinstance(wanted, re.Pattern):
        search = wanted.search
        return lambda value: isinstance(value, str) and search(value) is not None
    if wanted is None:
        return lambda value: value is None or value is MISSING
    return lambda value: same(value, wanted)


def same(value: Any, wanted: Any) -> bool:
    """Say whether two values are equal. True is not 1, NaN is NaN, and a moment is its text."""
    if isinstance(value, Moment):
        return value.same(wanted)
    if isinstance(value, Mapping) and isinstance(wanted, Mapping):
        return value.keys() == wanted.keys() and all(same(value[key], wanted[key]) for key in value)
    if isinstance(value, (list, tuple)) and isinstance(wanted, (list, tuple)):
        return len(value) == len(wanted) and all(map(same, value, wanted))
    if kind_of(value) != kind_of(wanted):
        return False
    return bool(value == wanted) or (_is_nan(value) and _is_nan(wanted))


def kind_of(value: Any) -> str:
    """Return the kind of values that a value compares with."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)) or hasattr(value, "__float__"):
        return "number"
    return "text" if isinstance(value, str) else type(value).__name__


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _compares(name: str, operand: Any) -> Test:
    compare = _COMPARISONS[name]
    kind = kind_of(operand)
    if operand is None:
        return lambda value: name in ("$gte", "$lte") and (value is None or value is MISSING)
    if kind not in ("bool", "number", "text") and not isinstance(operand, (datetime.date, list, tuple)):
        raise ValueError(f"`{name}` compares numbers, texts, truth values and dates, not `{operand!r}`")

    def test(value: Any) -> bool:
        if isinstance(value, Moment):
            return value.compares(compare, operand)
        if kind_of(value) != kind:
            return False
        if _is_nan(value) or _is_nan(operand):
            return name in ("$gte", "$lte") and _is_nan(value) and _is_nan(operand)
        try:
            return compare(value, operand)
        except TypeError:
            # Lists of values that do not compare.
            return False

    return test


class Moment:
    """A time, in seconds since 1970-01-01 UTC, which compares with ISO texts, datetimes and numbers.

    Against what has whole seconds it counts as of a whole second, since that is how a run shows it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def compares(self, compare: Callable[[Any, Any], bool], operand: Any) -> bool:
        """Say how it compares with a text, a datetime or a number."""
        other = seconds_of(operand)
        if other is None:
            return False
        seconds = self.seconds
        if isinstance(operand, str) and other == math.floor(other):
            seconds = math.floor(seconds)
        return compare(seconds, other)

    def same(self, operand: Any) -> bool:
        """Say whether it is the time that a text, a datetime or a number gives."""
        return self.compares(lambda a, b: a == b, operand)


def seconds_of(value: Any) -> float | None:
    """Return the seconds since 1970-01-01 UTC that a text, a datetime or a number gives.

    Texts without a time zone are of UTC, as those of wandb are, and datetimes without one of the local
    zone, as `datetime.now()` is.
    """
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day).timestamp()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        return None
    text = re.sub(r"[zZ]$", "+00:00", value.strip())
    # Python before 3.11 reads three or six digits of a second only.
    text = re.sub(r"\.(\d+)", lambda match: f".{match[1][:6]:0<6}", text, count=1)
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"`{value}` is no time; give one such as `2026-01-31T12:00:00`") from None
    return (found if found.tzinfo else found.replace(tzinfo=datetime.timezone.utc)).timestamp()


def descend(value: Any, parts: list[str]) -> list[Any]:
    """Return the values that a path leads to. Keys may have dots; lists are gone through."""
    if not parts:
        return [value]
    if isinstance(value, (list, tuple)):
        found = [end for item in value if isinstance(item, Mapping) for end in descend(item, parts)]
        if parts[0].isdigit() and int(parts[0]) < len(value):
            found += descend(value[int(parts[0])], parts[1:])
        return found
    if not isinstance(value, Mapping):
        return []
    found = []
    for n in range(len(parts), 0, -1):
        key = ".".join(parts[:n])
        if key in value:
            found += descend(value[key], parts[n:])
    return found
