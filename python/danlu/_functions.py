"""The functions of the module, and what stands for config and summary, as long as there is no current run."""

from __future__ import annotations

from . import _session
from ._run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, SupportsIndex, TypeVar

    from typing_extensions import Concatenate, ParamSpec

    from ._config import Config
    from ._summary import Summary

    Given = ParamSpec("Given")
    Returned = TypeVar("Returned")


def log(data: Any, step: SupportsIndex | None = None, commit: Any = None, sync: Any = None) -> None:
    """Log a row to the current run.

    `data` is a dict from names to values: numbers, texts, booleans, None, media such as `danlu.Image`,
    tables, charts, arrays, and dicts of these, whose keys are joined with dots. Without a `step` the row is
    at the current step, and the next row at the next one. `commit` says whether to go on to the next step;
    by default that is so where no `step` is given. `sync` does nothing.

    When it returns, the row survives the death of the process; media follow as they are encoded. What cannot
    be stored is warned about and counted in `run.lost`. Raises `Error` before `init`.

        danlu.log({"loss": 0.5, "image": danlu.Image(pixels)})
    """
    _session.current("log()").log(data, step, commit, sync)


def _of_current(
    method: Callable[Concatenate[Run, Given], Returned],
) -> Callable[[object], Callable[Given, Returned]]:
    """Make the function of the module that is this method of the current run."""
    name = method.__name__

    def call(*args: Given.args, **kwargs: Given.kwargs) -> Returned:
        found: Callable[Given, Returned] = getattr(_session.current(f"{name}()"), name)
        return found(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__module__ = __package__ or ""
    call.__doc__ = method.__doc__
    # For `help`: its parameters without the run.
    call.__dict__["__wrapped__"] = method.__get__(call)
    return lambda _: call


@_of_current(Run.alert)
def alert() -> None: ...


@_of_current(Run.define_metric)
def define_metric() -> None: ...


@_of_current(Run.flush)
def flush() -> None: ...


@_of_current(Run.link_model)
def link_model() -> None: ...


@_of_current(Run.log_artifact)
def log_artifact() -> None: ...


@_of_current(Run.log_model)
def log_model() -> None: ...


@_of_current(Run.mark_preempting)
def mark_preempting() -> None: ...


@_of_current(Run.pin_config_keys)
def pin_config_keys() -> None: ...


@_of_current(Run.save)
def save() -> None: ...


@_of_current(Run.unwatch)
def unwatch() -> None: ...


@_of_current(Run.use_artifact)
def use_artifact() -> None: ...


@_of_current(Run.use_model)
def use_model() -> None: ...


@_of_current(Run.watch)
def watch() -> None: ...


#: Those that are methods of the run while there is one.
FUNCTIONS = (
    "alert",
    "define_metric",
    "flush",
    "link_model",
    "log",
    "log_artifact",
    "log_model",
    "mark_preempting",
    "pin_config_keys",
    "save",
    "unwatch",
    "use_artifact",
    "use_model",
    "watch",
)


class Standin:
    """Stands for the config or the summary of whichever run is the current one."""

    __slots__ = ("_what",)
    _what: str

    def __init__(self, what: str) -> None:
        object.__setattr__(self, "_what", what)

    def _of_run(self) -> Any:
        return getattr(_session.current(self._what), self._what)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_what":
            # Asked for by tools that look at modules, not by training code.
            raise AttributeError(name)
        return getattr(self._of_run(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._of_run(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._of_run(), name)

    def __getitem__(self, key: str) -> Any:
        return self._of_run()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._of_run()[key] = value

    def __delitem__(self, key: str) -> None:
        del self._of_run()[key]

    def __contains__(self, key: object) -> bool:
        return key in self._of_run()

    def __iter__(self) -> Any:
        return iter(self._of_run())

    def __len__(self) -> int:
        return len(self._of_run())

    def __repr__(self) -> str:
        return (
            f"<danlu.{self._what} before danlu.init()>" if _session._current is None else repr(self._of_run())
        )


config: Config = Standin("config")  # type: ignore[assignment]
summary: Summary = Standin("summary")  # type: ignore[assignment]
