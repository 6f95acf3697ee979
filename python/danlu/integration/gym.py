"""Videos of gymnasium and gym: `init(monitor_gym=True)` logs those that `RecordVideo` makes."""

from __future__ import annotations

import functools
import os
import sys

from .._say import text_of, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

__all__ = ["monitor"]

_hooked: set[Any] = set()


def monitor() -> None:
    """Log to the current run, as `videos`, the videos that are recorded from now on."""
    import importlib

    found = False
    for package in ("gymnasium", "gym"):
        # gym prints that it is old; who uses it has imported it.
        if package == "gym" and package not in sys.modules:
            continue
        for name in (f"{package}.wrappers.monitoring.video_recorder", f"{package}.wrappers"):
            try:
                module = importlib.import_module(name)
            except ImportError:
                continue
            for owner in ("VideoRecorder", "RecordVideo"):
                found = _hook(getattr(module, owner, None)) or found
    if not found:
        warn("monitor_gym finds no recorder of videos: pip install 'gymnasium[other]'")


def _hook(recorder: Any) -> bool:
    """Log the video of a recorder after the method that completes it; say whether there is such a method.

    That is `close` in gymnasium before 1.0 and in gym, which have recorders that wrappers use, and
    `stop_recording` of the wrapper since.
    """
    name = "close"
    path_of: Callable[[Any], str] = _path_of_recorder
    if hasattr(recorder, "stop_recording"):
        name, path_of = "stop_recording", _path_of_wrapper
    elif getattr(recorder, "__name__", "") != "VideoRecorder":
        return False
    original = getattr(recorder, name)
    if original in _hooked:
        return True

    @functools.wraps(original)
    def complete(self: Any, *args: Any, **kwargs: Any) -> Any:
        # Afterwards the recorder may have forgotten it.
        path = path_of(self)
        done = original(self, *args, **kwargs)
        if path and os.path.isfile(path):
            _log(path)
        return done

    _hooked.add(complete)
    setattr(recorder, name, complete)
    return True


def _path_of_recorder(recorder: Any) -> str:
    done = (
        not recorder.enabled
        or getattr(recorder, "_closed", False)
        or not getattr(recorder, "recorded_frames", 1)
    )
    return "" if done else str(recorder.path)


def _path_of_wrapper(wrapper: Any) -> str:
    name = getattr(wrapper, "_video_name", None)
    return os.path.join(wrapper.video_folder, f"{name}.mp4") if name else ""


def _log(path: str) -> None:
    from .. import _session
    from ..media.video import Video

    run = _session._current
    if run is None or run._foreign:
        return
    try:
        run.log({"videos": Video(path)}, commit=False)
    except Exception as e:
        run._lose(f"The video `{path}` is not logged: {type(e).__name__}: {text_of(e)}")
