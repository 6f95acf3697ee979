"""Entries that refer to what is elsewhere: files, web addresses, objects of a cloud.

Nothing here needs a network: what cannot be asked is known by its URI alone.
"""

from __future__ import annotations

import os
import posixpath
import shutil

from .manifest import ArtifactManifestEntry, md5_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MAX_OBJECTS = 10_000_000
#: How long a web server may take to say something, in seconds.
PATIENCE = 5


def entries_of(
    uri: str, name: str | None, checksum: bool, max_objects: int | None, artifact_name: str
) -> list[ArtifactManifestEntry]:
    """Return the entries for a URI: one, or one for each file of a directory."""
    from urllib.parse import urlsplit

    parts = urlsplit(uri)
    if not parts.scheme:
        raise ValueError(
            f"References must be URIs. To reference a local file, use file://: {uri!r} has no scheme"
        )
    if parts.scheme == "file":
        return list(_files(uri, name, checksum, MAX_OBJECTS if max_objects is None else max_objects))
    path = name or posixpath.basename(parts.path.rstrip("/")) or parts.netloc
    if not path:
        raise ValueError(f"Artifact `{artifact_name}` needs a `name` for the reference {uri!r}")
    if parts.scheme in ("http", "https") and checksum:
        tag, size = _ask(uri)
        return [ArtifactManifestEntry(path, tag or uri, size, uri, {"etag": tag} if tag else None)]
    return [ArtifactManifestEntry(path, uri, None, uri)]


def _files(uri: str, name: str | None, checksum: bool, most: int) -> Iterator[ArtifactManifestEntry]:
    local = local_path(uri)
    if os.path.isfile(local):
        yield _file(local, name or os.path.basename(local), uri, checksum)
        return
    if not os.path.isdir(local):
        raise ValueError(f"Cannot refer to {uri!r}: there is no file or directory `{local}`")
    found = 0
    for directory, below, files in os.walk(local):
        below.sort()
        for file in sorted(files):
            path = os.path.join(directory, file)
            if not os.path.isfile(path):
                continue
            found += 1
            if found > most:
                raise ValueError(
                    f"Exceeded {most} objects tracked, pass max_objects to add_reference: {uri!r} has more "
                    "files"
                )
            inside = os.path.relpath(path, local).replace(os.sep, "/")
            yield _file(path, posixpath.join(name or "", inside), posixpath.join(uri, inside), checksum)


def _file(path: str, name: str, uri: str, checksum: bool) -> ArtifactManifestEntry:
    size = os.path.getsize(path)
    if checksum:
        return ArtifactManifestEntry(name, md5_of(path), size, uri)
    return ArtifactManifestEntry(name, uri, size, uri)


def local_path(uri: str) -> str:
    """Return the path of a `file://` URI. As in wandb it is not percent-encoded."""
    return uri[len("file://") :]


def fetch(entry: ArtifactManifestEntry, dest: str, artifact_name: str) -> None:
    """Write what an entry refers to into a file, and check that it is what it was."""
    uri = entry.ref_target()
    where = f"entry `{entry.path}` of artifact `{artifact_name}` refers to {uri!r}"
    if uri.startswith("file://"):
        try:
            shutil.copyfile(local_path(uri), dest)
        except OSError as e:
            raise ValueError(f"Cannot download: {where}, which cannot be read: {e.strerror}") from e
        if entry.digest != uri and md5_of(dest) != entry.digest:
            raise ValueError(f"Digest mismatch: {where}, which is not what it was when it was added")
        return
    if not uri.startswith(("http://", "https://")):
        raise ValueError(
            f"Cannot download: {where}, which danlu does not read. Fetch it with a tool of that storage, or "
            "pass allow_missing_references=True"
        )
    tag = _get(uri, dest, where)
    if entry.size is not None and os.path.getsize(dest) != entry.size:
        raise ValueError(
            f"Cannot download: {where}, which gave {os.path.getsize(dest)} bytes, not {entry.size}"
        )
    if "etag" in entry.extra and tag != entry.digest:
        raise ValueError(f"Digest mismatch: {where}, whose ETag was {entry.digest} and is {tag}")


def _open(uri: str, method: str) -> Any:
    import urllib.request

    request = urllib.request.Request(uri, method=method)  # noqa: S310
    return urllib.request.urlopen(request, timeout=PATIENCE)  # noqa: S310


def _ask(uri: str) -> tuple[str | None, int | None]:
    """Return ETag and size of a web address, as far as its server says."""
    try:
        with _open(uri, "HEAD") as answer:
            length = answer.headers.get("Content-Length", "")
            return _tag(answer), int(length) if length.isdigit() else None
    except (OSError, ValueError):
        return None, None


def _get(uri: str, dest: str, where: str) -> str | None:
    try:
        with _open(uri, "GET") as answer, open(dest, "wb") as file:
            shutil.copyfileobj(answer, file)
            return _tag(answer)
    except (OSError, ValueError) as e:
        raise ValueError(f"Cannot download: {where}, which cannot be reached: {e}") from e


def _tag(answer: Any) -> str | None:
    tag = answer.headers.get("ETag")
    return None if tag is None else str(tag).strip('"')
