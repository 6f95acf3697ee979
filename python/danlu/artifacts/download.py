"""Getting the files of an artifact back: whole, checked, and nowhere else than asked for."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys

from .. import _mirror
from .._errors import Error
from .building import SMALL
from .catalog import catalog
from .contents import holders, small
from .errors import ContentMissingError
from .manifest import ArtifactManifestEntry, md5_of
from .names import check_path
from .references import fetch

#: How many entries are looked for at a time.
BATCH = 64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .artifact import Artifact


def default_root(artifact: Artifact) -> str:
    """Return where the files of an artifact go if nobody says where."""
    above = os.environ.get("DANLU_ARTIFACT_DIR") or os.environ.get("WANDB_ARTIFACT_DIR") or "artifacts"
    name = artifact.source_name
    return os.path.join(os.path.abspath(above), name.replace(":", "-") if sys.platform == "win32" else name)


def download(artifact: Artifact, root: str | None, allow_missing_references: bool, prefix: str | None) -> str:
    """Write the entries whose paths begin with `prefix` below `root`, and return that."""
    root = default_root(artifact) if root is None else root
    entries = [
        entry
        for path, entry in artifact.manifest.entries.items()
        if prefix is None or path.startswith(prefix)
    ]
    os.makedirs(root, exist_ok=True)
    source = Source(artifact)
    for place, entry in enumerate(entries):
        try:
            source.write(entry, root, entries[place : place + BATCH])
        except ValueError:
            if entry.ref is None or not allow_missing_references:
                raise
    return root


def download_entry(
    artifact: Artifact, entry: ArtifactManifestEntry, root: str | os.PathLike[str] | None
) -> str:
    """Write one entry below `root`, and return its path there."""
    below = default_root(artifact) if root is None else os.fspath(root)
    return Source(artifact).write(entry, below)


def checkout(artifact: Artifact, root: str) -> str:
    """Let a directory have the files of an artifact and no others."""
    download(artifact, root, False, None)
    for path in _local_files(root):
        if path not in artifact.manifest.entries:
            os.unlink(os.path.join(root, path))
    for directory, _, _ in os.walk(root, topdown=False):
        if directory != root:
            with contextlib.suppress(OSError):
                os.rmdir(directory)
    return root


def verify(artifact: Artifact, root: str) -> None:
    """Raise a ValueError unless a directory has just the files of an artifact."""
    entries = artifact.manifest.entries
    for path in _local_files(root):
        if path not in entries:
            raise ValueError(
                f"Found file {path!r} in `{root}`, which is not a member of artifact {artifact.name}"
            )
    for path, entry in entries.items():
        local = os.path.join(root, path)
        if entry.ref is not None and not entry.ref.startswith("file://"):
            continue
        if not os.path.isfile(local):
            raise ValueError(f"File {path!r} of artifact {artifact.name} is missing in `{root}`")
        if entry.digest != entry.ref and md5_of(local) != entry.digest:
            raise ValueError(f"Digest mismatch for file: {local} is not {path!r} of artifact {artifact.name}")


class Source:
    """Where the contents of an artifact come from."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        self._runs: dict[str, dict[str, Any]] | None = None
        #: Small contents that were read with others.
        self._small: dict[str, bytes] = {}

    def write(
        self, entry: ArtifactManifestEntry, root: str, batch: Iterable[ArtifactManifestEntry] = ()
    ) -> str:
        """Write an entry below `root` unless it is there; return its path. `batch` says what comes next."""
        # Also here: what a manifest says may come from anywhere.
        target = os.path.join(root, check_path(entry.path, self.artifact.name))
        if self._is_there(entry, target):
            return target
        try:
            os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
            if entry.ref is not None:
                _put(target, lambda fresh: fetch(entry, fresh, self.artifact.name))
            elif entry.local_path is not None and os.path.isfile(entry.local_path):
                _put(target, lambda fresh: shutil.copyfile(str(entry.local_path), fresh))
            else:
                self._read(entry, target, batch)
        except OSError as e:
            raise Error(
                f"Cannot write entry `{entry.path}` of artifact `{self.artifact.name}` to `{target}`: "
                f"{e.strerror or e}"
            ) from e
        return target

    def _is_there(self, entry: ArtifactManifestEntry, target: str) -> bool:
        try:
            same_size = entry.size is None or os.path.getsize(target) == entry.size
            return os.path.isfile(target) and same_size and md5_of(target) == entry.digest
        except OSError:
            return False

    def _read(
        self, entry: ArtifactManifestEntry, target: str, batch: Iterable[ArtifactManifestEntry]
    ) -> None:
        """Read from the run that has the content, else from any other that has it."""
        sha256, problem = str(entry.sha256), None
        for run in self._candidates(entry):
            try:
                self._read_from(run, sha256, target, batch)
            except Error as e:
                problem = problem or e
            else:
                return
        where = f"Entry `{entry.path}` of artifact `{self.artifact.qualified_name}` cannot be read"
        if problem is not None:
            raise ContentMissingError(
                f"{where}: its bytes should be in run {entry.run}: {problem}"
            ) from problem
        raise ContentMissingError(
            f"{where}: its bytes are in run {entry.run}, whose file is not in `{self.artifact._directory}`; "
            "put it there"
        )

    def _read_from(
        self, run: dict[str, Any], sha256: str, target: str, batch: Iterable[ArtifactManifestEntry]
    ) -> None:
        parts = [os.fspath(part) for part in run["parts"]]
        wanted = {
            str(entry.sha256) for entry in batch if entry.run == run["id"] and (entry.size or 0) <= SMALL
        }
        if sha256 not in self._small and len(wanted) > 1:
            self._small = small(parts, wanted)
        if sha256 in self._small:
            _put(target, lambda fresh: _write(fresh, self._small[sha256]))
        else:
            # Checks the SHA-256, and puts the file in place when it is whole.
            _mirror.read_blob(parts, sha256, target)

    def _candidates(self, entry: ArtifactManifestEntry) -> Iterable[dict[str, Any]]:
        if self._runs is None:
            directory = self.artifact._directory
            self._runs = {} if directory is None else catalog(directory).runs
        named = self._runs.get(str(entry.run))
        if named is not None:
            yield named
        found = holders(self._runs.values(), [str(entry.sha256)])
        for run in found.values():
            if run != entry.run:
                yield self._runs[run]


def _put(target: str, write: Any) -> None:
    """Write a file beside its place, and put it there when it is whole."""
    fresh = os.path.join(os.path.dirname(target), f".get-{os.urandom(4).hex()}.{os.getpid()}.danlu")
    try:
        write(fresh)
        os.replace(fresh, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        raise


def _write(path: str, data: bytes) -> None:
    with open(path, "xb") as file:
        file.write(data)


def _local_files(root: str) -> list[str]:
    """Return the paths of the files below a directory, with `/` between their parts."""
    return [
        os.path.relpath(os.path.join(directory, file), root).replace(os.sep, "/")
        for directory, _, files in os.walk(root)
        for file in files
    ]
