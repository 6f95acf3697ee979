"""What logging costs the training loop, beside floors measured in the same run on the same file system.

python benches/log.py [--json] [--dir DIR] [SECTION ...]

Prints a row for each claim: what was measured, beside a floor and the target. A missed target is said and
fails nothing. The floors are what a library could do at best: one write(2) of as many bytes as the journal
gets for a row, a line of JSON by one write(2), a row in SQLite by way of an autocommitted INSERT.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Callable

import danlu
from claims import MILLISECOND, Claims, clock, main, quantile, timed

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 5
CALLS = 20_000
PROCESSES = 11
KEYS = 10


def make_row(scalars: int) -> dict[str, float]:
    """Return a row of floats that take all their digits."""
    return {f"train/metric_{n}": (n + 1) / 7 for n in range(scalars)}


def journal_bytes(run: danlu.Run) -> int:
    """Return the size of the run's journal."""
    stem = os.path.splitext(os.path.basename(str(run.file)))[0]
    directory = os.path.dirname(str(run.file))
    names = [name for name in os.listdir(directory) if name.startswith(stem) and name.endswith(".journal")]
    return os.path.getsize(os.path.join(directory, names[0]))


@contextmanager
def a_run(directory: str) -> Iterator[danlu.Run]:
    """Start a run, and take away what it wrote."""
    run = danlu.init(project="bench", dir=directory)
    try:
        yield run
    finally:
        run.finish()
        os.remove(str(run.file))


@contextmanager
def a_file(directory: str) -> Iterator[int]:
    """Open a file to append to, and take it away."""
    path = os.path.join(directory, "floor")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
        os.remove(path)


def row_bytes(directory: str, row: dict[str, float]) -> int:
    """Return how many bytes of journal a row is."""
    with a_run(directory) as run:
        run.log(row)
        before = journal_bytes(run)
        run.log(row)
        return journal_bytes(run) - before


def log(claims: Claims, directory: str) -> None:
    """Measure calls in a tight loop, which take turns with the floors."""
    for scalars, most in (1, 1.0), (10, 2.0), (100, 12.0):
        row = make_row(scalars)
        data = b"x" * row_bytes(directory, row)
        ours, write = array("q"), array("q")
        medians: dict[str, list[float]] = {"ours": [], "write": [], "sqlite": []}
        for _ in range(ROUNDS):
            with a_run(directory) as run:
                taken = timed(partial(run.log, row), CALLS)
                ours += taken
                medians["ours"].append(quantile(taken, 0.5))
            with a_file(directory) as descriptor:
                taken = timed(partial(os.write, descriptor, data), CALLS)
                write += taken
                medians["write"].append(quantile(taken, 0.5))
            medians["sqlite"].append(quantile(sqlite_rows(directory, scalars), 0.5))
        ours_is, write_is, sqlite_is = (statistics.median(values) for values in medians.values())
        what = f"Python `log`, {scalars} scalar{'s' * (scalars > 1)}"
        claims.add(what, ours_is, "µs", (write_is, f"write of {len(data)} bytes"), most)
        claims.add(what, ours_is, "µs", (sqlite_is, "autocommitted SQLite row"))
        claims.add(f"{what}, p99.9", quantile(ours, 0.999), "µs", (quantile(write, 0.999), "write"), 50)


