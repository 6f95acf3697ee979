"""Where the bytes of entries are: in the files of runs, each content once in a directory."""

from __future__ import annotations

import glob
import hashlib
import json
import os

from .. import _core
from .._errors import Error
from .manifest import ArtifactManifest, ArtifactManifestEntry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any

    from .._run import Run
    from .staging import Staging

_HELD = "SELECT lower(hex(sha256)) FROM blob WHERE sha256 IN (SELECT unhex(value) FROM json_each(?))"
_SMALL = """
SELECT lower(hex(b.sha256)), c.bytes FROM blob AS b JOIN chunk AS c ON c.id = b.n << 24
WHERE b.size BETWEEN 1 AND 1048576 AND b.sha256 IN (SELECT unhex(value) FROM json_each(?))
"""
#: From how many files on they are stored together.
MANY = 4
#: A manifest of more bytes is stored as a file of the run, not in its event.
LARGE_MANIFEST = 1 << 18


def holders(runs: Iterable[dict[str, Any]], wanted: Iterable[str]) -> dict[str, str]:
    """Return the ids of runs that have contents, by SHA-256. What cannot be read does not count."""
    missing, found = set(wanted), dict[str, str]()
    for run in runs:
        for part in run["parts"]:
            if not missing:
                return found
            try:
                _, rows = _core.sql([os.fspath(part)], _HELD, [json.dumps(sorted(missing))])
            except Error:
                continue
            for (sha256,) in rows:
                found[str(sha256)] = run["id"]
                missing.discard(str(sha256))
    return found


def store(
    run: Run,
    manifest: ArtifactManifest,
    directory: str,
    runs: dict[str, dict[str, Any]],
    staging: Staging | None,
) -> None:
    """Store the contents that no run has yet as files of this run, below `directory` there.

    Raises ValueError for a file that is not what it was when it was added.
    """
    fresh = [entry for entry in manifest.entries.values() if entry.ref is None and entry.run is None]
    found = holders(runs.values(), {str(entry.sha256) for entry in fresh})
    first = {str(entry.sha256): entry for entry in reversed(fresh) if str(entry.sha256) not in found}
    together = [] if staging is None else _put_together(run, directory, list(first.values()), staging)
    for sha256, entry in first.items():
        if sha256 not in together:
            _put(run, f"{directory}/{entry.path}", entry)
        found[sha256] = run.id
    for entry in fresh:
        entry.run = found[str(entry.sha256)]


def _put_together(
    run: Run, directory: str, entries: list[ArtifactManifestEntry], staging: Staging
) -> Collection[str]:
    """Store private copies in few transactions; return the SHA-256 of what is stored then.

    Patterns of ignored files may leave some out, and file systems may have no hard links.
    """
    entries = [entry for entry in entries if staging.has(entry.local_path)]
    if len(entries) < MANY:
        return ()
    tree = staging.new()
    try:
        for entry in entries:
            link = os.path.join(tree, directory, entry.path)
            os.makedirs(os.path.dirname(link), exist_ok=True)
            os.link(str(entry.local_path), link)
    except OSError:
        return ()
    run._save(f"{glob.escape(tree)}/**/*", tree, "now")
    return holders([{"id": run.id, "parts": [run.file]}], {str(entry.sha256) for entry in entries})


def _put(run: Run, name: str, entry: ArtifactManifestEntry) -> None:
    path = entry.local_path
    if path is None or not os.path.isfile(path):
        raise ValueError(
            f"Entry `{entry.path}` cannot be stored: `{path}` was there when it was added and is not any "
            "more; "
            "add it with policy='mutable', which copies it"
        )
    sha256, _ = run._put_file(name, path)
    if sha256 != entry.sha256:
        raise ValueError(
            f"Entry `{entry.path}` cannot be stored: `{path}` has changed since it was added; "
            "add it again, or with policy='mutable', which copies it"
        )


def manifest_fields(run: Run, manifest: ArtifactManifest, directory: str) -> dict[str, Any]:
    """Return what an event says of the entries; store them as a file if they are many."""
    entries = manifest.to_json()
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    if len(text) <= LARGE_MANIFEST:
        return {"manifest": entries}
    path = f"{directory}.manifest.json"
    sha256, _ = run._put(path, text)
    return {"manifest_file": {"path": path, "sha256": sha256}}


def small(parts: Iterable[str], wanted: Iterable[str]) -> dict[str, bytes]:
    """Return contents of at most a mebibyte that a run has, by SHA-256. Damaged ones are left out."""
    found = dict[str, bytes]()
    for part in parts:
        _, rows = _core.sql([os.fspath(part)], _SMALL, [json.dumps(sorted(wanted))])
        for sha256, data in rows:
            if isinstance(data, bytes) and hashlib.sha256(data).hexdigest() == sha256:
                found[sha256] = data
    return found
