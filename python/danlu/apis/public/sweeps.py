"""Sweeps, as far as runs say which one they are of."""

from __future__ import annotations

from ..._errors import Error
from .errors import NotFoundError, server_only
from .fields import RunDocument
from .filters import compile_filter
from .pages import Pages
from .paths import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .api import Api
    from .run import Run


class Sweep:
    """A sweep: all runs that say that they are of it."""

    def __init__(self, api: Api, entity: str, project: str, sweep_id: str) -> None:
        self._api = api
        self.entity = entity
        self.project = project
        self.id = sweep_id
        self._runs: list[Run] | None = None

    @property
    def name(self) -> str:
        """The name in its config; its id if that has none."""
        return str(self.config.get("name") or self.id)

    @property
    def username(self) -> str:
        """The entity."""
        return self.entity

    @property
    def path(self) -> list[str]:
        """Entity (may be empty), project and id."""
        return [self.entity, self.project, self.id]

    @property
    def url(self) -> str:
        """The address of the directory."""
        return self._api.url

    def load(self, force: bool = False) -> dict[str, Any]:
        """Look for the runs again if `force`; return the config."""
        if force:
            self._runs = None
        return self.config

    @property
    def runs(self) -> list[Run]:
        """The runs of the sweep, oldest first."""
        if self._runs is None:
            self._runs = self._api.runs(self._project, {"sweep": self.id}).objects
        return self._runs

    @property
    def _project(self) -> str:
        return "/".join(part for part in (self.entity, self.project) if part)

    @property
    def config(self) -> dict[str, Any]:
        """What the sweep was configured with, as its runs say; empty if they do not."""
        configs = (run.metadata.get("sweep_config") for run in self.runs)
        return next((dict(config) for config in configs if isinstance(config, dict)), {})

    @property
    def state(self) -> str:
        """`RUNNING` while one of its runs is, else `FINISHED`."""
        return "RUNNING" if any(run.state == "running" for run in self.runs) else "FINISHED"

    @property
    def expected_run_count(self) -> int | None:
        """How many runs a grid has, if its config says."""
        cap = self.config.get("run_cap")
        return None if cap is None else int(cap)

    @property
    def order(self) -> str | None:
        """The order in which the best run comes first, by the metric of the config."""
        metric = self.config.get("metric")
        if not isinstance(metric, dict) or "name" not in metric:
            return None
        sign = "-" if metric.get("goal") == "maximize" else "+"
        return f"{sign}summary_metrics.{metric['name']}"

    @classmethod
    def get(
        cls,
        api: Api,
        entity: str | None = None,
        project: str | None = None,
        sid: str | None = None,
        order: str | None = None,
        query: str | None = None,
        **more: object,
    ) -> Sweep:
        """Return a sweep by its id: see `Api.sweep`."""
        del order, query, more
        return api.sweep("/".join(part for part in (entity, project, sid) if part))

    def best_run(self, order: str | None = None) -> Run | None:
        """Return the first run in an order, by default that of the sweep's metric; None without runs."""
        order = order or self.order
        if order is None:
            raise Error(
                f"Sweep {self.id} names no metric; give an order such as `-summary_metrics.val_accuracy`"
            )
        return next(iter(self._api.runs(self._project, {"sweep": self.id}, order)), None)

    def agents(self) -> list[Any]:
        """Raise an error: nobody knows the agents."""
        raise server_only(
            "The agents of a sweep", "Its runs say on which host and in which process they ran."
        )

    def agent(self, agent_id: str) -> Any:
        """Raise an error: nobody knows the agents."""
        raise server_only(
            f"Agent `{agent_id}`", "The runs of a sweep say on which host and in which process they ran."
        )

    def enqueue_run(self, config: dict[str, Any], display_name: str | None = None) -> str:
        """Raise an error: there is no queue."""
        raise server_only(
            "Queueing a run", f"Start it yourself: `init(config={config!r}, name={display_name!r})`."
        )

    def to_html(self, height: int = 420, hidden: bool = False) -> str:
        """Return the runs of the sweep as HTML for a notebook."""
        return "".join(run.to_html(height, hidden) for run in self.runs)

    def __repr__(self) -> str:
        return f"<Sweep {'/'.join(part for part in self.path if part)} ({self.state})>"


class Sweeps(Pages[Sweep]):
    """The sweeps that runs of a project say they are of."""

    def __init__(
        self,
        api: Api,
        entity: str,
        project: str,
        per_page: int = 50,
        filters: Mapping[str, Any] | None = None,
        order: str | None = None,
    ) -> None:
        super().__init__(per_page)
        if order is not None:
            raise Error(f"Sweeps are in order of their first runs, and not by `{order}`")
        self._api = api
        self._place = Place(entity, project)
        self._passes = compile_filter(filters)

    def _load(self) -> list[Sweep]:
        entity, project = self._place.entity or "", self._place.project or ""
        runs = self._api.runs("/".join(part for part in (entity, project) if part))
        of_sweeps = [run for run in runs if run.sweep_name is not None and self._passes(RunDocument(run))]
        return [
            Sweep(self._api, entity, project, name)
            for name in dict.fromkeys(r.sweep_name for r in of_sweeps)
            if name
        ]


def find_sweep(api: Api, place: Place) -> Sweep:
    """Return a sweep by its path; raise NotFoundError, which is a ValueError, if no run is of it."""
    path = "/".join(part for part in (place.entity, place.project) if part)
    runs = api.runs(path, {"sweep": place.name}).objects
    if not runs:
        raise NotFoundError(
            f"Could not find sweep <Sweep {place.name}> in `{api.source.shown}`: no run is of it"
        )
    return Sweep(api, runs[0].entity, runs[0].project, str(place.name))
