"""The runs of this process: how they begin, and which is the current one."""

from __future__ import annotations

import os
import sys

from . import _core, _hooks, _parse, _say, _sources, _spare
from ._errors import Error, UsageError
from ._run import Run
from ._start import Start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ._base import BaseRun
    from ._run import AnyPath
    from ._settings import Settings

#: The run of the module: what `danlu.log` logs to.
_current: Run | None = None
#: Every run that is not finished.
_active: list[Run] = []
#: The modules that show the current run: `danlu`, and `wandb` where danlu stands in for it.
namespaces: list[dict[str, Any]] = [sys.modules[__package__].__dict__]


def init(
    entity: str | None = None,
    project: str | None = None,
    dir: AnyPath | None = None,  # noqa: A002
    id: str | None = None,  # noqa: A002
    name: str | None = None,
    notes: str | None = None,
    tags: Sequence[str] | str | None = None,
    config: Mapping[str, Any] | object | None = None,
    config_exclude_keys: Sequence[str] | None = None,
    config_include_keys: Sequence[str] | None = None,
    allow_val_change: bool | None = None,
    group: str | None = None,
    job_type: str | None = None,
    mode: str | None = None,
    force: bool | None = None,
    reinit: bool | str | None = None,
    resume: str | bool | None = None,
    resume_from: str | None = None,
    fork_from: str | None = None,
    save_code: bool | None = None,
    tensorboard: bool | None = None,
    sync_tensorboard: bool | None = None,
    monitor_gym: bool | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    **unknown: object,
) -> Run:
    """Start a run, make it the current one and return it.

        with danlu.init(project="mnist", config={"lr": 0.1}) as run:
            run.log({"loss": 0.5})

    While a run is active, this returns it, except in a notebook, where it is finished first. `reinit=True` or
    `"finish_previous"` finishes every active run first; `"create_new"` makes another run beside them, which
    does not become the current one. What is not given comes from `settings`, else from `danlu.setup`, the
    environment (`DANLU_PROJECT`, else `WANDB_PROJECT`, and so on) or the settings files.

    What it is called: `entity` (a team or user, may be empty) and `project` are names, or together
    `project="entity/project"`; `id` is unique in the project and chosen if not given; `name` is shown, and
    the id by default; `notes` are prose, `tags` texts; `group` says which runs belong together, and
    `job_type` what a run does among them. The run file goes to `<dir>/wandb/`, with `dir` the current
    directory by default.

    `config` is a dict, an `argparse.Namespace`, absl's FLAGS, a dataclass or the path of a YAML file;
    `config_exclude_keys` leaves keys out, `config_include_keys` takes only those. With `allow_val_change` a
    key may be set to another value later.

    `resume` says whether to go on with the run of this id that is in the directory: `"allow"` if it is there,
    `"must"` (an error if it is not), `"never"` (an error if it is); `"auto"` or True goes on with the newest
    run there unless it finished. Its steps, config and summary go on where they were.
    `fork_from="<id>?_step=<n>"` begins a new run with what another one said up to step n, `resume_from`
    rewinds the run itself.

    `mode` is `"offline"`, `"online"` (written here all the same, and sent to the remote of the directory
    while it is written) or `"disabled"`.

    `save_code` says whether to store the program and what git has not, `sync_tensorboard` (or
    `tensorboard`) to log what is written for TensorBoard, `monitor_gym` to log the videos that gymnasium
    records. `settings` is a `danlu.Settings` or a dict of settings; an argument counts more. `force` and
    the `unknown` keywords that wandb has or had are accepted and do nothing.

    A run that cannot be written in its directory goes to the one for temporary files, and if that fails
    nowhere, with a warning. Raises `UsageError` for a name or id that cannot be used, and for a run that
    should be there and is not, and `Error` if the run that a fork or rewind goes on from cannot be read.
    """
    if dir is not None and _is_config(dir):
        # The order of the first versions: job_type, dir, config, project, entity, reinit, tags, group.
        job_type, dir, config, project, entity, reinit, tags, group = (  # noqa: A001
            entity,
            project,
            dir,
            id,
            name,
            notes,
            tags,
            config,
        )
    given = _sources.gathered()
    given.update(_given_settings(settings))
    arguments = {
        "entity": entity,
        "project": project,
        "root_dir": dir,
        "run_id": id,
        "run_name": name,
        "run_notes": notes,
        "run_tags": tags,
        "allow_val_change": allow_val_change,
        "run_group": group,
        "run_job_type": job_type,
        "mode": mode,
        "reinit": reinit,
        "resume": resume,
        "resume_from": resume_from,
        "fork_from": fork_from,
        "save_code": save_code,
        "sync_tensorboard": tensorboard or sync_tensorboard,
    }
    given.update({field: value for field, value in arguments.items() if value is not None})
    del force
    _warn_ignored(unknown)
    previous = None if _current is None or _current._foreign else _current
    how = _reinit(given.get("reinit"))
    if how == "finish_previous":
        for run in _active.copy():
            run.finish()
    elif previous is not None and how != "create_new":
        if config is not None or any(value is not None for value in arguments.values()):
            _say.warn(
                f"init() returns run {previous.id}, which is active, and does not use its arguments; "
                "finish the run first, or give reinit=True"
            )
        return previous
    values = _parse.start_config(config, given.get("config_paths"), config_exclude_keys, config_include_keys)
    run = _begin(given, values)
    if previous is None or how != "create_new":
        _publish(run)
    _begun(run, bool(monitor_gym))
    return run


