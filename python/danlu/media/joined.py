"""Two tables in an artifact that are put together where they are looked at."""

from __future__ import annotations

from .base import Media
from .table import Table
from .table_json import add_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from .places import Place


class InArtifact(Media):
    """What can only be in an artifact."""

    def _to_json(self, place: Place, key: str, step: int | str) -> dict[str, Any]:
        del key, step
        artifact = getattr(place, "artifact", None)
        if artifact is None:
            raise ValueError(
                f"A {type(self).__name__} cannot be logged: add it to an Artifact, or log the tables"
            )
        return self._to_json_in(artifact)

    def _to_json_in(self, artifact: Any) -> dict[str, Any]:
        """Add the tables to an artifact; return the JSON that refers to them. Each kind has its own."""
        raise NotImplementedError


class JoinedTable(InArtifact):
    """Two tables, of which the rows with equal cells in a column belong together.

    A table is a Table, an entry of an artifact, or the path of one in the artifact that this is added to.
    `join_key` is the name of the column, or a list of its names in the two tables.
    """

    _log_type: ClassVar[str] = "joined-table"

    def __init__(self, table1: Any, table2: Any, join_key: Any) -> None:
        """Take the tables; raises TypeError or ValueError for what is none."""
        for table in (table1, table2):
            if not isinstance(table, (Table, str)) and not hasattr(table, "path"):
                raise TypeError(
                    f"JoinedTable takes Tables, paths or entries of artifacts, not `{type(table).__name__}`"
                )
        if not isinstance(join_key, str) and not (
            isinstance(join_key, (list, tuple)) and len(join_key) == 2 and all(map(_is_text, join_key))
        ):
            raise ValueError(
                f"The join_key of a JoinedTable is one column or a list of two, not {join_key!r}"
            )
        self._table1, self._table2 = table1, table2
        self._join_key = list(join_key) if isinstance(join_key, tuple) else join_key

    def _to_json_in(self, artifact: Any) -> dict[str, Any]:
        return {
            "_type": self._log_type,
            "table1": _path_in(artifact, self._table1),
            "table2": _path_in(artifact, self._table2),
            "join_key": self._join_key,
        }

    @classmethod
    def from_json(cls, json_obj: dict[str, Any], source_artifact: Any) -> JoinedTable:
        """Make one of its JSON and the tables in the artifact."""
        one, two = (source_artifact.get(json_obj[name]) for name in ("table1", "table2"))
        return cls(one, two, json_obj["join_key"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JoinedTable) and (self._table1, self._table2, self._join_key) == (
            other._table1,
            other._table2,
            other._join_key,
        )

    __hash__: ClassVar[None] = None  # type: ignore[assignment]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _path_in(artifact: Any, table: Any) -> str:
    """Return the path of a table in an artifact, which it is added to if it is not there."""
    if isinstance(table, str):
        if table not in artifact.manifest.entries:
            raise ValueError(
                f"Artifact `{artifact.name}` has no table `{table}`: add it before the JoinedTable"
            )
        return table
    if isinstance(table, Table):
        return add_table(artifact, table)
    name = f"media/tables/{table.path.rpartition('/')[2]}"
    artifact.add_reference(table, name=name)
    return name
