"""Videos of arrays, encoded by ffmpeg or Pillow."""

from __future__ import annotations

import os
import sys

from .forks import Waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What makes each format, of frames in RGB. Players want an even size and this kind of pixels.
_EVEN = ("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p")
_CODECS = {
    "mp4": ("-c:v", "libx264", "-preset", "fast", "-crf", "18", "-movflags", "+faststart", *_EVEN),
    "webm": ("-c:v", "libvpx", "-crf", "10", "-b:v", "8M", *_EVEN),
    "ogg": ("-c:v", "libtheora", "-q:v", "8", *_EVEN),
}


def executable() -> str | None:
    """Return the ffmpeg that imageio-ffmpeg brings along, or else that of the system."""
    import shutil

    try:
        import imageio_ffmpeg
    except ImportError:
        return shutil.which("ffmpeg")
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return shutil.which("ffmpeg")


def is_there() -> bool:
    """Say whether there is an ffmpeg, without importing anything."""
    import importlib.util
    import shutil

    return importlib.util.find_spec("imageio_ffmpeg") is not None or shutil.which("ffmpeg") is not None


def encode(frames: Any, fps: float, file_type: str) -> bytes:
    """Return a video of frames (time, height, width, 3) of bytes; raises an error with what ffmpeg said."""
    if file_type == "gif":
        return _gif(frames, fps)
    import subprocess

    program = executable()
    if program is None:
        raise FileNotFoundError("ffmpeg is gone: pip install imageio-ffmpeg")
    height, width = frames.shape[1:3]
    given = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}", "-i", "-")
    with _Scratch() as path:
        command = [program, "-y", "-loglevel", "error", *given, *_CODECS[file_type], "-f", file_type, path]
        # A session of its own: Ctrl-C is for the training, which may still want its videos.
        with Waiting():
            done = subprocess.run(  # noqa: S603
                command, input=frames.tobytes(), stderr=subprocess.PIPE, check=False, start_new_session=True
            )
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
            raise ValueError(f"ffmpeg cannot make {file_type} of it: {said}")
        with open(path, "rb") as file:
            return file.read()


def _gif(frames: Any, fps: float) -> bytes:
    import io

    from PIL import Image

    pictures = [Image.fromarray(frame) for frame in frames]
    out = io.BytesIO()
    # Times in a GIF are in hundredths of a second, and players take less than two as ten.
    duration = max(20, round(1000 / fps))
    pictures[0].save(out, "gif", save_all=True, append_images=pictures[1:], duration=duration, loop=0)
    return out.getvalue()


class _Scratch:
    """A file that another program can write and nobody has to remove: in memory where that can be."""

    def __enter__(self) -> str:
        if sys.platform == "linux" and hasattr(os, "memfd_create"):
            self._fd = os.memfd_create("danlu-video")
            return f"/proc/{os.getpid()}/fd/{self._fd}"
        import tempfile

        self._fd, self._path = tempfile.mkstemp(prefix="danlu-")
        return self._path

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
        if hasattr(self, "_path"):
            os.unlink(self._path)
