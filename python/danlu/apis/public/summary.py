"""The summary of a run that is read back."""

from __future__ import annotations

import json
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
    from typing import Any

    Save = Callable[[list[tuple[str, str, str]]], None]


class SubSummary(Mapping[str, "Any"]):
    """A part of a summary with keys of its own: `{"min": 0.1}` after `define_metric(…, summary="min")`.

    Where it holds exactly one number it can be used as that: it compares with numbers and with others of its
    kind, and `float()` and formats such as `f"{x:.3f}"` take it. With several numbers that is a TypeError.
    """

    def __init__(
        self, items: Mapping[str, Any], name: str = "", put: Callable[[str, Any], object] | None = None
    ) -> None:
        self._items = dict(items)
        self._name = name
        self._put = put

    def __getitem__(self, key: str) -> Any:
        value = self._items[key]
        if isinstance(value, dict):
            return SubSummary(
                value, f"{self._name}.{key}", lambda k, v: self.__setitem__(key, {**value, k: v})
            )
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        self._items[key] = value
        if self._put is not None:
            self._put(key, value)

    def __getattr__(self, key: str) -> Any:
        if key.startswith("_"):
            raise AttributeError(key)
        try:
            return self[key]
        except KeyError:
            raise AttributeError(f"`{self._name}` of the summary has no key `{key}`") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)

    def __float__(self) -> float:
        number = one_number(self._items)
        if number is None:
            raise TypeError(
                f"`{self._name}` of the summary is {self._items}, which is not one number: name the key"
            )
        return float(number)

    def __format__(self, spec: str) -> str:
        return format(float(self), spec) if spec else repr(self)

    def __lt__(self, other: Any) -> bool:
        return float(self) < float(other)

    def __le__(self, other: Any) -> bool:
        return float(self) <= float(other)

    def __gt__(self, other: Any) -> bool:
        return float(self) > float(other)

    def __ge__(self, other: Any) -> bool:
        return float(self) >= float(other)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (int, float)):
            return one_number(self._items) == other
        return isinstance(other, Mapping) and self._items == dict(other)

    __hash__ = None  # type: ignore[assignment]


def one_number(value: Any) -> float | None:
    """Return the number that a dict holds if it holds exactly one."""
    if not isinstance(value, Mapping):
        return None
    numbers = [n for n in value.values() if isinstance(n, (int, float)) and not isinstance(n, bool)]
    return numbers[0] if len(numbers) == 1 else None


class Summary:
    """The last value of every key, or what was set by hand or asked for by `define_metric`.

    Nested dicts have keys joined with dots; reading `summary["a"]` gathers `a.b` and `a.c` again. What is set
    is saved by `update()`, of the summary or of the run.
    """

    def __init__(self, items: dict[str, Any], save: Save) -> None:
        self._items = items
        self._save = save
        self._changed: dict[str, Any] = {}

    def _find(self, key: str) -> Any:
        return self._items[key] if key in self._items else gathered(self._items, key)

    def __getitem__(self, key: str) -> Any:
        value = self._find(key)
        if isinstance(value, dict):
            return SubSummary(value, key, lambda inner, new: self._put_below(key, inner, new))
        return value

    def _put_below(self, key: str, inner: str, value: Any) -> None:
        """Set a key of a nested dict, which is either one value or has keys joined with dots."""
        if isinstance(self._items.get(key), dict):
            self[key] = {**self._items[key], inner: value}
        elif isinstance(value, dict):
            for name, item in value.items():
                self._put_below(f"{key}.{inner}", name, item)
        else:
            self[f"{key}.{inner}"] = value

    def __setitem__(self, key: str, value: Any) -> None:
        value = dict(value) if isinstance(value, Mapping) else value
        self._items[key] = self._changed[key] = value

    def __delitem__(self, key: str) -> None:
        del self._items[key]
        self._changed[key] = _REMOVED

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__") or key in ("_items", "_save", "_changed"):
            # A copy that is not set up yet.
            raise AttributeError(key)
        try:
            return self[key]
        except KeyError:
            raise AttributeError(f"The summary has no key `{key}`") from None

    def __contains__(self, key: object) -> bool:
        try:
            return isinstance(key, str) and self._find(key) is not None
        except KeyError:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or the default."""
        try:
            return self[key]
        except KeyError:
            return default

    def keys(self) -> KeysView[str]:
        """Return the keys."""
        return self._items.keys()

    def values(self) -> ValuesView[Any]:
        """Return the values."""
        return {key: self[key] for key in self._items}.values()

    def items(self) -> ItemsView[str, Any]:
        """Return the keys with their values."""
        return {key: self[key] for key in self._items}.items()

    @property
    def _json_dict(self) -> dict[str, Any]:
        return dict(self._items)

    def update(self, values: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Set keys, and save everything that was set. The run must not be running: see `Run.update`."""
        for key, value in {**(values or {}), **more}.items():
            self[key] = value
        changes = self._changes()
        if changes:
            self._save(changes)
            self._changed = {}

    def _changes(self) -> list[tuple[str, str, str]]:
        """Return what is to be saved, as the core takes it."""
        return [
            ("unset_summary", key, "") if value is _REMOVED else ("summary", key, to_json(key, value))
            for key, value in self._changed.items()
        ]


_REMOVED = object()


def to_json(key: str, value: Any) -> str:
    """Return what is stored for a value, or raise TypeError."""
    try:
        item = getattr(value, "item", None)
        return json.dumps(item() if callable(item) else value)
    except (TypeError, ValueError) as e:
        raise TypeError(f"The value of `{key}` cannot be stored: {e}") from None


def gathered(items: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return what keys that begin with `key.` come to as a nested dict; raise KeyError if there are none."""
    tree: dict[str, Any] = {}
    for name, value in items.items():
        if name.startswith(f"{key}."):
            *outer, last = name[len(key) + 1 :].split(".")
            place = tree
            for part in outer:
                inner = place.setdefault(part, {})
                place = inner if isinstance(inner, dict) else {}
            place[last] = value
    if not tree:
        raise KeyError(key)
    return tree
