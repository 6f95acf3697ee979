"""Tables in an artifact that are the parts of one."""

from __future__ import annotations

from .joined import InArtifact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, ClassVar

    from .table import Table


class PartitionedTable(InArtifact):
    """All tables below a directory of an artifact, as one."""

    _log_type: ClassVar[str] = "partitioned-table"

    def __init__(self, parts_path: str) -> None:
        """Take the path of the directory in the artifact."""
        self.parts_path = parts_path
        self._parts: list[Table] = []

    def _to_json_in(self, artifact: Any) -> dict[str, Any]:
        del artifact
        return {"_type": self._log_type, "parts_path": self.parts_path}

    @classmethod
    def from_json(cls, json_obj: dict[str, Any], source_artifact: Any) -> PartitionedTable:
        """Make one of its JSON and the tables in the artifact."""
        found = cls(json_obj["parts_path"])
        below = found.parts_path.strip("/") + "/"
        for path in sorted(source_artifact.manifest.entries):
            if path.startswith(below) and path.endswith(".table.json"):
                found._parts.append(source_artifact.get(path))
        return found

    def iterrows(self) -> Iterator[tuple[int, list[Any]]]:
        """Yield the number of each row, counted through all parts, and its cells."""
        number = 0
        for part in self._parts:
            if part.columns != self._parts[0].columns:
                raise ValueError(
                    f"The parts of `{self.parts_path}` have different columns: {self._parts[0].columns} and "
                    f"{part.columns}"
                )
            for _, row in part.iterrows():
                yield number, row
                number += 1

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, PartitionedTable)
            and self.parts_path == other.parts_path
            and self._parts == other._parts
        )

    __hash__: ClassVar[None] = None  # type: ignore[assignment]
