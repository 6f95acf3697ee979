"""The command line: `danlu` and `python -m danlu`."""

from __future__ import annotations

import signal
import sys

from . import _core


def main() -> int:
    """Run the command line with `sys.argv` and return its exit code."""
    if sys.argv[1:2] == ["run"]:
        from . import _launch

        return _launch.main(sys.argv[2:])
    # Ctrl-C has to end the Rust side at once, which does not look for Python's signal handlers.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _core.main(["danlu", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
