"""Charts and how a run keeps them: the table among the values, how it is drawn in the config."""

from __future__ import annotations

from dataclasses import dataclass, field

from .._errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._run import Run
    from ..media.places import Place
    from ..media.table import Table

    Rows = list[tuple[str, object]]


class Chart:
    """A table and how it is drawn."""

    _danlu_later = True

    table: Table

    @classmethod
    def _listed(cls, charts: list[Any]) -> Charts:
        """Return what is stored for a list of charts."""
        return Charts(charts)

    def _table_key(self, key: str) -> str:
        """Return the key of the table of a chart that is logged as `key`."""
        raise NotImplementedError

    def _drawing(self, key: str) -> dict[str, dict[str, Any]]:
        """Return what the run's config holds under `_wandb`."""
        raise NotImplementedError

    def _freeze(self) -> FrozenChart:
        return FrozenChart(self, self.table._freeze())

    def _store(self, run: Run, key: str, step: int | str) -> Rows:
        return self._freeze()._store(run, key, step)

    def _to_json(self, place: Place, key: str, step: int | str) -> dict[str, Any]:
        """Store the table alone, as where a chart is one of several values of a list."""
        return self.table._to_json(place, self._table_key(key), step)


class FrozenChart:
    """A chart with the rows that its table had when it was logged."""

    _danlu_later = True

    def __init__(self, chart: Chart, table: Table) -> None:
        self._chart = chart
        self._table = table

    def _freeze(self) -> FrozenChart:
        return self

    def _weight(self) -> int:
        return self._table._weight()

    def _store(self, run: Run, key: str, step: int | str) -> Rows:
        rows = self._table._store(run, self._chart._table_key(key), step)
        run._wandb_config(self._chart._drawing(key))
        return rows


class Charts:
    """Charts that are logged as one list: each is stored under the key and its place, `key_0` and so on."""

    _danlu_later = True

    def __init__(self, charts: list[Any]) -> None:
        self._charts = charts

    def _freeze(self) -> Charts:
        return Charts([chart._freeze() for chart in self._charts])

    def _weight(self) -> int:
        return sum(chart._weight() for chart in self._charts)

    def _store(self, run: Run, key: str, step: int | str) -> Rows:
        rows: Rows = []
        for place, chart in enumerate(self._charts):
            rows += chart._store(run, f"{key}_{place}", step)
        return rows


@dataclass
class CustomChartSpec:
    """How a table is drawn: the name of a Vega spec, and what its fields and texts are.

    `spec_name`, `fields`, `string_fields` and `split_table` are as for `plot_table`; `key` is that of the
    chart once it is logged, and `panel_type` is always `Vega2`.
    """

    spec_name: str
    fields: dict[str, Any]
    string_fields: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    panel_type: str = "Vega2"
    split_table: bool = False

    @property
    def table_key(self) -> str:
        """The key of the table in the history; the chart's own key is not there."""
        if not self.key:
            raise Error("The key of a chart's table is known when the chart is logged")
        return f"Custom Chart Tables/{self.key}_table" if self.split_table else f"{self.key}_table"

    @property
    def config_key(self) -> tuple[str, str, str]:
        """Where the run's config holds the chart."""
        return "_wandb", "visualize", self.key

    @property
    def config_value(self) -> dict[str, Any]:
        """What the run's config holds for the chart."""
        return {
            "panel_type": self.panel_type,
            "panel_config": {
                "userQuery": {"queryFields": [_run_sets(self.table_key)]},
                "panelDefId": self.spec_name,
                "transform": {"name": "tableWithLeafColNames"},
                "fieldSettings": self.fields,
                "stringSettings": self.string_fields,
            },
        }


def _run_sets(table_key: str) -> dict[str, Any]:
    """Return the query for the table of each run that is shown."""
    shown: list[dict[str, Any]] = [
        {"name": name, "fields": []} for name in ("id", "name", "_defaultColorIndex")
    ]
    table = {"name": "summaryTable", "args": [{"name": "tableKey", "value": table_key}], "fields": []}
    sets = [{"name": "runSets", "value": "${runSets}"}]
    return {"name": "runSets", "args": sets, "fields": [*shown, table]}


class CustomChart(Chart):
    """A chart that a Vega spec draws; made by the functions of `danlu.plot`."""

    def __init__(self, table: Table, spec: CustomChartSpec) -> None:
        self.table = table
        self.spec = spec

    def set_key(self, key: str) -> None:
        """Set the key that the chart is logged with."""
        self.spec.key = key

    def _table_key(self, key: str) -> str:
        return self._spec(key).table_key

    def _drawing(self, key: str) -> dict[str, dict[str, Any]]:
        return {"visualize": {key: self._spec(key).config_value}}

    def _spec(self, key: str) -> CustomChartSpec:
        spec = self.spec
        return CustomChartSpec(
            spec.spec_name, spec.fields, spec.string_fields, key, spec.panel_type, spec.split_table
        )

    def __repr__(self) -> str:
        return f"<danlu.plot.CustomChart {self.spec.spec_name}, {len(self.table.data)} rows>"


def plot_table(
    vega_spec_name: str,
    data_table: Table,
    fields: dict[str, Any],
    string_fields: dict[str, Any] | None = None,
    split_table: bool = False,
) -> CustomChart:
    """Return a chart of a table that the Vega spec `vega_spec_name` draws.

    `fields` says which column each field of the spec is, `string_fields` what its texts are. With
    `split_table` the table is stored among the `Custom Chart Tables`. Raises an Error if `data_table` is no
    Table.
    """
    from ..media.table import Table

    if not isinstance(data_table, Table):
        raise Error(
            f"A chart is drawn from a danlu.Table, not from `{type(data_table).__name__}`; "
            "make one with danlu.Table(columns=..., data=...) or danlu.Table(dataframe=...)"
        )
    spec = CustomChartSpec(
        vega_spec_name, dict(fields), dict(string_fields or {}), split_table=bool(split_table)
    )
    return CustomChart(data_table, spec)
