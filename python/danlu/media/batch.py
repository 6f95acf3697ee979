"""Lists of media."""

from __future__ import annotations

from .later import is_large, is_later, weight_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._run import Run
    from .base import BatchableMedia
    from .places import Place


class Batch:
    """Media of one class, which are one value."""

    _danlu_later = True

    def __init__(self, items: list[BatchableMedia]) -> None:
        """Take them, as many as a list of them may have."""
        self._class = type(items[0])
        self.items: list[Any] = self._class._cut(items)

    def _freeze(self) -> None:
        for item in self.items:
            item._freeze()

    def _weight(self) -> int:
        return sum(item._weight() for item in self.items)

    def _is_large(self) -> bool:
        return any(item._is_large() for item in self.items)

    def _store(self, run: Run, key: str, step: int | str) -> list[tuple[str, object]]:
        return [(key, self._class.seq_to_json(self.items, run, key, step))]


class Mixed:
    """A list that has media in it, at any depth, and becomes a JSON list of single objects."""

    _danlu_later = True

    def __init__(self, items: object) -> None:
        """Take the list, or a dict; what is in it is copied."""
        self._tree = _copied(items)
        self._media = [item for item in _leaves(self._tree) if is_later(item)]

    def _freeze(self) -> None:
        for media in self._media:
            media._freeze()

    def _weight(self) -> int:
        return sum(weight_of(media) for media in self._media)

    def _is_large(self) -> bool:
        return any(is_large(media) for media in self._media)

    def _store(self, run: Run, key: str, step: int | str) -> list[tuple[str, object]]:
        from .places import RunPlace

        return [(key, _stored(self._tree, RunPlace(run), key, step))]


def _copied(tree: Any) -> Any:
    if isinstance(tree, (list, tuple)):
        return [_copied(item) for item in tree]
    if isinstance(tree, dict):
        return {key: _copied(item) for key, item in tree.items()}
    return tree


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, (list, dict)):
        return [
            leaf for item in (tree.values() if isinstance(tree, dict) else tree) for leaf in _leaves(item)
        ]
    return [tree]


def _stored(tree: Any, place: Place, key: str, step: int | str) -> Any:
    if isinstance(tree, list):
        return [_stored(item, place, key, step) for item in tree]
    if isinstance(tree, dict):
        return {name: _stored(item, place, key, step) for name, item in tree.items()}
    return tree._to_json(place, key, step) if is_later(tree) else tree
