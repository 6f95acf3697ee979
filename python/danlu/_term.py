"""Messages to the person who trains, for libraries that bring them."""

from __future__ import annotations

import sys

from . import _say

_said: set[str] = set()


def termlog(string: object = "", newline: bool = True, repeat: bool = True, prefix: bool = True) -> None:
    """Print a text on standard error.

    With `repeat=False` the same text is printed only once. `newline` ends it with one, and `prefix` puts
    `danlu: ` before each line.
    """
    _print(string, newline, repeat, prefix, "")


def termwarn(string: object = "", newline: bool = True, repeat: bool = True, prefix: bool = True) -> None:
    """Print a warning on standard error. `repeat` and `prefix` are those of `termlog`."""
    _print(string, newline, repeat, prefix, "WARNING: ")


def termerror(string: object = "", newline: bool = True, repeat: bool = True, prefix: bool = True) -> None:
    """Print an error on standard error. `repeat` and `prefix` are those of `termlog`."""
    _print(string, newline, repeat, prefix, "ERROR: ")


def termsetup(*args: object, **kwargs: object) -> None:
    """Do nothing: messages need no setting up."""


def _print(string: object, newline: bool, repeat: bool, prefix: bool, kind: str) -> None:
    text = _say.text_of(string)
    if _say.is_silent() or (not repeat and text in _said):
        return
    if not repeat:
        _said.add(text)
    before = f"danlu: {kind}" if prefix else kind
    lines = "\n".join(before + line for line in text.split("\n"))
    try:
        sys.stderr.write(lines + ("\n" if newline else ""))
        sys.stderr.flush()
    except Exception:
        # Closed, or not there at all.
        pass
