"""What the file of a media value holds."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Largest file that is read when it is logged; a larger one is stored before `log` returns.
MAX_READ = 16 << 20


class Content:
    """Bytes, or a file that is not read yet, with the ending of its name."""

    __slots__ = ("data", "ext", "path")

    def __init__(self, ext: str, data: bytes | None = None, path: str = "") -> None:
        self.ext: str = ext
        self.data = data
        self.path: str = path

    @property
    def large(self) -> bool:
        """Whether it stays a file."""
        return self.data is None and os.path.getsize(self.path) > MAX_READ

    @property
    def held(self) -> int:
        """Bytes of memory that it takes."""
        return 0 if self.data is None else len(self.data)

    def freeze(self) -> None:
        """Read the file, unless it is large: afterwards it may change."""
        if self.data is None and not self.large:
            self.data = self.read()

    def read(self) -> bytes:
        """Return all of it."""
        if self.data is not None:
            return self.data
        with open(self.path, "rb") as file:
            return file.read()


def file_content(what: str, path: str | os.PathLike[str], ext: str | None = None) -> Content:
    """Return the content of a file, which must be one that can be read."""
    name = os.fspath(path)
    if not os.path.exists(name):
        raise ValueError(f"{what} cannot be made of `{name}`: there is no such file")
    if not os.path.isfile(name):
        raise ValueError(f"{what} cannot be made of `{name}`: it is no regular file")
    if not os.access(name, os.R_OK):
        raise PermissionError(f"{what} cannot be made of `{name}`: it cannot be read")
    # Absolute, as the directory may be another one when it is logged.
    return Content(os.path.splitext(name)[1] if ext is None else ext, path=os.path.abspath(name))


def json_bytes(value: Any) -> bytes:
    """Return JSON text; what it has no number for becomes null."""
    import json

    try:
        text = json.dumps(value, default=_plain, allow_nan=False, separators=(",", ":"))
    except ValueError:
        plain = json.loads(json.dumps(value, default=_plain), parse_constant=lambda _: None)
        text = json.dumps(plain, separators=(",", ":"))
    return text.encode()


def _plain(value: Any) -> Any:
    """Return the JSON of what an array library made, or of an object that can say it."""
    for method in ("tolist", "to_plotly_json", "isoformat"):
        call = getattr(value, method, None)
        if callable(call):
            return call()
    if hasattr(value, "__array__"):
        return value.__array__().tolist()
    return str(value)
