"""Histograms."""

from __future__ import annotations

from .base import Media, require

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from .places import Place


class Histogram(Media):
    """How numbers are distributed: of a sequence or array of any shape, or as `numpy.histogram` returns it.

    `np_histogram` is (values, edges), with one edge more than values. NaN and infinity are in no bin; the
    JSON says in `non_finite` how many there were. Raises ValueError for more than 512 bins.
    """

    _log_type = "histogram"
    #: Most bins.
    MAX_LENGTH: ClassVar[int] = 512

    def __init__(
        self,
        sequence: Any = None,
        np_histogram: tuple[Any, Any] | None = None,
        num_bins: int = 64,
    ) -> None:
        """Copy the numbers, to be counted in `num_bins` bins when it is stored, or when somebody asks."""
        self._array: Any = None
        self._counted: tuple[list[Any], list[Any]] | None = None
        self._num_bins = int(num_bins)
        self._non_finite = 0
        if np_histogram is not None:
            self._counted = _given(np_histogram)
        elif sequence is not None:
            from .arrays import is_numeric, to_numpy

            self._array = to_numpy(_listed(sequence), "Histogram")
            if not is_numeric(self._array):
                raise ValueError(f"Histogram takes real numbers, not {self._array.dtype}")
        else:
            raise ValueError("Histogram needs a sequence of numbers or an `np_histogram`")
        bins = self._num_bins if self._counted is None else len(self._counted[0])
        if not 1 <= bins <= self.MAX_LENGTH:
            raise ValueError(
                f"The maximum length of a histogram is {self.MAX_LENGTH} bins, the least is 1, not {bins}"
            )

    @classmethod
    def _of(cls, array: Any) -> Histogram:
        """Make one of a numpy array that nobody else has."""
        made = cls.__new__(cls)
        made._array, made._counted, made._num_bins, made._non_finite = array, None, 64, 0
        return made

    @property
    def histogram(self) -> list[Any]:
        """How many numbers are in each bin."""
        return self._count()[0]

    @property
    def bins(self) -> list[Any]:
        """The edges of the bins, one more than there are bins."""
        return self._count()[1]

    def _count(self) -> tuple[list[Any], list[Any]]:
        if self._counted is None:
            np = require("numpy", "Histogram", "numpy")
            array = self._array.astype(np.float64).ravel()
            finite = array[np.isfinite(array)]
            self._non_finite = int(array.size - finite.size)
            # A wider range than that is none that numpy can divide.
            most = np.finfo(np.float64).max / 4
            finite = np.clip(finite, -most, most)
            low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
            if low == high:
                low, high = low - 0.5, high + 0.5
            # So close together, and so far from 0, that there are no floats between for the edges.
            margin = max(-low, high) * 2**-40
            if high - low < margin:
                low, high = low - margin, high + margin
            values, edges = np.histogram(finite, bins=self._num_bins, range=(low, high))
            self._counted, self._array = (values.tolist(), edges.tolist()), None
        return self._counted

    def _weight(self) -> int:
        array = self._array
        return 0 if array is None else int(array.nbytes)

    def _to_json(self, place: Place | None, key: str, step: int | str) -> dict[str, Any]:
        del place, key, step
        values, bins = self._count()
        lost = {"non_finite": self._non_finite} if self._non_finite else {}
        return {"_type": self._log_type, "values": values, "bins": bins, **lost}

    def to_json(self, run: Any = None) -> dict[str, Any]:
        """Return the JSON, which has no file."""
        del run
        return self._to_json(None, "", 0)

    @classmethod
    def from_json(cls, json_obj: dict[str, Any], source_artifact: Any = None) -> Histogram:
        """Make a histogram of its JSON; what a server exports may have `packedBins` in place of `bins`."""
        del source_artifact
        bins = json_obj.get("bins")
        if bins is None:
            packed = json_obj["packedBins"]
            bins = [packed["min"] + packed["size"] * edge for edge in range(packed["count"] + 1)]
        made = cls(np_histogram=(json_obj["values"], bins))
        made._non_finite = json_obj.get("non_finite", 0)
        return made


def _given(np_histogram: Any) -> tuple[list[Any], list[Any]]:
    if not hasattr(np_histogram, "__len__") or len(np_histogram) != 2:
        raise ValueError("Expected np_histogram to be a tuple of (values, bin_edges)")
    values, edges = (list(part.tolist() if hasattr(part, "tolist") else part) for part in np_histogram)
    if len(edges) != len(values) + 1:
        raise ValueError(
            f"len(bin_edges) must be len(values) + 1, and is {len(edges)} for {len(values)} values"
        )
    return values, edges


def _listed(sequence: Any) -> Any:
    """Return what numpy takes of any iterable."""
    if hasattr(sequence, "__array__") or hasattr(sequence, "shape") or isinstance(sequence, (list, tuple)):
        return sequence
    try:
        return list(sequence)
    except TypeError:
        raise TypeError(f"Histogram takes a sequence of numbers, not `{type(sequence).__name__}`") from None
