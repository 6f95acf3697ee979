"""Filters and orders of wandb in the language of a danlu server, as far as they mean the same there.

What cannot be said there is left out: the answer has runs too many then, never too few, and they are
filtered here. docs/filters.md describes the language.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping

from .filters import seconds_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple

    from .paths import Place

    class Said(NamedTuple):
        """A filter of the server: none if it lets all pass. It may say less than was asked for."""

        text: str | None
        is_all: bool

else:
    from collections import namedtuple

    Said = namedtuple("Said", ["text", "is_all"])

#: Texts that every run has, by the names that filters have for them.
_TEXTS = {
    "name": "id",
    "id": "id",
    "state": "state",
    "host": "host",
    "project": "project",
    "entity": "entity",
}
#: Texts that are missing where they are empty.
_OPTIONAL = {
    "group": "group",
    "job_type": "job_type",
    "jobType": "job_type",
    "notes": "notes",
    "description": "notes",
}
_TIMES = ("created_at", "createdAt")
_SIGNS = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_STATES = ("running", "finished", "failed", "crashed")
#: What definitions of metrics make of a summary is known of runs that have ended in order.
_STATISTICS = ("min", "max", "mean", "best", "first", "last")
#: Texts that stand for numbers that JSON lacks.
_NUMBERS = ("NaN", "Infinity", "-Infinity")

_ALL = Said(None, True)
_UNKNOWN = Said(None, False)
_NOTHING = Said("not id exists", True)


def of_place(place: Place) -> Said:
    """Return what says that a run is of a place. A run without an entity is of any."""
    parts = []
    if place.project is not None:
        parts.append(f"project = {_quoted(place.project)}")
    if place.entity is not None:
        parts.append(f'entity in ["", {_quoted(place.entity)}]')
    return Said(" and ".join(parts) or None, True)


def all_of(parts: list[Said]) -> Said:
    """Return what says that all of these hold."""
    texts = [part.text for part in parts if part.text is not None]
    text = " and ".join(f"({part})" for part in texts) if len(texts) > 1 else "".join(texts) or None
    return Said(text, all(part.is_all for part in parts))


def filter_of(filters: Mapping[str, Any]) -> Said:
    """Return what a filter says, or part of it."""
    return all_of([_clause(key, value) for key, value in filters.items()])


def _any_of(parts: list[Said]) -> Said:
    texts = [part.text for part in parts]
    # Of "this or something" nothing can be said.
    if None in texts:
        return Said(None, all(part.is_all for part in parts))
    return Said(" or ".join(f"({text})" for text in texts), all(part.is_all for part in parts))


def _clause(key: str, value: Any) -> Said:
    if key == "$and":
        return all_of([filter_of(part) for part in value])
    if key == "$or":
        return _any_of([filter_of(part) for part in value])
    if key == "$nor":
        return _not(_any_of([filter_of(part) for part in value]))
    if key.startswith("$"):
        return _UNKNOWN
    if not (isinstance(value, Mapping) and value and all(str(name).startswith("$") for name in value)):
        return _test(key, "$eq", value)
    return all_of([_test(key, name, operand) for name, operand in value.items()])


def _not(part: Said) -> Said:
    if not part.is_all:
        return _UNKNOWN
    return _NOTHING if part.text is None else Said(f"not ({part.text})", True)


def _test(field: str, name: str, operand: Any) -> Said:
    if name == "$ne":
        return _not(_test(field, "$eq", operand))
    if name == "$nin":
        return _not(_test(field, "$in", operand))
    if name == "$not":
        return _not(_clause(field, operand)) if isinstance(operand, Mapping) else _UNKNOWN
    if name == "$in":
        items = [_test(field, "$eq", item) for item in operand]
        return _any_of(items) if items else _NOTHING
    if name == "$all":
        items = [_test(field, "$eq", item) for item in operand]
        return all_of(items) if items else _NOTHING
    head, _, path = field.partition(".")
    if path:
        return _of_logged(head, path, name, operand)
    if name == "$eq" and isinstance(operand, str):
        return _equals(field, operand)
    if field in _TIMES and name in _SIGNS:
        return _time(name, operand)
    return _UNKNOWN


def _equals(field: str, text: str) -> Said:
    if field == "state" and text not in _STATES:
        return _NOTHING
    if field == "tags":
        return Said(f"tags has {_quoted(text)}", True)
    if field in _TEXTS:
        return Said(f"{_TEXTS[field]} = {_quoted(text)}", True)
    if field in _OPTIONAL and text:
        return Said(f"{_OPTIONAL[field]} = {_quoted(text)}", True)
    if field in ("display_name", "displayName"):
        # A run without a name is shown by its id.
        return Said(f"(name = {_quoted(text)}) or (id = {_quoted(text)})", False)
    return _UNKNOWN


def _time(name: str, operand: Any) -> Said:
    """Compare with the moment. Texts mean whole seconds, so a second more may pass and is looked at here."""
    if not isinstance(operand, (str, int, float, datetime.date)) or isinstance(operand, bool):
        return _UNKNOWN
    seconds = seconds_of(operand)
    if seconds is None or not math.isfinite(seconds):
        return _UNKNOWN
    sign = _SIGNS[name]
    bound = seconds - 1 if sign.startswith(">") else seconds + 1
    return Said(f"started {sign} {bound!r}", False)


def _of_logged(head: str, path: str, name: str, operand: Any) -> Said:
    """Compare a value of the config or the summary with a number or a text."""
    if head not in ("config", "summary", "summary_metrics", "summaryMetrics"):
        return _UNKNOWN
    is_number = isinstance(operand, (int, float)) and not isinstance(operand, bool)
    if is_number and not (math.isfinite(operand) and abs(operand) < 2**53):
        return _UNKNOWN
    if not (is_number or isinstance(operand, str)) or operand in _NUMBERS:
        return _UNKNOWN
    sign = "=" if name == "$eq" else _SIGNS.get(name)
    # Lists of dicts are gone through here, and `lr.value` is `lr`: what has dots is looked at here.
    if sign is None or "." in path:
        return _UNKNOWN
    literal = repr(operand) if is_number else _quoted(operand)
    if head == "config":
        return Said(f"config.{_quoted(path)} {sign} {literal}", False)
    if path.startswith("_"):
        return _UNKNOWN
    by_definition = [f"summary.{_quoted(f'{path}.{statistic}')} exists" for statistic in _STATISTICS]
    parts = [f"summary.{_quoted(path)} {sign} {literal}", *by_definition, "state in [running, crashed]"]
    return Said(" or ".join(parts), False)


def order_of(order: str) -> str | None:
    """Return the order of the server that is the same; None if there is none."""
    fields = []
    for part in order.split(","):
        name = part.strip().lstrip("+-")
        field = "started" if name in _TIMES else _TEXTS.get(name)
        if field is None or field == "state":
            return None
        fields.append(f"-{field}" if part.strip().startswith("-") else field)
    return ",".join(fields)


def _quoted(text: str) -> str:
    """Put a text into quotes, as a filter has it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
