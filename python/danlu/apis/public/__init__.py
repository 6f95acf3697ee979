"""Reading runs back with the interface of wandb's public API, from a directory. See docs/reading.md."""

from __future__ import annotations

from .api import Api
from .errors import IncompleteRunHistoryError, NotFoundError, RunNotFoundError, ServerOnlyError
from .exports import DownloadHistoryResult
from .files import File, Files
from .logs import ConsoleLogs
from .projects import Project, Projects
from .run import HistoryScan, Run
from .runs import Runs
from .summary import SubSummary, Summary
from .sweeps import Sweep, Sweeps
from .user import User

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Names of artifacts, which are imported when they are asked for.
_OF_ARTIFACTS = (
    "Artifact",
    "ArtifactCollection",
    "ArtifactCollections",
    "ArtifactType",
    "ArtifactTypes",
    "Artifacts",
    "RunArtifacts",
)

__all__ = [
    "Api",
    "ConsoleLogs",
    "DownloadHistoryResult",
    "File",
    "Files",
    "HistoryScan",
    "IncompleteRunHistoryError",
    "NotFoundError",
    "Project",
    "Projects",
    "Run",
    "RunNotFoundError",
    "Runs",
    "ServerOnlyError",
    "SubSummary",
    "Summary",
    "Sweep",
    "Sweeps",
    "User",
]


def __getattr__(name: str) -> Any:
    if name not in ("artifacts", *_OF_ARTIFACTS):
        raise AttributeError(f"module 'danlu.apis.public' has no attribute {name!r}")
    import importlib

    artifacts = importlib.import_module(f"{__name__}.artifacts")
    return artifacts if name == "artifacts" else getattr(artifacts, name)
