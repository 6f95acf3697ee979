"""What is in an artifact: its entries and their digests, as wandb computes them."""

from __future__ import annotations

import base64
import hashlib
import os

from .errors import ArtifactNotLoggedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO, Any, Callable

    from .artifact import Artifact

PIECE = 1 << 20


def b64(digest: bytes) -> str:
    """Return a digest as manifests have it."""
    return base64.b64encode(digest).decode()


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Read a file of any size."""
    while piece := file.read(PIECE):
        yield piece


def digests(source: Iterable[bytes], also: Callable[[bytes], object] | None = None) -> tuple[str, str, int]:
    """Return the MD5 in base64, the SHA-256 in hex and the size of what is read; hand it on to `also`."""
    md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    for piece in source:
        md5.update(piece)
        sha256.update(piece)
        size += len(piece)
        if also is not None:
            also(piece)
    return b64(md5.digest()), sha256.hexdigest(), size


def md5_of(path: str) -> str:
    """Return the MD5 of a file in base64."""
    md5 = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        for piece in pieces(file):
            md5.update(piece)
    return b64(md5.digest())


class ArtifactManifestEntry:
    """A file of an artifact, or a reference to one that is elsewhere."""

    __slots__ = (
        "_artifact",
        "_temporary",
        "digest",
        "extra",
        "local_path",
        "path",
        "ref",
        "run",
        "sha256",
        "size",
    )

    def __init__(
        self,
        path: str,
        digest: str,
        size: int | None = None,
        ref: str | None = None,
        extra: dict[str, Any] | None = None,
        local_path: str | None = None,
        sha256: str | None = None,
        run: str | None = None,
    ) -> None:
        #: Its path in the artifact.
        self.path: str = path
        #: The MD5 in base64; of a reference the ETag or whatever its storage tells it by.
        self.digest: str = digest
        #: In bytes; None where that is not known.
        self.size: int | None = size
        #: Where it refers to.
        self.ref: str | None = ref
        self.extra: dict[str, Any] = extra or {}
        #: Where the bytes are until they are stored.
        self.local_path: str | None = local_path
        #: The SHA-256 in hex: what a run file finds the bytes by.
        self.sha256: str | None = sha256
        #: The id of the run whose file holds the bytes.
        self.run: str | None = run
        self._artifact: Artifact | None = None
        self._temporary = False

    @property
    def name(self) -> str:
        """The path in the artifact."""
        return self.path

    def copy(self) -> ArtifactManifestEntry:
        """Return an entry of the same content for another artifact."""
        return ArtifactManifestEntry(
            self.path,
            self.digest,
            self.size,
            self.ref,
            dict(self.extra),
            self.local_path,
            self.sha256,
            self.run,
        )

    def parent_artifact(self) -> Artifact:
        """Return the artifact that it is part of."""
        if self._artifact is None:
            raise ArtifactNotLoggedError("parent_artifact", self.path)
        return self._artifact

    def download(
        self,
        root: str | os.PathLike[str] | None = None,
        skip_cache: bool | None = None,
        executor: object = None,
        multipart: bool | None = None,
    ) -> str:
        """Write it below `root`, by default where the artifact's files go, and return its path there."""
        del skip_cache, executor, multipart
        from .download import download_entry

        return download_entry(self.parent_artifact(), self, root)

    def ref_target(self) -> str:
        """Return the URI that it refers to."""
        if self.ref is None:
            raise ValueError(f"Entry `{self.path}` is a file, not a reference")
        return self.ref

    def ref_url(self) -> str:
        """Return a URI by which other artifacts can refer to it."""
        artifact = self.parent_artifact()
        return f"wandb-artifact://{artifact.qualified_name}/{self.path}"

    def to_json(self) -> dict[str, Any]:
        """Return what the event of the artifact says of it."""
        fields = {
            "digest": self.digest,
            "sha256": self.sha256,
            "size": self.size,
            "ref": self.ref,
            "run": self.run,
            "extra": self.extra or None,
        }
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def from_json(cls, path: str, fields: dict[str, Any]) -> ArtifactManifestEntry:
        """Return the entry that an event tells of."""
        return cls(
            path,
            str(fields.get("digest", "")),
            fields.get("size"),
            fields.get("ref"),
            fields.get("extra"),
            sha256=fields.get("sha256"),
            run=fields.get("run"),
        )

    def __repr__(self) -> str:
        what = f"ref={self.ref!r}" if self.ref else f"size={self.size}"
        return f"<ArtifactManifestEntry {self.path!r} digest={self.digest!r} {what}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ArtifactManifestEntry):
            return NotImplemented
        return (self.path, self.digest, self.ref) == (other.path, other.digest, other.ref)

    def __hash__(self) -> int:
        return hash((self.path, self.digest, self.ref))


class ArtifactManifest:
    """The entries of an artifact by their paths."""

    def __init__(self, entries: Iterable[ArtifactManifestEntry] = ()) -> None:
        self.entries: dict[str, ArtifactManifestEntry] = {entry.path: entry for entry in entries}

    @classmethod
    def version(cls) -> int:
        """Return the version of the format."""
        return 1

    def __len__(self) -> int:
        return len(self.entries)

    def get_entry_by_path(self, path: str) -> ArtifactManifestEntry | None:
        """Return the entry of a path, or None."""
        return self.entries.get(path)

    def get_entries_in_directory(self, directory: str) -> list[ArtifactManifestEntry]:
        """Return the entries below a directory."""
        below = directory.rstrip("/") + "/"
        return [entry for path, entry in self.entries.items() if path.startswith(below)]

    def check(self) -> None:
        """Raise a ValueError if a path is a file and a directory at once."""
        for path in self.entries:
            above = path
            while above := above.rpartition("/")[0]:
                if above in self.entries:
                    raise ValueError(
                        f"{path!r} cannot be an entry: {above!r} is a file of the artifact, not a directory"
                    )

    def size(self) -> int:
        """Return how many bytes the entries have together."""
        return sum(entry.size or 0 for entry in self.entries.values())

    def digest(self) -> str:
        """Return the digest of an artifact that consists of these entries: an MD5 in hex."""
        md5 = hashlib.md5(b"wandb-artifact-manifest-v1\n", usedforsecurity=False)
        for path, entry in sorted(self.entries.items()):
            md5.update(f"{path}:{entry.digest}\n".encode())
        return md5.hexdigest()

    def to_manifest_json(self) -> dict[str, Any]:
        """Return what a `wandb_manifest.json` holds."""
        contents = {}
        for path, entry in sorted(self.entries.items()):
            fields = {
                "digest": entry.digest,
                "ref": entry.ref,
                "size": entry.size,
                "extra": entry.extra or None,
            }
            contents[path] = {name: value for name, value in fields.items() if value is not None}
        return {
            "version": 1,
            "storagePolicy": "wandb-storage-policy-v1",
            "storagePolicyConfig": {"storageLayout": "V2"},
            "contents": contents,
        }

    def to_json(self) -> dict[str, Any]:
        """Return what the event of an artifact says of its entries."""
        return {path: entry.to_json() for path, entry in sorted(self.entries.items())}

    @classmethod
    def from_json(cls, entries: dict[str, Any]) -> ArtifactManifest:
        """Return the entries that an event tells of."""
        return cls(ArtifactManifestEntry.from_json(path, fields) for path, fields in entries.items())
