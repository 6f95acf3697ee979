"""Tables of an evaluation: what went in, what came out, and how good that was."""

from __future__ import annotations

from .table import Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .table import ColumnKey

#: Attributes that hold the columns of a group; in JSON they have the same names.
GROUPS = ("input_columns", "output_columns", "score_columns")


class EvalTable(Table):
    """A Table whose columns are inputs, outputs or scores. Columns of no group belong to none.

    Raises a ValueError for a group with a column that is not there, or one that is in another group too.
    `backend` and `unsupported_media_mode` concern a service that danlu has not: they change nothing.
    """

    def __init__(
        self,
        columns: Sequence[ColumnKey] | None = None,
        data: Any = None,
        rows: list[Any] | None = None,
        dataframe: Any = None,
        dtype: Any = None,
        optional: bool | list[bool] = True,
        allow_mixed_types: bool = False,
        log_mode: str | None = "IMMUTABLE",
        *,
        input_columns: list[str] | None = None,
        output_columns: list[str] | None = None,
        score_columns: list[str] | None = None,
        backend: Any = None,
        unsupported_media_mode: str = "stub",
    ) -> None:
        """Take the columns of each group: `input_columns`, `output_columns` and `score_columns`.

        `columns`, `data`, `rows`, `dataframe`, `dtype`, `optional`, `allow_mixed_types` and `log_mode` are
        those of `Table`.
        """
        super().__init__(columns, data, rows, dataframe, dtype, optional, allow_mixed_types, log_mode)
        del backend, unsupported_media_mode
        self.input_columns: list[str] = list(input_columns or [])
        self.output_columns: list[str] = list(output_columns or [])
        self.score_columns: list[str] = list(score_columns or [])
        seen: set[Any] = set()
        for group, names in self._groups().items():
            for name in names:
                if name not in self.columns:
                    raise ValueError(
                        f"EvalTable has no column {name!r} for its {group}; it has {self.columns}"
                    )
                if name in seen:
                    raise ValueError(f"Column {name!r} of an EvalTable is in two groups")
                seen.add(name)

    def _groups(self) -> dict[str, list[str]]:
        return {group: getattr(self, group) for group in GROUPS}

    def _more(self) -> dict[str, Any]:
        return dict(self._groups())

    def _restore(self, json_obj: dict[str, Any]) -> None:
        for group in GROUPS:
            setattr(self, group, list(json_obj.get(group, [])))
