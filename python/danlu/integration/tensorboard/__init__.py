"""Logs what a program writes for TensorBoard: `init(sync_tensorboard=True)`, or `patch` and `log` by hand.

Events of `torch.utils.tensorboard`, tensorboardX and TensorFlow are logged as they are written, at their
own step and time, and `follow` logs those that another program writes.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..._run import Run
    from .follower import Follower
    from .sync import Sync
    from .writers import Hooks

__all__ = ["follow", "log", "patch", "reset_state", "tf_summary_to_dict", "unpatch"]

_hooks: Hooks | None = None
#: What `patch` was told, for runs that did not ask for themselves.
_options: dict[str, Any] | None = None
_syncs: list[tuple[Sync, Follower]] = []


def patch(
    save: bool = True,
    tensorboard_x: bool | None = None,
    pytorch: bool | None = None,
    root_logdir: str | os.PathLike[str] = "",
) -> None:
    """Log to the current run, and to later ones, what is written for TensorBoard from now on.

    `save` stores the event files in the run when it ends. Keys are relative to `root_logdir`. The writers of
    all libraries are hooked, whether `tensorboard_x` or `pytorch` is said or not.
    """
    global _options
    del tensorboard_x, pytorch
    _options = {"save": save, "root": os.fspath(root_logdir)}
    for sync, _ in _syncs:
        sync.set_up(**_options)
    _install()


def unpatch() -> None:
    """Log no more of what is written for TensorBoard."""
    global _hooks, _options
    for sync, _ in _syncs.copy():
        _close(sync)
    if _hooks is not None:
        _hooks.remove()
    _hooks = _options = None


def sync_run(run: Run) -> None:
    """Log to a run what is written for TensorBoard while it lives: `init(sync_tensorboard=True)`."""
    if run.mode != "disabled" and not any(one.run is run for one, _ in _syncs):
        _open(run, **(_options or {"root": "", "save": True}))
        _install()


def follow(logdir: str | os.PathLike[str], save: bool = False) -> None:
    """Log to the current run the event files below a directory, those that are there and those to come.

    Whoever writes them, another program or another machine; everything is logged once. Keys have in front
    where a file is below the directory.
    """
    from ..._session import current

    run = current("tensorboard.follow()")
    if run.mode == "disabled":
        return
    known = [one for one in _syncs if one[0].run is run]
    _, follower = known[0] if known else _open(run, "", save)
    follower.add(os.fspath(logdir), lambda _: True, os.path.abspath(logdir))


def log(
    tf_summary_str_or_dict: Any,
    history: Any = None,
    step: int | None = None,
    namespace: str = "",
    **kwargs: Any,
) -> None:
    """Log a summary of TensorFlow, as bytes or as a message, or a dict, to the current run at a step."""
    import time

    from ..._session import current
    from .events import Event
    from .sync import Sync

    del history, kwargs
    run = current("tensorboard.log()")
    values = tf_summary_to_dict(tf_summary_str_or_dict, namespace)
    if isinstance(tf_summary_str_or_dict, dict):
        run.log(values if step is None else {**values, "global_step": step})
    elif run.mode != "disabled":
        at = run.step if step is None else int(step)
        Sync(run).log("", Event(at, time.time(), list(values.items())))


def tf_summary_to_dict(tf_summary_str_or_pb: Any, namespace: str = "") -> dict[str, Any]:
    """Return the values of a summary of TensorFlow by tag."""
    from .events import Decoder

    prefix = f"{namespace.strip('/')}/" if namespace else ""
    if isinstance(tf_summary_str_or_pb, dict):
        values = list(tf_summary_str_or_pb.items())
    else:
        found = tf_summary_str_or_pb
        found = found.numpy() if hasattr(found, "numpy") else found
        data = found if isinstance(found, bytes) else found.SerializeToString()
        values = Decoder().summary(data)
    return {f"{prefix}{tag}": value for tag, value in values}


def reset_state() -> None:
    """Exists for old code; there is no state to reset."""


def _install() -> None:
    global _hooks
    if _hooks is None:
        from .writers import Hooks

        _hooks = Hooks(_on_event, _on_directory)
        _hooks.install()


def _open(run: Run, root: str, save: bool) -> tuple[Sync, Follower]:
    from .follower import Follower
    from .sync import Sync

    opened = Sync(run, root, save)
    follower = Follower(opened)
    _syncs.append((opened, follower))
    run._before_end.append(lambda: _close(opened))
    return opened, follower


def _close(sync: Sync) -> None:
    for entry in _syncs.copy():
        if entry[0] is sync:
            _syncs.remove(entry)
            if not sync.run._foreign:
                entry[1].stop()


def _live() -> list[tuple[Sync, Follower]]:
    """Return where events go: to the runs that asked, else to the current one if `patch` was called."""
    from ... import _session

    found = [entry for entry in _syncs if entry[0].alive]
    run = _session._current
    if not found and _options is not None and run is not None and run.mode != "disabled" and not run._foreign:
        found = [_open(run, **_options)]
    return found


def _on_event(directory: str, path: str, message: Any) -> None:
    for sync, _ in _live():
        sync.add(directory, path or directory, message)
        if path:
            sync.save(path)


def _on_directory(directory: str, flush: Any) -> None:
    """Follow the files that this process writes to a directory from now on."""
    from .follower import event_files

    before = set(event_files(directory))
    mine = f".{os.getpid()}."
    for sync, follower in _live():
        follower.add(directory, lambda path: path not in before and mine in os.path.basename(path))
        sync.run._before_end.insert(0, flush)
