"""What is handed out of an artifact as an object: values, files, runs."""

from __future__ import annotations

import json
import os
import tempfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .artifact import Artifact
    from .catalog import Catalog
    from .manifest import ArtifactManifestEntry


def read(artifact: Artifact, path: str) -> Any:
    """Return the table or medium that was added under a name; None if there is none."""
    entry = artifact.manifest.entries.get(path) or artifact._entry_of_object(path)
    if entry is None or not entry.path.endswith(".json"):
        return None
    with (
        tempfile.TemporaryDirectory() as directory,
        open(entry.download(directory), encoding="utf-8") as file,
    ):
        value = json.load(file)
    kind = value.get("_type") if isinstance(value, dict) else None
    if kind is None:
        return None
    return _class_of(kind, entry, artifact).from_json(value, artifact)


def _class_of(kind: str, entry: ArtifactManifestEntry, artifact: Artifact) -> Any:
    """Return the class whose values have a `_type` in JSON."""
    import importlib
    import pkgutil

    from .. import media
    from ..media.base import WBValue

    for module in pkgutil.iter_modules(media.__path__, f"{media.__name__}."):
        importlib.import_module(module.name)
    for found in _below(WBValue):
        if found._log_type == kind:
            return found
    raise ValueError(
        f"Entry `{entry.path}` of artifact `{artifact.name}` has a value of unknown type `{kind}`"
    )


def _below(base: Any) -> Iterable[Any]:
    for found in base.__subclasses__():
        yield found
        yield from _below(found)


class ArtifactFile:
    """A file of an artifact."""

    def __init__(self, entry: ArtifactManifestEntry) -> None:
        self._entry = entry

    @property
    def name(self) -> str:
        """Its path in the artifact."""
        return self._entry.path

    @property
    def size(self) -> int:
        """Its size in bytes; 0 where that is not known."""
        return self._entry.size or 0

    @property
    def digest(self) -> str:
        """Its digest, as in the manifest."""
        return self._entry.digest

    def download(
        self, root: str = ".", replace: bool = False, exist_ok: bool = False, api: object = None
    ) -> Any:
        """Write it below `root` and return it opened. Raises ValueError if there is such a file already."""
        del api
        path = os.path.join(root, self.name)
        if os.path.exists(path) and not replace:
            if not exist_ok:
                raise ValueError(
                    f"File already exists at {path}: replace=True replaces it, exist_ok=True takes it"
                )
            return open(path, encoding="utf-8")
        return open(self._entry.download(root), encoding="utf-8")

    def __repr__(self) -> str:
        return f"<File {self.name} ({self.size} bytes)>"


def runs_of(catalog: Catalog, ids: Iterable[str]) -> list[Any]:
    """Return runs by id, as `Api` gives them; those that are not in the directory are left out."""
    from .. import _mirror
    from ..apis.public.directory import Directory
    from ..apis.public.paths import Place
    from ..apis.public.run import Run

    there: Any = _mirror.of(catalog.directory)
    if there is not None:
        return [Run(there, info) for run in ids for info in there.infos(Place(None, None), run)]
    source = Directory(catalog.directory)
    return [Run(source, info) for run in ids if run in catalog.runs for info in catalog.runs[run]["projects"]]
