"""One measurement of one tracker in a process of its own.

python loop.py TRACKER WHAT DIRECTORY KEYS ROWS RATE

WHAT is `log` (and finish), `die` (log until killed, and count in a file the rows that log() has returned
from) or `read` (one key of what is in the directory). Prints a line of JSON. Beside the tracker,
only the standard library is used.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from array import array

from trackers import TRACKERS, Row, Tracker

ns = time.perf_counter_ns
MICROSECOND = 1e3
SECOND = 1e9


def rows(keys: int) -> tuple[list[str], random.Random]:
    """Return the names of the keys and a source of noise, the same for all."""
    return [f"train/metric_{n}" for n in range(keys)], random.Random(1)


def make(names: list[str], step: int, noise: random.Random) -> Row:
    """Return a row of noise; its first value is the step, so that holes show."""
    row = {name: noise.random() for name in names}
    row[names[0]] = float(step)
    return row


def pace(start: float, step: int, rate: float) -> None:
    """Wait until it is time for a step, as a loop waits for its GPU."""
    if rate:
        time.sleep(max(0.0, start + step / rate - time.perf_counter()))


def log(tracker: Tracker, keys: int, count: int, rate: float) -> dict[str, float]:
    """Log rows and finish."""
    before = ns()
    tracker.load()
    loaded = ns()
    tracker.start()
    started = ns()
    names, noise = rows(keys)
    taken = array("q")
    start = time.perf_counter()
    for step in range(count):
        row = make(names, step, noise)
        pace(start, step, rate)
        began = ns()
        tracker.log(row, step)
        taken.append(ns() - began)
    ended = ns()
    tracker.finish()
    finished = ns()
    ordered = sorted(taken)
    return {
        "import": (loaded - before) / SECOND,
        "init": (started - loaded) / SECOND,
        "finish": (finished - ended) / SECOND,
        "median": ordered[count // 2] / MICROSECOND,
        "p999": ordered[count * 999 // 1000] / MICROSECOND,
        "max": ordered[-1] / MICROSECOND,
    }


def die(tracker: Tracker, keys: int, count: int, rate: float) -> dict[str, float]:
    """Log rows until killed."""
    tracker.load()
    tracker.start()
    names, noise = rows(keys)
    acknowledged = os.open(os.path.join(tracker.directory, "acknowledged"), os.O_WRONLY | os.O_CREAT)
    start = time.perf_counter()
    for step in range(count):
        pace(start, step, rate)
        tracker.log(make(names, step, noise), step)
        os.write(acknowledged, b"+")
    time.sleep(60)
    return {}


def read(tracker: Tracker, keys: int) -> dict[str, float]:
    """Read one key, twice: the first time imports what it takes."""
    tracker.load()
    names, _ = rows(keys)
    tracker.read(names[-1])
    began = ns()
    points = tracker.read(names[-1])
    took = (ns() - began) / SECOND
    return {"read": took, "points": len(points), "steps": len(set(tracker.read(names[0])))}


def main() -> None:
    """Measure, with everything that the tracker prints out of the way."""
    name, what, directory, keys, count, rate = sys.argv[1:]
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    os.chdir(directory)
    tracker = TRACKERS[name](directory)
    if what == "read":
        result = read(tracker, int(keys))
    else:
        result = {"log": log, "die": die}[what](tracker, int(keys), int(count), float(rate))
    os.write(out, json.dumps(result).encode())


if __name__ == "__main__":
    main()
