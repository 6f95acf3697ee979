"""What becomes of a table when it is logged, or added to an artifact."""

from __future__ import annotations

from .. import _say
from .base import Media
from .places import ArtifactPlace
from .table_cells import frozen
from .table_increments import Increments
from .table_kinds import Column

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, ClassVar

    from .._run import Run
    from .places import Place
    from .table import ColumnKey, Table

#: About what a cell takes in memory.
_CELL_BYTES = 64


class LoggedTable(Media):
    """The rows and columns of a table, and what is stored of them."""

    #: Most rows in the file of a run, and in an artifact.
    MAX_ROWS: ClassVar[int] = 10_000
    MAX_ARTIFACT_ROWS: ClassVar[int] = 200_000

    columns: list[ColumnKey]
    data: list[list[Any]]
    log_mode: str
    _kinds: list[Column]

    def _reset(self) -> None:
        #: As it was when it was logged last.
        self._logged: Table | None = None
        self._frozen = False
        #: What has been stored of it, by run and key.
        self._stored: dict[tuple[str, str], dict[str, Any]] = {}
        self._increments = Increments()
        #: Which of the copies that were made for a log it is.
        self._turn = 0
        #: Whether it is being added to an artifact, as what another table refers to.
        self._adding = False
        self._pk: ColumnKey | None = None

    def has_been_logged(self) -> bool:
        """Say whether the table was given to `log`."""
        return self._logged is not None

    def _change(self) -> None:
        if self._logged is not None and self.log_mode == "IMMUTABLE":
            _say.warn(
                "A Table that has been logged is changed, and its log_mode is IMMUTABLE: logging it again "
                'stores what it was. Make it with log_mode="MUTABLE" or "INCREMENTAL", or make a new one '
                "for each log"
            )

    def _freeze(self) -> Any:
        """Return the table as it is now, whatever becomes of this one."""
        if self._frozen:
            return self
        if self._logged is not None and self.log_mode == "IMMUTABLE":
            if len(self.data) != len(self._logged.data) or self.columns != self._logged.columns:
                self._change()
            return self._logged
        self._logged = self._copy()
        return self._logged

    def _copy(self) -> Any:
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy._frozen = True
        copy._stored = {}
        if self.log_mode == "INCREMENTAL":
            copy._turn = self._increments.made
            self._increments.made += 1
        copy.columns = list(self.columns)
        copy._kinds = [Column(column.kind) for column in self._kinds]
        copy.data = [row[:] for row in self.data]
        changing = [place for place, column in enumerate(self._kinds) if column.changes]
        for row in copy.data if changing else ():
            for place in changing:
                row[place] = frozen(row[place])
        return copy

    def _weight(self) -> int:
        texts = [place for place, column in enumerate(self._kinds) if column.kind.has("string")]
        length = sum(len(row[place]) for row in self.data for place in texts if isinstance(row[place], str))
        others = sum(
            cell._weight() if isinstance(cell, Media) else getattr(cell, "nbytes", 0)
            for cell in self._large()
        )
        return _CELL_BYTES * len(self.data) * len(self.columns) + length + int(others)

    def _is_large(self) -> bool:
        return any(isinstance(cell, Media) and cell._is_large() for cell in self._large())

    def _large(self) -> Iterable[Any]:
        """Return the cells of columns that hold more than numbers and texts."""
        places = [place for place, column in enumerate(self._kinds) if column.changes]
        return (row[place] for row in self.data for place in places)

    def _store(self, run: Run, key: str, step: int | str) -> list[tuple[str, object]]:
        from .table_store import store

        return [(key, store(self._as_logged(), run, key, step))]

    def _to_json(self, place: Place, key: str, step: int | str) -> dict[str, Any]:
        from .table_json import body
        from .table_store import cut, store

        if isinstance(place, ArtifactPlace):
            rows = cut(self.data, self.MAX_ARTIFACT_ROWS, key, "an artifact")
            return body(self, place, key, step, rows)  # type: ignore[arg-type]
        return store(self._as_logged(), place.run, key, step)  # type: ignore[attr-defined]

    def _as_logged(self) -> Any:
        return self if self._frozen else self._logged or self._freeze()

    def _more(self) -> dict[str, Any]:
        """Return what the JSON of a kind of table has besides."""
        return {}

    def _restore(self, json_obj: dict[str, Any]) -> None:
        """Take over what `_more` gave."""
