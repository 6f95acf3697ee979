"""A run, as training code sees it."""

from __future__ import annotations

import sys

from ._compat import CompatRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from datetime import timedelta
    from typing import Any, TextIO, Union

    from ._alert import AlertLevel
    from ._metric import Metric
    from .artifacts import Artifact
    from .artifacts.sources import Filter
    from .media.table import Table
    from .plot import CustomChart

    AnyPath = Union[str, bytes, os.PathLike[str], os.PathLike[bytes]]
    TextPath = Union[str, os.PathLike[str]]


class Run(CompatRun):
    """A run that is being written, made by `danlu.init`.

    Used as a context manager it is finished at the end, with exit code 1 if an exception passes.
    """

    __module__ = "danlu"

    def __enter__(self) -> Run:
        return self

    # What other parts of danlu do for it. They are imported when they are asked for.

    def define_metric(
        self,
        name: str,
        step_metric: str | Metric | None = None,
        step_sync: bool | None = None,
        hidden: bool | None = None,
        summary: str | None = None,
        overwrite: bool | None = None,
        goal: str | None = None,
    ) -> Metric:
        """Say how a key is drawn and what its summary is: see `danlu.Metric`."""
        from ._metric import define_metric

        return define_metric(self, name, step_metric, step_sync, hidden, summary, overwrite, goal)

    def log_artifact(
        self,
        artifact_or_path: Artifact | TextPath,
        name: str | None = None,
        type: str | None = None,  # noqa: A002
        aliases: list[str] | None = None,
        tags: list[str] | None = None,
    ) -> Artifact:
        """Store an artifact, or a file or directory as one, as an output of the run."""
        from .artifacts import of_run

        return of_run.log_artifact(self, artifact_or_path, name, type, aliases, tags)

    def use_artifact(
        self,
        artifact_or_name: str | Artifact,
        type: str | None = None,  # noqa: A002
        aliases: list[str] | None = None,
        use_as: str | None = None,
    ) -> Artifact:
        """Return an artifact of the directory, noted as an input of the run."""
        from .artifacts import of_run

        return of_run.use_artifact(self, artifact_or_name, type, aliases, use_as)

    def upsert_artifact(
        self,
        artifact_or_path: Artifact | str,
        name: str | None = None,
        type: str | None = None,  # noqa: A002
        aliases: list[str] | None = None,
        distributed_id: str | None = None,
    ) -> Artifact:
        """Add to an artifact that several processes make."""
        from .artifacts import of_run

        return of_run.upsert_artifact(self, artifact_or_path, name, type, aliases, distributed_id)

    def finish_artifact(
        self,
        artifact_or_path: Artifact | str,
        name: str | None = None,
        type: str | None = None,  # noqa: A002
        aliases: list[str] | None = None,
        distributed_id: str | None = None,
    ) -> Artifact:
        """Complete an artifact that several processes made."""
        from .artifacts import of_run

        return of_run.finish_artifact(self, artifact_or_path, name, type, aliases, distributed_id)

    def link_artifact(
        self, artifact: Artifact, target_path: str, aliases: list[str] | None = None
    ) -> Artifact | None:
        """Link an artifact to a collection."""
        from .artifacts import of_run

        return of_run.link_artifact(self, artifact, target_path, aliases)

    def log_model(self, path: TextPath, name: str | None = None, aliases: list[str] | None = None) -> None:
        """Store a file or directory as an artifact of the type `model`."""
        from .artifacts import of_run

        of_run.log_model(self, path, name, aliases)

    def use_model(self, name: str) -> str:
        """Return the path of a model that was logged, noted as an input of the run."""
        from .artifacts import of_run

        return of_run.use_model(self, name)

    def link_model(
        self,
        path: TextPath,
        registered_model_name: str,
        name: str | None = None,
        aliases: list[str] | None = None,
    ) -> Artifact | None:
        """Store a model and link it to a registered one."""
        from .artifacts import of_run

        return of_run.link_model(self, path, registered_model_name, name, aliases)

    def log_code(
        self,
        root: str | None = ".",
        name: str | None = None,
        include_fn: Filter | None = None,
        exclude_fn: Filter | None = None,
    ) -> Artifact | None:
        """Store the source code below a directory as an artifact of the type `code`."""
        from .artifacts import of_run

        return of_run.log_code(self, root, name, include_fn, exclude_fn)

    def watch(
        self,
        models: Any,
        criterion: Any = None,
        log: str | None = "gradients",
        log_freq: int = 1000,
        idx: int | None = None,
        log_graph: bool = False,
    ) -> Any:
        """Log histograms of the gradients and parameters of torch models."""
        from .integration import torch

        return torch.watch(self, models, criterion, log, log_freq, idx, log_graph)

    def unwatch(self, models: Any = None) -> None:
        """Stop watching models, by default all."""
        from .integration import torch

        torch.unwatch(self, models)

    def alert(
        self,
        title: str,
        text: str,
        level: AlertLevel | str | None = None,
        wait_duration: int | float | timedelta | None = None,
    ) -> None:
        """Record an alert, and say it."""
        from . import _alert

        _alert.alert(self, title, text, level, wait_duration)

    def restore(
        self, name: str, run_path: str | None = None, replace: bool = False, root: str | None = None
    ) -> TextIO | None:
        """Return a file of a run, opened: see `danlu.restore`."""
        from . import _restore

        return _restore.restore(name, run_path, replace, root, self)

    def plot_table(
        self,
        vega_spec_name: str,
        data_table: Table,
        fields: dict[str, Any],
        string_fields: dict[str, Any] | None = None,
        split_table: bool = False,
    ) -> CustomChart:
        """Return a chart: see `danlu.plot_table`."""
        from .plot import plot_table

        return plot_table(vega_spec_name, data_table, fields, string_fields, split_table)

    # What the other parts of danlu ask of it.

    def flush(self) -> None:
        """Make durable what was logged: see `flush` of the core. Media are stored first."""
        self._await_media()
        super().flush()

    def _later(self, step: int | str, time: float, items: Sequence[tuple[str, Any]]) -> None:
        """Encode and store values off the loop, and log them at that step; `"summary"` sets the summary."""
        from .media import queue

        queue.put(self, step, time, items)

    def _await_media(self) -> None:
        """Wait until values that are being encoded are stored."""
        queue = sys.modules.get("danlu.media.queue")
        if queue is not None:
            queue.drain(self)

    def _settle(self) -> None:
        self._await_media()
        super()._settle()

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(f"Attribute {name} is not supported on Run object.")
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        from ._attach import Handle

        return Handle.of, (self._attach_id,)
