"""The runs of this process, and what `import danlu` shows of the current one."""

from __future__ import annotations

import sys

from . import _core, _hooks, _say, _spare
from ._errors import Error, UsageError
from ._run import Run
from ._settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Callable

    from ._base import BaseRun
    from ._config import Config, Summary
    from ._run import AnyPath

#: The run of the module: what `danlu.log` logs to.
_current: Run | None = None
#: Every run that is not finished.
_active: list[Run] = []
#: The modules that show the current run: `danlu`, and `wandb` where danlu stands in for it.
namespaces: list[dict[str, Any]] = [sys.modules[__package__].__dict__]


def init(
    project: str | None = None,
    entity: str | None = None,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    config: Mapping[str, Any] | object | None = None,
    tags: Sequence[str] | str | None = None,
    group: str | None = None,
    job_type: str | None = None,
    notes: str | None = None,
    dir: AnyPath | None = None,  # noqa: A002
    mode: str | None = None,
    resume: str | bool | None = None,
    fork_from: str | None = None,
    resume_from: str | None = None,
    reinit: bool | str | None = None,
    settings: object = None,
    **unknown: object,
) -> Run:
    """Start a run and make it the current one.

    While a run is active, this returns it. `reinit=True` or `"finish_previous"` finishes it first;
    `"create_new"` makes another run beside it, which does not become the current one. What is not given comes
    from the environment: `DANLU_PROJECT`, else `WANDB_PROJECT`, and so on.

    `resume` says whether to go on with the run of this id that is in the directory: `"allow"` if it is
    there, `"must"` (an error if it is not), `"never"` (an error if it is); `"auto"` or True goes on with the
    newest run there unless it finished. Its steps, config and summary go on where they were.
    `fork_from="<id>?_step=<n>"` begins a new run with what another one said up to step n, `resume_from`
    rewinds the run itself.

    The keywords of wandb that are not named here are accepted and do nothing. Raises `UsageError` for a name
    or id that cannot be used, and for a run that should be there and is not.
    """
    arguments = {
        "project": project,
        "entity": entity,
        "name": name,
        "id": id,
        "tags": tags,
        "group": group,
        "job_type": job_type,
        "notes": notes,
        "dir": dir,
        "mode": mode,
        "resume": resume,
        "fork_from": fork_from,
        "resume_from": resume_from,
    }
    _warn_ignored({"settings": settings, **unknown})
    previous = None if _current is None or _current._foreign else _current
    if reinit is True or reinit == "finish_previous":
        for run in _active.copy():
            run.finish()
    elif previous is not None and reinit != "create_new":
        if config is not None or any(value is not None for value in arguments.values()):
            _say.warn(
                f"init() returns run {previous.id}, which is active, and does not use its arguments; "
                "finish the run first, or give reinit=True"
            )
        return previous
    run = _start(Settings(**arguments))
    run.config.update(config)
    _hooks.install(_finish_all, _after_fork)
    _active.append(run)
    if previous is None or reinit != "create_new":
        _publish(run)
    run._tell_start()
    return run


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """End the current run with the exit code of the training. Without a run it does nothing."""
    if _current is not None:
        _current.finish(exit_code, quiet)


#: The old name.
join = finish


def current(what: str) -> Run:
    """Return the current run, for `danlu.{what}`."""
    if _current is None:
        raise Error(f"You must call danlu.init() before danlu.{what}")
    return _current


def log(data: Any, step: Any = None, commit: Any = None, sync: Any = None) -> None:
    """Log a row to the current run: see `Run.log`."""
    current("log()").log(data, step, commit, sync)


def save(
    glob_str: AnyPath | None = None,
    base_path: AnyPath | None = None,
    policy: str = "live",
) -> list[str]:
    """Store a file in the current run: see `Run.save`."""
    return current("save()").save(glob_str, base_path, policy)


def flush() -> None:
    """Make durable what was logged to the current run: see `Run.flush`."""
    current("flush()").flush()


def _of_current(name: str) -> Callable[..., Any]:
    """Make the function of the module that is this method of the current run."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(current(f"{name}()"), name)(*args, **kwargs)

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

#: What `danlu.<name>` is while there is no run; with one, the method of the run.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "alert": alert,
    "define_metric": define_metric,
    "flush": flush,
    "link_model": link_model,
    "log": log,
    "log_artifact": log_artifact,
    "log_model": log_model,
    "mark_preempting": mark_preempting,
    "pin_config_keys": pin_config_keys,
    "save": save,
    "unwatch": unwatch,
    "use_artifact": use_artifact,
    "use_model": use_model,
    "watch": watch,
}


class Standin:
    """Stands for the config or the summary of whichever run is the current one."""

    __slots__ = ("_what",)
    _what: str

    def __init__(self, what: str) -> None:
        object.__setattr__(self, "_what", what)

    def _of_run(self) -> Any:
        return getattr(current(self._what), self._what)

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
        return f"<danlu.{self._what} before danlu.init()>" if _current is None else repr(self._of_run())


config: Config = Standin("config")  # type: ignore[assignment]
summary: Summary = Standin("summary")  # type: ignore[assignment]


def _start(settings: Settings) -> Run:
    """Start a run where it should be; else in the directory for temporary files; else nowhere."""
    if settings.mode == "disabled":
        return Run(settings, None, _on_end)
    if settings.resume is not None and (runs := _spare.runs(settings.dir)):
        directory = _spare.of(settings.dir)
        _say.warn(
            f"`{directory}` has {runs} run file{'s' * (runs > 1)} of when `{settings.dir}` could not be "
            f"written; what they hold is not gone on with: `danlu ls {directory}` shows it"
        )
    try:
        return Run(settings, settings.dir, _on_end)
    except UsageError:
        raise
    except Error as e:
        if settings.fork_from is not None or settings.rewind_to is not None:
            # What it goes on from is here or nowhere.
            raise
        problem = e
    try:
        directory = _spare.make(settings.dir)
        run = Run(settings, directory, _on_end)
    except (Error, OSError) as e:
        _say.tell(f"WARNING: {problem}; nor can it be written elsewhere: {e}; the run is not stored")
        return Run(settings, None, _on_end, lossy=True)
    _say.tell(
        f"WARNING: {problem}; the run is written to `{directory}` instead: "
        f"`danlu ls {directory}` shows it, and `danlu sync --dir {directory}` sends it on"
    )
    return run


def _warn_ignored(keywords: dict[str, object]) -> None:
    names = sorted(name for name, value in keywords.items() if value is not None and value is not False)
    if names:
        _say.warn(f"init() accepts and ignores {', '.join(f'`{name}`' for name in names)}")


def _publish(run: Run | None) -> None:
    """Show a run, or that there is none, as `danlu.run` and so on; `danlu.log` is the run's own method."""
    global _current
    _current = run
    shown: dict[str, Any] = {"run": run, "config": config, "summary": summary, **_FUNCTIONS}
    if run is not None:
        shown.update({"config": run.config, "summary": run.summary})
        shown.update({name: getattr(run, name) for name in _FUNCTIONS})
    for namespace in namespaces:
        namespace.update(shown)


def _on_end(run: BaseRun) -> None:
    if run in _active:
        _active.remove(run)
    if run is _current:
        _publish(None)


def _finish_all(exit_code: int) -> None:
    for run in _active.copy():
        run.finish(exit_code)


def _after_fork() -> None:
    _core.after_fork_in_child()
    for run in _active:
        run._foreign = True
    _active.clear()
