"""The runs of a project."""

from __future__ import annotations

from typing import overload

from .fields import RunDocument
from .filters import compile_filter
from .frames import pandas_frame, polars_frame
from .order import ordered
from .pages import Pages
from .run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal

    from .api import Api
    from .directory import Directory
    from .paths import Place


class Runs(Pages[Run]):
    """Runs that pass a filter, in order. They are looked for when they are first used.

    The files of a run are read when something is asked of it that `danlu ls` does not know.
    """

    def __init__(
        self,
        directory: Directory,
        place: Place,
        filters: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 50,
        api: Api | None = None,
        may_be_empty: bool = False,
    ) -> None:
        super().__init__(per_page)
        self._directory = directory
        self._place = place
        self.filters: dict[str, Any] = dict(filters or {})
        self._passes = compile_filter(filters)
        self.order: str = order or "+created_at"
        self._api = api
        self._may_be_empty = may_be_empty
        self.entity: str | None = place.entity
        self.project: str | None = place.project

    def _load(self) -> list[Run]:
        try:
            infos = self._directory.of_project(self._place)
        except ValueError:
            if not self._may_be_empty:
                raise
            infos = []
        runs = (Run(self._directory.path, info, self._api) for info in infos)
        documents = [document for document in map(RunDocument, runs) if self._passes(document)]
        return [document.run for document in ordered(documents, self.order)]

    def upgrade_to_full(self) -> None:
        """Do nothing: a run reads what it is asked for."""

    @overload
    def histories(
        self,
        samples: int = 500,
        keys: Sequence[str] | str | None = None,
        x_axis: str = "_step",
        format: Literal["default"] = "default",
        stream: str = "default",
    ) -> list[dict[str, Any]]: ...

    @overload
    def histories(
        self,
        samples: int = 500,
        keys: Sequence[str] | str | None = None,
        x_axis: str = "_step",
        format: str = "default",
        stream: str = "default",
    ) -> Any: ...

    def histories(
        self,
        samples: int = 500,
        keys: Sequence[str] | str | None = None,
        x_axis: str = "_step",
        format: str = "default",  # noqa: A002
        stream: str = "default",
    ) -> Any:
        """Return sampled rows of all runs, one run after the other, each row with `run_id`.

        `format` is `default` for a list of dicts, `pandas` or `polars` for a DataFrame. See `Run.history`.
        """
        if format not in ("default", "pandas", "polars"):
            raise ValueError(f"Invalid format: {format}. Must be one of 'default', 'pandas', 'polars'")
        rows: list[dict[str, Any]] = []
        for run in self:
            found = run.history(samples, keys, x_axis, pandas=False, stream=stream)
            rows += [{**row, "run_id": run.id} for row in found]
        if format == "default":
            return rows
        return pandas_frame(rows) if format == "pandas" else polars_frame(rows)

    def __repr__(self) -> str:
        place = "/".join(part for part in (self.entity, self.project) if part)
        return f"<Runs {place or 'of all projects'}>"
