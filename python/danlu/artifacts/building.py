"""An artifact while it is put together."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import stat
import weakref

from .. import _say
from .errors import ArtifactFinalizedError
from .manifest import ArtifactManifest, ArtifactManifestEntry, digests, pieces
from .names import check_name, check_path, check_type
from .staging import Staging, copy, place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO, Any

    StrPath = str | os.PathLike[str]

MAX_METADATA = 100
#: Files of up to so many bytes are copied in any case: then they are stored together, which is faster.
SMALL = 1 << 20
_POLICIES = ("mutable", "immutable")
#: `+` is for those who read again what they write.
_MODE = re.compile(r"[xw](\+?[bt]?|[bt]\+)")


class Draft:
    """What `Artifact` is until it is finalized: a name, a type, and entries that are added and removed."""

    _name: str
    _type: str
    _manifest: ArtifactManifest | None
    _finalized: bool
    _incremental: bool
    _staging: Staging | None

    def _begin(self, name: str, kind: str, internal: bool) -> None:
        self._name = check_name(name)
        self._type = check_type(kind, self._name, internal)
        self._manifest = ArtifactManifest()
        self._finalized = False
        self._staging = None
        #: The entries of files that were added, by the paths that they were added from.
        self._added: dict[str, str] = {}

    @property
    def manifest(self) -> ArtifactManifest:
        """What is in it: `manifest.entries` by path, `manifest.to_manifest_json()`."""
        assert self._manifest is not None  # noqa: S101
        return self._manifest

    def add_file(
        self,
        local_path: StrPath,
        name: StrPath | None = None,
        is_tmp: bool | None = False,
        skip_cache: bool | None = False,
        policy: str | None = "mutable",
        overwrite: bool = False,
    ) -> ArtifactManifestEntry:
        """Add the file at `local_path`, by default under its own name, and return its entry.

        With the policy `"mutable"` the file is copied now, beside the runs, so it may change or go
        afterwards; a file system that can share blocks does so. With `"immutable"` it is read in place: it
        must stay as it is until the artifact is logged, which is checked then. Files of any size are read
        piece by piece.

        Raises ValueError if there is no such file, and if there is an entry of that name with another
        content, unless it is to `overwrite` that. `is_tmp` is as the policy `"mutable"`; `skip_cache` does
        nothing.
        """
        del skip_cache
        self._check_open("add_file")
        path = os.fspath(local_path)
        _check_policy(policy)
        entry_path = os.path.basename(path) if name is None else name
        if is_tmp:
            # The name of a temporary file ends with random letters in wandb: here it stays what it is.
            policy = "mutable"
        return self._add_local(path, check_path(entry_path, self._name), policy, overwrite)

    def add_dir(
        self,
        local_path: StrPath,
        name: str | None = None,
        skip_cache: bool | None = False,
        policy: str | None = "mutable",
        merge: bool = False,
    ) -> None:
        """Add all files in and below the directory `local_path`, by default at the root of the artifact.

        `policy` and `skip_cache` are those of `add_file`; with `merge`, a file takes the place of an entry
        of its name. Links to files are added as the files, links to directories are not followed. Files with
        a name that no entry can have are warned about and left out. Raises ValueError if it is no directory.
        """
        del skip_cache
        self._check_open("add_dir")
        _check_policy(policy)
        root = os.fspath(local_path)
        if not os.path.isdir(root):
            raise ValueError(f"Path is not a directory: {root!r}; `add_file` adds a file")
        found = 0
        for directory, below, files in os.walk(root):
            below.sort()
            for file in sorted(files):
                path = os.path.join(directory, file)
                if not os.path.isfile(path):
                    _say.warn(f"Artifact `{self._name}` leaves out `{path}`: it is no file that can be read")
                    continue
                inside = os.path.join(name or "", os.path.relpath(path, root))
                try:
                    entry = check_path(inside, self._name)
                except ValueError as e:
                    _say.warn(f"It leaves out {path!r}: {_say.text_of(e)}")
                    continue
                self._add_local(path, entry, policy, merge)
                found += 1
        if not found:
            _say.warn(f"Artifact `{self._name}`: there are no files in `{root}`")

    def add_reference(
        self,
        uri: ArtifactManifestEntry | str,
        name: StrPath | None = None,
        checksum: bool = True,
        max_objects: int | None = None,
    ) -> Sequence[ArtifactManifestEntry]:
        """Add entries that refer to what is elsewhere, at `uri`, and return them.

        `file://` refers to a file or to all of a directory, known by their MD5. An `http(s)://` address is
        known by its ETag if the server answers and has one. Everything else, and all with `checksum=False`,
        is known by the URI itself: danlu asks no cloud. An entry of another artifact is added as what it is,
        without storing its bytes again. Raises ValueError for what is no URI and for a `file://` that is not
        there, or that is a directory of more than `max_objects` files.
        """
        from .references import entries_of

        self._check_open("add_reference")
        if isinstance(uri, ArtifactManifestEntry):
            entry = uri.copy()
            entry.path = check_path(uri.path if name is None else name, self._name)
            return [self._add(entry, overwrite=False)]
        if isinstance(uri, os.PathLike):
            raise ValueError(f"References must be URIs. To reference a local file, use file://: {uri!r}")
        at = None if name is None else check_path(name, self._name)
        entries = entries_of(str(uri), at, checksum, max_objects, self._name)
        for entry in entries:
            entry.path = check_path(entry.path, self._name)
            self._add(entry, overwrite=False)
        return entries

    def add(self, obj: Any, name: StrPath, overwrite: bool = False) -> ArtifactManifestEntry:
        """Add `obj`, a table or a medium such as `danlu.Table` and `danlu.Image`; `get` gives it back.

        The entry is JSON under `<name>.<type>.json`; files that belong to it are entries of their own. With
        `overwrite` it takes the place of an entry of that name.
        """
        self._check_open("add")
        to_json = getattr(obj, "to_json", None)
        if not callable(to_json):
            raise ValueError(
                f"Artifact `{self._name}` cannot have an object of type `{type(obj).__name__}`: `add` takes "
                "tables "
                "and media, `add_file` takes files"
            )
        value = to_json(self)
        kind = value.get("_type", "object")
        path = check_path(name, self._name)
        if not path.endswith(f".{kind}.json"):
            path = f"{path}.{kind}.json"
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, indent=2).encode()
        return self._add_bytes(text, path, overwrite)

    @contextlib.contextmanager
    def new_file(
        self, name: str, mode: str = "x", encoding: str | None = None, policy: str = "mutable"
    ) -> Iterator[IO[Any]]:
        """Open a new entry to write it: `with artifact.new_file("labels.txt") as file: ...`.

        The mode is `"x"` (an error if there is such an entry), `"w"`, `"xb"` or `"wb"`; the `encoding` of
        text is UTF-8 by default, and `policy` does nothing. An exception inside
        of the block discards the entry.
        """
        del policy
        self._check_open("new_file")
        path = check_path(name, self._name)
        if not _MODE.fullmatch(mode):
            raise ValueError(f"new_file() takes the modes `x`, `w`, `xb` and `wb`, not {mode!r}")
        if "x" in mode and path in self.manifest.entries:
            raise ValueError(f"File with name {path!r} already exists in artifact `{self._name}`")
        staged = self._stage()
        text = None if "b" in mode else encoding or "utf-8"
        try:
            with open(staged, mode.replace("x", "w"), encoding=text) as file:
                yield file
            self._add_staged(staged, path, overwrite=True)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(staged)
            raise

    def remove(self, item: StrPath | ArtifactManifestEntry) -> None:
        """Take out an `item`: an entry, a path or a directory. Raises FileNotFoundError if there is none."""
        self._check_open("remove")
        if isinstance(item, ArtifactManifestEntry):
            item = item.path
        path = check_path(item, self._name)
        entries = [path] if path in self.manifest.entries else []
        entries += [entry.path for entry in self.manifest.get_entries_in_directory(path)]
        if not entries:
            raise FileNotFoundError(f"No such file or directory in artifact `{self._name}`: {path!r}")
        for entry in entries:
            del self.manifest.entries[entry]

    def get_added_local_path_name(self, local_path: str) -> str | None:
        """Return the path of the entry that the file `local_path` was added as, or None."""
        return self._added.get(os.path.abspath(local_path))

    def finalize(self) -> None:
        """Let nothing more be added or removed. Logging does so."""
        self._finalized = True

    def _check_open(self, what: str) -> None:
        if self._finalized:
            raise ArtifactFinalizedError(what, self._name)

    def _stage(self) -> str:
        """Return the path for a private copy."""
        if self._staging is None:
            self._staging = Staging(place())
            weakref.finalize(self, self._staging.remove)
        return self._staging.new()

    def _add_local(
        self, path: str, entry_path: str, policy: str | None, overwrite: bool
    ) -> ArtifactManifestEntry:
        try:
            # What is no file, as a pipe, might never be read to its end.
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise ValueError(f"Path is not a file: {path!r}; `add_dir` adds a directory")
            with open(path, "rb") as file:
                if policy == "immutable" and os.fstat(file.fileno()).st_size > SMALL:
                    local = os.path.abspath(path)
                    md5, sha256, size = digests(pieces(file))
                else:
                    local = self._stage()
                    md5, sha256, size = copy(file, local)
        except OSError as e:
            raise ValueError(f"Cannot add `{path}` to artifact `{self._name}`: {e.strerror or e}") from e
        entry = ArtifactManifestEntry(entry_path, md5, size, local_path=local, sha256=sha256)
        added = self._add(entry, overwrite)
        self._added[os.path.abspath(path)] = entry_path
        return added

    def _add_staged(self, staged: str, entry_path: str, overwrite: bool) -> ArtifactManifestEntry:
        with open(staged, "rb") as file:
            md5, sha256, size = digests(pieces(file))
        entry = ArtifactManifestEntry(entry_path, md5, size, local_path=staged, sha256=sha256)
        return self._add(entry, overwrite)

    def _add_bytes(self, data: bytes, entry_path: str, overwrite: bool = False) -> ArtifactManifestEntry:
        staged = self._stage()
        with open(staged, "wb") as file:
            md5, sha256, size = digests(pieces(io.BytesIO(data)), file.write)
        entry = ArtifactManifestEntry(entry_path, md5, size, local_path=staged, sha256=sha256)
        return self._add(entry, overwrite)

    def _add(self, entry: ArtifactManifestEntry, overwrite: bool) -> ArtifactManifestEntry:
        entries = self.manifest.entries
        there = entries.get(entry.path)
        if there is not None and not overwrite and (there.digest, there.ref) != (entry.digest, entry.ref):
            raise ValueError(
                f"Cannot add the same path twice: {entry.path!r} of artifact `{self._name}` has another "
                "content; "
                "`overwrite=True` replaces it"
            )
        if there is not None and there == entry and there.local_path is not None:
            return there
        entry._artifact = self  # type: ignore[assignment]
        entries[entry.path] = entry
        return entry


def check_metadata(metadata: object) -> dict[str, Any]:
    """Return metadata as JSON has it, or raise."""
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise TypeError(f"metadata must be dict, not {type(metadata)}")
    if len(metadata) > MAX_METADATA:
        raise ValueError(
            f"An artifact must not have more than {MAX_METADATA} metadata keys, and this has {len(metadata)}"
        )
    from .._values import whole

    leaves, problems = whole("metadata", metadata)[:2]
    if problems:
        raise ValueError(f"Artifact metadata must be JSON: {problems[0]}")
    _check_finite(metadata)
    found = json.loads(str(leaves[0][1]))
    return dict(found)


def _check_finite(value: object) -> None:
    """Refuse floats that JSON has no number for."""
    if isinstance(value, float) and value - value != 0:
        raise ValueError(f"Artifact metadata must be JSON, which has no {value}")
    if isinstance(value, dict):
        for item in value.values():
            _check_finite(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_finite(item)


def _check_policy(policy: str | None) -> None:
    if policy is not None and policy not in _POLICIES:
        raise ValueError(f"Invalid policy {policy!r}. Must be 'mutable' or 'immutable'.")
