"""Artifacts that several runs make together."""

from __future__ import annotations

from .catalog import catalog
from .changing import new_uid
from .contents import manifest_fields, store
from .events import ledger, manifest_of
from .manifest import ArtifactManifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._run import Run
    from .artifact import Artifact
    from .catalog import Catalog


def distributed_id_of(run: Run, artifact: Artifact, given: str | None, what: str) -> str:
    """Return what the runs have in common that make an artifact together."""
    found = given or artifact.distributed_id or run.group
    if not found:
        raise TypeError(f"Cannot {what} artifact unless run is in a group or distributed_id is provided")
    return found


def store_part(run: Run, artifact: Artifact, directory: str) -> None:
    """Store the contents of a part, and say what is in it."""
    uid, name = new_uid(), artifact.name
    path = f"artifact/{name}/part-{uid}"
    store(run, artifact.manifest, path, catalog(directory).runs, artifact._staging)
    data: dict[str, Any] = {"uid": uid, "entity": run.entity, "project": run.project, "type": artifact.type}
    data.update(distributed_id=artifact.distributed_id, **manifest_fields(run, artifact.manifest, path))
    with ledger(directory) as book:
        book.record(run, name, "part", data)


def add_parts(artifact: Artifact, together: str, found: Catalog) -> list[str]:
    """Add the entries of the parts that are in no version yet; return their uids."""
    taken = {uid for event in found.events for uid in event.data.get("parts", ())}
    parts = [
        event
        for event in found.events
        if event.text == "part"
        and event.name == artifact.name
        and event.data.get("distributed_id") == together
        and event.uid not in taken
    ]
    for part in parts:
        for entry in ArtifactManifest.from_json(manifest_of(part)).entries.values():
            artifact._add(entry, overwrite=False)
    return [part.uid for part in parts]
