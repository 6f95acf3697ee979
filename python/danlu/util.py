"""Small functions that programs written for wandb take from `wandb.util`."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from types import ModuleType
    from typing import Any

_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
#: Powers of ten and of two, with the names of sizes.
POW_10_BYTES = [("B", 1), ("KB", 10**3), ("MB", 10**6), ("GB", 10**9), ("TB", 10**12), ("PB", 10**15)]
POW_2_BYTES = [("B", 1), ("KiB", 2**10), ("MiB", 2**20), ("GiB", 2**30), ("TiB", 2**40), ("PiB", 2**50)]


def generate_id(length: int = 8) -> str:
    """Return random letters and digits, for the id of a run."""
    import random

    # Not those of `random.seed`: two runs with one seed are not one run.
    return "".join(random.SystemRandom().choices(_LETTERS, k=length))


#: The name of `wandb.sdk.lib.runid`.
generate_fast_id = generate_id


def get_module(name: str, required: str | bool | None = None, lazy: bool = True) -> ModuleType | None:
    """Import a module and return it; None if it is not there, or an error with the text `required`."""
    del lazy
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        if not required:
            return None
        from ._errors import Error

        raise Error(required if isinstance(required, str) else f"The package `{name}` is needed") from None


def to_human_size(size: float, units: Sequence[tuple[str, int]] | None = None) -> str:
    """Return a number of bytes as a text, such as `1.5MB`."""
    units = units or POW_10_BYTES
    unit, value = next(((unit, value) for unit, value in reversed(units) if size >= value), units[0])
    return f"{round(size / value, 1)}{unit}"


def from_human_size(size: str, units: Sequence[tuple[str, int]] | None = None) -> int:
    """Return the number of bytes that a text such as `1.5MB` means."""
    known = {unit.lower(): value for unit, value in units or POW_10_BYTES + POW_2_BYTES}
    text = size.strip()
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    unit = text[len(digits) :].strip().lower() or "b"
    try:
        return int(float(digits) * known[unit if unit in known else f"{unit}b"])
    except (KeyError, ValueError):
        raise ValueError(f"Cannot read `{size}` as a size, such as `10GB`") from None


def json_friendly(obj: Any) -> tuple[Any, bool]:
    """Return what JSON can hold of a value, and whether that is something else than the value."""
    from . import _values

    try:
        found = _values._simplify(obj)
    except _values.UnstorableError:
        return str(obj), True
    return found, found is not obj


def json_friendly_val(val: Any) -> Any:
    """Return what JSON can hold of a value and of all that is in it."""
    return make_safe_for_json(val)


def make_safe_for_json(obj: Any) -> Any:
    """Return a copy that JSON can hold: not a number and the infinities become texts."""
    from . import _values

    leaves, _, _ = _values.whole("", obj)
    if not leaves:
        return str(obj)
    value = leaves[0][1]
    if isinstance(value, str):
        import json

        return json.loads(value)
    finite = isinstance(value, int) or value - value == 0
    return value if finite else _values._non_finite(value)


def json_dumps_safer(obj: Any, **kwargs: Any) -> str:
    """Return the JSON of anything."""
    import json

    return json.dumps(make_safe_for_json(obj), **kwargs)


def json_dumps_safer_history(obj: Any, **kwargs: Any) -> str:
    """Return the JSON of anything, as wandb calls it for a row."""
    return json_dumps_safer(obj, **kwargs)


def json_dump_safer(obj: Any, **kwargs: Any) -> str:
    """Return the JSON of anything."""
    return json_dumps_safer(obj, **kwargs)


def json_dump_uncompressed(obj: Any, fp: Any, **kwargs: Any) -> None:
    """Write JSON to a file."""
    fp.write(json_dumps_safer(obj, **kwargs))


def is_numpy_array(obj: Any) -> bool:
    """Say whether it is an array of numpy."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(obj, numpy.ndarray)


def _is_of(obj: Any, module: str, name: str) -> bool:
    return any(
        kind.__name__ == name and kind.__module__.partition(".")[0] == module for kind in type(obj).__mro__
    )


def is_pandas_data_frame(obj: Any) -> bool:
    """Say whether it is a data frame of pandas."""
    return _is_of(obj, "pandas", "DataFrame")


def is_matplotlib_typename(typename: str) -> bool:
    """Say whether a type with this full name is one of matplotlib."""
    return typename.startswith("matplotlib.")


def is_pytorch_tensor(obj: Any) -> bool:
    """Say whether it is a tensor of torch."""
    return _is_of(obj, "torch", "Tensor")


def is_tf_tensor(obj: Any) -> bool:
    """Say whether it is a tensor of tensorflow."""
    return _is_of(obj, "tensorflow", "Tensor")


def get_full_typename(obj: Any) -> str:
    """Return the module and the name of the type of an object."""
    kind = type(obj)
    return kind.__name__ if kind.__module__ in ("builtins", None) else f"{kind.__module__}.{kind.__name__}"


def get_h5_typename(obj: Any) -> str:
    """Return the name of a type, the same for every library with tensors."""
    for library, name in (("torch", "Tensor"), ("tensorflow", "Tensor")):
        if _is_of(obj, library, name):
            return f"{library}.{name}"
    return get_full_typename(obj)


def mkdir_exists_ok(path: str | os.PathLike[str]) -> bool:
    """Make a directory if it is not there; return whether it was made."""
    made = not os.path.isdir(path)
    os.makedirs(path, exist_ok=True)
    return made


def guess_data_type(shape: Sequence[int], risky: bool = False) -> str | None:
    """Return what an array of this shape may be: `label`, `image` or None."""
    if len(shape) in (1, 2) and risky:
        return "label"
    if len(shape) == 2:
        return "label"
    if len(shape) == 3:
        return "image" if shape[2] in (1, 3, 4) or not risky else None
    return "image" if len(shape) == 4 and shape[-1] in (1, 3, 4) else None


def class_colors(class_count: int) -> list[tuple[float, float, float]]:
    """Return a colour for each class, as numbers from 0 to 1."""
    import colorsys

    return [colorsys.hsv_to_rgb(i / max(class_count, 1), 1.0, 1.0) for i in range(class_count)]


def batched(n: int, iterable: Iterable[Any]) -> Generator[list[Any], None, None]:
    """Give lists of n items each."""
    batch: list[Any] = []
    for item in iterable:
        batch.append(item)
        if len(batch) == n:
            yield batch
            batch = []
    if batch:
        yield batch


def make_artifact_name_safe(name: str) -> str:
    """Return a name in which everything is `_` that an artifact's name must not have."""
    import re

    safe = re.sub(r"[^a-zA-Z0-9_\-.]", "_", name)
    return safe if len(safe) <= 128 else f"{safe[:63]}..{safe[-63:]}"


def make_tarfile(output_filename: str, source_dir: str, archive_name: str, custom_filter: Any = None) -> None:
    """Pack a directory into a `tar.gz` file."""
    import tarfile

    with tarfile.open(output_filename, "w:gz") as archive:
        archive.add(source_dir, arcname=archive_name, filter=custom_filter)


def image_id_from_k8s() -> None:
    """Return nothing: no cluster is asked."""
