"""What is said of a version after it was logged: by the current run, or by the run that made it."""

from __future__ import annotations

import os

from .. import _mirror, _session
from .artifact import Artifact
from .building import check_metadata
from .catalog import Version, catalog
from .events import Event, ledger
from .names import check_aliases, check_name, parse, show, version_number
from .state import ttl_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .._run import Run


class Annotator:
    """Says something in the name of a run that is over."""

    lost = 0
    file: str | None = None

    def __init__(self, directory: str, run: str) -> None:
        self._directory = directory
        self.id = run

    def _event(self, kind: str, name: str, text: str, data: str) -> None:
        _mirror.annotate(self._directory, self.id, [(kind, name, f"{text}\n{data}")])


def speaker(directory: str, maker: str) -> Run | Annotator:
    """Return who says what is changed: the current run if its file is in the directory, else the maker."""
    for run in (_session._current, *_session._active):
        if run is not None and not run._over and run.file and os.path.dirname(run.file) == directory:
            return run
    return Annotator(directory, maker)


def say(artifact: Artifact, text: str, data: dict[str, Any]) -> Event:
    """Record something of a version."""
    version, directory = artifact._logged(text), artifact._directory
    place = {"entity": version.key[0], "project": version.key[1]}
    data = {"uid": new_uid(), "of": version.uid, **place, **data}
    if directory is None:
        return Event("", version.name, text, data)
    with ledger(directory) as book:
        book.catalog()
        return book.record(speaker(directory, version.run), version.name, text, data)


def new_uid() -> str:
    """Return what nothing else is told by."""
    return os.urandom(10).hex()


def save(artifact: Artifact, version: Version) -> None:
    """Record what differs from what is known."""
    aliases = usable_aliases(artifact._aliases)
    now: dict[str, Any] = {
        "tags": check_aliases(artifact._tags, "Tags"),
        "metadata": check_metadata(artifact._metadata),
        "description": artifact._description,
        "ttl": ttl_to(artifact._ttl),
    }
    changed = {field: value for field, value in now.items() if value != getattr(version, field)}
    if aliases != usable_aliases(version.aliases):
        changed["aliases"] = aliases
    if changed:
        say(artifact, "changed", changed)
        refresh(artifact)


def usable_aliases(aliases: Iterable[str] | str | None) -> list[str]:
    """Return aliases without `latest`, which goes where it wants; version numbers are no aliases."""
    from .. import _say

    found = [alias for alias in check_aliases(aliases) if alias != "latest"]
    for alias in found:
        if version_number(alias) is not None:
            _say.warn(f"`{alias}` is left out of the aliases: it is the name of a version")
    return [alias for alias in found if version_number(alias) is None]


def refresh(artifact: Artifact) -> None:
    """Take over what the directory says now."""
    if artifact._directory is not None and artifact._version is not None:
        found = catalog(artifact._directory).by_uid.get(artifact._version.uid)
        if found is not None:
            artifact._bind(found, artifact._directory)


def delete(artifact: Artifact, version: Version, delete_aliases: bool) -> None:
    """Take a version out of the directory's artifacts."""
    refresh(artifact)
    if version.source is not None:
        return unlink(artifact, version)
    others = [alias for alias in artifact._aliases if alias != "latest"]
    if others and not delete_aliases:
        raise ValueError(
            f"Artifact {artifact.qualified_name} has the aliases {', '.join(others)}: delete_aliases=True "
            "deletes it "
            "with them"
        )
    say(artifact, "deleted", {})
    return refresh(artifact)


def unlink(artifact: Artifact, version: Version) -> None:
    """Take a link out of its collection."""
    if version.source is None:
        raise ValueError(
            f"Artifact {artifact.qualified_name} is not a linked artifact and cannot be unlinked"
        )
    say(artifact, "unlinked", {})
    refresh(artifact)


def link(artifact: Artifact, target_path: str, aliases: Iterable[str] | None) -> Artifact:
    """Make an artifact a version of another collection as well."""
    version, directory = artifact._logged("link"), artifact._directory
    if ":" in target_path:
        raise ValueError(
            f"Invalid target path: {target_path!r}; it is a collection, without a version or alias"
        )
    key, _ = parse(target_path, version.key[0], version.key[1])
    check_name(key[2])
    wanted = usable_aliases(aliases)
    if directory is None:
        return artifact
    source = version.source or version
    with ledger(directory) as book:
        found = book.catalog()
        target = found.collections.get(key)
        if target is not None and target.type != source.type:
            raise ValueError(
                f"Cannot link artifact {source.qualified_name} of type {source.type} to collection "
                f"{show(key)}, whose "
                f"type is {target.type}"
            )
        if key == source.key:
            raise ValueError(f"Cannot link artifact {source.qualified_name} to its own collection")
        there = [link for link in found.links_to(source) if link.key == key]
        data: dict[str, Any] = {"uid": new_uid(), "entity": key[0], "project": key[1]}
        who = speaker(directory, source.run)
        if there:
            aliases_now = list(dict.fromkeys([*there[0].aliases, *wanted]))
            book.record(who, there[0].name, "changed", {**data, "of": there[0].uid, "aliases": aliases_now})
        else:
            number = f"v{book.next_number(found, key)}"
            data.update(version=number, of=source.uid, type=source.type, digest=source.digest, aliases=wanted)
            book.record(who, f"{key[2]}:{number}", "linked", {**data, "source": source.qualified_name})
    after = catalog(directory)
    links = [link for link in after.links_to(after.by_uid[source.uid]) if link.key == key]
    return Artifact._of(links[0], directory)


def log_alone(artifact: Artifact, project: str | None, settings: Any) -> None:
    """Log a draft in the current run, or in a run for it alone."""
    from .of_run import log_artifact

    run = _session._current
    if run is not None:
        log_artifact(run, artifact)
        return
    with _session.init(project=project, job_type="auto", settings=settings) as run:
        log_artifact(run, artifact)
