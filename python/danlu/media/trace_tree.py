"""Traces of chains of calls, for tables and artifacts."""

from __future__ import annotations

import json

from .base import Media

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .places import Place


class WBTraceTree(Media):
    """A tree of spans, given as a dict or as an object with fields, and the dict of the model."""

    _log_type = "wb_trace_tree"

    def __init__(self, root_span: Any, model_dict: dict[str, Any] | None = None) -> None:
        """Take the tree as it is now."""
        self._root_span_dumps = _dumps(root_span)
        self._model_dict_dumps = None if model_dict is None else _dumps(model_dict)
        self._model_hash = None if model_dict is None else _hash(self._model_dict_dumps or "")

    def _weight(self) -> int:
        return len(self._root_span_dumps)

    def _to_json(self, place: Place, key: str, step: int | str) -> dict[str, Any]:
        del place, key, step
        made = {"_type": self._log_type, "root_span_dumps": self._root_span_dumps}
        if self._model_dict_dumps is not None:
            made["model_dict_dumps"] = self._model_dict_dumps
            made["model_hash"] = self._model_hash or ""
        return made

    @classmethod
    def from_json(cls, json_obj: dict[str, Any], source_artifact: Any = None) -> WBTraceTree:
        """Make a tree of its JSON."""
        del source_artifact
        model = json_obj.get("model_dict_dumps")
        return cls(json.loads(json_obj["root_span_dumps"]), None if model is None else json.loads(model))


def _dumps(value: Any) -> str:
    return json.dumps(value, default=_fields)


def _fields(value: Any) -> Any:
    if hasattr(value, "value") and hasattr(value, "name") and not hasattr(value, "start_time_ms"):
        return value.value
    return vars(value) if hasattr(value, "__dict__") else str(value)


def _hash(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:20]
