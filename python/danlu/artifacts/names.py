"""Names of artifacts, of their versions and of what is in them."""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    #: Entity, project and name of a collection.
    Key = tuple[str, str, str]

MAX_NAME = 128
REGISTRY = "wandb-registry-"
_NAME = re.compile(r"[a-zA-Z0-9_\-.]+")
_VERSION = re.compile(r"v([0-9]{1,18})")
_RESERVED_TYPES = ("job", "run_table")


def check_name(name: object) -> str:
    """Return the name of a new artifact, or raise a ValueError."""
    text = str(name)
    if len(text) > MAX_NAME:
        raise ValueError(
            f"Artifact name is longer than {MAX_NAME} characters: {text[:MAX_NAME]}… has {len(text)}"
        )
    if not _NAME.fullmatch(text) or text in (".", ".."):
        raise ValueError(
            "Artifact name may only contain alphanumeric characters, dashes, underscores, and dots. "
            f"Invalid name: {text!r}"
        )
    return text


def safe_name(text: str) -> str:
    """Return a name for an artifact that is like a text."""
    name = re.sub(r"[^a-zA-Z0-9_\-.]", "_", text)
    if len(name) > MAX_NAME:
        name = f"{name[:62]}..{name[-62:]}"
    return name or "_"


def check_type(kind: object, name: str, internal: bool) -> str:
    """Return the type of a new artifact, or raise a ValueError."""
    if kind is None or not str(kind).strip():
        raise ValueError(f"Artifact `{name}` needs a type, for instance `dataset` or `model`")
    text = str(kind)
    if len(text) > MAX_NAME or "/" in text or ":" in text:
        raise ValueError(
            f"Artifact type is invalid: {text[:MAX_NAME]!r}; "
            f"it has at most {MAX_NAME} characters, none of them `/` or `:`"
        )
    source = text == "code" and name.startswith("source-")
    if not internal and (text in _RESERVED_TYPES or text.startswith("wandb-") or source):
        shown = "`code` with a name that begins with `source-`" if source else f"`{text}`"
        raise ValueError(f"Artifact type is reserved for internal use, please use a different type: {shown}")
    return text


def check_aliases(aliases: Iterable[str] | str | None, what: str = "Aliases") -> list[str]:
    """Return aliases or tags, each once, or raise a ValueError."""
    if aliases is None:
        return []
    try:
        texts = [aliases] if isinstance(aliases, str) else [str(alias) for alias in aliases]
    except TypeError:
        raise TypeError(f"{what} are a list of texts, not `{type(aliases).__name__}`") from None
    for text in texts:
        if not text or "/" in text or ":" in text:
            raise ValueError(
                f"{what} must not be empty or contain any of the following characters: '/', ':'. "
                f"Invalid: {text!r}"
            )
    return list(dict.fromkeys(texts))


def version_number(text: str) -> int | None:
    """Return the number of a version such as `v3`; None for anything else, an alias."""
    match = _VERSION.fullmatch(text)
    return int(match[1]) if match else None


def check_path(path: object, artifact_name: str) -> str:
    """Return the path of an entry with `/` between its parts; raise a ValueError where it leads elsewhere."""
    text = os.fspath(path) if isinstance(path, os.PathLike) else str(path)
    text = text.replace(os.sep, "/")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    outside = text.startswith("/") or ".." in parts or "\\" in text or re.match(r"[a-zA-Z]:/", text)
    if outside or not parts or any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise ValueError(
            f"Artifact `{artifact_name}` cannot have an entry named {text!r}: a name is a path relative to "
            "the artifact, without `..`, backslashes and control characters"
        )
    clean = "/".join(parts)
    try:
        clean.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"Artifact `{artifact_name}` cannot have an entry named {text!r}: it is no UTF-8"
        ) from None
    return clean


def parse(full: str, entity: str, project: str) -> tuple[Key, str]:
    """Take `entity/project/name:alias` apart; what is not given is filled in, the alias with `latest`."""
    text = full.removeprefix("wandb-artifact://")
    path, colon, alias = text.partition(":")
    parts = path.split("/")
    if not 1 <= len(parts) <= 3 or not all(parts) or (colon and not alias) or "/" in alias or ":" in alias:
        raise ValueError(
            f"Invalid artifact path: {full!r}; it is `name:alias`, `project/name:alias` or "
            "`entity/project/name:alias`"
        )
    *before, name = parts
    if before:
        project = before[-1]
    if len(before) == 2:
        entity = before[0]
    elif project.startswith(REGISTRY):
        # A registry belongs to no team here: all runs of the directory share it.
        entity = ""
    return (entity, project, name), alias or "latest"


def show(key: Key) -> str:
    """Return the parts of a name that there are, with `/` between them."""
    return "/".join(part for part in key if part)
