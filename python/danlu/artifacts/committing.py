"""How a draft becomes a version."""

from __future__ import annotations

import contextlib
import os

from .._errors import Error
from .artifact import Artifact
from .catalog import Catalog, Collection, Version
from .changing import new_uid, usable_aliases
from .contents import manifest_fields, store
from .events import Event, Ledger, ledger
from .names import check_aliases, show
from .state import ttl_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .._run import Run
    from .names import Key


def commit(
    run: Run,
    artifact: Artifact,
    aliases: Iterable[str] | str | None,
    tags: Iterable[str] | str | None,
    parts: list[str] | None = None,
) -> Artifact:
    """Log a draft: it is a version afterwards. What cannot be stored is warned about and counted as lost.

    Raises ValueError for what the caller has wrong: aliases, another type, a file that has changed.
    """
    committing = Committing(run, artifact, usable_aliases(aliases), check_aliases(tags, "Tags"))
    committing.parts = parts
    artifact.finalize()
    artifact.manifest.check()
    if run.file is None:
        return pretend(run, artifact, committing.aliases)
    try:
        version = committing.again() if artifact._version is not None else committing.commit()
    except (Error, OSError) as e:
        # A full disk is no reason to end a training.
        artifact._failure = str(e)
        run._lose(f"Artifact `{artifact._name}` is not stored: {e}")
        return artifact
    settle(artifact, version, os.path.dirname(run.file))
    return artifact


def settle(artifact: Artifact, version: Version, directory: str) -> None:
    """Let an artifact be a version, and let go of the private copies."""
    if version.digest != artifact.manifest.digest() or any(
        entry.ref is None and entry.run is None for entry in artifact.manifest.entries.values()
    ):
        artifact._manifest = None
    artifact._bind(version, directory)
    for entry in artifact.manifest.entries.values():
        entry.local_path = None
    if artifact._staging is not None:
        artifact._staging.remove()
        artifact._staging = None


def pretend(run: Run, artifact: Artifact, aliases: list[str]) -> Artifact:
    """Let a draft look logged: the run is disabled and writes nothing."""
    if artifact._version is not None:
        return artifact
    if run.mode != "disabled":
        run._lose(f"Artifact `{artifact._name}` is not stored: nor is the run")
    data: dict[str, Any] = {
        "entity": run.entity,
        "project": run.project,
        "version": "v0",
        "uid": new_uid(),
        "run": run.id,
    }
    data.update(
        type=artifact.type, digest=artifact.digest, size=artifact.size, file_count=artifact.file_count
    )
    data.update(metadata=artifact.metadata, description=artifact.description)
    key = (run.entity, run.project, artifact._name)
    version = Version(key, Event(run.id, f"{artifact._name}:v0", "made", data))
    version.aliases = ["latest", *aliases]
    artifact._bind(version, None)
    return artifact


class Committing:
    """A draft on its way to become a version."""

    parts: list[str] | None = None

    def __init__(self, run: Run, artifact: Artifact, aliases: list[str], tags: list[str]) -> None:
        self.run: Run = run
        self.artifact: Artifact = artifact
        self.aliases: list[str] = aliases
        self.tags: list[str] = tags
        self.directory: str = os.path.dirname(run.file or "")
        self.key: Key = (run.entity, run.project, artifact._name)
        self.uid: str = new_uid()

    def commit(self) -> Version:
        """Store it, unless the newest version is the same, and return the version."""
        with ledger(self.directory) as book:
            found = book.catalog()
            collection = self._check_type(found)
            self._begin_with_newest(collection)
            newest = self._same(collection)
            if newest is not None:
                return self._again(book, newest)
            number = book.next_number(found, self.key)
            book.reserve(self.key, number, self.run.id, self.uid)
        try:
            return self._store(number, found, book)
        except BaseException:
            with contextlib.suppress(OSError), ledger(self.directory) as book:
                book.release(self.uid)
            raise

    def _store(self, number: int, found: Catalog, before: Ledger) -> Version:
        """Store the contents, and then say so: without that the version is not there."""
        name, manifest = self.artifact._name, self.artifact.manifest
        path = f"artifact/{name}/v{number}"
        store(self.run, manifest, path, found.runs, self.artifact._staging)
        fields = manifest_fields(self.run, manifest, path)
        with ledger(self.directory) as book:
            # Somebody else may have been faster.
            newest = self._same(self._check_type(book.catalog(before)))
            if newest is not None:
                book.release(self.uid)
                return self._again(book, newest)
            event = book.record(self.run, f"{name}:v{number}", "made", {**self._said(number), **fields})
            return book.after(event).by_uid[self.uid]

    def again(self) -> Version:
        """Record that a run made a version that is there."""
        version = self.artifact._logged("log_artifact")
        if self.artifact._directory != self.directory:
            raise ValueError(
                f"Artifact {version.qualified_name} is of the runs in `{self.artifact._directory}`, not of "
                "those in "
                f"`{self.directory}`: download it and log it as a new one"
            )
        with ledger(self.directory) as book:
            book.catalog()
            return self._again(book, version)

    def _again(self, book: Ledger, version: Version) -> Version:
        data: dict[str, Any] = {
            "uid": self.uid,
            "of": version.uid,
            "entity": version.key[0],
            "project": version.key[1],
        }
        data.update(version=version.version, digest=version.digest, aliases=self.aliases, tags=self.tags)
        event = book.record(self.run, version.name, "made", data)
        return book.after(event).by_uid[version.uid]

    def _said(self, number: int) -> dict[str, Any]:
        artifact = self.artifact
        return {
            "uid": self.uid,
            "entity": self.key[0],
            "project": self.key[1],
            "type": artifact.type,
            "version": f"v{number}",
            "digest": artifact.manifest.digest(),
            "aliases": self.aliases,
            "tags": self.tags,
            "description": artifact.description,
            "metadata": artifact.metadata,
            "ttl": ttl_to(artifact._ttl),
            "size": artifact.manifest.size(),
            "file_count": len(artifact.manifest),
            "step": self.run.step - 1 if self.run.step > 0 else None,
            **({} if self.parts is None else {"parts": self.parts}),
        }

    def _check_type(self, found: Catalog) -> Collection | None:
        collection = found.collections.get(self.key)
        if collection is not None and collection.type != self.artifact.type:
            raise ValueError(
                f"Artifact {show(self.key)} already exists with type '{collection.type}'; cannot create "
                "another with "
                f"type '{self.artifact.type}'"
            )
        return collection

    def _begin_with_newest(self, collection: Collection | None) -> None:
        newest = None if collection is None else collection.latest
        if newest is None or not self.artifact.incremental:
            return
        entries = self.artifact.manifest.entries
        for path, entry in newest.manifest().entries.items():
            entries.setdefault(path, entry)

    def _same(self, collection: Collection | None) -> Version | None:
        newest = None if collection is None else collection.latest
        return newest if newest is not None and newest.digest == self.artifact.manifest.digest() else None
