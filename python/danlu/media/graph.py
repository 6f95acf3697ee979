"""Graphs of models."""

from __future__ import annotations

from .base import FileMedia
from .content import Content, json_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Node:
    """A node: a layer of a model, or an operation."""

    def __init__(
        self,
        id: Any = None,  # noqa: A002
        name: str | None = None,
        class_name: str | None = None,
        size: Any = None,
        parameters: Any = None,
        output_shape: Any = None,
        is_output: bool | None = None,
        num_parameters: int | None = None,
        node: Any = None,
    ) -> None:
        """Take what is known of it; a node given as `node` is copied first."""
        self.fields: dict[str, Any] = dict(node.fields) if isinstance(node, Node) else {}
        given = {
            "name": name,
            "id": id,
            "class_name": class_name,
            "parameters": parameters,
            "output_shape": output_shape,
            "size": size,
            "num_parameters": num_parameters,
            "is_output": is_output,
        }
        self.fields.update({key: value for key, value in given.items() if value is not None})

    @property
    def id(self) -> Any:
        """The id, unique in the graph."""
        return self.fields.get("id")

    @property
    def name(self) -> Any:
        """The name."""
        return self.fields.get("name")

    @classmethod
    def from_keras(cls, layer: Any) -> Node:
        """Make one of a layer of keras."""
        shape = getattr(layer, "output_shape", None)
        if shape is None:
            shape = getattr(getattr(layer, "output", None), "shape", None)
        return cls(
            id=layer.name,
            name=layer.name,
            class_name=type(layer).__name__,
            output_shape=None if shape is None else str(shape),
            num_parameters=int(layer.count_params()) if getattr(layer, "built", False) else None,
        )


class Graph(FileMedia):
    """A graph of nodes and edges, such as the layers of a model of keras."""

    _log_type = "graph-file"
    _kind = "graph"

    def __init__(self, format: str = "keras") -> None:  # noqa: A002
        """Make an empty graph; `format` says what kind of program it is of."""
        self.format = format
        self.nodes: list[Node] = []
        self.nodes_by_id: dict[Any, Node] = {}
        self.edges: list[tuple[Node, Node]] = []
        self._frozen: dict[str, Any] | None = None

    def __getitem__(self, nid: Any) -> Node:
        return self.nodes_by_id[nid]

    def add_node(self, node: Node | None = None, **node_kwargs: Any) -> Node:
        """Add a node, or one that is made of the keywords; return it."""
        if node is None:
            node = Node(**node_kwargs)
        elif node_kwargs:
            raise ValueError(
                f"add_node() takes a node or the keywords of one, not both: {sorted(node_kwargs)}"
            )
        if node.id is None:
            node.fields["id"] = len(self.nodes)
        self.nodes.append(node)
        self.nodes_by_id[node.id] = node
        return node

    def add_edge(self, from_node: Node, to_node: Node) -> tuple[Node, Node]:
        """Add an edge; return it."""
        edge = (from_node, to_node)
        self.edges.append(edge)
        return edge

    def pprint(self) -> None:
        """Print the nodes, and the edges by their ids."""
        import json
        import sys

        for node in self.nodes:
            sys.stdout.write(json.dumps(node.fields, default=str) + "\n")
        for start, end in self.edges:
            sys.stdout.write(f"{start.id} -> {end.id}\n")

    @classmethod
    def from_keras(cls, model: Any) -> Graph:
        """Make the graph of a model of keras: its layers, and which of them take what others give."""
        graph = cls()
        for layer in model.layers:
            graph.add_node(Node.from_keras(layer))
        previous: Node | None = None
        for layer in model.layers:
            node = graph[layer.name]
            for source in _inbound(layer) or ([] if previous is None else [previous.id]):
                if source in graph.nodes_by_id:
                    graph.add_edge(graph[source], node)
            previous = node
        return graph

    def to_json(self, run: Any) -> dict[str, Any]:
        """Store the graph in a run or an artifact; return the JSON that refers to it."""
        return super().to_json(run)

    def _freeze(self) -> None:
        self._content = None
        self._frozen = {
            "format": self.format,
            "nodes": [dict(node.fields) for node in self.nodes],
            "edges": [[start.id, end.id] for start, end in self.edges],
        }

    def _encode(self) -> Content:
        if self._frozen is None:
            self._freeze()
        return Content(".graph.json", json_bytes(self._frozen))


def _inbound(layer: Any) -> list[str]:
    """Return the names of the layers that a layer takes from."""
    names = []
    for node in getattr(layer, "_inbound_nodes", None) or getattr(layer, "inbound_nodes", None) or ():
        parents = getattr(node, "parent_nodes", None)
        if parents is not None:
            # Keras 2 calls the operation of a node its layer.
            names += [(getattr(parent, "operation", None) or parent.layer).name for parent in parents]
            continue
        layers = getattr(node, "inbound_layers", ())
        names += [parent.name for parent in (layers if isinstance(layers, (list, tuple)) else [layers])]
    return names