def sqlite_rows(directory: str, scalars: int) -> array[int]:
    """Return what an autocommitted row of so many floats takes in SQLite (WAL, synchronous NORMAL)."""
    path = os.path.join(directory, "floor.sqlite")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(
        f"CREATE TABLE row (step INTEGER PRIMARY KEY, {', '.join(f'k{n}' for n in range(scalars))})"
    )
    insert = f"INSERT INTO row VALUES (NULL{', ?' * scalars})"
    values = list(make_row(scalars).values())
    try:
        return timed(partial(connection.execute, insert, values), CALLS // 20)
    finally:
        connection.close()
        os.remove(path)


def worst(claims: Claims, directory: str) -> None:
    """Measure the worst of a million calls, beside the worst of a million writes."""
    calls, row = 1_000_000, make_row(KEYS)
    data = b"x" * row_bytes(directory, row)
    with a_file(directory) as descriptor:
        floor = timed(partial(os.write, descriptor, data), calls)
    with a_run(directory) as run:
        ours = timed(partial(run.log, row), calls)
    what = f"Python `log`, {KEYS} scalars, a million calls"
    claims.add(f"{what}, p99.9", quantile(ours, 0.999), "µs", (quantile(floor, 0.999), "write"), 50)
    ours_is, floor_is = max(ours) / MILLISECOND, max(floor) / MILLISECOND
    claims.add(f"{what}, the worst", ours_is, "ms", (floor_is, "write"), 5, 2)


def write_line(file: int, row: dict[str, float]) -> None:
    """Write a row as a line of JSON."""
    os.write(file, (json.dumps(row) + "\n").encode())


def paced(claims: Claims, directory: str) -> None:
    """Measure 200 rows a second, as of a loop that has something to do: caches are cold."""
    row = make_row(KEYS)
    data = b"x" * row_bytes(directory, row)
    ours, lines, writes = array("q"), array("q"), array("q")
    for _ in range(3):
        with a_run(directory) as run:
            run.log(row)
            ours += timed(partial(run.log, row), 600, 1 / 200)
        with a_file(directory) as file:
            lines += timed(partial(write_line, file, row), 600, 1 / 200)
            writes += timed(partial(os.write, file, data), 600, 1 / 200)
    what, ours_is = f"Python `log`, {KEYS} scalars, 200 rows/s", quantile(ours, 0.5)
    claims.add(what, ours_is, "µs", (quantile(writes, 0.5), f"write of {len(data)} bytes"), 10)
    claims.add(what, ours_is, "µs", (quantile(lines, 0.5), "a line of JSON by write"))


def draining(claims: Claims, directory: str) -> None:
    """Measure calls while the drain works behind them, beside those in the second before it begins."""
    row, before, behind = make_row(KEYS), array("q"), array("q")
    for _ in range(3):
        with a_run(directory) as run:
            start = clock()
            while clock() - start < 0.8e9:
                before += timed(partial(run.log, row), 1000)
            while clock() - start < 1.5e9:
                run.log(row)
            while clock() - start < 3e9:
                behind += timed(partial(run.log, row), 1000)
    floor = (quantile(before, 0.5), "before the drain begins")
    what = f"Python `log`, {KEYS} scalars, while the drain is running"
    claims.add(what, quantile(behind, 0.5), "µs", floor, None, 1.2)


MEMORY = """
import danlu, sys, time

def memory(what):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024

row = {f"metric_{n}": (n + 1) / 7 for n in range(10)}
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before = memory("VmRSS")
run = danlu.init(project="bench", dir=sys.argv[1])
for _ in range(1_000_000):
    run.log(row)
run.finish()
print(memory("VmHWM") - before)
"""


def memory(claims: Claims, directory: str) -> None:
    """Measure how much a process grows that logs ten million points."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, directory], check=True, capture_output=True, text=True
    )
    claims.add(
        "memory that a run of 10 million points adds to a Python process", float(done.stdout), "MiB", None, 16
    )
    shutil.rmtree(os.path.join(directory, "wandb"))


KILLED = """
import danlu, os, sys

run = danlu.init(project="bench", dir=sys.argv[1])
said = os.open(os.path.join(sys.argv[1], "said"), os.O_WRONLY | os.O_CREAT)
row = {f"metric_{n}": (n + 1) / 7 for n in range(10)}
while True:
    run.log(row)
    os.write(said, b"+")
"""


def kill(claims: Claims, directory: str) -> None:
    """Count the rows that are gone after a kill, of those that log() had returned from."""
    lost = rows = 0
    for _ in range(5):
        place = tempfile.mkdtemp(dir=directory)
        process = subprocess.Popen([sys.executable, "-c", KILLED, place])
        said = os.path.join(place, "said")
        deadline = time.monotonic() + 60
        while not (os.path.exists(said) and os.path.getsize(said) > 50_000) and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        subprocess.run([sys.executable, "-m", "danlu", "ls"], cwd=place, check=True, capture_output=True)
        runs = [name for name in os.listdir(os.path.join(place, "wandb")) if name.endswith(".sqlite")]
        with sqlite3.connect(os.path.join(place, "wandb", runs[0])) as connection:
            (found,) = connection.execute("SELECT count(*) FROM row").fetchone()
        rows += os.path.getsize(said)
        lost += max(0, os.path.getsize(said) - found)
        shutil.rmtree(place)
    claims.add(f"rows lost of {rows} at kill -9, five times", lost, "rows", None, 0)


def life(claims: Claims, directory: str) -> None:
    """Measure init(), and finish() after a million points that have reached the run file."""
    rows, row = 100_000, make_row(KEYS)
    init, finish = [], []
    for _ in range(ROUNDS):
        began = clock()
        run = danlu.init(project="bench", dir=directory, config={"lr": 0.1})
        init.append((clock() - began) / MILLISECOND)
        for _ in range(rows):
            run.log(row)
        with sqlite3.connect(f"file:{run.file}?mode=ro", uri=True, timeout=30) as connection:
            while connection.execute("SELECT count(*) FROM row").fetchone()[0] < rows:
                time.sleep(0.02)
        connection.close()
        began = clock()
        run.finish()
        finish.append((clock() - began) / MILLISECOND)
        os.remove(str(run.file))
    claims.add("Python `init`", statistics.median(init), "ms", None, 5)
    claims.add("Python `finish` after a million points", statistics.median(finish), "ms", None, 300)


def imports(claims: Claims, directory: str) -> None:
    """Measure importing danlu, beside starting Python."""
    taken: dict[str, list[float]] = {"pass": [], "import danlu": []}
    for _ in range(PROCESSES):
        for code, times in taken.items():
            began = clock()
            subprocess.run([sys.executable, "-c", code], check=True, cwd=directory)
            times.append((clock() - began) / MILLISECOND)
    bare, imported = (statistics.median(times) for times in taken.values())
    claims.add("Python starts and imports danlu", imported, "ms", (bare, "Python alone"))


SECTIONS: dict[str, Callable[[Claims, str], None]] = {
    "log": log,
    "worst": worst,
    "paced": paced,
    "draining": draining,
    "memory": memory,
    "kill": kill,
    "life": life,
    "import": imports,
}


if __name__ == "__main__":
    main(__doc__, SECTIONS)
