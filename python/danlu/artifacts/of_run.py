"""What a run does with artifacts: the methods of `Run` end here."""

from __future__ import annotations

import os

from .. import _say
from .._errors import Error, UsageError
from .artifact import Artifact
from .catalog import catalog
from .changing import link, new_uid
from .committing import commit
from .errors import ArtifactNotFoundError
from .events import ledger
from .names import safe_name
from .parts import add_parts, distributed_id_of, store_part
from .resolve import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .._run import Run
    from .building import StrPath
    from .sources import Filter

MODEL_REGISTRY = "model-registry"


def log_artifact(
    run: Run,
    artifact_or_path: Artifact | StrPath,
    name: str | None = None,
    type: str | None = None,  # noqa: A002
    aliases: Iterable[str] | str | None = None,
    tags: Iterable[str] | str | None = None,
) -> Artifact:
    """Log an artifact as what the run made, and return it with its version.

    A path of a file or directory, or a URI such as `s3://bucket/key`, becomes an artifact named
    `run-<id>-<last part>` of the type `unspecified`, unless `name` and `type` say otherwise. If the newest
    version has the same content, no new one is made. The aliases move to the version; `latest` means the
    newest anyway.

    Raises TypeError for what is neither an artifact nor a path, ValueError for names, aliases and types that
    cannot be, and for a file that has changed since it was added. What the disk refuses is a warning.
    """
    _check_open(run, "log_artifact")
    return commit(run, _as_artifact(run, artifact_or_path, name, type, "log_artifact"), aliases, tags)


def use_artifact(
    run: Run,
    artifact_or_name: str | Artifact,
    type: str | None = None,  # noqa: A002
    aliases: Iterable[str] | str | None = None,
    use_as: str | None = None,
) -> Artifact:
    """Record that the run uses an artifact, and return it.

    A name is `name:v3`, `name:alias` or `name` (the newest), with `project/` or `entity/project/` in front
    where it is not of the run's project. A draft is logged first. Raises
    danlu.artifacts.ArtifactNotFoundError, a danlu.Error and ValueError, if there is no such version in the
    directory, and ValueError for another `type`.
    """
    _check_open(run, "use_artifact")
    if isinstance(artifact_or_name, Artifact):
        artifact = artifact_or_name
        if artifact.is_draft():
            commit(run, artifact, aliases, None)
    elif isinstance(artifact_or_name, str):
        found = _by_name(run, artifact_or_name, type)
        if found is None:
            return None  # type: ignore[return-value]
        artifact = found
    else:
        raise TypeError(
            "use_artifact() takes the name of an artifact or a danlu.Artifact, not "
            f"`{_kind(artifact_or_name)}`"
        )
    if type is not None and type != artifact.type:
        raise ValueError(
            f"Supplied type {type} does not match type {artifact.type} of artifact {artifact.name}"
        )
    artifact._use_as = use_as
    if run.file is not None and not artifact.is_draft():
        _record_use(run, artifact)
    return artifact


def link_artifact(
    run: Run, artifact: Artifact, target_path: str, aliases: Iterable[str] | None = None
) -> Artifact:
    """Make an artifact a version of another collection as well, and return that version.

    The target is `collection`, `project/collection`, `entity/project/collection`, or
    `wandb-registry-<registry>/<collection>`, which all runs of the directory share. A draft is logged first.
    Linking the same version again moves aliases only. Raises ValueError if the collection has another type.
    """
    _check_open(run, "link_artifact")
    if not isinstance(artifact, Artifact):
        raise TypeError(f"link_artifact() takes a danlu.Artifact, not `{_kind(artifact)}`")
    if artifact.is_draft():
        commit(run, artifact, None, None)
    return artifact if artifact.is_draft() else link(artifact, target_path, aliases)


def upsert_artifact(
    run: Run,
    artifact_or_path: Artifact | str,
    name: str | None = None,
    type: str | None = None,  # noqa: A002
    aliases: Iterable[str] | str | None = None,
    distributed_id: str | None = None,
) -> Artifact:
    """Store a part of an artifact that several runs make; `finish_artifact` makes a version of the parts.

    What they have in common is `distributed_id`, else the group of the run. Raises TypeError without either.
    """
    del aliases
    _check_open(run, "upsert_artifact")
    artifact = _as_artifact(run, artifact_or_path, name, type, "upsert_artifact")
    artifact.distributed_id = distributed_id_of(run, artifact, distributed_id, "upsert")
    artifact.finalize()
    artifact.manifest.check()
    if run.file is not None:
        try:
            store_part(run, artifact, os.path.dirname(run.file))
        except (Error, OSError) as e:
            artifact._failure = str(e)
            run._lose(f"A part of artifact `{artifact.name}` is not stored: {e}")
    return artifact


