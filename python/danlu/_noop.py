"""Runs of the mode `disabled`: everything can be done with them, and nothing is written."""

from __future__ import annotations

from ._run import Run
from ._say import text_of
from ._summary import Summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class NoopRun(Run):
    """A run that writes nothing. What is logged is in its summary only."""

    __module__ = "danlu"

    @property
    def name(self) -> str:
        """The name that was given, or one that says that the run is none."""
        return self._about.name or f"dummy-{self.id}"

    @name.setter
    def name(self, name: str) -> None:
        self._about.name = text_of(name)

    @property
    def project(self) -> str:
        """The project that was given, or `dummy`."""
        return str(self._given.get("project") or "dummy")

    @property
    def entity(self) -> str:
        """The entity that was given, or `dummy`."""
        return str(self._given.get("entity") or "dummy")

    @property
    def step(self) -> int:
        """Always 0."""
        return 0

    @property
    def _attach_id(self) -> Any:
        """Always None: there is nothing to go on with elsewhere."""
        return None

    def __reduce__(self) -> tuple[Any, ...]:
        return _another, (self.id, self.project, self.entity, self._about.name)

    def save(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        """Save nothing."""
        return False

    def _later(self, step: int | str, time: float, items: Sequence[tuple[str, Any]]) -> None:
        """Encode nothing."""

    def watch(self, *args: Any, **kwargs: Any) -> Any:
        """Watch nothing."""

    def unwatch(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    def alert(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing."""


def _another(run_id: str, project: str, entity: str, name: str) -> NoopRun:
    """Return a run for another process that is like a pickled one."""
    from ._session import _on_end
    from ._start import Start

    given = {"run_id": run_id, "project": project, "entity": entity, "run_name": name, "mode": "disabled"}
    return NoopRun(Start(given), None, _on_end, given=given)


#: The old name: what `init` of the mode `disabled` gives.
RunDisabled = NoopRun
#: Likewise.
SummaryDisabled = Summary
