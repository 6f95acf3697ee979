"""`danlu run`: a program in which `import wandb` gives danlu."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_USAGE = """\
Run a program in which `import wandb` gives danlu

Usage: danlu run [--] COMMAND [ARGUMENT]...

  danlu run train.py --lr 0.1             a script, with the Python that danlu is installed in
  danlu run -m package.train              a module
  danlu run -- torchrun train.py          any command; what it starts imports danlu too

Nothing of the program is changed. It takes the place of `danlu run`: signals reach it, and its exit code is
the one that the shell sees.
"""


def main(arguments: Sequence[str]) -> int:
    """Start the command in place of this process; return an exit code if that cannot be done."""
    if not arguments or arguments[0] in ("-h", "--help"):
        (sys.stdout if arguments else sys.stderr).write(_USAGE)
        return 0 if arguments else 2
    command = _command(list(arguments))
    if not command:
        _say("there is nothing to run: `danlu run -- COMMAND`")
        return 2
    if _ignores_path(command):
        _say(f"WARNING: `{command[0]}` with -I or -E has no PYTHONPATH, and `import wandb` gives no danlu")
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(command[0], command, environment(os.environ))  # noqa: S606
    except FileNotFoundError:
        _say(f"there is no command `{command[0]}`")
        return 127
    except OSError as e:
        _say(f"cannot run `{command[0]}`: {e.strerror}")
        return 126


def environment(present: os._Environ[str] | dict[str, str]) -> dict[str, str]:
    """Return an environment in which Python finds the stand-in first, and a shell its command `wandb`."""
    standin = os.path.join(os.path.dirname(os.path.abspath(__file__)), "standin")
    return {
        **present,
        "PYTHONPATH": _with_first(standin, present.get("PYTHONPATH", "")),
        "PATH": _with_first(os.path.join(standin, "bin"), present.get("PATH", os.defpath)),
        "DANLU_PYTHON": sys.executable,
    }


def _with_first(path: str, paths: str) -> str:
    others = [other for other in paths.split(os.pathsep) if other and other != path]
    return os.pathsep.join([path, *others])


def _command(arguments: list[str]) -> list[str]:
    if arguments[0] == "--":
        del arguments[0]
    if arguments and (arguments[0].startswith("-") or arguments[0].endswith(".py")):
        # Options of Python, as `-m`, or a script.
        return [sys.executable, *arguments]
    return arguments


def _ignores_path(command: list[str]) -> bool:
    """Say whether the command is Python with an option by which it does not look at PYTHONPATH."""
    if "python" not in os.path.basename(command[0]):
        return False
    for argument in command[1:]:
        if not argument.startswith("-") or argument.startswith(("--", "-m", "-c")) or argument == "-":
            return False
        if not argument.startswith(("-W", "-X")) and set(argument) & {"I", "E"}:
            return True
    return False


def _say(message: str) -> None:
    sys.stderr.write(f"danlu: {message}\n")
