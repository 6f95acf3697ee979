"""What media, the console and samples of the machine cost the training loop, beside floors of the same run.

python benches/beside.py [--json] [--dir DIR] [SECTION ...]

An image is 256 x 256 x 3 bytes of noise, as hard to compress as can be. The floor is to copy it, which
whoever does not encode in the loop has to do; beside it stands what it takes to encode it there, as a PNG.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from functools import partial
from statistics import median
from typing import Any

import danlu
import numpy as np
from claims import MILLISECOND, Claims, main, quantile, timed
from log import a_run, make_row
from PIL import Image

IMAGES = 200
#: How often a training logs an image or a row here, in seconds.
PACE = 0.02


def images(claims: Claims, directory: str) -> None:
    """Log one image after the other, as fast as the loop can and as a training does."""
    pixels = np.random.default_rng(1).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    copied = timed(lambda: pixels.copy(), IMAGES)
    encoded = timed(lambda: Image.fromarray(pixels).save(io.BytesIO(), "png"), 20)
    for name, every in (("at once", 0.0), ("50 a second", PACE)):
        with a_run(directory) as run:
            before = set(os.listdir(os.path.dirname(str(run.file))))

            def picture(run: danlu.Run = run) -> Any:
                # Another one each time: one that was logged before is not encoded again.
                return pixels + np.uint8(run.step % 256)

            def log(run: danlu.Run = run, picture: Any = picture) -> None:
                run.log({"image": danlu.Image(picture())})

            made = timed(picture, IMAGES)
            taken = timed(log, IMAGES, every)
            run.flush()
            new = set(os.listdir(os.path.dirname(str(run.file)))) - before
        cost = (median(taken) - median(made)) / MILLISECOND
        floor = median(copied) / MILLISECOND
        claims.add(f"log an image, {IMAGES} {name}", cost, "ms", (floor, "a copy of it"), most=0.5)
        claims.add(
            "  99 of 100", quantile(taken, 0.99) / 1e3, "ms", (median(encoded) / MILLISECOND, "encode it")
        )
        claims.add("  new files", len(new), "files", most=0)


def recorded(claims: Claims, directory: str) -> None:
    """Log rows with what is recorded by itself, and without."""
    off = danlu.Settings(console="off", x_disable_stats=True, x_disable_meta=True, x_save_requirements=False)
    on = danlu.Settings(console="redirect", x_stats_sampling_interval=0.1)
    row = make_row(10)
    costs: dict[str, list[tuple[float, float]]] = {}
    for name, settings in (("off", off), ("on", on)) * 3:
        with danlu.init(project="bench", dir=directory, settings=settings) as run:
            taken = timed(partial(run.log, row), 20_000)
        costs.setdefault(name, []).append((median(taken) / 1e3, quantile(taken, 0.999)))
    for place, what in enumerate(("log of 10 floats, all recorded", "  999 of 1000")):
        floor = min(cost[place] for cost in costs["off"])
        value = min(cost[place] for cost in costs["on"])
        claims.add(what, value, "µs", (floor, "nothing recorded"), most_times=1.1 if place == 0 else None)


IDLE = """
import resource, sys, time, danlu
run = danlu.init(project="bench", dir=sys.argv[1], settings=danlu.Settings(
    console=sys.argv[2], x_disable_stats=sys.argv[2] == "off", x_stats_sampling_interval=15.0))
used = lambda: sum(resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime for who in (0, -1))
time.sleep(2)
before, start = used(), time.perf_counter()
while time.perf_counter() - start < 16:
    time.sleep(0.25)
    print("epoch", flush=True)
print((used() - before) / (time.perf_counter() - start) * 100, file=sys.__stderr__)
run.finish()
"""


def processor(claims: Claims, directory: str) -> None:
    """Let a training wait and print now and then, and see how busy it keeps a processor."""

    def busy(mode: str) -> float:
        command = [sys.executable, "-c", IDLE, directory, mode]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()
        return float(next(line for line in said if not line.startswith("danlu")))

    claims.add(
        "a processor, all recorded", busy("redirect"), "%", (busy("off"), "nothing recorded"), most=1.0
    )


FIRST = """
import sys, time, danlu
settings = danlu.Settings(console="off", x_disable_stats=True, x_disable_meta=True, x_save_requirements=False)
start = time.perf_counter()
run = danlu.init(project="bench", dir=sys.argv[1], settings=None if sys.argv[2] == "on" else settings)
print((time.perf_counter() - start) * 1e3, file=sys.__stderr__)
run.finish()
"""


def first(claims: Claims, directory: str) -> None:
    """Start a run in a new process, with what is recorded by itself and without."""

    def taken(what: str) -> float:
        command = [sys.executable, "-c", FIRST, directory, what]
        said = [subprocess.run(command, capture_output=True, text=True, check=True).stderr for _ in range(11)]
        return median(float(line) for text in said for line in text.splitlines() if line[0].isdigit())

    claims.add("the first `init`, all recorded", taken("on"), "ms", (taken("off"), "nothing recorded"))


SECTIONS = {"images": images, "first": first, "recorded": recorded, "processor": processor}

if __name__ == "__main__":
    main(__doc__, SECTIONS)
