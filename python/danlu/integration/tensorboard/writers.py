"""Hooks in the writers of event files, so that events are logged as they are written."""

from __future__ import annotations

import contextlib
import functools
import sys
from importlib.abc import MetaPathFinder

from ..._say import text_of, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Callable

    #: Takes the log directory, the event file if it is known, and the message.
    OnEvent = Callable[[str, str, Any], None]
    #: Takes the log directory of a writer that gives no events, and what flushes it.
    OnDirectory = Callable[[str, Callable[[], object]], None]

#: The modules with a class `EventFileWriter`: for torch, of tensorboardX, and of TensorFlow 1.
_IN_PYTHON = (
    "tensorboard.summary.writer.event_file_writer",
    "tensorboardX.event_file_writer",
    "tensorflow.python.summary.writer.event_file_writer",
)
#: Where TensorFlow 2 makes its writers, which write by themselves.
_IN_TENSORFLOW = "tensorflow.python.ops.gen_summary_ops"


class Hooks(MetaPathFinder):
    """The hooks: set at once in modules that are imported, in the others when they are."""

    def __init__(self, on_event: OnEvent, on_directory: OnDirectory) -> None:
        self._on_event = on_event
        self._on_directory = on_directory
        self._hook: dict[str, Callable[[ModuleType], None]] = dict.fromkeys(_IN_PYTHON, self._hook_python)
        self._hook[_IN_TENSORFLOW] = self._hook_tensorflow
        self._undo: list[Callable[[], None]] = []

    def install(self) -> None:
        """Set the hooks."""
        for name in list(self._hook):
            if name in sys.modules:
                self._hook.pop(name)(sys.modules[name])
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Take them all away."""
        sys.meta_path.remove(self)
        for undo in self._undo:
            undo()

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find a module as others find it, and hook it after it is loaded."""
        hook = self._hook.pop(fullname, None)
        if hook is None:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None and spec.loader is not None:
                load = spec.loader.exec_module
                after = functools.partial(_load_and, load, fullname, hook)
                spec.loader.exec_module = after  # type: ignore[method-assign]
                return spec
        return None

    def _replace(self, owner: Any, name: str, replacement: Any) -> None:
        original = getattr(owner, name)
        self._undo.append(lambda: setattr(owner, name, original))
        setattr(owner, name, replacement)

    def _hook_python(self, module: ModuleType) -> None:
        original = module.EventFileWriter.add_event
        on_event = self._on_event

        @functools.wraps(original)
        def add_event(self: Any, event: Any, *args: Any, **kwargs: Any) -> Any:
            done = original(self, event, *args, **kwargs)
            try:
                on_event(str(self.get_logdir()), _path_of(self), event)
            except Exception as e:
                warn(f"An event of TensorBoard is not logged: {type(e).__name__}: {text_of(e)}")
            return done

        self._replace(module.EventFileWriter, "add_event", add_event)

    def _hook_tensorflow(self, module: ModuleType) -> None:
        original = module.create_summary_file_writer
        on_directory = self._on_directory

        @functools.wraps(original)
        def create_summary_file_writer(writer: Any, logdir: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                path = logdir.numpy() if hasattr(logdir, "numpy") else logdir
                directory = path.decode() if isinstance(path, bytes) else str(path)
                on_directory(directory, functools.partial(_flush, module, writer))
            except Exception as e:
                warn(f"A log directory of TensorFlow is not followed: {type(e).__name__}: {text_of(e)}")
            return original(writer, logdir, *args, **kwargs)

        self._replace(module, "create_summary_file_writer", create_summary_file_writer)


def _load_and(
    load: Callable[[ModuleType], None], name: str, hook: Callable[[ModuleType], None], module: ModuleType
) -> None:
    load(module)
    try:
        # Modules of an archive have one loader.
        if module.__name__ == name:
            hook(module)
    except Exception as e:
        warn(f"The events that `{module.__name__}` writes are not logged: {type(e).__name__}: {text_of(e)}")


def _flush(module: Any, writer: Any) -> None:
    """Flush a writer of TensorFlow, unless it is closed."""
    with contextlib.suppress(Exception):
        module.flush_summary_writer(writer)


def _path_of(writer: Any) -> str:
    """Return the event file of a writer, or nothing if it does not tell."""
    for owner in (writer, getattr(writer, "_ev_writer", None)):
        path = getattr(owner, "_file_name", None)
        if path:
            return str(path)
    return ""
