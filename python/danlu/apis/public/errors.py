"""What reading back raises."""

from __future__ import annotations

from ..._errors import Error
from ...errors import CommError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class NotFoundError(CommError, ValueError):
    """What was asked for is not in the directory."""

    __module__ = "danlu.apis.public"


class RunNotFoundError(NotFoundError):
    """The run is not in the directory."""

    __module__ = "danlu.apis.public"


class IncompleteRunHistoryError(Error):
    """The run is still being written."""

    __module__ = "danlu.apis.public"


class ServerOnlyError(UnsupportedError):
    """What was asked for takes a server."""

    __module__ = "danlu.apis.public"


def server_only(what: str, instead: str) -> ServerOnlyError:
    """Return the error for what a directory of runs cannot do, with what can be done instead."""
    return ServerOnlyError(f"{what}: that takes a server, and this Api reads a directory of runs. {instead}")


def not_of_danlu(what: str, instead: str) -> ServerOnlyError:
    """Return the error for what a server of danlu cannot do, with what can be done instead."""
    return ServerOnlyError(
        f"{what}: that takes a server of wandb, and danlu's has nothing of the kind. {instead}"
    )


def path_of(info: dict[str, Any]) -> str:
    """Return `entity/project/id`, as far as there are such."""
    return "/".join(part for part in (info["entity"], info["project"], info["id"]) if part)
