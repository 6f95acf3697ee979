"""Finding a version by its name."""

from __future__ import annotations

from .catalog import Catalog, Collection, Version
from .errors import ArtifactNotFoundError
from .names import parse, show

MAX_SHOWN = 10


def find(catalog: Catalog, name: str, entity: str, project: str, kind: str | None = None) -> Version:
    """Return the version that a name such as `project/model:best` means.

    The id of a version will do too. Raises ArtifactNotFoundError if there is none, and ValueError for what is
    no name, and for another type.
    """
    by_id = catalog.by_uid.get(name)
    if by_id is not None and not by_id.deleted and kind in (None, by_id.type):
        return by_id
    key, alias = parse(name, entity, project)
    collection = catalog.lookup(key)
    if collection is None or not collection.versions:
        raise ArtifactNotFoundError(
            f"There is no artifact `{show(key)}` among the runs of "
            f"`{catalog.directory}`{_alike(catalog, key[2])}"
        )
    version = collection.get(alias)
    if version is None:
        raise ArtifactNotFoundError(
            f"Artifact `{show(key)}` has no version `{alias}` in `{catalog.directory}`; there is "
            f"{_shown(collection)}"
        )
    if kind is not None and kind != collection.type:
        raise ValueError(
            f"Supplied type {kind} does not match type {collection.type} of artifact {version.qualified_name}"
        )
    return version


def _alike(catalog: Catalog, name: str) -> str:
    """Say what there is, names like the one that was asked for first."""
    import difflib

    names = {show(key): key[2] for key, collection in catalog.collections.items() if collection.versions}
    close = difflib.get_close_matches(name, names.values(), cutoff=0.5)
    shown = [f"`{full}`" for full, last in names.items() if last in close] or [
        f"`{full}`" for full in sorted(names)
    ]
    if not shown:
        return ", where no run has logged any"
    more = ", …" if len(shown) > MAX_SHOWN else ""
    return f"; there is {', '.join(shown[:MAX_SHOWN])}{more}"


def _shown(collection: Collection) -> str:
    numbers = [version.version for version in collection.versions]
    known = [*numbers[-MAX_SHOWN:], *list(collection.aliases)[:MAX_SHOWN]]
    return ", ".join(f"`{name}`" for name in known)
