"""A run, as training code sees it."""

from __future__ import annotations

import sys

from ._compat import CompatRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence
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

        with danlu.init(project="mnist", config={"lr": 0.1}) as run:
            run.log({"loss": 0.5})
            run.summary["best"] = 0.5

    `log`, `config`, `summary`, `save` and `finish` never raise for what cannot be stored: it is warned about,
    and counted in `lost`.
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
        """Say what the x axis of a key is and what its summary is; return the definition.

        `name` is a key, or with `*` at its end all keys that begin so. `step_metric` is the key of its x
        axis; with `step_sync` a row that lacks it gets its last value, which is so where a `step_metric` is
        given. `summary` is one or several, with commas, of `min`, `max`, `mean`, `best`, `last`, `first`,
        `copy` and `none`: what the summary has as `<key>.min` and so on in place of the last value. `goal`
        is `"minimize"` or `"maximize"`, for `best`. `hidden` keeps it out of charts. What is left open
        stays as it was defined before, unless with `overwrite`. It holds for rows that were logged before,
        too.

        Raises `Error` for what cannot be defined.

            run.define_metric("val/*", step_metric="epoch", summary="min")
        """
        from ._metric import define_metric

        return define_metric(self, name, step_metric, step_sync, hidden, summary, overwrite, goal)

    def log_artifact(
        self,
        artifact_or_path: Artifact | TextPath,
        name: str | None = None,
        type: str | None = None,  # noqa: A002
        aliases: Iterable[str] | str | None = None,
        tags: Iterable[str] | str | None = None,
    ) -> Artifact:
        """Store an artifact as an output of the run; return it with its version.

        `artifact_or_path` is a `danlu.Artifact`, or the path of a file or directory, or a URI such as
        `s3://bucket/key`, which becomes one named `run-<id>-<last part>`, of the type `unspecified`, unless
        `name` and `type` say otherwise. If the newest version has the same content, no new one is made.
        `aliases` move to the version, and `latest` always does; `tags` are added to it.

        Raises TypeError for what is neither an artifact nor a path, ValueError for names, aliases and types
        that cannot be, and for a file that has changed since it was added.

            run.log_artifact("model.pth", name="cells", type="model", aliases=["best"])
        """
        from .artifacts import of_run

        return of_run.log_artifact(self, artifact_or_path, name, type, aliases, tags)

    def use_artifact(
        self,
        artifact_or_name: str | Artifact,
        type: str | None = None,  # noqa: A002
        aliases: Iterable[str] | str | None = None,
        use_as: str | None = None,
    ) -> Artifact:
        """Return an artifact of the directory of runs, noted as an input of the run.

        `artifact_or_name` is `name:v3`, `name:<alias>` or `name` (the newest), with `project/` or
        `entity/project/` in front where it is not of this project; or an Artifact, which is logged first if
        it is new, with `aliases`. `use_as` notes what it is used for.

        Raises `danlu.artifacts.ArtifactNotFoundError`, a ValueError, if there is none, and ValueError if it
        has another `type`.

            path = run.use_artifact("cells:best").download()
        """
        from .artifacts import of_run

        return of_run.use_artifact(self, artifact_or_name, type, aliases, use_as)

    def upsert_artifact(
        self,
        artifact_or_path: Artifact | str,
        name: str | None = None,
        type: str | None = None,  # noqa: A002
        aliases: Iterable[str] | str | None = None,
        distributed_id: str | None = None,
    ) -> Artifact:
        """Store a part of an artifact that several runs make; `finish_artifact` makes a version of all parts.

        `artifact_or_path`, `name` and `type` are as for `log_artifact`; `aliases` are those that
        `finish_artifact` is given. The parts have `distributed_id` in common, else the group of the runs.
        Raises TypeError without either.
        """
        from .artifacts import of_run

        return of_run.upsert_artifact(self, artifact_or_path, name, type, aliases, distributed_id)

    def finish_artifact(
        self,
        artifact_or_path: Artifact | str,
        name: str | None = None,
        type: str | None = None,  # noqa: A002
        aliases: Iterable[str] | str | None = None,
        distributed_id: str | None = None,
    ) -> Artifact:
        """Make a version of this and of all parts that `upsert_artifact` stored; return it.

        The parameters are those of `upsert_artifact` (`artifact_or_path`, `aliases`, `distributed_id`).
        Raises ValueError if two parts have another content at one path.
        """
        from .artifacts import of_run

        return of_run.finish_artifact(self, artifact_or_path, name, type, aliases, distributed_id)

    def link_artifact(
        self, artifact: Artifact, target_path: str, aliases: Iterable[str] | str | None = None
    ) -> Artifact | None:
        """Make an artifact a version of another collection as well, and return that version.

        `target_path` is `collection`, `project/collection`, `entity/project/collection`, or
        `wandb-registry-<registry>/<collection>`, which all runs of the directory share. `aliases` are set
        there. An artifact that is not logged yet is logged first. Raises ValueError if the collection has
        another type.
        """
        from .artifacts import of_run

        return of_run.link_artifact(self, artifact, target_path, aliases)

    def log_model(
        self, path: TextPath, name: str | None = None, aliases: Iterable[str] | str | None = None
    ) -> None:
        """Store the file or directory at `path` as an artifact of the type `model`.

        `name` is by default `run-<id>-<last part of the path>`; `aliases` are set on the version.
        """
        from .artifacts import of_run

        of_run.log_model(self, path, name, aliases)

    def use_model(self, name: str) -> str:
        """Return the path of a model that was logged, noted as an input of the run.

        `name` is that of an artifact, as for `use_artifact`. The path is that of the file, or of the
        directory if there are several. Raises ValueError if the artifact is no model.
        """
        from .artifacts import of_run

        return of_run.use_model(self, name)

    def link_model(
        self,
        path: TextPath,
        registered_model_name: str,
        name: str | None = None,
        aliases: Iterable[str] | str | None = None,
    ) -> Artifact | None:
        """Store a model as `log_model` does, link it to a registered one, and return the link.

        `path` is a file or directory. `registered_model_name` is a name without `/` and `:`; `aliases` are
        set on the link.
        """
        from .artifacts import of_run

        return of_run.link_model(self, path, registered_model_name, name, aliases)

    def log_code(
        self,
        root: str | None = ".",
        name: str | None = None,
        include_fn: Filter | None = None,
        exclude_fn: Filter | None = None,
    ) -> Artifact | None:
        """Store the source code below a directory as an artifact of the type `code`; None if there is none.

        `root` is the directory. `include_fn` says of the path of a file whether it is taken, by default of
        Python files, `requirements.txt` and Dockerfiles; `exclude_fn` says whether it is left out after
        all, by default of those in `wandb/`. Either may take `root` as a second argument. `name` is by
        default `source-<project>-<program>`.
        """
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
    ) -> list[Any]:
        """Log histograms of torch models every `log_freq` backward passes, with the row that is logged next.

        `models` is a `torch.nn.Module` or a list of them. `log` is `"gradients"`, `"parameters"`, `"all"`
        or None. The keys are `gradients/<parameter>` and `parameters/<parameter>`; those of a second model
        begin with `graph_1.`, and so on, counted from `idx`. With `log_graph` the layers of the models are
        in the summary as `graph_<n>`, and the graphs are returned. `criterion` does nothing. Raises
        ValueError for what is no model.
        """
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
        """Record an alert, say it, and tell people of it as `DANLU_ALERT_COMMAND` and its like say.

        `level` is a `danlu.AlertLevel` or its name: `INFO`, which is the default, `WARN` or `ERROR`. With the
        title of an earlier alert it is recorded only after `wait_duration`, in seconds or as a timedelta, by
        default a minute. It waits for nobody. Raises ValueError for another level or duration.

            run.alert("NaN", f"the loss is NaN at step {step}", level="ERROR", wait_duration=300)
        """
        from . import _alert

        _alert.alert(self, title, text, level, wait_duration)

    def restore(
        self, name: str, run_path: str | None = None, replace: bool = False, root: str | None = None
    ) -> TextIO | None:
        """Write a file that a run stored below `root`, and return it opened to be read; see `danlu.restore`.

        It is of this run, or of the one of the same directory at `run_path`. With `replace` a file that is
        there is written anew.
        """
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
        """Return a chart of the table `data_table` that the Vega spec `vega_spec_name` draws.

        `fields` says which column each field of the spec is, `string_fields` what its texts are;
        `split_table` as for `danlu.plot_table`.
        """
        from .plot import plot_table

        return plot_table(vega_spec_name, data_table, fields, string_fields, split_table)

    # What the other parts of danlu ask of it.

    def flush(self) -> None:
        """Make everything that was logged so far durable: when it returns, that survives a power cut.

        Media that are still being encoded are stored first. Without it, rows are durable after about a
        second. Raises `danlu.Error` if the disk refuses, or if the run belongs to another process or is not
        stored.
        """
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
        try:
            self._await_media()
        except BaseException:
            sys.modules["danlu.media.queue"].drop(self)
            raise
        finally:
            super()._settle()

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(f"Attribute {name} is not supported on Run object.")
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        from ._handle import Handle

        return Handle.of, (self._attach_id,)
