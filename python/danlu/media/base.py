"""What all media values have in common."""

from __future__ import annotations

import os
import threading

from .. import _say
from .content import Content
from .places import ArtifactPlace, Place, RunPlace, local_path, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar

    from .._run import Run

__all__ = ["ArtifactPlace", "BatchableMedia", "FileMedia", "Media", "Place", "RunPlace", "WBValue"]


class WBValue:
    """A value that is more than a number or a text."""

    #: `_type` in the JSON of one.
    _log_type: ClassVar[str] = ""

    def to_json(self, run_or_artifact: Any) -> dict[str, Any]:
        """Store the value's files in a run or an artifact; return the JSON that refers to them."""
        raise NotImplementedError


class Media(WBValue):
    """A value that is encoded, and whose file is stored, after `log` has returned."""

    _danlu_later = True
    #: Directory below `media/`.
    _kind: ClassVar[str] = ""
    _caption: str | None = None
    _bound: tuple[str, int | str] | None = None

    def _freeze(self) -> None:
        """Let the caller change what he gave."""

    def _weight(self) -> int:
        """Return how many bytes of memory wait with it."""
        return 0

    def _is_large(self) -> bool:
        """Say whether it cannot wait in memory and is stored at once."""
        return False

    def _store(self, run: Run, key: str, step: int | str) -> list[tuple[str, object]]:
        return [(key, self._to_json(RunPlace(run), key, step))]

    def _to_json(self, place: Place, key: str, step: int | str) -> dict[str, Any]:
        """Store the value's files; return the JSON that refers to them. Each kind has its own."""
        raise NotImplementedError

    def to_json(self, run_or_artifact: Any) -> dict[str, Any]:
        """Store the value's files in `run_or_artifact`; return the JSON that refers to them.

        In a run they are named after the key and step that `bind_to_run` was given.
        """
        place = place_of(run_or_artifact)
        key, step = self._bound or (type(self).__name__.lower(), getattr(run_or_artifact, "step", 0))
        return self._to_json(place, key, step)

    def bind_to_run(
        self,
        run: Run,
        key: int | str,
        step: int | str,
        id_: int | str | None = None,
        ignore_copy_err: bool | None = None,
    ) -> None:
        """Say under which key and step of a run it is stored. `id_` and `ignore_copy_err` do nothing."""
        del run, id_, ignore_copy_err
        self._freeze()
        self._bound = (str(key), step)

    @classmethod
    def get_media_subdir(cls) -> str:
        """Return the directory of such files in a run."""
        return f"media/{cls._kind}"

    @classmethod
    def from_json(cls, json_obj: dict[str, Any], source_artifact: Any) -> Media:
        """Make a value of the JSON that `to_json` gave, and its file in an artifact or below a directory."""
        raise NotImplementedError(f"{cls.__name__} cannot be read back")


class BatchableMedia(Media):
    """Media of which a list is one value."""

    #: `_type` in the JSON of several, and where in it the single ones are.
    _list_type: ClassVar[str] = ""
    MAX_ITEMS: ClassVar[int | None] = None

    @classmethod
    def _join(cls, items: Sequence[Any], place: Place, key: str, step: int | str) -> dict[str, Any]:
        """Store several; return the JSON of them all."""
        raise NotImplementedError

    @classmethod
    def seq_to_json(cls, seq: Sequence[Any], run: Run, key: str, step: int | str) -> dict[str, Any]:
        """Store several in a run; return the JSON of them all."""
        return cls._join(cls._cut(list(seq)), place_of(run), key, step)

    @classmethod
    def _cut(cls, items: list[Any]) -> list[Any]:
        """Return as many as a list of them may have."""
        most = cls.MAX_ITEMS
        if most is None or len(items) <= most:
            return items
        _say.warn(
            f"Only {most} of a list of {len(items)} values of type {cls.__name__} are stored: "
            "that is the most that a list of them can have"
        )
        return items[:most]

    @classmethod
    def all_captions(cls, images: Sequence[Media]) -> bool | list[str | None]:
        """Return the captions, or False if there are none."""
        captions = [media._caption for media in images]
        return captions if any(caption is not None for caption in captions) else False

    @classmethod
    def captions(cls, items: Sequence[Media]) -> bool | list[str | None]:
        """Return the captions, or False if there are none."""
        return cls.all_captions(items)


class FileMedia(BatchableMedia):
    """Media that are one file. Who makes one sets `_content`, or `_encode` makes it when it is stored."""

    _content: Content | None = None

    def _encode(self) -> Content:
        """Make the file. Who sets `_content` needs none."""
        raise NotImplementedError

    def _encoded(self) -> Content:
        # Encoded once, however often it is logged, by whichever thread comes first.
        with _locks[id(self) % len(_locks)]:
            if self._content is None:
                self._content = self._encode()
            return self._content

    def _freeze(self) -> None:
        if self._content is not None:
            self._content.freeze()

    def _weight(self) -> int:
        return 0 if self._content is None else self._content.held

    def _is_large(self) -> bool:
        return self._content is not None and self._content.large

    def _to_json(self, place: Place, key: str, step: int | str) -> dict[str, Any]:
        entry = place.add(self._kind, key, step, self._encoded())
        return {"_type": self._log_type, **entry, **self._fields(place, key, step)}

    def _fields(self, place: Place, key: str, step: int | str) -> dict[str, Any]:
        """Return what the JSON says besides the file."""
        del place, key, step
        return {} if self._caption is None else {"caption": self._caption}

    @classmethod
    def _read_back(cls, json_obj: dict[str, Any], source: Any) -> str:
        if json_obj.get("_type", cls._log_type) != cls._log_type:
            raise ValueError(
                f"{cls.__name__}.from_json() takes a `{cls._log_type}`, not a `{json_obj['_type']}`"
            )
        return local_path(json_obj, source)


#: Who encodes holds the one of its value: a lock in the value itself could not be pickled.
_locks: list[Any] = []


def _make_locks() -> None:
    _locks[:] = [threading.RLock() for _ in range(16)]


_make_locks()
# In the child of a fork nobody gives back what other threads held.
os.register_at_fork(after_in_child=_make_locks)


def caption_of(what: str, caption: object) -> str | None:
    """Return a caption, which is a text; a number, as a label may be one, becomes one."""
    if caption is None or isinstance(caption, str):
        return caption
    if getattr(caption, "shape", None) == () and hasattr(caption, "item"):
        caption = caption.item()
    if isinstance(caption, (int, float)):
        return str(caption)
    raise TypeError(f"{what} takes a text as `caption`, not `{type(caption).__name__}`")


def require(module: str, what: str, package: str) -> Any:
    """Import a module that not everybody has."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as e:
        from .._errors import Error

        raise Error(
            f"{what} needs {module.partition('.')[0]}, which cannot be imported ({e}): pip install {package}"
        ) from e


def is_path(value: object) -> bool:
    """Say whether it is the path of a file."""
    return isinstance(value, str) or hasattr(value, "__fspath__")
