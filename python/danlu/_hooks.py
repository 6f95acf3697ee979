"""How a run learns that the program ends, and how."""

from __future__ import annotations

import atexit
import os
import sys

from . import _core
from ._exit import exit_code_of, exit_code_of_exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Callable, NoReturn

_installed = False
#: The process of multiprocessing whose end is watched.
_worker = 0
#: What the program ends with, as far as is known.
_exit_code = 0


def install(finish: Callable[[int], None], after_fork: Callable[[], None]) -> None:
    """Call `finish` with the exit code when the program ends, and `after_fork` in the child of a fork."""
    global _installed
    _watch_worker(finish)
    if _installed:
        return
    _installed = True
    atexit.register(lambda: finish(_exit_code))
    os.register_at_fork(
        before=_core.before_fork,
        after_in_parent=_core.after_fork,
        after_in_child=after_fork,
    )
    _watch_exceptions()
    _watch_exit()


def _watch_worker(finish: Callable[[int], None]) -> None:
    """Learn of the end of a process of multiprocessing: one that was forked calls nothing of atexit."""
    global _worker
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None or _worker == os.getpid():
        return
    _worker = os.getpid()
    from multiprocessing import util

    # It is called while the exception passes that ends the process, if one does.
    util.Finalize(None, lambda: finish(exit_code_of(sys.exc_info()[1])), exitpriority=0)


def _watch_exceptions() -> None:
    previous = sys.excepthook

    def excepthook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        global _exit_code
        # At an interactive prompt an exception ends nothing.
        if not hasattr(sys, "ps1"):
            _exit_code = exit_code_of(error)
        previous(kind, error, traceback)

    sys.excepthook = excepthook


def _watch_exit() -> None:
    """Note the code of `sys.exit`, which nothing tells at the end."""
    previous = sys.exit

    def exit(code: object = None, /) -> NoReturn:  # noqa: A001
        global _exit_code
        import threading

        # In another thread it ends that thread only.
        if threading.current_thread() is threading.main_thread():
            _exit_code = exit_code_of_exit(code)
        previous(code)  # type: ignore[arg-type]

    sys.exit = exit
