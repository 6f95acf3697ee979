"""Every error that danlu raises, and those that only wandb does, for programs that catch them."""

from __future__ import annotations

from ._errors import ConfigError, Error, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: So that `wandb.errors.term` can be imported.
__path__: list[str] = []

__all__ = [
    "AuthenticationError",
    "CommError",
    "ConfigError",
    "DockerError",
    "Error",
    "ExecutionError",
    "LaunchError",
    "LogError",
    "MultiprocessError",
    "RequireError",
    "SweepError",
    "UnsupportedError",
    "UsageError",
    "WandbCoreNotAvailableError",
]


class CommError(Error):
    """A server cannot be reached, or answers with an error."""

    def __init__(self, msg: str = "", exc: Exception | None = None) -> None:
        super().__init__(msg)
        self.exc = exc


class AuthenticationError(CommError):
    """A server does not take the key."""


class UnsupportedError(UsageError):
    """Something is asked for that is not there."""


class RequireError(Error):
    """`require` was asked for something unknown."""


class LogError(Error):
    """Something cannot be logged."""


class MultiprocessError(Error):
    """Something cannot be done in this process."""


class ExecutionError(Error):
    """A program cannot be started."""


class DockerError(Error):
    """A container cannot be started."""


class LaunchError(Error):
    """A job cannot be started."""


class SweepError(Error):
    """A sweep cannot go on."""


class WandbCoreNotAvailableError(Error):
    """Never raised: there is no such program here."""


def __getattr__(name: str) -> Any:
    if name != "term":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import _term

    return _term
