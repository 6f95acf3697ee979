"""Histograms of the gradients and parameters of torch models: `watch` and `unwatch`."""

from __future__ import annotations

from .._say import text_of
from ..media.base import require
from ._histogram import histogram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Callable

    from .._run import Run
    from ._graph import GraphTrace

_LOGS = ("gradients", "parameters", "all", None)
#: What is watched of each run.
_watched: dict[Run, list[_Watch]] = {}


def watch(
    run: Run,
    models: Any,
    criterion: Any = None,
    log: str | None = "gradients",
    log_freq: int = 1000,
    idx: int | None = None,
    log_graph: bool = False,
) -> list[Any]:
    """Log histograms of models every `log_freq` backward passes, with the row that is logged next.

    `log` is `"gradients"`, `"parameters"`, `"all"` or None. The keys are `gradients/<parameter>` and
    `parameters/<parameter>`; those of a second model begin with `graph_1.`, and so on, counted from `idx`.
    With `log_graph` the layers of the models are in the summary as `graph_<n>`; the graphs are returned.
    A model that is watched already is watched anew. Raises ValueError for what is no model.
    """
    torch = require("torch", "watch()", "torch")
    del criterion
    if log not in _LOGS:
        raise ValueError(f'watch() takes log="gradients", "parameters", "all" or None, not {log!r}')
    if isinstance(log_freq, bool) or not isinstance(log_freq, int) or log_freq < 1:
        raise ValueError(f"watch() takes a whole number of batches from 1 as log_freq, not {log_freq!r}")
    several = _listed(models)
    for model in several:
        if not isinstance(model, torch.nn.Module):
            raise ValueError(f"Expected a pytorch model (torch.nn.Module). Received {type(model)}")
    unwatch(run, several)
    if run.mode == "disabled":
        return []
    if run not in _watched:
        _watched[run] = []
        run._before_end.append(lambda: unwatch(run))
    watches = _watched[run]
    number = max([one.number + 1 for one in watches], default=0) if idx is None else idx
    graphs = []
    for model in several:
        one = _Watch(run, model, number, log, log_freq)
        watches.append(one)
        if log_graph:
            from ._graph import GraphTrace

            one.trace = GraphTrace(run, model, number)
            graphs.append(one.trace.graph)
        number += 1
    return graphs


def unwatch(run: Run, models: Any = None) -> None:
    """Watch models no more, by default all of the run."""
    watches = _watched.get(run, [])
    several = None if models is None else _listed(models)
    for one in watches.copy():
        if several is None or any(one.model is model for model in several):
            one.stop()
            if one.trace is not None:
                one.trace.stop()
            watches.remove(one)
    if several is None:
        _watched.pop(run, None)


def _listed(models: Any) -> list[Any]:
    return list(models) if isinstance(models, (list, tuple, set)) else [models]


class _Watch:
    """Hooks in the parameters of one model.

    To count backward passes one hook is enough: the clock, in the parameter whose hook was the first to run.
    The others have one only while gradients are recorded. That is from the end of the clock's last pass
    before the one to be logged: a model may have several losses, each with a pass of its own.
    """

    def __init__(self, run: Run, model: Any, number: int, log: str | None, every: int) -> None:
        self.model = model
        self.number = number
        self.trace: GraphTrace | None = None
        self._run = run
        self._prefix = f"graph_{number}." if number else ""
        self._gradients = log in ("gradients", "all")
        self._parameters = log in ("parameters", "all")
        self._every = every
        self._passes = 0
        self._clock: Any = None
        self._handles: list[Any] = []
        self._found: dict[str, Any] = {}
        self._recording = every == 1
        self._queued = False
        if log is not None:
            self._hook(self._named())

    def stop(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _named(self) -> list[tuple[str, Any]]:
        return [(name, one) for name, one in self.model.named_parameters() if one.requires_grad]

    def _hook(self, parameters: Iterable[tuple[str, Any]]) -> None:
        """Have hooks in these parameters only."""
        self.stop()
        for name, parameter in parameters:
            self._handles.append(parameter.register_hook(self._hook_of(name, parameter)))

    def _hook_of(self, name: str, parameter: Any) -> Callable[[Any], None]:
        def hook(gradient: Any) -> None:
            if self._clock is None:
                self._clock = parameter
                self._at_end()
            if parameter is self._clock:
                self._passes += 1
                if (self._passes + 1) % self._every < 2:
                    self._at_end()
            if self._recording:
                self._record(name, gradient)

        return hook

    def _record(self, name: str, gradient: Any) -> None:
        try:
            if self._gradients and name not in self._found:
                self._found[name] = histogram(gradient)
        except Exception as e:
            self._run._lose(f"The gradient of `{name}` has no histogram: {text_of(e)}")

    def _at_end(self) -> None:
        """Settle at the end of this backward pass, when hooks can be changed."""
        import torch

        if not self._queued:
            self._queued = True
            torch.autograd.Variable._execution_engine.queue_callback(self._at_rest)

    def _at_rest(self) -> None:
        self._queued = False
        try:
            if self._run._over or self._run._foreign:
                self.stop()
            else:
                self._settle()
        except Exception as e:
            # An error here would be one of the training.
            self.stop()
            self._run._lose(f"A model is watched no more: {type(e).__name__}: {text_of(e)}")

    def _settle(self) -> None:
        if self._passes % self._every == 0:
            self._log()
        self._recording = (self._passes + 1) % self._every == 0
        if self._recording:
            self._hook(self._named())
        else:
            self._hook([("", self._clock)])
            self._handles += [
                layer.register_forward_pre_hook(self._check_clock)
                for layer in self.model.modules()
                if any(one is self._clock for one in layer._parameters.values())
            ]

    def _check_clock(self, *_: Any) -> None:
        """Let any other parameter take the place of a clock that was frozen."""
        if not self._clock.requires_grad:
            self._clock = None
            self._hook(self._named())

    def _log(self) -> None:
        rows = {f"gradients/{self._prefix}{name}": one for name, one in self._found.items()}
        self._found = {}
        if self._parameters:
            for name, parameter in self.model.named_parameters():
                try:
                    rows[f"parameters/{self._prefix}{name}"] = histogram(parameter)
                except Exception as e:
                    self._run._lose(f"The parameter `{name}` has no histogram: {text_of(e)}")
        rows = {key: one for key, one in rows.items() if one is not None}
        if rows:
            self._run.log(rows, commit=False)
