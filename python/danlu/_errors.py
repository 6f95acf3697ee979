"""What danlu raises."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Error(Exception):
    """Something cannot be done. The message says what, why, and what to do about it."""

    __module__ = "danlu"

    def __init__(self, message: str = "", context: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.context = context


class UsageError(Error):
    """Something was asked for that cannot be: a run id or a project name that cannot be used."""

    __module__ = "danlu"


class ConfigError(Error):
    """A key of the config would change its value, or a file with a config cannot be used."""

    __module__ = "danlu"
