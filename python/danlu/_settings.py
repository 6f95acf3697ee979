"""`danlu.Settings`: everything that can be set, for `init(settings=...)`."""

from __future__ import annotations

import os

from . import _say
from ._errors import UsageError
from ._fields import FIELDS, field_of, is_old, made_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Callable, ClassVar

    from ._base import BaseRun


class Settings:
    """Settings of a run, as attributes. What is not given has its default.

    Every setting of wandb is taken. Those that danlu has no use for are kept, and do nothing; unknown ones
    are warned about. `_name` is the same as `x_name`. `init` copies what it is given.
    """

    __module__ = "danlu"

    _given: dict[str, Any]
    _run: BaseRun | None

    def __init__(self, **given: Any) -> None:
        self.__dict__.update({"_given": {}, "_run": None})
        self.update(given)

    def update(self, values: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Set several settings, of `values` and as keywords (`more`); None sets one back to its default."""
        for name, value in {**(values or {}), **more}.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _DERIVED:
            raise AttributeError(f"`{name}` follows from other settings, and cannot be set")
        field = field_of(name)
        if field is None:
            known = "does nothing" if is_old(name) else "is unknown"
            _say.warn(f"The setting `{name}` {known}; it is ignored")
            field = name
        elif value is not None:
            try:
                value = made_of(field, value)
            except ValueError as e:
                raise UsageError(f"The setting {e}") from None
        if value is None:
            self._given.pop(field, None)
        else:
            self._given[field] = value

    def __getattr__(self, name: str) -> Any:
        if name in ("_given", "_run"):
            # A copy that is not set up yet.
            raise AttributeError(name)
        if name in _DERIVED:
            return _DERIVED[name](self)
        field = field_of(name)
        if field is not None:
            return self._given.get(field, FIELDS[field][1])
        if name in self._given:
            return self._given[name]
        raise AttributeError(f"Settings have no `{name}`")

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter({**{name: default for name, (_, default) in FIELDS.items()}, **self._given}.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self._given == other._given

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __copy__(self) -> Settings:
        copied = Settings()
        copied._given.update(self._given)
        copied.__dict__["_run"] = self._run
        return copied

    def copy(self) -> Settings:
        """Return settings of their own with the same values."""
        return self.__copy__()

    def model_copy(self) -> Settings:
        """Return settings of their own with the same values, as pydantic calls it."""
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (dict(self._given),)

    def __deepcopy__(self, memo: object) -> Settings:
        return _restored(dict(self._given))

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self._given.items() if name != "api_key")
        return f"Settings({given})"

    def to_dict(self) -> dict[str, Any]:
        """Return all settings, the defaults too."""
        return dict(self)

    def model_dump(self) -> dict[str, Any]:
        """Return all settings, the defaults too, as pydantic calls it."""
        return self.to_dict()


def _restored(given: dict[str, Any]) -> Settings:
    settings = Settings()
    settings._given.update(given)
    return settings


def _wandb_dir(settings: Settings) -> str:
    return os.path.join(os.fspath(settings.root_dir), "wandb")


def _of_run(name: str) -> Callable[[Settings], Any]:
    return lambda settings: None if settings._run is None else getattr(settings._run, name)


def _below_run(*parts: str) -> Callable[[Settings], str | None]:
    def path(settings: Settings) -> str | None:
        return None if settings._run is None else os.path.join(settings._run.sync_dir, *parts)

    return path


def _started(settings: Settings) -> Any:
    import datetime

    return None if settings._run is None else datetime.datetime.fromtimestamp(settings._run.start_time)


def _timespec(settings: Settings) -> str | None:
    started = _started(settings)
    return None if started is None else f"{started:%Y%m%d_%H%M%S}"


def _is_notebook(settings: Settings) -> bool:
    del settings
    from ._notebook import is_notebook

    return is_notebook()


#: Settings that follow from others, or from the run.
_DERIVED: dict[str, Callable[[Settings], Any]] = {
    "wandb_dir": _wandb_dir,
    "run_url": _of_run("url"),
    "project_url": _of_run("project_url"),
    "sweep_url": _of_run("sweep_url"),
    "sync_dir": _of_run("sync_dir"),
    "sync_file": _of_run("file"),
    "files_dir": _below_run("files"),
    "log_dir": _below_run("logs"),
    "log_user": _below_run("logs", "debug.log"),
    "log_internal": _below_run("logs", "debug-internal.log"),
    "tmp_dir": _below_run("tmp"),
    "timespec": _timespec,
    "is_local": lambda _: True,
    "run_mode": lambda settings: "offline-run" if settings._offline else "run",
    "_offline": lambda settings: settings.mode in ("offline", "dryrun"),
    "_noop": lambda settings: settings.mode == "disabled",
    "_jupyter": _is_notebook,
    "_start_time": _of_run("start_time"),
    "_start_datetime": _started,
}
