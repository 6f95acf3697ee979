"""What tests of media read back: the values of a run, and the files that they refer to."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import danlu
from conftest import Reader


def values(read: Reader, run: danlu.Run, key: str) -> list[Any]:
    """Return what was logged for a key, by step."""
    rows = read.rows(run.file, "SELECT value FROM history WHERE key = ? ORDER BY step", key)
    return [json.loads(value) if isinstance(value, str) else value for (value,) in rows]


def value(read: Reader, run: danlu.Run, key: str) -> Any:
    """Return the one value that was logged for a key."""
    [found] = values(read, run, key)
    return found


def content(read: Reader, run: danlu.Run, name: str) -> bytes:
    """Return the content of a file of a run."""
    sql = (
        "SELECT c.bytes FROM blob AS b JOIN chunk AS c ON c.id BETWEEN b.n << 24 AND (b.n + 1 << 24) - 1 "
        "WHERE b.sha256 = (SELECT sha256 FROM file WHERE path = ? ORDER BY id DESC LIMIT 1) ORDER BY c.id"
    )
    return b"".join(part for (part,) in read.rows(run.file, sql, name))


def extract(read: Reader, run: danlu.Run, directory: Path) -> Path:
    """Write all files of a run below a directory."""
    for (name,) in read.rows(run.file, "SELECT DISTINCT path FROM file"):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(read, run, name))
    return directory


def log_one(read: Reader, media: Any, key: str = "x") -> tuple[Any, bytes]:
    """Log a value; return its JSON and the content of its file, if it has one."""
    with danlu.init() as run:
        run.log({key: media, "loss": 0.5})
    assert run.lost == 0
    assert value(read, run, "loss") == 0.5
    found = value(read, run, key)
    path = found.get("path") if isinstance(found, dict) else None
    return found, b"" if path is None else content(read, run, path)


def pixels(data: bytes) -> Any:
    """Return the pixels of a picture's file."""
    import numpy as np
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data)))