def finish_artifact(
    run: Run,
    artifact_or_path: Artifact | str,
    name: str | None = None,
    type: str | None = None,  # noqa: A002
    aliases: Iterable[str] | str | None = None,
    distributed_id: str | None = None,
) -> Artifact:
    """Make a version of this and of all parts that were stored with `upsert_artifact`, and return it.

    Raises ValueError if two parts have a different content at the same path.
    """
    _check_open(run, "finish_artifact")
    artifact = _as_artifact(run, artifact_or_path, name, type, "finish_artifact")
    together = distributed_id_of(run, artifact, distributed_id, "finish")
    artifact.distributed_id = together
    parts = None
    if run.file is not None:
        parts = add_parts(artifact, together, catalog(os.path.dirname(run.file)))
    return commit(run, artifact, aliases, None, parts)


def log_model(
    run: Run, path: StrPath, name: str | None = None, aliases: Iterable[str] | str | None = None
) -> Artifact:
    """Log a file or directory as an artifact of the type `model`, by default named `run-<id>-<last part>`."""
    _check_open(run, "log_model")
    return commit(run, _as_artifact(run, path, name, "model", "log_model"), aliases, None)


def use_model(run: Run, name: str) -> str:
    """Use and download a model: return the path of its file, or of the directory if it has several.

    Raises ValueError if the artifact is no model.
    """
    artifact = use_artifact(run, name)
    if artifact is None:
        raise ArtifactNotFoundError(f"There is no model `{name}`, and a disabled run logs none")
    if "model" not in artifact.type.lower():
        raise ValueError(
            f"You can only use this method for 'model' artifacts: {artifact.name} has the type "
            f"'{artifact.type}'"
        )
    path = artifact.download()
    entries = list(artifact.manifest.entries)
    return os.path.join(path, entries[0]) if len(entries) == 1 else path


def link_model(
    run: Run,
    path: StrPath,
    registered_model_name: str,
    name: str | None = None,
    aliases: Iterable[str] | None = None,
) -> Artifact | None:
    """Log a file or directory as a model, link it to the collection of a registered one; return the link."""
    _check_open(run, "link_model")
    if not isinstance(registered_model_name, str):
        raise TypeError(f"The name of a registered model is a text, not `{_kind(registered_model_name)}`")
    if "/" in registered_model_name or ":" in registered_model_name:
        raise ValueError(
            f"Invalid registered model name: {registered_model_name!r}; it must not contain '/' or ':'"
        )
    artifact = log_model(run, path, name)
    target = "/".join(part for part in (run.entity, MODEL_REGISTRY, registered_model_name) if part)
    return None if artifact.is_draft() else link(artifact, target, aliases)


def log_code(
    run: Run,
    root: str | None = ".",
    name: str | None = None,
    include_fn: Filter | None = None,
    exclude_fn: Filter | None = None,
) -> Artifact | None:
    """Log the source code below a directory: see `danlu.artifacts.sources`."""
    from .sources import log_code

    _check_open(run, "log_code")
    return log_code(run, root, name, include_fn, exclude_fn)


def _check_open(run: Run, what: str) -> None:
    if run._over:
        raise UsageError(
            f"Run ({run.id}) is finished. The call to `{what}` will be ignored. "
            "Please make sure that you are using an active run."
        )


def _kind(value: object) -> str:
    return type(value).__name__


def _as_artifact(
    run: Run, given: Artifact | StrPath, name: str | None, kind: str | None, what: str
) -> Artifact:
    """Return the artifact that was given, or one of a path."""
    if isinstance(given, Artifact):
        return given
    if not isinstance(given, (str, os.PathLike)):
        raise TypeError(
            f"You must pass an instance of danlu.Artifact or a valid file path to {what}, not "
            f"`{_kind(given)}`"
        )
    path = os.fspath(given)
    if name is None:
        name = safe_name(f"run-{run.id}-{os.path.basename(path.rstrip('/')) or 'root'}")
    artifact = Artifact(name, kind or "unspecified")
    if os.path.isfile(path):
        artifact.add_file(path)
    elif os.path.isdir(path):
        artifact.add_dir(path)
    elif "://" in path:
        artifact.add_reference(path)
    else:
        raise ValueError(
            f"path must be a file, directory or external reference like s3://bucket/path: {path!r}"
        )
    return artifact


def _by_name(run: Run, name: str, kind: str | None) -> Artifact | None:
    """Return an artifact by name; for a disabled run, None if there is none."""
    found = catalog(run._directory if run.file is None else os.path.dirname(run.file))
    try:
        version = find(found, name, run.entity, run.project, kind)
    except ArtifactNotFoundError as e:
        if run.mode != "disabled":
            raise
        _say.warn(f"{e}; use_artifact() of a disabled run returns None")
        return None
    return Artifact._of(version, found.directory)


def _record_use(run: Run, artifact: Artifact) -> None:
    version = artifact._logged("use_artifact")
    source = version.source or version
    data: dict[str, Any] = {
        "uid": new_uid(),
        "of": source.uid,
        "entity": source.key[0],
        "project": source.key[1],
    }
    data.update(type=source.type, version=source.version, digest=source.digest)
    if artifact.use_as is not None:
        data["use_as"] = artifact.use_as
    try:
        with ledger(os.path.dirname(run.file or "")) as book:
            book.record(run, source.name, "used", data)
    except (Error, OSError) as e:
        run._lose(f"That artifact `{source.name}` is used is not stored: {e}")
