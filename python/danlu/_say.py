"""What danlu says to the person who trains: on stderr, and never so that it could stop the training."""

from __future__ import annotations

import os
import sys

#: Control characters, and those that turn the direction of others: texts come from users, and a terminal
#: obeys what it is sent.
_NOT_SHOWN = dict.fromkeys(
    (*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    "\ufffd",
)
_NOT_SHOWN.update({ord("\n"): "⏎", ord("\t"): " "})

_warned: set[str] = set()


def is_silent() -> bool:
    """Say whether the environment asks for silence."""
    return any(os.environ.get(name, "").lower() in ("1", "true") for name in ("DANLU_SILENT", "WANDB_SILENT"))


def tell(message: str) -> None:
    """Print a line, and nothing but that: no control characters."""
    if is_silent():
        return
    try:
        sys.stderr.write(f"danlu: {message.translate(_NOT_SHOWN)}\n")
        sys.stderr.flush()
    except Exception:
        # Closed, or not there at all as under pythonw.
        pass


def warn(message: str) -> None:
    """Print a warning, once."""
    if message not in _warned:
        _warned.add(message)
        tell(f"WARNING: {message}")


def text_of(value: object) -> str:
    """Return the text of a value, with escapes for what UTF-8 has no bytes for. Never raises."""
    try:
        text = str(value)
    except Exception as e:
        text = f"<{type(value).__name__} whose text raises {type(e).__name__}>"
    return text.encode("utf-8", "backslashreplace").decode()
