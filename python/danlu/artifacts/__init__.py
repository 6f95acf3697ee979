"""Artifacts, wholly offline. How a directory of runs keeps them is in `docs/artifacts.md`."""

from __future__ import annotations

from . import errors as exceptions
from .artifact import Artifact
from .catalog import Catalog, Collection, Version, catalog
from .errors import (
    ArtifactFinalizedError,
    ArtifactNotFoundError,
    ArtifactNotLoggedError,
    ArtifactStatusError,
    ContentMissingError,
    WaitTimeoutError,
)
from .manifest import ArtifactManifest, ArtifactManifestEntry
from .objects import ArtifactFile
from .resolve import find
from .state import ArtifactState, ArtifactTTL

__all__ = [
    "Artifact",
    "ArtifactFile",
    "ArtifactFinalizedError",
    "ArtifactManifest",
    "ArtifactManifestEntry",
    "ArtifactNotFoundError",
    "ArtifactNotLoggedError",
    "ArtifactState",
    "ArtifactStatusError",
    "ArtifactTTL",
    "Catalog",
    "Collection",
    "ContentMissingError",
    "Version",
    "WaitTimeoutError",
    "catalog",
    "exceptions",
    "find",
]
