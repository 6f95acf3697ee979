"""What a program ends with, as a number."""

from __future__ import annotations


def exit_code_of(error: BaseException | None) -> int:
    """Return the exit code that a program ends with when this exception passes."""
    if error is None:
        return 0
    if isinstance(error, KeyboardInterrupt):
        return 255
    if isinstance(error, SystemExit):
        return exit_code_of_exit(error.code)
    return 1


def exit_code_of_exit(code: object) -> int:
    """Return the exit code that a program ends with after `sys.exit(code)`."""
    if code is None:
        return 0
    return as_exit_code(code) if isinstance(code, int) else 1


def as_exit_code(code: object) -> int:
    """Return what was given to `finish` as a number: 0 for nothing, 1 for what is no number."""
    if code is None:
        return 0
    try:
        number = int(code)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        return 1
    return number if -(2**31) <= number < 2**31 else 1
