"""What `define_metric` says of a key."""

from __future__ import annotations

import json

from ._errors import Error
from ._say import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._run import Run

#: What the summary of a key can be; `copy` is the last value itself, and `none` leaves the key out.
SUMMARIES = ("min", "max", "mean", "best", "last", "first", "copy", "none")
_GOALS = ("minimize", "maximize")


class Metric:
    """A key, or all keys that begin alike, and what was defined for it: see `Run.define_metric`.

    `name`, `step_metric`, `step_sync`, `hidden` and `goal` are what that was given, or None, and `summary`
    is a tuple.
    """

    __module__ = "danlu"

    def __init__(
        self,
        name: str,
        step_metric: str | None = None,
        step_sync: bool | None = None,
        hidden: bool | None = None,
        summary: tuple[str, ...] = (),
        goal: str | None = None,
    ) -> None:
        self.name = name
        self.step_metric = step_metric
        self.step_sync = step_sync
        self.hidden = hidden
        self.summary = summary
        self.goal = goal

    def __repr__(self) -> str:
        return f"<danlu.Metric {self.name}>"

    def _over(self, earlier: Metric) -> Metric:
        """Return this definition with what it leaves open taken from an earlier one."""
        fields = {}
        for field, value in vars(self).items():
            fields[field] = getattr(earlier, field) if value is None or value == () else value
        return Metric(**fields)


def define_metric(
    run: Run,
    name: str,
    step_metric: str | Metric | None = None,
    step_sync: bool | None = None,
    hidden: bool | None = None,
    summary: str | None = None,
    overwrite: bool | None = None,
    goal: str | None = None,
) -> Metric:
    """Define a metric of a run. Raises `Error` for what cannot be defined."""
    if isinstance(step_metric, Metric):
        step_metric = step_metric.name
    _check_types(name, step_metric, step_sync, hidden, summary, overwrite, goal)
    operations = _operations(summary)
    if goal is not None and goal not in _GOALS:
        raise Error(f"Unhandled define_metric() arg: goal: {goal}")
    if step_metric is not None and step_sync is None:
        step_sync = True
    # As a key is written that UTF-8 has no bytes for.
    name, step_metric = text_of(name), None if step_metric is None else text_of(step_metric)
    metric = Metric(name, step_metric, step_sync, hidden, operations, goal)
    fields: dict[str, Any] = {
        field: value for field, value in vars(metric).items() if value not in (None, ())
    }
    del fields["name"]
    if overwrite:
        fields["overwrite"] = True
    elif name in run._metrics:
        metric = metric._over(run._metrics[name])
    run._metrics[name] = metric
    # The core puts definitions together, too: of a run that goes on, it knows the earlier ones.
    run._event("metric", name, "", json.dumps(fields))
    return metric


def _check_types(name: object, step_metric: object, *others: object) -> None:
    if not name:
        raise Error("define_metric() requires non-empty name argument")
    expected = (("step_sync", bool), ("hidden", bool), ("summary", str), ("overwrite", bool), ("goal", str))
    arguments: list[tuple[str, type, object]] = [("name", str, name), ("step_metric", str, step_metric)]
    arguments += [(what, kind, value) for (what, kind), value in zip(expected, others)]
    for what, kind, value in arguments:
        if value is not None and not isinstance(value, kind):
            raise Error(f"Unhandled define_metric() arg: {what} type: {type(value)}")
    for what, value in (("name", name), ("step_metric", step_metric)):
        if isinstance(value, str) and "*" in value[:-1]:
            raise Error(f"Unhandled define_metric() arg: {what} (glob suffixes only): {value}")


def _operations(summary: str | None) -> tuple[str, ...]:
    if not summary:
        return ()
    found = []
    for part in summary.split(","):
        operation = part.strip().lower()
        if operation not in SUMMARIES:
            raise Error(f"Unhandled define_metric() arg: summary op: {operation}")
        found.append(operation)
    return tuple(dict.fromkeys(found))
