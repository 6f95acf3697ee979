"""Where the files of media go: into a run or into an artifact."""

from __future__ import annotations

import hashlib
import os
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._run import Run
    from .content import Content

#: Most bytes of a part of a name that comes from a key; the rest of the 255 that file systems take is ours.
MAX_PART = 180
#: Several threads may store pictures with labels.
_labels_lock = threading.Lock()


class Place:
    """Takes files in, and says how what is stored refers to them: `{"path", "sha256", "size"}`."""

    def add_bytes(self, kind_dir: str, key: str, step: int | str, data: bytes, ext: str) -> dict[str, Any]:
        """Store a content as a file."""
        raise NotImplementedError

    def add_file(
        self, kind_dir: str, key: str, step: int | str, path: str | os.PathLike[str], ext: str
    ) -> dict[str, Any]:
        """Store a copy of a file."""
        raise NotImplementedError

    def add_labels(self, kind: str, key: str, layer: str, labels: dict[int, str]) -> None:
        """Keep the names of the classes that a layer of a picture shows."""

    def add_reference(self, url: str) -> dict[str, Any]:
        """Refer to what lies elsewhere."""
        raise ValueError(
            f"`{url}` lies elsewhere and can only be in a Table or an Artifact: download it first"
        )

    def add(self, kind_dir: str, key: str, step: int | str, content: Content) -> dict[str, Any]:
        """Store what a media value holds."""
        if content.data is not None:
            return self.add_bytes(kind_dir, key, step, content.data, content.ext)
        return self.add_file(kind_dir, key, step, content.path, content.ext)


class RunPlace(Place):
    """A run: files are named after the key, the step and the content."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def add_bytes(self, kind_dir: str, key: str, step: int | str, data: bytes, ext: str) -> dict[str, Any]:
        """Store a content as `media/<kind_dir>/<key>_<step>_<hash><ext>`."""
        name = _name(kind_dir, key, step, hashlib.sha256(data).hexdigest(), ext)
        return _entry(name, *self.run._put(name, data))

    def add_file(
        self, kind_dir: str, key: str, step: int | str, path: str | os.PathLike[str], ext: str
    ) -> dict[str, Any]:
        """Store a copy of a file under the same kind of name."""
        name = _name(kind_dir, key, step, sha256_of(path), ext)
        return _entry(name, *self.run._put_file(name, os.fspath(path)))

    def add_labels(self, kind: str, key: str, layer: str, labels: dict[int, str]) -> None:
        """Keep the names in the config, where viewers look for them."""
        name = f"{key}_wandb_delimeter_{layer}"
        with _labels_lock:
            known = vars(self.run).setdefault("_class_labels", {})
            before = known.get((kind, name), {})
            value = {**before, **{str(number): label for number, label in labels.items()}}
            # Told once, and again when there are others.
            if value != before:
                known[(kind, name)] = value
                self.run._wandb_config({kind: {name: {"type": kind, "key": name, "value": value}}})


class ArtifactPlace(Place):
    """An artifact: files are named after their content alone."""

    def __init__(self, artifact: Any) -> None:
        self.artifact = artifact

    def add_bytes(self, kind_dir: str, key: str, step: int | str, data: bytes, ext: str) -> dict[str, Any]:
        """Add a content as `media/<kind_dir>/<hash><ext>`, once."""
        del key, step
        sha256 = hashlib.sha256(data).hexdigest()
        name = f"media/{kind_dir}/{sha256[:20]}{ext}"
        if name not in self.artifact.manifest.entries:
            with self.artifact.new_file(name, mode="wb") as file:
                file.write(data)
        return _entry(name, sha256, len(data))

    def add_file(
        self, kind_dir: str, key: str, step: int | str, path: str | os.PathLike[str], ext: str
    ) -> dict[str, Any]:
        """Add a copy of a file under the same kind of name, once."""
        del key, step
        sha256 = sha256_of(path)
        name = f"media/{kind_dir}/{sha256[:20]}{ext}"
        if name not in self.artifact.manifest.entries:
            self.artifact.add_file(os.fspath(path), name=name)
        return _entry(name, sha256, os.path.getsize(path))

    def add_reference(self, url: str) -> dict[str, Any]:
        """Add a reference, which keeps the last part of the URL as its name."""
        name = f"media/references/{hashlib.sha256(url.encode()).hexdigest()[:20]}/{url.rpartition('/')[2]}"
        if name not in self.artifact.manifest.entries:
            self.artifact.add_reference(url, name=name)
        return {"path": name}


def place_of(run_or_artifact: Any) -> Place:
    """Return the place that a run or an artifact is."""
    from .. import _core

    if isinstance(run_or_artifact, Place):
        return run_or_artifact
    if isinstance(run_or_artifact, _core.Run) or hasattr(run_or_artifact, "_put"):
        return RunPlace(run_or_artifact)
    if hasattr(run_or_artifact, "new_file"):
        return ArtifactPlace(run_or_artifact)
    raise TypeError(f"to_json() takes a Run or an Artifact, not `{type(run_or_artifact).__name__}`")


def local_path(json_obj: dict[str, Any], source: Any) -> str:
    """Return where the file of a stored value lies, in an artifact or below a directory."""
    name = json_obj["path"]
    if isinstance(source, (str, os.PathLike)):
        return os.path.join(source, name)
    get = getattr(source, "get_entry", None) or source.get_path
    return str(get(name).download())


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _entry(name: str, sha256: str, size: int) -> dict[str, Any]:
    return {"path": name, "sha256": sha256, "size": size}


def _name(kind_dir: str, key: str, step: int | str, sha256: str, ext: str) -> str:
    parts = [_part(part) for part in key.split("/") if part not in ("", ".")] or ["_"]
    return f"media/{kind_dir}/{'/'.join(parts)}_{step}_{sha256[:20]}{ext}"


def _part(part: str) -> str:
    """Return a part of a key as it can be in the name of a file."""
    if part == "..":
        return "__"
    clean = "".join("_" if char == "\\" or not char.isprintable() else char for char in part)
    return clean.encode()[:MAX_PART].decode(errors="ignore")
