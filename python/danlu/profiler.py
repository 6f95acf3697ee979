"""Traces of PyTorch's profiler, stored in the run."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


def torch_trace_handler() -> Callable[[Any], None]:
    """Return what `torch.profiler.profile` takes as `on_trace_ready`.

    Each trace becomes the file `pytorch_traces/trace_<n>.pt.trace.json` of the current run; Perfetto and
    Chrome (`chrome://tracing`) show it. The handler never raises.
    """
    from . import _session

    run = _session.current("profiler.torch_trace_handler()")
    count = 0

    def store(profiler: Any) -> None:
        nonlocal count
        import os
        import tempfile

        try:
            with tempfile.TemporaryDirectory(prefix="danlu-") as directory:
                path = os.path.join(directory, "trace.json")
                profiler.export_chrome_trace(path)
                run._put_file(f"pytorch_traces/trace_{count}.pt.trace.json", path)
            count += 1
        except Exception as e:
            run._lose(f"A trace of the profiler is not stored: {type(e).__name__}: {e}")

    return store
