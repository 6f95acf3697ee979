"""Names that programs written for wandb call, and that have little to do here."""

from __future__ import annotations

import os

from .errors import UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

#: What was patched to log here, by library.
patched: dict[str, list[Any]] = {"tensorboard": [], "keras": [], "gym": []}

_REQUIREMENTS = ("service", "core", "legacy-service", "report-editing", "require", "nexus", "magic")


def require(
    requirement: str | Iterable[str] | None = None, experiment: str | Iterable[str] | None = None
) -> None:
    """Do nothing for a `requirement`, or several, that versions of wandb could be asked for.

    `experiment` is the older name. Raises UnsupportedError for anything else.
    """
    wanted = requirement or experiment or ()
    for name in [wanted] if isinstance(wanted, str) else wanted:
        if name.partition(":")[0].replace("_", "-") not in _REQUIREMENTS:
            raise UnsupportedError(f"require() unsupported requirement: {name}")


def ensure_configured() -> None:
    """Do nothing: there is nothing to configure."""


def helper(*args: object, **kwargs: object) -> None:
    """Do nothing."""


def set_trace() -> None:
    """Stop in the debugger."""
    import pdb

    pdb.set_trace()


class _Api:
    """What is known of the user, for old programs."""

    @property
    def api_key(self) -> str | None:
        """The key of the environment."""
        return os.environ.get("DANLU_API_KEY") or os.environ.get("WANDB_API_KEY")

    @property
    def default_entity(self) -> str:
        """The entity that runs have by default."""
        return str(self.settings("entity") or "")

    def viewer(self) -> dict[str, Any]:
        """Return the user: nobody."""
        return {"entity": self.default_entity}

    def settings(self, key: str | None = None, section: str | None = None) -> Any:
        """Return a setting, or all that are given."""
        del section
        from ._sources import gathered

        given = gathered()
        return given if key is None else given.get(key)


api: _Api = _Api()


class _Features:
    """Takes every attribute."""

    def __getattr__(self, name: str) -> _Features:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __setattr__(self, name: str, value: object) -> None:
        """Forget it."""


class context:  # noqa: N801
    """`with telemetry.context(run=run) as tel`: nothing is told to anybody."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Take whatever is given."""

    def __enter__(self) -> _Features:
        return _Features()

    def __exit__(self, *error: object) -> None:
        """Let errors pass."""
