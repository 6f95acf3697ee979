"""The summary as it stands, with what `define_metric` asked for."""

from __future__ import annotations

import math

from .columns import columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .reader import Reader

#: What `define_metric(summary=…)` can ask for that is a value of its own.
_STATISTICS = ("min", "max", "mean", "best", "first", "last")


def read_summary(reader: Reader) -> dict[str, Any]:
    """Return the summary by key, with `_step`, `_timestamp` and `_runtime` if there was a row."""
    items = {key: value for key, value in reader.view("summary").items() if value is not None}
    _apply_definitions(reader, items)
    last = reader.last_row()
    if last is not None:
        runtime = reader.runtime(last[1])
        automatic = {"_step": last[0], "_timestamp": last[1], "_runtime": runtime}
        for key, value in {**automatic, "_wandb": {"runtime": int(runtime)}}.items():
            items.setdefault(key, value)
    return items


def _apply_definitions(reader: Reader, items: dict[str, Any]) -> None:
    definitions = reader.metrics()
    if not definitions:
        return
    logged = set(reader.keys())
    for key in [*items, *(logged - items.keys())]:
        asked, goal = asked_for(definitions, key)
        if "none" in asked:
            items.pop(key, None)
        statistics = [name for name in _STATISTICS if name in asked]
        if not statistics or isinstance(items.get(key), dict):
            # A dict is what the run itself says.
            continue
        found = {name: items.pop(f"{key}.{name}") for name in statistics if f"{key}.{name}" in items}
        if len(found) < len(statistics) and key in logged:
            found = {**_statistics(reader, key, statistics, goal), **found}
        if found:
            items[key] = found


def asked_for(definitions: Mapping[str, Mapping[str, Any]], key: str) -> tuple[list[str], str | None]:
    """Return what the definition that fits a key best asks of its summary, and its goal."""
    if key.startswith("_"):
        fitting = [name for name in definitions if name == key]
    else:
        fitting = [
            name
            for name in definitions
            if name.replace("\\.", ".") == key or (name.endswith("*") and key.startswith(name[:-1]))
        ]
    with_summary = [name for name in fitting if definitions[name].get("summary")]
    if not with_summary:
        return [], None
    best = max(with_summary, key=lambda name: (not name.endswith("*"), len(name)))
    summary = definitions[best]["summary"]
    parts = summary.split(",") if isinstance(summary, str) else list(summary)
    return [part.strip() for part in parts], definitions[best].get("goal")


def _statistics(reader: Reader, key: str, names: list[str], goal: str | None) -> dict[str, Any]:
    """Compute what was asked for from the history. NaN counts only as the first or the last value."""
    values: list[Any] = []
    for part in reader.parts:
        for column in columns(reader, part, [key]).values():
            values += column.values
    numbers = [
        v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool) and not math.isnan(v)
    ]
    if not values:
        return {}
    found = {"first": values[0], "last": values[-1]}
    if numbers:
        found.update(min=min(numbers), max=max(numbers), mean=math.fsum(numbers) / len(numbers))
        found["best"] = found["max" if goal == "maximize" else "min"]
    return {name: found[name] for name in names if name in found}
