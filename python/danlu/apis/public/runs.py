"""The runs of a project."""

from __future__ import annotations

from typing import overload

from .fields import RunDocument
from .filters import compile_filter
from .frames import pandas_frame, polars_frame
from .order import ordered
from .pages import Pages
from .run import Run
from .source import fits, no_project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, Literal

    from .api import Api
    from .paths import Place
    from .source import Pages as Found
    from .source import Source


class Runs(Pages[Run]):
    """Runs that pass a filter, in order. They are looked for when they are first used.

    The records of a run are read when something is asked of it that is not known at a glance.
    A server is asked page by page where it can filter and order them as asked for.
    """

    def __init__(
        self,
        source: Source,
        place: Place,
        filters: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 50,
        api: Api | None = None,
        may_be_empty: bool = False,
    ) -> None:
        super().__init__(per_page)
        self._source = source
        self._place = place
        self.filters: dict[str, Any] = dict(filters or {})
        self._passes = compile_filter(filters)
        self.order: str = order or "+created_at"
        self._api = api
        self._may_be_empty = may_be_empty
        self.entity: str | None = place.entity
        self.project: str | None = place.project

    def _load_pages(self) -> Iterator[list[Run]]:
        self._asked: Found = self._source.pages(self._place, self.filters, self.order, self.per_page)
        documents: list[RunDocument] = []
        is_empty = True
        for infos in self._asked:
            is_empty = is_empty and not infos
            page = [RunDocument(Run(self._source, info, self._api)) for info in infos]
            if self._asked.total is None:
                page = [document for document in page if self._passes(document)]
            if self._asked.in_order:
                yield [document.run for document in page]
            else:
                documents += page
        if is_empty:
            self._check_project()
        yield [document.run for document in ordered(documents, self.order)]

    def _check_project(self) -> None:
        """Raise ValueError if there is no such project. Without a project all runs are meant."""
        place = self._place
        if place.project is None or self._may_be_empty:
            return
        there = ({"entity": entity, "project": project} for entity, project in self._source.projects())
        if not any(fits(info, place) for info in there):
            raise no_project(self._source, place)

    def _count(self) -> int | None:
        return self._asked.total

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
