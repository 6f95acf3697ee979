"""What all charts need: the current run, inputs that can be drawn, and a table that is logged."""

from __future__ import annotations

import functools

from ... import _say, _session
from ..._errors import Error
from ...plot import visualize
from ...plot._numbers import MAX_ROWS, evenly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class UndrawableError(Exception):
    """A chart cannot be drawn of what was given; the message says why."""


def logs(key: str) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Make a function that returns a chart one that logs it, if it returns one, under the key."""

    def decorate(function: Callable[..., Any]) -> Callable[..., None]:
        @functools.wraps(function)
        def plot(*args: Any, **kwargs: Any) -> None:
            run = current_run(function.__name__)
            try:
                chart = function(*args, **kwargs)
            except UndrawableError as e:
                _say.tell(f"ERROR: {function.__name__}() draws nothing: {e}")
                return
            if chart is not None:
                run.log({key: chart})

        return plot

    return decorate


def current_run(function: str) -> Any:
    """Return the current run, or raise an Error."""
    run = _session._current
    if run is None:
        raise Error(f"{function}() logs to the current run, and there is none: call danlu.init() before")
    return run


def each(function: str, *charts: Callable[[], None]) -> None:
    """Draw several charts; one that fails is told and does not keep the others from being drawn."""
    current_run(function)
    for chart in charts:
        try:
            chart()
        except Exception as e:
            _say.tell(f"ERROR: {function}() leaves out a chart: {type(e).__name__}: {_say.text_of(e)}")


def chart_of(spec: str, columns: list[str], rows: list[list[Any]]) -> Any:
    """Return the chart of rows, of which many are sampled evenly."""
    from ...media.table import Table

    if len(rows) > MAX_ROWS:
        _say.warn(f"The chart {spec} holds at most {MAX_ROWS} points: {len(rows)} are sampled evenly")
    return visualize(f"wandb/{spec}/v1", Table(columns, evenly(rows, MAX_ROWS)))


def array(values: Any, name: str) -> Any:
    """Return values as an array of numpy; raises if there are none."""
    import numpy as np

    if values is None:
        raise UndrawableError(f"{name} is missing")
    found = values.to_numpy() if hasattr(values, "to_numpy") else values
    if hasattr(found, "toarray"):
        found = found.toarray()
    found = np.asarray(found)
    if found.ndim == 0:
        raise UndrawableError(f"{name} must be a list or an array, not `{type(values).__name__}`")
    if found.dtype.kind == "f" and np.isnan(found).any():
        raise UndrawableError(f"{name} has missing values")
    return found


def model_of(model: Any, method: str, name: str = "model") -> Any:
    """Return a model that can do something, or raise."""
    if model is None:
        raise UndrawableError(f"{name} is missing")
    if not callable(getattr(model, method, None)):
        raise UndrawableError(f"{name} is a `{type(model).__name__}`, which has no {method}()")
    return model


def fitted(model: Any, name: str = "model") -> Any:
    """Return a model that is fitted, or raise."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model_of(model, "fit", name))
    except NotFittedError:
        raise UndrawableError(f"the {type(model).__name__} is not fitted: call fit() before") from None
    return model
