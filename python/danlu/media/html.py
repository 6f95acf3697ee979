"""Pages of HTML."""

from __future__ import annotations

import os

from .base import FileMedia, is_path
from .content import Content, file_content

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .places import Place

#: Links open beside the page that shows it, and text looks alike in every browser. Nothing is fetched.
_HEAD = (
    '<base target="_blank"><style>html{font-family:sans-serif;line-height:1.15}body{margin:0}'
    "h1{font-size:2em;margin:.67em 0}pre,code{font-family:monospace;font-size:1em}</style>"
)


class Html(FileMedia):
    """HTML: a text, the path of an `.html` file, or an open file.

    `inject` puts a small header in. `data_is_not_path` takes a text that looks like a path as HTML. Raises
    ValueError for a file that is not there or is no `.html` file.
    """

    _log_type = "html-file"
    _list_type = "html"
    _kind = "html"

    def __init__(self, data: Any, inject: bool = True, data_is_not_path: bool = False) -> None:
        """Read the page."""
        self.html: str = _text(data, data_is_not_path)
        self.inject: bool = bool(inject)
        if inject:
            self.inject_head()

    def inject_head(self) -> None:
        """Put the header in, at the beginning of the page's own if it has one."""
        if _HEAD in self.html:
            return
        start = self.html.lower().find("<head")
        end = (
            self.html.find(">", start) + 1
            if start >= 0 and self.html[start + 5 : start + 6] in ("", ">", " ")
            else 0
        )
        self.html = (
            f"{self.html[:end]}{_HEAD}{self.html[end:]}" if end else f"<head>{_HEAD}</head>{self.html}"
        )

    def _encode(self) -> Content:
        return Content(".html", self.html.encode("utf-8", "surrogatepass"))

    def _weight(self) -> int:
        return super()._weight() + len(self.html)

    @classmethod
    def _join(cls, items: Sequence[Html], place: Place, key: str, step: int | str) -> dict[str, Any]:
        stored = [item._to_json(place, key, step) for item in items]
        return {"_type": cls._list_type, "count": len(stored), "html": stored}

    @classmethod
    def from_json(cls, json_obj: dict[str, Any], source_artifact: Any) -> Html:
        """Read a page back, as it was stored."""
        from pathlib import Path

        return cls(Path(cls._read_back(json_obj, source_artifact)), inject=False)


def _text(data: Any, is_text: bool) -> str:
    if hasattr(data, "read"):
        if hasattr(data, "seek") and getattr(data, "seekable", lambda: True)():
            data.seek(0)
        text = data.read()
        return text.decode() if isinstance(text, bytes) else str(text)
    if not is_path(data):
        raise ValueError(f"Html takes a text, a path or an open file, not `{type(data).__name__}`")
    if isinstance(data, str) and (is_text or not _looks_like_path(data)):
        return data
    path = os.fspath(data)
    if not os.path.splitext(path)[1].lower().startswith(".htm"):
        raise ValueError(f"Html takes files whose name ends in .html, not `{path}`")
    return file_content("Html", path).read().decode()


def _looks_like_path(text: str) -> bool:
    if len(text) > 4096 or "<" in text or "\n" in text or "\0" in text:
        return False
    return text.lower().endswith((".html", ".htm")) or os.path.isfile(text)
