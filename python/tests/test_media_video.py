"""Videos and sounds: decoded back, frame by frame and sample by sample."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import danlu
import imageio_ffmpeg
import numpy as np
import PIL.Image
import PIL.ImageSequence
import pytest
import soundfile
from conftest import Reader, named
from danlu.data_types import Audio, Video
from stored import content, extract, log_one, value

#: Time, channels, height, width: a square that moves.
FRAMES = np.zeros((10, 3, 48, 64), np.uint8)
for index in range(10):
    FRAMES[index, index % 3, 8:24, index * 4 : index * 4 + 16] = 250


def decoded(data: bytes, extension: str) -> Any:
    """Return the frames of a video, one for each that was meant."""
    if extension == ".gif":
        picture = PIL.Image.open(io.BytesIO(data))
        frames = []
        for frame in PIL.ImageSequence.Iterator(picture):
            # One that is like the one before is not there again, that one only stays longer.
            frames += [np.asarray(frame.convert("RGB"))] * round((frame.info.get("duration") or 250) / 250)
        return np.stack(frames)
    given = run_ffmpeg(data, extension, "-f", "rawvideo", "-pix_fmt", "rgb24", "-").stdout
    [size] = set(re.findall(rb", (\d+)x(\d+)", run_ffmpeg(data, extension).stderr))
    width, height = map(int, size)
    return np.frombuffer(given, np.uint8).reshape(-1, height, width, 3)


def run_ffmpeg(data: bytes, extension: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    path = Path(f"decode{extension}")
    path.write_bytes(data)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-i", str(path), *arguments]
    return subprocess.run(command, capture_output=True, check=bool(arguments))


@pytest.mark.parametrize("file_type", ["mp4", "webm", "ogg"])
def test_an_array_becomes_a_video(read: Reader, file_type: str) -> None:
    found, data = log_one(read, Video(FRAMES, caption="moves", fps=8, format=file_type))
    assert found["_type"] == "video-file"
    assert (found["width"], found["height"], found["caption"]) == (64, 48, "moves")
    assert found["path"].startswith("media/videos/x_0_")
    assert found["path"].endswith(f".{file_type}")
    frames = decoded(data, f".{file_type}")
    assert frames.shape == (10, 48, 64, 3)
    assert abs(frames.astype(int) - FRAMES.transpose(0, 2, 3, 1)).mean() < 4
    assert b" 8 tb" if file_type == "ogg" else b" 8 fps" in run_ffmpeg(data, f".{file_type}").stderr


def test_gif_is_the_default(read: Reader) -> None:
    found, data = log_one(read, Video(FRAMES))
    assert found["path"].endswith(".gif")
    assert (decoded(data, ".gif") == FRAMES.transpose(0, 2, 3, 1)).all()
    assert PIL.Image.open(io.BytesIO(data)).info["duration"] == 250


def test_odd_sizes_get_one_line_more(read: Reader) -> None:
    _, data = log_one(read, Video(FRAMES[:, :, :47, :63], format="mp4"))
    assert decoded(data, ".mp4").shape == (10, 48, 64, 3)


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (np.stack([FRAMES] * 4), (10, 96, 128, 3)),
        (np.stack([FRAMES] * 3), (10, 96, 128, 3)),
        (np.stack([FRAMES] * 2), (10, 48, 128, 3)),
        (FRAMES[:, :1], (10, 48, 64, 3)),
        (np.concatenate([FRAMES, FRAMES[:, :1]], 1), (10, 48, 64, 3)),
        (FRAMES / 255, (10, 48, 64, 3)),
        (FRAMES[:1], (1, 48, 64, 3)),
    ],
    ids=lambda array: str(np.shape(array)),
)
def test_shapes(read: Reader, array: Any, shape: tuple[int, ...]) -> None:
    _, data = log_one(read, Video(array, format="gif"))
    frames = decoded(data, ".gif")
    assert frames.shape == shape
    assert (frames[:, :48, :64, 0] == FRAMES[: shape[0], 0]).all()


def test_frames_may_change_after_the_constructor(read: Reader) -> None:
    frames = FRAMES.copy()
    video = Video(frames, format="gif")
    frames[:] = 0
    _, data = log_one(read, video)
    assert decoded(data, ".gif").any()


def test_files_and_open_files(read: Reader, workdir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = io.BytesIO(Video(FRAMES, format="mp4")._encoded().read())
    (workdir / "animation.mp4").write_bytes(data.getvalue())
    with danlu.init() as run:
        run.log({"path": Video("animation.mp4", caption="Training progression")})
        run.log({"bytes": Video(data, format="mp4"), "sniffed": Video(data)})
        with open("animation.mp4", "rb") as file:
            run.log({"open": Video(file)})
        run.log({"fps": Video(Path("animation.mp4"), fps=30)})
    assert run.lost == 0
    for key in ("path", "bytes", "sniffed", "open", "fps"):
        found = value(read, run, key)
        assert content(read, run, found["path"]) == data.getvalue()
        assert found["path"].endswith(".mp4")
        assert "width" not in found
    assert "does not use `fps`" in capfd.readouterr().err
    back = Video.from_json(value(read, run, "path"), extract(read, run, workdir / "out"))
    assert back._caption == "Training progression"
    assert back._encoded().read() == data.getvalue()


def test_several_videos(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"x": [Video(FRAMES), Video(FRAMES, caption="b")], "y": [Video(FRAMES)]})
    found = value(read, run, "x")
    assert (found["_type"], found["count"], found["captions"]) == ("videos", 2, [None, "b"])
    assert found["videos"][0]["_type"] == "video-file"
    assert value(read, run, "y")["captions"] is False


@pytest.mark.parametrize(
    ("data", "arguments", "why"),
    [
        (FRAMES, {"format": "avi"}, "accepts the formats gif, mp4, webm, ogg"),
        (FRAMES[0], {}, "at least 4 dimensions"),
        (FRAMES.transpose(0, 2, 3, 1), {}, "channels last: transpose it"),
        (FRAMES[:0], {}, "1, 3 or 4 channels"),
        (np.array([[[["a"]]]]), {}, "frames of numbers"),
        ([], {}, "at least 4 dimensions"),
        (FRAMES, {"fps": 0}, "must be positive"),
        ("missing.mp4", {}, "no such file"),
        ("video.avi", {}, "accepts files of the formats"),
        (3, {}, "a path, an open file or an array"),
        (io.StringIO("a"), {}, "open for reading bytes"),
    ],
    ids=named,
)
def test_what_is_no_video(data: Any, arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Video(data, **arguments)


def test_without_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(danlu.Error, match="pip install imageio-ffmpeg"):
        Video(FRAMES, format="mp4")
    Video(FRAMES, format="gif")


def test_what_ffmpeg_says_is_told(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    program = workdir / "ffmpeg"
    program.write_text("#!/bin/sh\necho no such codec >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", lambda: str(program))
    with danlu.init() as run:
        run.log({"x": Video(FRAMES, format="mp4")})
    assert run.lost == 1
    assert "ffmpeg cannot make mp4 of it: no such codec" in capfd.readouterr().err


def test_videos_leave_no_files(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(workdir / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (workdir / "tmp").mkdir()
    with danlu.init() as run:
        run.log({"x": Video(FRAMES, format="mp4")})
    monkeypatch.delattr("os.memfd_create")
    with danlu.init() as run:
        run.log({"x": Video(FRAMES, format="mp4")})
    assert run.lost == 0
    assert os.listdir(workdir / "tmp") == []
    assert sorted(os.listdir(workdir)) == ["tmp", "wandb"]


SAMPLES = (np.sin(np.arange(8000) / 10) * 0.5).astype(np.float32)


def sound(data: bytes, kind: str = "float64") -> Any:
    samples, rate = soundfile.read(io.BytesIO(data), dtype=kind)
    assert rate == 8000
    return samples


def test_samples_become_a_wav_file(read: Reader) -> None:
    found, data = log_one(read, Audio(SAMPLES, sample_rate=8000, caption="sine"))
    assert found["_type"] == "audio-file"
    assert found["path"].startswith("media/audio/x_0_")
    assert found["path"].endswith(".wav")
    assert found["caption"] == "sine"
    assert abs(sound(data) - SAMPLES).max() <= 1 / 32000


def test_samples_are_what_soundfile_writes(read: Reader) -> None:
    expected = io.BytesIO()
    soundfile.write(expected, SAMPLES, 8000, format="WAV")
    _, data = log_one(read, Audio(SAMPLES, sample_rate=8000))
    assert (
        abs(
            sound(data, "int16").astype(int)
            - soundfile.read(io.BytesIO(expected.getvalue()), dtype="int16")[0]
        ).max()
        <= 1
    )


@pytest.mark.parametrize(
    ("samples", "stored"),
    [
        ((SAMPLES * 30000).astype(np.int16), (SAMPLES * 30000).astype(np.int16)),
        ((SAMPLES * 30000).astype(np.int64), (SAMPLES * 30000).astype(np.int16)),
        (np.array([0, 2**31 - 1, -(2**31)] * 9), np.array([0, 32767, -32768] * 9)),
        (np.array([0, 128, 255], np.uint8), np.array([-32768, 0, 32512])),
        ([0.0, 1.0, -1.0, 2.0, -2.0], np.array([0, 32767, -32767, 32767, -32767])),
        (np.array([np.nan, np.inf, 1.0]), np.array([0, 0, 32767])),
        ([1, -1], np.array([1, -1])),
    ],
    ids=lambda samples: str(np.asarray(samples).dtype),
)
def test_types_of_samples(read: Reader, samples: Any, stored: Any) -> None:
    _, data = log_one(read, Audio(samples, sample_rate=8000))
    assert (sound(data, "int16") == stored).all()


def test_32_bits_stay_32_bits(read: Reader) -> None:
    samples = np.arange(-(2**31), 2**31 - 1, 2**24 + 1, dtype=np.int32)
    _, data = log_one(read, Audio(samples, sample_rate=8000))
    assert (sound(data, "int32") == samples).all()


def test_channels(read: Reader) -> None:
    stereo = np.stack([SAMPLES, -SAMPLES], axis=1)
    _, data = log_one(read, Audio(stereo, sample_rate=8000))
    _, turned = log_one(read, Audio(stereo.T, sample_rate=8000))
    assert sound(data).shape == (8000, 2)
    assert abs(sound(data) - stereo).max() <= 1 / 32000
    assert data == turned


def test_a_sound_file(read: Reader, workdir: Path) -> None:
    soundfile.write("a.flac", SAMPLES, 8000)
    with danlu.init() as run:
        run.log({"x": Audio("a.flac", caption="file")})
        data = (workdir / "a.flac").read_bytes()
        (workdir / "a.flac").unlink()
    found = value(read, run, "x")
    assert found["path"].endswith(".flac")
    assert content(read, run, found["path"]) == data
    back = Audio.from_json(found, extract(read, run, workdir / "out"))
    assert back._caption == "file"


def test_several_sounds(read: Reader, workdir: Path) -> None:
    soundfile.write("a.wav", SAMPLES, 8000)
    with danlu.init() as run:
        run.log({"x": [Audio(SAMPLES, 8000, "a"), Audio("a.wav")], "y": [Audio("a.wav")]})
    found = value(read, run, "x")
    assert (found["_type"], found["count"]) == ("audio", 2)
    assert found["sampleRates"] == [8000, None]
    assert found["durations"] == [1.0, None]
    assert found["captions"] == ["a", None]
    assert found["audio"][1]["_type"] == "audio-file"
    assert set(value(read, run, "y")) == {"_type", "count", "audio"}


@pytest.mark.parametrize(
    ("data", "arguments", "why"),
    [
        (SAMPLES, {}, 'needs the argument "sample_rate"'),
        (SAMPLES, {"sample_rate": 0}, "must be positive"),
        ([], {"sample_rate": 8000}, "not of shape"),
        (np.zeros((2, 2, 2)), {"sample_rate": 8000}, "not of shape"),
        (np.array(["a"]), {"sample_rate": 8000}, "that are numbers"),
        ("missing.wav", {}, "no such file"),
    ],
    ids=named,
)
def test_what_is_no_sound(data: Any, arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Audio(data, **arguments)


def test_samples_that_no_wav_file_has(capfd: pytest.CaptureFixture[str]) -> None:
    with danlu.init() as run:
        run.log({"x": Audio(np.array([2**40]), sample_rate=8000)})
    assert run.lost == 1
    assert "Audio `x` at step 0 is not stored: samples that are integers" in capfd.readouterr().err
