"""What a run logs of the events of TensorBoard."""

from __future__ import annotations

import os
import threading

from ..._say import text_of
from .events import Buckets, Decoder, Event, Hyperparameters, Images, Sounds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Union

    from ..._run import Run

    Media = Union[Images, Sounds, Buckets]

#: Log directories that keep their name in the keys even when there is no other.
_NAMED = ("train", "validation")


class Sync:
    """Logs events to a run, each in a row of its own at the step of the event.

    The keys are the tags. Those of a second log directory have its path in front, relative to the
    root: the one that was given, else what the directories have in common.
    """

    def __init__(self, run: Run, root: str = "", save: bool = True) -> None:
        self.run = run
        self.set_up(root, save)
        self._lock = threading.Lock()
        self._prefixes: dict[str, str] = {}
        self._saved: set[str] = set()
        #: The last global step that was logged of each log directory.
        self._steps: dict[str, int] = {}
        self._decoders: dict[str, Decoder] = {}

    def set_up(self, root: str, save: bool) -> None:
        """Say what keys are relative to, and whether event files are stored."""
        self._root = os.path.abspath(root) if root else ""
        self._save = save

    @property
    def alive(self) -> bool:
        """Say whether the run is this process's and goes on."""
        return not (self.run._over or self.run._foreign)

    def add(self, directory: str, source: str, data: bytes | Any, root: str = "") -> None:
        """Log an event, as an event file has it or as a message; `source` is the file. Never raises."""
        try:
            with self._lock:
                decoder = self._decoders.setdefault(source, Decoder())
                event = decoder.event(data) if isinstance(data, bytes) else decoder.message(data)
                prefix = self._prefix(os.path.abspath(directory), self._root or root)
            self.log(prefix, event)
        except Exception as e:
            self.run._lose(f"An event of TensorBoard in `{text_of(source)}` cannot be read: {text_of(e)}")

    def log(self, prefix: str, event: Event) -> None:
        """Log the values of an event."""
        plain: dict[str, Any] = {}
        media: list[tuple[str, Media]] = []
        for tag, value in event.values:
            if isinstance(value, Hyperparameters):
                self.run.config.setdefaults(value.values)
            elif isinstance(value, (Images, Sounds, Buckets)):
                media.append((prefix + tag, value))
            else:
                plain[prefix + tag] = value
        if not plain and not media:
            return
        if self._steps.get(prefix) != event.step:
            self._steps[prefix] = event.step
            plain[f"{prefix}global_step"] = event.step
        if plain:
            self.run._log_late(event.step, event.time, plain)
        for key, value in media:
            _log_media(self.run, key, event, value)

    def save(self, path: str) -> None:
        """Store an event file in the run when the run ends."""
        if self._save and path not in self._saved and os.path.isfile(path):
            self._saved.add(path)
            import glob

            path = os.path.abspath(path)
            inside = path.startswith(os.getcwd() + os.sep)
            # Files of several directories may have the same name.
            base = self._root or (os.getcwd() if inside else os.path.dirname(os.path.dirname(path)))
            self.run.save(glob.escape(path), base_path=base, policy="end")

    def _prefix(self, directory: str, root: str) -> str:
        """Return what the keys of a log directory begin with."""
        if directory not in self._prefixes:
            others = [*self._prefixes, directory]
            # With one directory, it is not known yet where several begin to differ.
            common = root or os.path.commonpath([os.path.dirname(other) for other in others])
            part = os.path.relpath(directory, common).replace(os.sep, "/")
            alone = not root and len(others) == 1 and part not in _NAMED
            inside = part != "." and not part.startswith("..")
            self._prefixes[directory] = f"{part}/" if inside and not alone else ""
        return self._prefixes[directory]


def _log_media(run: Run, key: str, event: Event, value: Media) -> None:
    """Log what an event has as media of the run."""
    import tempfile

    from ...media.audio import Audio
    from ...media.histogram import Histogram
    from ...media.image import Image
    from ...media.later import later

    with tempfile.TemporaryDirectory(prefix="danlu-") as directory:
        found: Any
        if isinstance(value, Buckets):
            found = Histogram(np_histogram=(value.counts, value.edges))
        else:
            kind = Image if isinstance(value, Images) else Audio
            paths = [_file_of(data, directory, str(n)) for n, data in enumerate(value.encoded)]
            found = [kind(path) for path in paths] if len(paths) > 1 else kind(paths[0])
        found = later(found)
        found._freeze()
        run._later(event.step, event.time, [(key, found)])


def _file_of(data: bytes, directory: str, name: str) -> str:
    """Write encoded media to a file with the ending of its kind."""
    kinds = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"GIF8": "gif", b"RIFF": "wav", b"fLaC": "flac"}
    ending = next((kind for start, kind in kinds.items() if data.startswith(start)), "bin")
    path = os.path.join(directory, f"{name}.{ending}")
    with open(path, "wb") as file:
        file.write(data)
    return path
