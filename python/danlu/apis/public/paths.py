"""Paths of projects, runs and artifacts, in all forms that wandb takes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    class Place(NamedTuple):
        """What a path names. What it leaves open is None."""

        entity: str | None
        project: str | None
        name: str | None = None

else:
    from collections import namedtuple

    Place = namedtuple("Place", ["entity", "project", "name"], defaults=[None])

#: What stands between a project and a name in addresses of pages.
_BETWEEN = ("runs", "sweeps", "artifacts", "reports", "groups")
#: What stands behind a project in addresses of pages.
_BEHIND = ("workspace", "table", "overview", "runs", "sweeps", "artifacts", "reports")


def _parts(path: str) -> list[str]:
    """Return the parts of a path or of the address of a page, without the server."""
    text = path.strip()
    if "://" in text:
        text = text.split("://", 1)[1].partition("/")[2]
    text = text.partition("?")[0].partition("#")[0]
    return [part for part in text.split("/") if part]


def project_place(path: str | None, entity: str | None = None, project: str | None = None) -> Place:
    """Return which project `entity/project`, `project` or the address of its page means."""
    parts = _parts(path or "")
    if len(parts) > 2 and parts[2] in _BEHIND:
        parts = parts[:2]
    if len(parts) > 2:
        raise ValueError(f"The path `{path}` is not of the form `entity/project` or `project`")
    if not parts:
        return Place(entity, project)
    return Place(parts[0] if len(parts) == 2 else entity, parts[-1])


def named_place(path: str, entity: str | None = None, project: str | None = None) -> Place:
    """Return which run or sweep a path means.

    It may be `entity/project/name`, `project/name`, `project:name`, `name`, one of these with `runs` before
    the name, or the address of a page.
    """
    parts = _parts(path)
    for place in 1, 2:
        if len(parts) > place + 1 and parts[place] in _BETWEEN:
            del parts[place]
    if parts and ":" in parts[-1]:
        parts[-1:] = [part for part in parts[-1].split(":", 1) if part]
    if len(parts) == 4 and parts[3] in ("overview", "logs", "files", "system", "artifacts"):
        parts = parts[:3]
    if not 1 <= len(parts) <= 3:
        raise ValueError(
            f"The path `{path}` is not of the form `entity/project/name`, `project/name` or `name`"
        )
    outer = parts[:-1]
    return Place(
        outer[0] if len(outer) == 2 else entity,
        outer[-1] if outer else project,
        parts[-1],
    )
