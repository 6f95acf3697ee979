"""What the events of TensorBoard say."""

from __future__ import annotations

from . import wire
from .tensors import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Most buckets of a histogram, as in a histogram of the run.
_MAX_BUCKETS = 512


class Images:
    """Encoded pictures of one tag."""

    def __init__(self, encoded: list[bytes]) -> None:
        self.encoded = encoded


class Sounds:
    """Encoded sounds of one tag."""

    def __init__(self, encoded: list[bytes]) -> None:
        self.encoded = encoded


class Buckets:
    """A histogram: counts, and one edge more than counts."""

    def __init__(self, counts: list[float], edges: list[float]) -> None:
        step = -(-len(counts) // _MAX_BUCKETS) or 1
        starts = range(0, len(counts), step)
        self.counts: list[float | int] = [sum(counts[at : at + step]) for at in starts]
        self.edges: list[float] = [edges[at] for at in starts] + edges[-1:]


class Hyperparameters:
    """What the HParams dashboard shows as the configuration of a run."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values


class Event:
    """One event: its step, its time in seconds, and its values by tag."""

    def __init__(self, step: int, time: float, values: list[tuple[str, Any]]) -> None:
        self.step = step
        self.time = time
        self.values = values


class Decoder:
    """Reads the events of one event file, in order."""

    def __init__(self) -> None:
        #: Which plugin a tag is of: only the first event of the tag need say so.
        self._plugins: dict[str, str] = {}

    def event(self, data: bytes) -> Event:
        """Return what an Event message says. Raises ValueError for what is none."""
        found = wire.message(data)
        steps = wire.varints(found.get(2, []))
        values: list[tuple[str, Any]] = []
        for summary in wire.parts(found.get(5, [])):
            values += self.summary(summary)
        return Event(steps[-1] if steps else 0, wire.number(found.get(1, []), "d"), values)

    def message(self, message: Any) -> Event:
        """Return what an Event says that a library has as an object."""
        values = []
        for value in message.summary.value:
            if value.WhichOneof("value") != "simple_value":
                return self.event(message.SerializeToString())
            values.append((value.tag, value.simple_value))
        return Event(message.step, message.wall_time, values)

    def summary(self, data: bytes) -> list[tuple[str, Any]]:
        """Return the values of a Summary message by tag."""
        values = (self._value(value) for value in wire.parts(wire.message(data).get(1, [])))
        return [value for value in values if value is not None]

    def _value(self, data: bytes) -> tuple[str, Any] | None:
        found = wire.message(data)
        tag = wire.text(found.get(1, []))
        content = self._metadata(tag, found.get(9, []))
        value: Any = None
        if 2 in found:
            value = wire.number(found[2], "f")
        elif 4 in found or 6 in found:
            kind: Any = Images if 4 in found else Sounds
            (media,) = wire.parts(found.get(4, found.get(6, []))[-1:])
            value = kind(wire.parts(wire.message(media).get(4, [])))
        elif 5 in found:
            value = _histogram(wire.message(wire.parts(found[5])[-1]))
        elif self._plugins.get(tag) == "hparams":
            value = _hyperparameters(content)
        elif 8 in found:
            value = _of_plugin(self._plugins.get(tag, ""), Tensor(wire.parts(found[8])[-1]))
        return None if value is None else (tag, value)

    def _metadata(self, tag: str, metadata: list[wire.Field]) -> bytes:
        """Note the plugin of a tag, and return what the plugin keeps with it."""
        content = b""
        for plugin in wire.parts(metadata):
            for data in wire.parts(wire.message(plugin).get(1, [])):
                found = wire.message(data)
                self._plugins[tag] = wire.text(found.get(1, []))
                content = b"".join(wire.parts(found.get(2, [])))
        return content


def _histogram(found: dict[int, list[wire.Field]]) -> Buckets | None:
    low, high = wire.number(found.get(1, []), "d"), wire.number(found.get(2, []), "d")
    limits, counts = wire.numbers(found.get(6, []), "d"), wire.numbers(found.get(7, []), "d")
    if not limits or len(limits) != len(counts):
        return None
    if len(counts) > 1 and counts[0] == 0:
        # An empty first bucket is only there for its limit, the edge of the second.
        edges, counts = limits, counts[1:]
    else:
        edges = [low if low < limits[0] else limits[0] - 1.0, *limits]
    # The outer buckets may reach far beyond the values, to the largest number there is.
    if edges[0] < low < edges[1]:
        edges[0] = low
    if edges[-2] < high < edges[-1]:
        edges[-1] = high
    return Buckets(counts, edges)


def _of_plugin(plugin: str, tensor: Tensor) -> Any:
    """Return what a tensor of this plugin stands for."""
    items = tensor.items
    if plugin == "images":
        # Width and height come first.
        return Images(items[2:])
    if plugin == "audio":
        # Each with a label.
        return Sounds(items[::2])
    if plugin == "histograms":
        rows = list(zip(items[::3], items[1::3], items[2::3]))
        if not rows:
            return None
        return Buckets([row[2] for row in rows], [row[0] for row in rows] + [rows[-1][1]])
    if items and isinstance(items[0], bytes):
        return "\n".join(item.decode("utf-8", "replace") for item in items)
    if plugin == "scalars":
        return items[0] if items else None
    return tensor.nested()


def _hyperparameters(content: bytes) -> Hyperparameters | None:
    values: dict[str, Any] = {}
    for start in wire.parts(wire.message(content).get(3, [])):
        for entry in wire.parts(wire.message(start).get(1, [])):
            found = wire.message(entry)
            values[wire.text(found.get(1, []))] = _hyperparameter(wire.parts(found.get(2, [])))
    return Hyperparameters(values) if values else None


def _hyperparameter(data: list[bytes]) -> Any:
    """Return a `google.protobuf.Value`: a number, a text, a bool or nothing."""
    for field, value in wire.fields(data[-1]) if data else ():
        if field == 2:
            return wire.number([value], "d")
        if field == 3:
            return wire.text([value])
        if field == 4:
            return bool(value)
    return None
