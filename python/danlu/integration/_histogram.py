"""Histograms of torch tensors, counted where the tensor is."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..media.histogram import Histogram

_BINS = 64
#: Elements that are counted at once: torch counts in float32, which ends to count at 2^24.
_AT_ONCE = 1 << 24
#: A wider range cannot be divided in float32.
_WIDE = 1e38


def histogram(tensor: Any) -> Histogram | None:
    """Return the histogram of a tensor of any type and layout; None if it has no finite element.

    What is not finite is in no bin, and its number is kept. Elements that a sparse tensor leaves out count as
    the zeros that they are.
    """
    import torch

    from ..media.histogram import Histogram

    tensor = tensor.detach()
    values = tensor
    if tensor.layout == torch.sparse_coo:
        values = tensor.coalesce().values()
    elif tensor.layout != torch.strided:
        values = tensor.values()
    zeros = tensor.numel() - values.numel()
    if values.is_complex():
        values = torch.view_as_real(values)
        zeros *= 2
    if values.dtype not in (torch.float32, torch.float64):
        values = values.float()
    values = values.reshape(-1)
    finite, low, high = _finite(values)
    if finite.numel() == 0 and not zeros:
        return None
    if zeros:
        low, high = (min(low, 0.0), max(high, 0.0)) if finite.numel() else (0.0, 0.0)
    if (high - low) / _BINS == 0:
        pad = max(0.5, abs(low) * 1e-6)
        low, high = low - pad, high + pad
    counts = _counts(finite, low, high)
    if zeros:
        counts[min(int(-low / (high - low) * _BINS), _BINS - 1)] += zeros
    edges = [low + (high - low) * (n / _BINS) for n in range(_BINS)]
    made = Histogram(np_histogram=(counts, [*edges, high]))
    made._non_finite = values.numel() - finite.numel()
    return made


def _finite(values: Any) -> tuple[Any, float, float]:
    """Return the finite elements, the least and the greatest of them."""
    import math

    import torch

    for part in (values, None):
        found = values[torch.isfinite(values)] if part is None else part
        if found.numel() == 0:
            return found, 0.0, 0.0
        # Both at once: each has to wait for the device.
        low, high = torch.stack(torch.aminmax(found)).tolist()
        if math.isfinite(low) and math.isfinite(high):
            break
    return found, low, high


def _counts(values: Any, low: float, high: float) -> list[int]:
    import torch

    if high - low > _WIDE:
        values = values.double()
    counts = torch.zeros(_BINS, dtype=torch.float64, device="cpu")
    for part in values.split(_AT_ONCE) if values.numel() else ():
        counts += torch.histc(part, _BINS, low, high).to("cpu", torch.float64)
    return [int(count) for count in counts.tolist()]
