"""Boxes in space."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def box3d(
    *,
    center: Sequence[float],
    size: Sequence[float],
    orientation: Sequence[float],
    color: tuple[int, int, int],
    label: str | None = None,
    score: float | None = None,
) -> dict[str, Any]:
    """Return a box for `Object3D.from_point_cloud`.

    `center` and `size` are (x, y, z); `orientation` is a quaternion (real part, i, j, k) other than 0;
    `color` is (red, green, blue) from 0 to 255; `label` and `score` are shown with it. Raises ValueError
    for other lengths.
    """
    middle, extent = _vector(center, 3, "center"), _vector(size, 3, "size")
    turn = _rotation(_vector(orientation, 4, "orientation"))
    corners = []
    for x, y, z in _SIGNS:
        at = (x * extent[0] / 2, y * extent[1] / 2, z * extent[2] / 2)
        corners.append([middle[i] + sum(turn[i][j] * at[j] for j in range(3)) for i in range(3)])
    box: dict[str, Any] = {"corners": corners, "color": [int(part) for part in _vector(color, 3, "color")]}
    if label is not None:
        box["label"] = label
    if score is not None:
        box["score"] = score
    return box


_SIGNS = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]


def _vector(value: Any, length: int, what: str) -> list[float]:
    numbers = [float(part) for part in value]
    if len(numbers) != length:
        raise ValueError(f"The `{what}` of box3d must have {length} numbers, not {len(numbers)}")
    return numbers


def _rotation(quaternion: list[float]) -> list[list[float]]:
    """Return the matrix of a quaternion of any length."""
    norm = sum(part * part for part in quaternion) ** 0.5
    if not norm > 0:
        raise ValueError("The `orientation` of box3d must not be 0")
    w, x, y, z = (part / norm for part in quaternion)
    return [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
