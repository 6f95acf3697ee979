"""The config of a run."""

from __future__ import annotations

import os
from _thread import allocate_lock

from . import _parse
from ._errors import ConfigError
from ._say import text_of, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterable, Iterator, KeysView, ValuesView
    from typing import Any

    from ._run import Run

#: The key under which tools keep what they have to say of the run. It is not shown.
TOOLS = "_wandb"

_merging = allocate_lock()


def _after_fork() -> None:
    """Give a child a lock that no thread of its parent holds."""
    global _merging
    _merging = allocate_lock()


os.register_at_fork(after_in_child=_after_fork)


class Config:
    """What the run was configured with: keys as attributes and as items.

    A key may be set anew only to the same value: ConfigError says so, unless a change is allowed by
    `update(..., allow_val_change=True)` or for the whole run in `init`. A nested dict is one value; what is
    changed in it is recorded when the run ends.
    """

    __module__ = "danlu"

    _items: dict[str, Any]
    _run: Run | None
    #: What is stored of each key.
    _stored: dict[str, object]
    #: Keys that only their owner may set, such as a sweep.
    _locked: dict[str, str]
    _may_change: bool

    def __init__(self, run: Run | None = None, items: Iterable[tuple[str, Any]] = ()) -> None:
        own = {"_items": dict(items), "_run": run, "_stored": {}, "_locked": {}, "_may_change": False}
        self.__dict__.update(own)
        for key, value in self._items.items():
            self._stored[key] = _stored_as(value)

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._set(key, value, self._may_change)

    def _set(self, key: Any, value: Any, may_change: bool | None) -> None:
        name = _clean(key)
        if name in self._locked:
            warn(f"Config item '{name}' was locked by '{self._locked[name]}' (ignored update).")
            return
        value = _copied(value)
        recorded = self._used(name, value) if _is_artifact(value) else value
        stored = _stored_as(recorded)
        if name in self._items:
            if self._stored[name] == stored:
                self._items[name] = value
                return
            if not (may_change or self._run is None or _is_notebook()):
                raise ConfigError(
                    f'Attempted to change value of key "{name}" from {_shown(self._items[name])} '
                    f"to {_shown(value)}\n"
                    "If you really want to do this, pass allow_val_change=True to config.update()"
                )
        self._items[name] = value
        self._stored[name] = stored
        if self._run is not None:
            self._run._set_config(name, recorded)

    def _used(self, key: str, artifact: Any) -> Any:
        """Note an artifact as an input of the run, and return what the config holds of it."""
        if self._run is None:
            return artifact.name
        try:
            used = self._run.use_artifact(artifact, use_as=key)
        except Exception as e:
            self._run._lose(f"The artifact of the config key `{key}` cannot be used: {text_of(e)}")
            return text_of(artifact.name)
        name = used.name.partition(":")[0]
        return {"_type": "artifactVersion", "version": used.version, "sequenceName": name, "usedAs": key}

    def __getattr__(self, name: str) -> Any:
        if name in Config.__annotations__:
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
        return iter(self.as_dict())

    def __len__(self) -> int:
        return len(self.as_dict())

    def __repr__(self) -> str:
        return repr(self.as_dict())

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or the default."""
        return self._items.get(key, default)

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
        """Return the config as a dict of its own."""
        return {key: value for key, value in self._items.items() if key != TOOLS}

    def update(self, values: Any = None, allow_val_change: bool | None = None, **more: Any) -> None:
        """Set the keys of `values`, and keywords (`more`).

        The values are a dict, an `argparse.Namespace`, absl's FLAGS, a dataclass or the path of a YAML
        file. Raises ConfigError if a key has another value already, unless `allow_val_change` or that of
        `init` is true.
        """
        for key, value in {**self._dict_of(values), **more}.items():
            self._set(key, value, self._may_change if allow_val_change is None else allow_val_change)

    def setdefaults(self, values: Any = None) -> None:
        """Set those keys of `values` that are not set yet."""
        for key, value in self._dict_of(values).items():
            if _clean(key) not in self._items:
                self[key] = value

    def update_locked(
        self, values: Any, user: str | None = None, _allow_val_change: bool | None = None
    ) -> None:
        """Set keys of `values` that nobody but `user` may set from now on.

        A later attempt is ignored, with a warning that names `user`.
        """
        for key, value in self._dict_of(values).items():
            name = _clean(key)
            self._locked.pop(name, None)
            self._set(name, value, _allow_val_change is not False)
            self._locked[name] = user or "user"

    merge_locked = update_locked

    def persist(self) -> None:
        """Record what was changed inside of values."""
        if self._run is None:
            return
        for name, value in list(self._items.items()):
            if type(value) in (int, float, str, bool, type(None)) or _is_artifact(value):
                continue
            stored = _stored_as(value)
            if stored != self._stored[name]:
                self._stored[name] = stored
                self._run._set_config(name, value)

    def _merge_tools(self, update: dict[str, Any]) -> None:
        """Merge a dict into what tools keep, one level deep, and record it."""
        # Charts come from the training thread, masks from the one that encodes.
        with _merging:
            kept = dict(self._items.get(TOOLS, {}))
            for key, value in update.items():
                old = kept.get(key)
                kept[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
            self._set(TOOLS, kept, may_change=True)

    def _dict_of(self, values: Any) -> dict[Any, Any]:
        """Return keys and values as a dict; what cannot be one is warned about, and counted as lost."""
        try:
            return _parse.as_dict(values)
        except ConfigError:
            raise
        except Exception as e:
            # Whatever the object does when it is asked for its keys and values.
            if self._run is not None:
                self._run._lose(f"The config cannot be updated: {text_of(e)}")
            return {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Config, (None, list(self.as_dict().items()))

    def __deepcopy__(self, memo: dict[int, Any]) -> Config:
        import copy

        return Config(None, copy.deepcopy(self.as_dict(), memo).items())


def _shown(value: Any) -> str:
    text = text_of(value)
    return text if len(text) <= 500 else f"{text[:500]}…"


def _is_artifact(value: object) -> bool:
    kind = type(value)
    return kind.__name__ == "Artifact" and kind.__module__.partition(".")[0] == "danlu"


def _is_notebook() -> bool:
    from ._notebook import is_notebook

    return is_notebook()


def _clean(key: Any) -> str:
    """Return the key without dashes around it, as those of arguments have them."""
    return (key if issubclass(type(key), str) else text_of(key)).strip("-")


def _copied(value: Any) -> Any:
    """Return a value of its own, so that the caller's later changes are not ours.

    One that contains itself stays the caller's: it is not stored, and that is said.
    """
    try:
        return _copy(value)
    except RecursionError:
        return value


def _copy(value: Any) -> Any:
    if type(value) is dict:
        return {key: _copy(item) for key, item in list(value.items())}
    if type(value) is list:
        return [_copy(item) for item in value]
    return value


def _stored_as(value: Any) -> object:
    """Return what is stored of a value, to compare with. Not a number is the same as itself."""
    from . import _values

    leaves, problems, _ = _values.whole("", value)
    leaf = leaves[0][1] if leaves else tuple(problems)
    return "NaN" if leaf != leaf else leaf
