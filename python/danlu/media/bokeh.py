"""Documents of bokeh."""

from __future__ import annotations

import sys

from .base import FileMedia, is_path, require
from .content import Content, file_content, json_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Bokeh(FileMedia):
    """A model or a document of bokeh, or the path of the JSON of one.

    Its JSON is made here, and stored after `log` has returned. Raises TypeError for anything else.
    """

    _log_type = "bokeh-file"
    _kind = "bokeh"

    def __init__(self, data_or_path: Any) -> None:
        """Take the document."""
        #: JSON, so that the document may change.
        self._document = ""
        if is_path(data_or_path):
            self._content = file_content("Bokeh", data_or_path, ".bokeh.json")
        elif is_bokeh(data_or_path):
            self._document = _document(data_or_path)
        else:
            raise TypeError(
                f"Bokeh takes a model or a document of bokeh, or a path, not `{type(data_or_path).__name__}`"
            )

    def _encode(self) -> Content:
        return Content(".bokeh.json", self._document.encode())

    def _weight(self) -> int:
        return super()._weight() + len(self._document)

    @classmethod
    def from_json(cls, json_obj: dict[str, Any], source_artifact: Any) -> Bokeh:
        """Read a document back, as JSON."""
        return cls(cls._read_back(json_obj, source_artifact))


def is_bokeh(value: object) -> bool:
    """Say whether it is a model or a document of bokeh."""
    if "bokeh" not in sys.modules:
        return False
    model = require("bokeh.model", "Bokeh", "bokeh").Model
    document = require("bokeh.document", "Bokeh", "bokeh").Document
    return isinstance(value, (model, document))


def _document(value: Any) -> str:
    document_class = require("bokeh.document", "Bokeh", "bokeh").Document
    document = value if isinstance(value, document_class) else value.document
    if document is not None:
        return _json(document)
    document = document_class()
    document.add_root(value)
    try:
        return _json(document)
    finally:
        # A model can be in one document only, and this one goes.
        document.remove_root(value)


def _json(document: Any) -> str:
    try:
        # Arrays within the JSON, and not beside it.
        content = document.to_json(deferred=False)
    except TypeError:
        # Before bokeh 3 that was the only way.
        content = document.to_json()
    return json_bytes(content).decode()
