"""The functions of the module, and what stands for config and summary, as long as there is no current run."""

from __future__ import annotations

from . import _session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from ._config import Config
    from ._run import AnyPath
    from ._summary import Summary


def log(data: Any, step: Any = None, commit: Any = None, sync: Any = None) -> None:
    """Log a row to the current run: see `Run.log`."""
    _session.current("log()").log(data, step, commit, sync)


def save(
    glob_str: AnyPath | None = None,
    base_path: AnyPath | None = None,
    policy: str = "live",
    glob: bool = True,
) -> list[str]:
    """Store a file in the current run: see `Run.save`."""
    return _session.current("save()").save(glob_str, base_path, policy, glob)


def flush() -> None:
    """Make durable what was logged to the current run: see `Run.flush`."""
    _session.current("flush()").flush()


def _of_current(name: str) -> Callable[..., Any]:
    """Make the function of the module that is this method of the current run."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(_session.current(f"{name}()"), name)(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__module__ = __package__
    call.__doc__ = f"See `Run.{name}`, of the current run."
    return call


alert = _of_current("alert")
define_metric = _of_current("define_metric")
link_model = _of_current("link_model")
log_artifact = _of_current("log_artifact")
log_model = _of_current("log_model")
mark_preempting = _of_current("mark_preempting")
pin_config_keys = _of_current("pin_config_keys")
unwatch = _of_current("unwatch")
use_artifact = _of_current("use_artifact")
use_model = _of_current("use_model")
watch = _of_current("watch")

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
