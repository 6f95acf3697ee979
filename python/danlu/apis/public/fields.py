"""What runs can be filtered and ordered by."""

from __future__ import annotations

from .filters import Moment, descend
from .summary import gathered, one_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .run import Run

#: Fields with their other names.
_FIELDS: dict[str, Callable[[Run], Any]] = {
    "name id": lambda run: run.id,
    "display_name displayName": lambda run: run.name,
    "state": lambda run: run.state,
    "exit_code exitcode": lambda run: run.exit_code,
    "created_at createdAt": lambda run: Moment(run.info["started"]),
    "heartbeat_at heartbeatAt updated_at updatedAt": lambda run: Moment(run.reader.heartbeat()),
    "duration": lambda run: run.duration,
    "entity": lambda run: run.entity,
    "project": lambda run: run.project,
    "group": lambda run: run.group or None,
    "job_type jobType": lambda run: run.job_type or None,
    "host": lambda run: run.info["host"],
    "username user": lambda run: run.username or None,
    "tags": lambda run: run.tags,
    "notes description": lambda run: run.notes or None,
    "sweep sweep_name sweepName": lambda run: run.sweep_name,
    "last_step lastHistoryStep history_line_count historyLineCount": lambda run: run.lastHistoryStep,
}
_BY_NAME = {name: read for names, read in _FIELDS.items() for name in names.split()}


class RunDocument:
    """A run as filters see it."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def candidates(self, field: str) -> list[Any]:
        """Return the values of a field, none where the run has none; raise ValueError for no such field."""
        head, *rest = field.split(".")
        if head in ("config", "metadata") and rest:
            tree = self.run.rawconfig if head == "config" else self.run.metadata
            return _with_value(tree, rest)
        if head in ("summary", "summary_metrics", "summaryMetrics") and rest:
            return _of_summary(self.run.summary_metrics, rest)
        if head in ("system_metrics", "systemMetrics") and rest:
            metrics = self.run.system_metrics
            return descend(metrics, rest) or descend(metrics, ["system", *rest])
        read = None if rest else _BY_NAME.get(head)
        if read is None:
            known = ", ".join(f"`{name}`" for name in [*(names.split()[0] for names in _FIELDS), *_DOTTED])
            raise ValueError(f"Runs have no field `{field}`; there are {known}")
        value = read(self.run)
        return [] if value is None else [value]


_DOTTED = ("config.<key>", "summary_metrics.<key>", "system_metrics.<key>", "metadata.<key>")


def _with_value(tree: dict[str, Any], parts: list[str]) -> list[Any]:
    """Return what a path leads to; wandb writes `config.lr.value` and `config.model.value.depth` too."""
    found = descend(tree, parts)
    for n in (1, len(parts) - 1):
        if not found and len(parts) > 1 and parts[n] == "value":
            found = descend(tree, parts[:n] + parts[n + 1 :])
    return found


def _of_summary(items: dict[str, Any], parts: list[str]) -> list[Any]:
    found = descend(items, parts)
    if not found:
        try:
            return [gathered(items, ".".join(parts))]
        except KeyError:
            return []
    # What `define_metric` asked for counts as the number that it is.
    numbers = [number for number in map(one_number, found) if number is not None]
    return [*found, *numbers]
