"""The layers of a torch model, as it runs through them the first time."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._run import Run
    from ..media.graph import Graph


class GraphTrace:
    """Makes the graph of a model in its first forward pass, and puts it in the summary.

    A node is a layer that has no layers in it, with the shape of what it gives; edges go from a layer to
    the one that runs next.
    """

    def __init__(self, run: Run, model: Any, number: int) -> None:
        from ..media.graph import Graph

        self.graph: Graph = Graph()
        self._run = run
        self._key = f"graph_{number}"
        self._handles = [
            layer.register_forward_hook(self._hook_of(name or type(layer).__name__))
            for name, layer in model.named_modules()
            if next(layer.children(), None) is None
        ]

    def stop(self) -> None:
        """Take the hooks away, and store what was seen."""
        if not self._handles:
            return
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        if self.graph.nodes:
            import time

            self.graph._freeze()
            self._run._later("summary", time.time(), [(self._key, self.graph)])

    def _hook_of(self, name: str) -> Any:
        def hook(layer: Any, inputs: Any, output: Any) -> None:
            del inputs
            if name in self.graph.nodes_by_id:
                # The next batch has begun, or a layer is used twice.
                return self.stop() if self.graph.nodes[0].id == name else None
            own = dict(layer.named_parameters(recurse=False))
            last = self.graph.nodes[-1] if self.graph.nodes else None
            node = self.graph.add_node(
                id=name,
                name=name,
                class_name=str(layer),
                parameters=[[key, list(one.shape)] for key, one in own.items()],
                num_parameters=sum(one.numel() for one in own.values()),
                output_shape=_shapes(output),
            )
            if last is not None:
                self.graph.add_edge(last, node)
            return None

        return hook


def _shapes(output: Any) -> Any:
    if hasattr(output, "shape"):
        return [int(length) for length in output.shape]
    return [_shapes(one) for one in output] if isinstance(output, (list, tuple)) else None
