"""What can be given as a config: a dict, an object with attributes, flags, or a YAML file."""

from __future__ import annotations

import os

from ._errors import ConfigError, UsageError
from ._say import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

#: Loaded where it is, before what is given to `init`.
DEFAULTS_FILE = "config-defaults.yaml"


def as_dict(values: Any) -> dict[Any, Any]:
    """Return keys and values as a dict. Raises TypeError for what has none, ConfigError for a bad file."""
    if values is None:
        return {}
    if isinstance(values, (str, os.PathLike)):
        return from_file(os.fspath(values))
    fields = getattr(type(values), "__dataclass_fields__", None)
    if fields is not None:
        return {name: getattr(values, name) for name in fields if hasattr(values, name)}
    if hasattr(values, "flag_values_dict"):
        return _flags(values)
    if hasattr(values, "keys"):
        return dict(values)
    if isinstance(values, (list, tuple, set, frozenset, type)) or not hasattr(values, "__dict__"):
        raise TypeError(f"it takes keys with values, not `{type(values).__name__}`")
    return dict(vars(values))


def _flags(flags: Any) -> dict[str, Any]:
    """Return the values of absl's FLAGS, without the flags that absl itself defines."""
    own: set[str] = set()
    for module, of_module in flags.flags_by_module_dict().items():
        if module.startswith("absl."):
            own.update(name for flag in of_module for name in (flag.name, flag.short_name))
    return {name: value for name, value in flags.flag_values_dict().items() if name not in own}


def from_file(path: str) -> dict[str, Any]:
    """Return the keys of a YAML file, in the shape `key: {value: ..., desc: ...}` or as plain values."""
    yaml = _yaml(path)
    try:
        with open(path, encoding="utf-8") as file:
            found = yaml.safe_load(file)
    except OSError as e:
        raise ConfigError(f"Cannot read the config file `{path}`: {e.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as e:
        raise ConfigError(f"The config file `{path}` is no YAML: {' '.join(str(e).split())}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ConfigError(f"The config file `{path}` has no keys: it is a {type(found).__name__}")
    return {str(key): _plain(value) for key, value in found.items() if key != "wandb_version"}


def _plain(value: Any) -> Any:
    shaped = isinstance(value, dict) and "value" in value and set(value) <= {"value", "desc"}
    return value["value"] if shaped else value


def _yaml(path: str) -> Any:
    if not os.path.exists(path):
        raise ConfigError(f"There is no config file `{path}`")
    try:
        import yaml  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise ConfigError(f"PyYAML is needed to read `{path}`: `pip install pyyaml`") from None
    return yaml


def start_config(
    given: Any,
    paths: Sequence[str] | str | None,
    exclude: Iterable[str] | None,
    include: Iterable[str] | None,
) -> dict[Any, Any]:
    """Return the config that a run starts with: of the files for defaults, and what was given over it."""
    if exclude and include:
        raise UsageError("Of `config_exclude_keys` and `config_include_keys` only one can be given")
    found: dict[Any, Any] = {}
    if os.path.isfile(DEFAULTS_FILE):
        try:
            _yaml(DEFAULTS_FILE)
        except ConfigError as e:
            # Nobody asked for the file: it lies there.
            warn(f"`{DEFAULTS_FILE}` is left out: {e}")
        else:
            found.update(from_file(DEFAULTS_FILE))
    for path in _listed(paths):
        found.update(from_file(path))
    try:
        found.update(as_dict(given))
    except TypeError as e:
        raise TypeError(f"`config`: {e}") from None
    if include:
        wanted = _keys("config_include_keys", include)
        return {key: value for key, value in found.items() if key in wanted}
    unwanted = _keys("config_exclude_keys", exclude or ())
    return {key: value for key, value in found.items() if key not in unwanted}


def _keys(what: str, keys: Iterable[str]) -> set[str]:
    try:
        return set(_listed(keys) if isinstance(keys, str) else keys)
    except TypeError:
        raise UsageError(f"`{what}` takes a list of keys, not `{type(keys).__name__}`") from None


def _listed(paths: Sequence[str] | str | None) -> list[str]:
    if isinstance(paths, str):
        return [path.strip() for path in paths.split(",") if path.strip()]
    return list(paths or ())
