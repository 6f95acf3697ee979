"""What logging costs the training loop, beside floors measured in the same run on the same file system.

python benches/log.py [--json] [--dir DIR]

The times of log() are of calls in a tight loop. The floors are what a library could do at best: one write(2)
of as many bytes as the journal gets for a row, and a row in SQLite by way of an autocommitted INSERT.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from typing import Any, Callable

import danlu

ROWS = 20_000
SCALARS = (1, 10, 100)
PROCESSES = 21


def measure(call: Callable[[], object], times: int = ROWS) -> dict[str, float]:
    """Call again and again; return median, 99th percentile and maximum in microseconds."""
    clock = time.perf_counter_ns
    for _ in range(times // 20):
        call()
    taken = []
    for _ in range(times):
        start = clock()
        call()
        taken.append(clock() - start)
    return summarize([nanoseconds / 1e3 for nanoseconds in taken])


def summarize(taken: list[float]) -> dict[str, float]:
    """Return median, 99th percentile and maximum."""
    taken = sorted(taken)
    return {
        "median": taken[len(taken) // 2],
        "p99": taken[min(len(taken) - 1, len(taken) * 99 // 100)],
        "max": taken[-1],
    }


def journal_bytes(run: danlu.Run) -> int:
    """Return the size of the run's journal."""
    stem = os.path.splitext(os.path.basename(str(run.file)))[0]
    names = [name for name in os.listdir(run.dir) if name.startswith(stem) and name.endswith(".journal")]
    return os.path.getsize(os.path.join(run.dir, names[0]))


def measure_log(directory: str, scalars: int) -> tuple[dict[str, float], int]:
    """Return what log() costs with so many floats, and how many bytes of journal a row is."""
    row = {f"train/metric_{i}": i / 7 for i in range(scalars)}
    with danlu.init(project="bench", dir=directory) as run:
        log = run.log
        log(row)
        before = journal_bytes(run)
        log(row)
        size = journal_bytes(run) - before
        return measure(lambda: log(row)), size


def measure_write(directory: str, size: int) -> dict[str, float]:
    """Return what appending so many bytes to a file costs."""
    data = b"x" * size
    path = os.path.join(directory, "floor")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        return measure(lambda: os.write(descriptor, data))
    finally:
        os.close(descriptor)
        os.remove(path)


def measure_sqlite(directory: str, scalars: int) -> dict[str, float]:
    """Return what an autocommitted row of so many floats costs in SQLite (WAL, synchronous NORMAL)."""
    path = os.path.join(directory, "floor.sqlite")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(
        f"CREATE TABLE row (step INTEGER PRIMARY KEY, {', '.join(f'k{i}' for i in range(scalars))})"
    )
    insert = f"INSERT INTO row VALUES (NULL{', ?' * scalars})"
    values = [i / 7 for i in range(scalars)]
    try:
        return measure(lambda: connection.execute(insert, values), ROWS // 10)
    finally:
        connection.close()


def measure_init(directory: str) -> dict[str, float]:
    """Return what starting a run costs."""
    taken = []
    for _ in range(PROCESSES):
        start = time.perf_counter_ns()
        run = danlu.init(project="bench", dir=directory, config={"lr": 0.1})
        taken.append((time.perf_counter_ns() - start) / 1e3)
        run.finish()
    return summarize(taken)


def measure_process(code: str) -> dict[str, float]:
    """Return what running a program costs."""
    taken = []
    for _ in range(PROCESSES):
        start = time.perf_counter_ns()
        subprocess.run([sys.executable, "-c", code], check=True)
        taken.append((time.perf_counter_ns() - start) / 1e3)
    return summarize(taken)


def measure_all(directory: str) -> dict[str, Any]:
    """Measure everything below a directory."""
    result: dict[str, Any] = {"unit": "us", "log": {}}
    for scalars in SCALARS:
        log, size = measure_log(directory, scalars)
        write = measure_write(directory, size)
        result["log"][str(scalars)] = {
            "danlu": log,
            "bytes": size,
            "write": write,
            "sqlite": measure_sqlite(directory, scalars),
            "ratio_to_write": log["median"] / write["median"],
        }
        os.remove(os.path.join(directory, "floor.sqlite"))
    bare = measure_process("pass")
    imported = measure_process("import danlu")
    result["python"] = bare
    result["import"] = imported
    result["import_over_python"] = imported["median"] - bare["median"]
    result["init"] = measure_init(directory)
    return result


def show(result: dict[str, Any]) -> None:
    """Print the numbers as a table."""

    def line(name: str, times: dict[str, float], note: str = "") -> None:
        print(f"{name:<34}{times['median']:>10.2f}{times['p99']:>10.2f}{times['max']:>12.2f}  {note}")

    print(f"{'microseconds':<34}{'median':>10}{'p99':>10}{'max':>12}")
    for scalars, row in result["log"].items():
        line(f"log, {scalars} scalars", row["danlu"], f"{row['ratio_to_write']:.1f} times the write")
        line(f"  write(2) of {row['bytes']} bytes", row["write"])
        line("  SQLite row, autocommitted", row["sqlite"])
    line("python", result["python"])
    line("python, import danlu", result["import"], f"{result['import_over_python'] / 1e3:.1f} ms more")
    line("init", result["init"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--dir", help="where to write; the default is a directory for temporary files")
    arguments = parser.parse_args()
    os.environ.setdefault("DANLU_SILENT", "true")
    with tempfile.TemporaryDirectory(dir=arguments.dir) as directory:
        result = measure_all(directory)
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)


if __name__ == "__main__":
    main()
