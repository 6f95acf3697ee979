"""The config and the summary of a run."""

from __future__ import annotations

from ._say import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterable, Iterator, KeysView, ValuesView
    from typing import Any

    from . import _core


class Config:
    """What the run was configured with: keys as attributes and as items.

    A nested dict stays one value. Reading gives back what was set; the run holds what it was at that moment.
    """

    __slots__ = ("_items", "_run")
    _items: dict[str, Any]
    _run: _core.Run

    def __init__(self, run: _core.Run, items: Iterable[tuple[str, Any]] = ()) -> None:
        object.__setattr__(self, "_run", run)
        object.__setattr__(self, "_items", dict(items))

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._run._set_config(key, value)
        self._items[key if isinstance(key, str) else text_of(key)] = value

    def __getattr__(self, name: str) -> Any:
        if name in Config.__slots__:
            # A copy that is not set up yet.
            raise AttributeError(name)
        try:
            return self._items[name]
        except KeyError:
            raise AttributeError(f"The config has no key `{name}`") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or the default."""
        return self._items.get(key, default)

    def keys(self) -> KeysView[str]:
        """Return the keys."""
        return self._items.keys()

    def values(self) -> ValuesView[Any]:
        """Return the values."""
        return self._items.values()

    def items(self) -> ItemsView[str, Any]:
        """Return the keys with their values."""
        return self._items.items()

    def as_dict(self) -> dict[str, Any]:
        """Return the config as a dict of its own."""
        return dict(self._items)

    def update(self, values: Any = None, allow_val_change: bool | None = None, **more: Any) -> None:
        """Set the keys of a dict, an `argparse.Namespace` or a dataclass. A key may change its value."""
        del allow_val_change
        for key, value in {**_as_dict(self._run, "config", values), **more}.items():
            self[key] = value

    def _merge_wandb(self, update: dict[str, Any]) -> None:
        """Merge a dict into the key `_wandb`, one level deep, and record it."""
        kept = dict(self._items.get("_wandb", {}))
        for key, value in update.items():
            old = kept.get(key)
            kept[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
        self._run._set_config("_wandb", kept)
        self._items["_wandb"] = kept

    def setdefaults(self, values: Any) -> None:
        """Set the keys that are not set yet."""
        for key, value in _as_dict(self._run, "config", values).items():
            if key not in self._items:
                self[key] = value


def _as_dict(run: _core.Run, what: str, values: Any) -> dict[Any, Any]:
    """Return keys and values as a dict; what cannot be one is warned about, and counted as lost."""
    if values is None:
        return {}
    if isinstance(values, (Config, Summary)):
        return values.as_dict()
    fields = getattr(type(values), "__dataclass_fields__", None)
    if fields is not None:
        fields = [name for name in fields if hasattr(values, name)]
    try:
        if fields is not None:
            return {name: getattr(values, name) for name in fields}
        # Like argparse.Namespace: no mapping, but an object with attributes.
        return (
            dict(values) if hasattr(values, "keys") or not hasattr(values, "__dict__") else dict(vars(values))
        )
    except Exception:
        # Whatever the object does when it is asked for its keys and values.
        run._lose(f"The {what} takes keys with values, not `{type(values).__name__}`")
        return {}


class Summary:
    """The last value of every key that was logged, unless it was set by hand later.

    Nested dicts are kept as keys joined with dots; reading `summary["a"]` gathers `a.b` and `a.c` again.
    """

    __slots__ = ("_run",)
    _run: _core.Run

    def __init__(self, run: _core.Run) -> None:
        object.__setattr__(self, "_run", run)

    def __getitem__(self, key: str) -> Any:
        found = self._run._get_summary(key) if key in self else None
        if found is not None:
            return found[0]
        if not isinstance(key, str):
            raise KeyError(key)
        nested = self._below(key)
        if not nested:
            raise KeyError(key)
        return nested

    def _below(self, key: str) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for name, value in self._run._get_summary_items():
            if name.startswith(f"{key}."):
                *outer, last = name[len(key) + 1 :].split(".")
                place = tree
                for part in outer:
                    inner = place.setdefault(part, {})
                    place = inner if isinstance(inner, dict) else {}
                place[last] = value
        return tree

    def __setitem__(self, key: str, value: Any) -> None:
        self._run._set_summary(key, value)

    def __delitem__(self, key: str) -> None:
        if self._run._get_summary(key) is None:
            raise KeyError(key)
        self._run._remove_summary(key)

    def __getattr__(self, name: str) -> Any:
        if name in Summary.__slots__:
            # A copy that is not set up yet.
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"The summary has no key `{name}`") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"The summary has no key `{name}`") from None

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._run._get_summary(text_of(key)) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.as_dict())

    def __len__(self) -> int:
        return len(self.as_dict())

    def __repr__(self) -> str:
        return repr(self.as_dict())

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or the default."""
        try:
            return self[key]
        except KeyError:
            return default

    def keys(self) -> KeysView[str]:
        """Return the keys."""
        return self.as_dict().keys()

    def values(self) -> ValuesView[Any]:
        """Return the values."""
        return self.as_dict().values()

    def items(self) -> ItemsView[str, Any]:
        """Return the keys with their values."""
        return self.as_dict().items()

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as a dict."""
        return dict(self._run._get_summary_items())

    def update(self, values: Any = None, **more: Any) -> None:
        """Set the keys of a dict."""
        for key, value in {**_as_dict(self._run, "summary", values), **more}.items():
            self[key] = value
