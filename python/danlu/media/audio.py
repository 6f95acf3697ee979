"""Sounds."""

from __future__ import annotations

import io

from .. import _say
from .base import FileMedia, caption_of, is_path
from .content import Content, file_content

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .places import Place

#: Most channels that (channels, samples) is recognised by.
MAX_CHANNELS = 32
#: Most samples per second that the head of a wav file has room for, with 4 bytes in each of 32 channels.
MAX_RATE = 2**25 - 1


class Audio(FileMedia):
    """A sound: the path of a file, or samples with their `sample_rate` per second.

    Samples have the shape (samples,) or (samples, channels); (channels, samples) is recognised when the first
    is at most 32 and the second is more. Floats are from -1 to 1, those beyond are cut, NaN is silence; they
    are stored as a wav file of 16 bits. Integers of 16 or 32 bits, and unsigned ones of 8, are stored as they
    are, others with as many bits as they need.

    Raises ValueError without a sample rate, and for what is no sound.
    """

    _log_type = "audio-file"
    _list_type = "audio"
    _kind = "audio"

    def __init__(self, data_or_path: Any, sample_rate: int | None = None, caption: str | None = None) -> None:
        """Copy the samples."""
        self._caption = caption_of("Audio", caption)
        self._samples: Any = None
        self._duration: float | None = None
        self._sample_rate = None if sample_rate is None else int(sample_rate)
        if is_path(data_or_path):
            self._content = file_content("Audio", data_or_path)
            return
        if self._sample_rate is None:
            raise ValueError('Audio needs the argument "sample_rate" when it is made of samples')
        if not 0 < self._sample_rate <= MAX_RATE:
            limit = "positive" if self._sample_rate <= 0 else f"at most {MAX_RATE}"
            raise ValueError(f'The "sample_rate" of Audio must be {limit}, not {self._sample_rate}')
        self._samples = _samples(data_or_path)
        self._duration = len(self._samples) / self._sample_rate

    def _weight(self) -> int:
        samples = self._samples
        return super()._weight() + (0 if samples is None else int(samples.nbytes))

    def _encode(self) -> Content:
        import wave

        samples = _as_pcm(self._samples)
        out = io.BytesIO()
        with wave.open(out, "wb") as file:
            file.setnchannels(samples.shape[1])
            file.setsampwidth(samples.dtype.itemsize)
            file.setframerate(self._sample_rate or 0)
            file.writeframes(samples.astype(samples.dtype.newbyteorder("<")).tobytes())
        self._content, self._samples = Content(".wav", out.getvalue()), None
        return self._content

    @classmethod
    def durations(cls, audio_list: Sequence[Audio]) -> list[Any]:
        """Return the durations in seconds, None for files."""
        return [audio._duration for audio in audio_list]

    @classmethod
    def sample_rates(cls, audio_list: Sequence[Audio]) -> list[Any]:
        """Return the samples per second, None for files of which nobody said."""
        return [audio._sample_rate for audio in audio_list]

    @classmethod
    def _join(cls, items: Sequence[Audio], place: Place, key: str, step: int | str) -> dict[str, Any]:
        joined: dict[str, Any] = {
            "_type": cls._list_type,
            "count": len(items),
            "audio": [item._to_json(place, key, step) for item in items],
        }
        numbers: dict[str, list[Any]] = {
            "sampleRates": cls.sample_rates(items),
            "durations": cls.durations(items),
        }
        joined.update(
            {name: all_ for name, all_ in numbers.items() if any(item is not None for item in all_)}
        )
        if captions := cls.captions(items):
            joined["captions"] = captions
        return joined

    @classmethod
    def from_json(cls, json_obj: dict[str, Any], source_artifact: Any) -> Audio:
        """Read a sound back."""
        return cls(cls._read_back(json_obj, source_artifact), caption=json_obj.get("caption"))


def _samples(data: Any) -> Any:
    """Return samples as (samples, channels)."""
    from .arrays import is_numeric, to_numpy

    array = to_numpy(data, "Audio")
    if (
        array.ndim == 2
        and array.shape[0] <= MAX_CHANNELS
        and array.shape[1] > max(MAX_CHANNELS, array.shape[0])
    ):
        array = array.T
    if array.ndim not in (1, 2) or not array.size:
        raise ValueError(
            f"Audio takes samples as (samples,) or (samples, channels), not of shape {array.shape}"
        )
    if not is_numeric(array):
        raise ValueError(f"Audio takes samples that are numbers, not {array.dtype}")
    return array.reshape(len(array), -1)


def _as_pcm(samples: Any) -> Any:
    """Return samples in a type that wav files have."""
    import numpy as np

    if samples.dtype.kind == "f":
        if not np.isfinite(samples).all():
            _say.warn("Audio has samples that are NaN or infinite: they are silence")
            samples = np.where(np.isfinite(samples), samples, 0)
        return np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int16)
    if samples.dtype in (np.uint8, np.int16, np.int32):
        return samples
    for kind in (np.int16, np.int32):
        limits = np.iinfo(kind)
        if limits.min <= int(samples.min()) and int(samples.max()) <= limits.max:
            return samples.astype(kind)
    raise ValueError("samples that are integers must have at most 32 bits")
