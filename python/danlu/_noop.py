"""Runs of the mode `disabled`: everything can be done with them, and nothing is written."""

from __future__ import annotations

from ._run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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
        self._about.name = str(name)

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

    def save(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        """Save nothing."""
        return False

    def _later(self, step: int | str, time: float, items: Sequence[tuple[str, Any]]) -> None:
        """Encode nothing."""

    def log_artifact(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        """Return something whose every attribute is there and does nothing."""
        return Nothing()

    upsert_artifact = finish_artifact = log_artifact

    def use_artifact(self, *args: Any, **kwargs: Any) -> Any:
        """Return None."""

    link_artifact = link_model = log_model = log_code = use_artifact

    def use_model(self, name: str) -> Any:
        """Return None."""

    def watch(self, *args: Any, **kwargs: Any) -> Any:
        """Watch nothing."""

    def unwatch(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    def alert(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing."""

    def restore(self, *args: Any, **kwargs: Any) -> Any:
        """Return None."""


#: The old name: what `init` of the mode `disabled` gives.
RunDisabled = NoopRun


class Nothing:
    """Something whose every attribute, item and call gives itself."""

    def __getattr__(self, name: str) -> Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __setattr__(self, name: str, value: object) -> None:
        """Forget it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Nothing:  # noqa: ARG002
        return self

    def __getitem__(self, key: object) -> Nothing:
        return self

    def __setitem__(self, key: object, value: object) -> None:
        """Forget it."""

    def __iter__(self) -> Iterator[Nothing]:
        return iter(())

    def __enter__(self) -> Nothing:
        return self

    def __exit__(self, *error: object) -> None:
        """Let errors pass."""

    def __bool__(self) -> bool:
        return True


#: Stands for the summary of such a run in old programs.
SummaryDisabled = Nothing
