"""What is recorded of a run by itself, from its start to its end: see docs/recording.md."""

from __future__ import annotations

import os
import sys

from . import _say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from ._base import BaseRun

#: Where drivers are told which graphics cards a process uses.
_CARDS = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


def setting(run: BaseRun, name: str, default: Any = None) -> Any:
    """Return a setting of a run, or the default where none was given."""
    value = run._given.get(name)
    return default if value is None else value


def start(run: BaseRun) -> None:
    """Begin to record. Never raises, and takes some milliseconds at most."""
    if run._path is None:
        return
    _try("what is printed", lambda: _start_console(run))
    _try("how busy the machine is", lambda: _start_stats(run))
    _try("where the run came from", lambda: _start_environment(run))


def stop(run: BaseRun) -> None:
    """Record what is not recorded yet, and end. Before the run ends; never raises."""
    if run._path is None or run._foreign:
        return
    from . import _console, _environment

    alert = sys.modules.get(f"{__package__}._alert")
    if alert is not None:
        _try("alerts", alert.wait)
    _try("where the run came from", lambda: _environment.wait(run))
    _try("what is printed", lambda: _console.stop(run))
    _try("how busy the machine is", run._stop_recording)


def _try(what: str, do: Callable[[], object]) -> None:
    try:
        do()
    except Exception as e:
        _say.warn(f"Cannot record {what}: {_say.text_of(e)}")


def _start_console(run: BaseRun) -> None:
    from . import _console

    _console.start(run, str(setting(run, "console", "auto")))


def _start_stats(run: BaseRun) -> None:
    if setting(run, "x_disable_stats", False) or setting(run, "x_disable_machine_info", False):
        return
    run._start_stats(
        interval=float(setting(run, "x_stats_sampling_interval", 15.0)),
        disks=[os.fspath(path) for path in setting(run, "x_stats_disk_paths", ("/",))],
        gpus=cards(setting(run, "x_stats_gpu_device_ids")),
        cgroups=not setting(run, "x_stats_no_cgroup", False),
        tree=bool(setting(run, "x_stats_track_process_tree", False)),
        pid=setting(run, "x_stats_pid"),
        label=str(setting(run, "x_label", "")),
    )


def cards(given: Any) -> list[str] | None:
    """Return the numbers or UUIDs of the graphics cards to look at; None for all."""
    if given is not None:
        return [str(card) for card in given]
    text = next((os.environ[name] for name in _CARDS if name in os.environ), None)
    if text is None:
        return None
    found = []
    for card in map(str.strip, text.split(",")):
        if card.startswith("MIG-"):
            # A part of a card, and nothing says of which.
            return None
        if not card[:1].isdigit() and not card.startswith("GPU-"):
            # What cannot be one ends the list.
            break
        found.append(card)
    return found


def _start_environment(run: BaseRun) -> None:
    from . import _environment

    _environment.start(run)
