"""The summary of a run."""

from __future__ import annotations

import time

from . import _parse
from ._say import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterator, KeysView, ValuesView
    from typing import Any

    from ._run import Run


class MissingKeyError(KeyError, AttributeError):
    """The summary has no such key. Asked for as an item or as an attribute, it is the same."""

    def __str__(self) -> str:
        return str(self.args[0])


class Summary:
    """The last value of every key that was logged, unless it was set by hand later.

    Nested dicts are kept as keys joined with dots; reading `summary["a"]` gathers `a.b` and `a.c` again, and
    what is set in what it gives is set in the summary.
    """

    __module__ = "danlu"
    __slots__ = ("_run",)
    _run: Run

    def __init__(self, run: Run) -> None:
        object.__setattr__(self, "_run", run)

    def __getitem__(self, key: str) -> Any:
        found = self._run._get_summary(text_of(key)) if isinstance(key, str) else None
        if found is not None:
            value = found[0]
            return Nested(self, key, value) if type(value) is dict else value
        nested = self._below(key) if isinstance(key, str) else None
        if not nested:
            raise MissingKeyError(f"The summary has no key `{text_of(key)}`")
        return Nested(self, key, nested)

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
        if type(value) not in (int, float, str, bool, type(None)):
            from . import _values

            # An image or the like is stored off the loop. The core takes the rest.
            _, _, deferred = _values.flatten(key, value)
            if deferred:
                self._run._later("summary", time.time(), deferred)
        self._run._set_summary(key, value)

    def __delitem__(self, key: str) -> None:
        if isinstance(key, str) and self._run._get_summary(text_of(key)) is not None:
            self._run._remove_summary(key)
            return
        below = [name for name in self.keys() if name.startswith(f"{key}.")]
        if not below:
            raise MissingKeyError(f"The summary has no key `{text_of(key)}`")
        for name in below:
            self._run._remove_summary(name)

    def __getattr__(self, name: str) -> Any:
        if name in Summary.__slots__ or name.startswith("__"):
            # A copy that is not set up yet, or a tool that looks at objects.
            raise AttributeError(name)
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        if self._run._get_summary(text_of(key)) is not None:
            return True
        return any(name.startswith(f"{key}.") for name in self.keys())

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

    _as_dict = as_dict

    @property
    def _json_dict(self) -> dict[str, Any]:
        return self.as_dict()

    def update(self, values: Any = None, overwrite: bool = True, **more: Any) -> None:
        """Set the keys of `values` and keywords (`more`); without `overwrite` only those that are new."""
        try:
            if isinstance(values, str):
                # A config may be given as the path of a file.
                raise TypeError("it takes keys with values, not `str`")
            found = _parse.as_dict(values)
        except Exception as e:
            # Whatever the object does when it is asked for its keys and values.
            self._run._lose(f"The summary cannot be updated: {text_of(e)}")
            found = {}
        for key, value in {**found, **more}.items():
            if overwrite or key not in self:
                self[key] = value

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self.as_dict(),)


class Nested(dict[str, "Any"]):
    """A dict in the summary: what is set in it is set in the summary."""

    __slots__ = ("_path", "_summary")

    def __init__(self, summary: Summary, path: str, values: dict[str, Any]) -> None:
        object.__setattr__(self, "_summary", summary)
        object.__setattr__(self, "_path", path)
        super().__init__({key: self._below(key, value) for key, value in values.items()})

    def _below(self, key: str, value: Any) -> Any:
        return Nested(self._summary, f"{self._path}.{key}", value) if type(value) is dict else value

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, self._below(key, value))
        self._summary[f"{self._path}.{key}"] = value

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        del self._summary[f"{self._path}.{key}"]

    def update(self, *values: Any, **more: Any) -> None:
        """Set the keys of a dict."""
        for key, value in dict(*values, **more).items():
            self[key] = value

    def __getattr__(self, name: str) -> Any:
        if name not in self:
            raise MissingKeyError(f"The summary has no key `{self._path}.{name}`")
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __reduce__(self) -> tuple[Any, ...]:
        import json

        return json.loads, (json.dumps(self),)