def _begin(given: dict[str, Any], values: dict[Any, Any]) -> Run:
    """Start a run with settings and a config."""
    path = given.get("sweep_param_path")
    of_sweep = _parse.from_file(path) if path else {}
    run = _start(Start(given), given)
    run.config.update(values, allow_val_change=True)
    run.config.update_locked(of_sweep, "sweep")
    _hooks.install(_finish_all, _after_fork)
    _active.append(run)
    return run


def _begun(run: Run, monitor_gym: bool) -> None:
    """Do what is to be done once a run is the current one."""
    from . import _recording

    run._tell_start()
    _recording.start(run)
    run._before_end.append(lambda: _recording.stop(run))
    if stands_in():
        from . import _rundir

        _rundir.lay_out(run)
    if run.mode == "online" and run.file is not None:
        from . import _syncer

        _syncer.start(run)
    if run.disabled:
        return
    if run._given.get("sync_tensorboard"):
        from .integration import tensorboard

        tensorboard.sync_run(run)
    if monitor_gym:
        from .integration import gym

        gym.monitor()


def _is_config(value: object) -> bool:
    return not isinstance(value, (str, bytes, os.PathLike)) and (
        hasattr(value, "keys") or hasattr(value, "__dict__")
    )


def _given_settings(settings: Settings | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what is given in settings or a dict of them."""
    from ._settings import Settings

    if settings is None:
        return {}
    if not isinstance(settings, Settings):
        try:
            settings = Settings(**dict(settings))
        except (TypeError, ValueError):
            raise UsageError(
                f"`settings` takes danlu.Settings or a dict, not `{type(settings).__name__}`"
            ) from None
    return dict(settings._given)


def _reinit(reinit: object) -> str:
    """Return what to do with an active run."""
    if reinit is True or reinit is False:
        return "finish_previous" if reinit else "return_previous"
    name = "default" if reinit is None else _say.text_of(reinit).lower()
    if name in ("true", "1"):
        return "finish_previous"
    if name == "default" and "IPython" in sys.modules:
        from ._notebook import is_notebook

        return "finish_previous" if is_notebook() else "return_previous"
    if name in ("default", "false", "0"):
        return "return_previous"
    if name not in ("return_previous", "finish_previous", "create_new"):
        known = "`return_previous`, `finish_previous`, `create_new`"
        raise UsageError(f"`reinit` cannot be `{name}` (known are {known})")
    return name


def setup(settings: Settings | Mapping[str, Any] | None = None) -> None:
    """Set `settings`, a `danlu.Settings` or a dict, that all later runs of this process have."""
    _sources.of_setup.update(_given_settings(settings))


def teardown(exit_code: int | None = None) -> None:
    """End every run of this process with `exit_code`, and forget what `setup` was given."""
    for run in _active.copy():
        run.finish(exit_code)
    _sources.of_setup.clear()


def stands_in() -> bool:
    """Say whether danlu stands in for wandb in this program."""
    return len(namespaces) > 1


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """End the current run: see `Run.finish`. Without a run it does nothing.

    `exit_code` is that of the training, by default 0 for success; `quiet` does nothing.
    """
    if _current is not None:
        _current.finish(exit_code, quiet)


#: The old name.
join = finish


def current(what: str) -> Run:
    """Return the current run, for `danlu.{what}`."""
    if _current is None:
        module = "wandb" if stands_in() else "danlu"
        raise Error(f"You must call {module}.init() before {module}.{what}")
    return _current


def _start(start: Start, given: dict[str, Any]) -> Run:
    """Start a run where it should be; else in the directory for temporary files; else nowhere."""
    if start.mode == "disabled":
        from ._noop import NoopRun

        return NoopRun(start, None, _on_end, given=given)
    if start.resume is not None and (runs := _spare.runs(start.dir)):
        directory = _spare.of(start.dir)
        _say.warn(
            f"`{directory}` has {runs} run file{'s' * (runs > 1)} of when `{start.dir}` could not be "
            f"written; what they hold is not gone on with: `danlu ls {directory}` shows it"
        )
    try:
        return Run(start, start.dir, _on_end, given=given)
    except UsageError:
        raise
    except Error as e:
        if start.fork_from is not None or start.rewind_to is not None:
            # What it goes on from is here or nowhere.
            raise
        problem = e
    try:
        directory = _spare.make(start.dir)
        run = Run(start, directory, _on_end, given=given)
    except (Error, OSError) as e:
        _say.tell(f"WARNING: {problem}; nor can it be written elsewhere: {e}; the run is not stored")
        return Run(start, None, _on_end, lossy=True, given=given)
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
    from . import _functions

    names = ("config", "summary", *_functions.FUNCTIONS)
    shown = {name: getattr(_functions if run is None else run, name) for name in names}
    shown["run"] = run
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
    queue = sys.modules.get("danlu.media.queue")
    if queue is not None:
        queue.stop()


def _after_fork() -> None:
    _core.after_fork()
    for run in _active:
        run._foreign = True
    _active.clear()
