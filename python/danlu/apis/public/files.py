"""The files of a run that is read back."""

from __future__ import annotations

import io
import os

from ..._errors import Error
from .errors import NotFoundError
from .pages import Pages
from .times import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .reader import Stored
    from .run import Run


class File:
    """The newest version of a file that a run has stored."""

    def __init__(self, run: Run, stored: Stored) -> None:
        self._run = run
        #: The name in the run.
        self.name: str = stored.name
        #: The length in bytes.
        self.size: int = stored.size
        #: The SHA-256 of the content, in hex.
        self.sha256: str = stored.sha256
        #: When it was stored, such as `2026-01-31T12:00:00Z`.
        self.updated_at: str = iso(stored.time)

    @property
    def id(self) -> str:
        """What tells it from other files of the run: its name."""
        return self.name

    @property
    def md5(self) -> str:
        """The MD5 of the content in base64, as wandb gives it. The content is read for it."""
        import base64
        import hashlib
        import tempfile

        found = hashlib.md5(usedforsecurity=False)
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "content")
            self._read(path)
            with open(path, "rb") as content:
                while chunk := content.read(1 << 20):
                    found.update(chunk)
        return base64.b64encode(found.digest()).decode()

    @property
    def mimetype(self) -> str:
        """The type of the content, as far as its name tells."""
        import mimetypes

        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    @property
    def url(self) -> str:
        """Where it is: the address of the run file, and its name in it."""
        from urllib.parse import quote

        return f"{self._run.url}#{quote(self.name)}"

    @property
    def direct_url(self) -> str:
        """The same as `url`."""
        return self.url

    @property
    def path_uri(self) -> str:
        """Always empty: it is in no bucket."""
        return ""

    def download(
        self,
        root: str | os.PathLike[str] = ".",
        replace: bool = False,
        exist_ok: bool = False,
        api: object = None,
    ) -> io.TextIOWrapper:
        """Write the file below `root`, and return it opened for reading as text.

        Its name in the run is its name below `root`. A file that is there is a ValueError, unless `replace`
        (it is written anew) or `exist_ok` (it stays as it is). The content is checked, and is in place when
        it is whole.
        """
        del api
        path = os.path.join(os.fspath(root), *self._safe_parts())
        if os.path.exists(path) and not (replace or exist_ok):
            raise ValueError(
                "File already exists, pass `replace=True` to overwrite or `exist_ok=True` to leave it as is "
                f"and don't error: `{path}`"
            )
        if replace or not os.path.exists(path):
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            self._read(path)
        return _Text(path)

    def _read(self, path: str) -> None:
        self._run.source.content(self._run.info, self.sha256, path)

    def _safe_parts(self) -> list[str]:
        """Return the parts of the name; a run file of somebody else may say anything."""
        parts = self.name.split("/")
        if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
            raise Error(
                f"The file `{self.name}` of run {self._run.id} has a name that leads elsewhere: not written"
            )
        return parts

    def delete(self) -> None:
        """Raise an error: a run file is only added to."""
        raise Error(
            f"`{self.name}` cannot be deleted from run {self._run.id}: a run file is only added to. "
            "`run.delete()` deletes the whole run"
        )

    def __repr__(self) -> str:
        return f"<File {self.name} ({self.mimetype}) {self.size} bytes>"


class _Text(io.TextIOWrapper):
    """A text that closes itself, since few close what `download` gives."""

    def __init__(self, path: str) -> None:
        super().__init__(open(path, "rb"), encoding="utf-8")  # noqa: SIM115

    def __del__(self) -> None:
        self.close()


class Files(Pages[File]):
    """The files of a run in order of their names: those named, and that fit a pattern of SQL's LIKE."""

    def __init__(
        self, run: Run, names: Sequence[str] | None = None, pattern: str | None = None, per_page: int = 50
    ) -> None:
        super().__init__(per_page)
        self._run = run
        self._names = [names] if isinstance(names, str) else names
        self._pattern = pattern

    def _load(self) -> list[File]:
        fits = like(self._pattern or "%")
        names = None if self._names is None else set(self._names)
        return [
            File(self._run, stored)
            for name, stored in self._run.reader.files().items()
            if fits.fullmatch(name) and (names is None or name in names)
        ]

    def update_variables(self) -> None:
        """Read the list again when it is next used."""
        self._forget()


def like(pattern: str) -> Any:
    r"""Return a pattern of SQL's LIKE as a regular one: `%` is anything, `_` one letter, `\` escapes."""
    import re

    special = {"%": ".*", "_": "."}
    found = ""
    letters = iter(pattern)
    for letter in letters:
        if letter == "\\":
            found += re.escape(next(letters, "\\"))
        else:
            found += special.get(letter) or re.escape(letter)
    return re.compile(found, re.DOTALL | re.IGNORECASE)


def file_of(run: Run, name: str) -> File:
    """Return a file of a run by its name."""
    found = Files(run, [name]).objects
    if found:
        return found[0]
    names = [file.name for file in Files(run)]
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    raise NotFoundError(f"Run {run.id} has no file `{name}`; it has {shown or 'no files'}")


def upload(run: Run, path: str, root: str) -> File:
    """Store a file in a run that is not running; see `Run.upload_file`."""
    absolute, base = os.path.abspath(path), os.path.abspath(root)
    if not os.path.isfile(absolute):
        raise NotFoundError(f"`{path}` cannot be stored in run {run.id}: there is no such file")
    name = os.path.relpath(absolute, base).replace(os.sep, "/")
    if name.startswith("../"):
        raise ValueError(f"`{path}` cannot be stored in run {run.id}: it is not below `{root}`")
    run._look_again()
    run._check_changeable()
    code = run.exit_code
    if run.state == "running":
        raise Error(
            f"Run {run.id} is being written; store files with `run.save()` there, or wait until it ends"
        )
    if code is None:
        raise Error(
            f"Run {run.id} crashed; `init(id='{run.id}', resume='must')` goes on with it and stores files"
        )
    stored = run.source.store(run.info, absolute, base)
    run._look_again()
    return file_of(run, stored)
