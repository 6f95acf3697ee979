"""Names of the classes that pictures show."""

from __future__ import annotations

from collections.abc import Iterable

from .base import Media
from .content import Content, json_bytes
from .places import local_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar

    from .places import Place


class Classes(Media):
    """A set of classes: dicts with `id`, an int, and `name`. For pictures in tables and artifacts."""

    _log_type = "classes"
    _kind = "classes"

    def __init__(self, class_set: Sequence[dict[str, Any]]) -> None:
        """Take the classes; raises TypeError for what is none."""
        if not isinstance(class_set, Iterable):
            raise TypeError(f"Classes takes a list of dicts, not `{type(class_set).__name__}`")
        class_set = list(class_set)
        for item in class_set:
            if not isinstance(item, dict) or "id" not in item or "name" not in item:
                raise TypeError(f"Classes takes dicts with `id` and `name`, not {item!r}")
            integer(item["id"], "The id of a class")
        self._class_set = [dict(item) for item in class_set]

    @property
    def labels(self) -> dict[int, str]:
        """The names by id."""
        return {int(item["id"]): str(item["name"]) for item in self._class_set}

    def _to_json(self, place: Place, key: str, step: int | str) -> dict[str, Any]:
        del place, key, step
        return {"_type": self._log_type, "class_set": self._class_set}

    def to_json(self, run_or_artifact: Any = None) -> dict[str, Any]:
        """Return the JSON, which has no file."""
        del run_or_artifact
        return {"_type": self._log_type, "class_set": self._class_set}

    def _as_file(self, place: Place, key: str, step: int | str) -> dict[str, Any]:
        """Store the classes as a file; return what refers to it."""
        content = Content(".classes.json", json_bytes(self.to_json()))
        return {"_type": "classes-file", "type": "classes-file", **place.add(self._kind, key, step, content)}

    @classmethod
    def from_json(cls, json_obj: dict[str, Any], source_artifact: Any) -> Classes:
        """Make the set of its JSON, or of the file that it refers to."""
        if "class_set" in json_obj:
            return cls(json_obj["class_set"])
        import json

        with open(local_path(json_obj, source_artifact), encoding="utf-8") as file:
            return cls(json.load(file)["class_set"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Classes) and self._class_set == other._class_set

    __hash__: ClassVar[None] = None  # type: ignore[assignment]


def labels_of(what: str, labels: object) -> dict[int, str]:
    """Return the names of classes by number."""
    if not isinstance(labels, dict):
        raise TypeError(f"The class labels of {what} must be a dictionary of numbers to strings")
    found = {}
    for number, label in labels.items():
        if not isinstance(label, str):
            raise TypeError(f"The class labels of {what} must be strings, not {label!r}")
        found[integer(number, f"A class of {what}")] = label
    return found


def integer(value: Any, what: str) -> int:
    """Return a number that must be whole."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{what} must be an integer, not {value!r}")
    return int(value)
