"""What the program prints becomes part of its runs.

Python's own prints pass through first and unchanged, and are recorded then. In the mode `redirect` what C
code and other programs print is recorded, too: see `danlu._redirect`.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident

from . import _say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from . import _core
    from ._redirect import Redirect

MODES = ("auto", "off", "wrap", "redirect")
#: Names that modes have or had in wandb.
_ALIASES = {"wrap_raw": "wrap", "wrap_emu": "wrap", "": "auto"}

#: The runs that record what is printed.
_runs: list[_core.Run] = []
_hooks: list[_Hook] = []
_redirect: Redirect | None = None
#: Threads that are printing: a stream may print to another one.
_printing: set[int] = set()
_watches_forks = False


def start(run: _core.Run, mode: str) -> None:
    """Record what is printed into a run until `stop`. Never raises."""
    mode = _ALIASES.get(mode, mode)
    if mode not in MODES:
        _say.warn(f"The console cannot be `{mode}` (known are {', '.join(MODES)}); it is `auto`")
        mode = "auto"
    if mode == "off":
        return
    _watch_forks()
    _runs.append(run)
    if mode != "wrap":
        _start_redirect(asked=mode == "redirect")
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and all(hook.stream is not stream for hook in _hooks):
            hook = _Hook(name, stream)
            if hook.install():
                _hooks.append(hook)


def stop(run: _core.Run) -> None:
    """Record into a run no longer. With the last one, the streams are as they were."""
    global _redirect
    if run not in _runs:
        return
    if len(_runs) == 1:
        redirect, _redirect = _redirect, None
        if redirect is not None:
            redirect.stop()
        for hook in _hooks:
            hook.uninstall()
        _hooks.clear()
    _runs.remove(run)


def _start_redirect(asked: bool) -> None:
    global _redirect
    if _redirect is not None:
        return
    try:
        from . import _redirect as redirect

        if redirect.can_redirect():
            _redirect = redirect.Redirect(_record, _broken)
        elif asked:
            _say.warn(
                "The console cannot be redirected here; what Python prints is recorded, and nothing else"
            )
    except Exception as e:
        _say.warn(f"Cannot record what C code and other programs print: {_say.text_of(e)}")


def _broken() -> None:
    global _redirect
    _redirect = None
    _say.warn("What C code and other programs print is no longer recorded: the helper that did it is gone")


def _record(name: str, data: str | bytes) -> None:
    for run in _runs:
        try:  # noqa: SIM105  # called for every write
            run._console(name, data)
        except Exception:
            # Printing goes on whatever happens.
            pass


class _Hook:
    """A stream whose `write` is ours."""

    def __init__(self, name: str, stream: Any) -> None:
        self.name = name
        self.stream = stream
        self._write: Callable[[Any], int] = stream.write
        #: What the stream itself had in that place; mostly nothing, its class has the method.
        self._own = getattr(stream, "__dict__", {}).get("write")
        self._ours = self._make()

    def _make(self) -> Callable[[Any], int]:
        name, original = self.name, self._write
        begins = True

        def write(text: Any, /) -> int:
            nonlocal begins
            thread = get_ident()
            redirect = _redirect
            if thread in _printing or not _runs or (redirect is not None and name in redirect.whole):
                return original(text)
            _printing.add(thread)
            try:
                if begins and redirect is not None:
                    redirect.settle()
                count = original(text)
                if isinstance(text, (str, bytes)):
                    begins = text[-1:] in ("\n", b"\n")
                    _record(name, text)
            finally:
                _printing.discard(thread)
            return count

        return write

    def install(self) -> bool:
        try:
            self.stream.write = self._ours
        except Exception:
            # It has no room for another `write`: it is not recorded.
            return False
        return True

    def uninstall(self) -> None:
        if getattr(self.stream, "__dict__", {}).get("write") is not self._ours:
            # Somebody else put a `write` around ours, which only passes on from now on.
            return
        if self._own is None:
            del self.stream.write
        else:
            self.stream.write = self._own


def _watch_forks() -> None:
    global _watches_forks
    if not _watches_forks:
        _watches_forks = True
        os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    global _redirect
    _runs.clear()
    _printing.clear()
    if _redirect is not None:
        _redirect.after_fork()
        _redirect = None
