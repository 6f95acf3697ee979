"""Follows event files that others write."""

from __future__ import annotations

import os
import threading

from ..._say import text_of, warn
from .records import EventFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from .sync import Sync

#: Seconds between two looks.
_INTERVAL = 1.0


class Follower:
    """Logs what is written to event files below directories, beside the training loop."""

    def __init__(self, sync: Sync) -> None:
        self._sync = sync
        self._lock = threading.Lock()
        self._directories: dict[str, tuple[Callable[[str], bool], str]] = {}
        self._files: dict[str, tuple[EventFile, str]] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, directory: str, wanted: Callable[[str], bool], root: str = "") -> None:
        """Follow the event files below a directory whose path is wanted, now and when there are more.

        Keys have in front where a file is below the root, if one is given.
        """
        with self._lock:
            self._directories.setdefault(os.path.abspath(directory), (wanted, root))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="danlu-tensorboard", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Log what is there by now, and follow no more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        self.look()
        for file, _ in self._files.values():
            rest = file.rest()
            if rest or file.damaged:
                warn(
                    f"`{file.path}`: {file.damaged} records are damaged, and the last {rest} bytes are no "
                    "record; they are not logged"
                )

    def look(self) -> None:
        """Log the events that are there by now. Never raises."""
        with self._lock:
            for directory, (wanted, root) in list(self._directories.items()):
                for path in event_files(directory):
                    if path not in self._files and wanted(path):
                        self._files[path] = EventFile(path), root
                        self._sync.save(path)
            for path, (file, root) in self._files.items():
                try:
                    for data in file.read():
                        self._sync.add(os.path.dirname(path), path, data, root)
                except OSError as e:
                    warn(f"The event file `{path}` cannot be read: {text_of(e)}")

    def _run(self) -> None:
        while not self._stopped.wait(_INTERVAL) and self._sync.alive:
            self.look()


def event_files(directory: str) -> list[str]:
    """Return the event files below a directory, in the order of their names."""
    return sorted(
        os.path.join(parent, name)
        for parent, _, names in os.walk(directory)
        for name in names
        if "tfevents" in name and not name.endswith(".profile-empty")
    )
