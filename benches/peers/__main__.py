"""What logging costs with danlu and with others, on this machine, now: python benches/peers [--rounds N].

Each tracker has an environment of its own below target/peers, which `make bench-peers` makes. Every
measurement is a process of its own, and all of them take turns, so that a machine that is busy for a while
slows them alike. Figures are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable

from trackers import TRACKERS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OURS, FLOOR = "danlu", "JSON lines by write(2)"

#: Keys, rows, and rows per second (0: as fast as it goes).
TIGHT = {1: (1, 10_000, 0), 10: (10, 10_000, 0), 100: (100, 1_000, 0)}
PACED = (10, 600, 200)
READ = (10, 20_000, 0)
DYING = (10, 100_000, 200)

Result = dict[str, Any]
Work = Callable[..., Result]


def python(name: str) -> str:
    """Return the Python that has a tracker."""
    distribution = TRACKERS[name].distribution
    environment = ROOT / "target" / "peers" / distribution / "bin" / "python"
    return str(environment) if environment.exists() else sys.executable


def version(name: str) -> str:
    """Return the version of a tracker."""
    distribution = TRACKERS[name].distribution
    code = f"from importlib.metadata import version; print(version({distribution!r}))"
    if not distribution:
        return ""
    return subprocess.run(
        [python(name), "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


def command(name: str, what: str, directory: str, shape: tuple[int, int, int]) -> list[str]:
    """Return the command that measures."""
    return [python(name), str(HERE / "loop.py"), name, what, directory, *map(str, shape)]


def run(name: str, what: str, directory: str, shape: tuple[int, int, int]) -> Result:
    """Measure once."""
    done = subprocess.run(command(name, what, directory, shape), check=True, capture_output=True, timeout=300)
    result: Result = json.loads(done.stdout)
    return result


def kill(name: str, directory: str) -> Result:
    """Kill a loop after a while; count the rows that are gone, of those that log() had returned from."""
    acknowledged = Path(directory) / "acknowledged"
    process = subprocess.Popen(command(name, "die", directory, DYING))
    deadline = time.monotonic() + 60
    while not (acknowledged.exists() and acknowledged.stat().st_size >= DYING[2] * 2):
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(1.0)  # What helpers it has may still write.
    if name == OURS:
        ls = [python(name), "-m", "danlu", "ls"]
        subprocess.run(ls, cwd=directory, check=True, capture_output=True)
    said = acknowledged.stat().st_size
    acknowledged.unlink()
    return {"said": said, "lost": said - min(said, int(run(name, "read", directory, DYING)["steps"]))}


def in_scratch(scratch: str, name: str, work: Work) -> Result:
    """Work in a directory that is gone afterwards."""
    directory = tempfile.mkdtemp(dir=scratch)
    try:
        return work(name=name, directory=directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def log_and_read(name: str, directory: str) -> Result:
    """Log a run and read one key of it."""
    run(name, "log", directory, READ)
    return run(name, "read", directory, READ)


def measure(scratch: str, rounds: int) -> dict[str, dict[str, list[Result]]]:
    """Measure everything, so often."""
    works: dict[str, Work] = {
        f"log {keys}": partial(run, what="log", shape=shape) for keys, shape in TIGHT.items()
    }
    works |= {"paced": partial(run, what="log", shape=PACED), "read": log_and_read, "kill": kill}
    results: dict[str, dict[str, list[Result]]] = {name: {} for name in TRACKERS}
    for _ in range(rounds):
        for what, work in works.items():
            for name in TRACKERS:
                result = in_scratch(scratch, name, work)
                results[name].setdefault(what, []).append(result)
    return results


#: Heading, measurement, figure, how it is shown, and how much faster danlu is to be than the fastest other.
COLUMNS: list[tuple[str, str, str, str, float | None]] = [
    ("log 1, µs", "log 1", "median", ".2f", 3),
    ("log 10, µs", "log 10", "median", ".2f", 5),
    ("log 100, µs", "log 100", "median", ".1f", 5),
    ("p99.9 of 10, µs", "log 10", "p999", ".0f", None),
    ("log 10 at 200 rows/s, µs", "paced", "median", ".1f", None),
    ("rows lost at kill -9", "kill", "lost", ".0f", None),
    ("read a key of 20,000, ms", "read", "read", ".1f", None),
    ("import, ms", "log 10", "import", ".0f", None),
    ("init, ms", "log 10", "init", ".0f", None),
]


def show(results: dict[str, dict[str, list[Result]]]) -> None:
    """Print one table of medians, and how many times faster danlu is."""

    def figure(name: str, what: str, key: str) -> float:
        return float(statistics.median(result[key] for result in results[name][what]))

    print("| | " + " | ".join(heading for heading, *_ in COLUMNS) + " |")
    print("|---|" + "---|" * len(COLUMNS))
    for name in TRACKERS:
        shown = []
        for heading, what, key, form, _ in COLUMNS:
            value = figure(name, what, key) * (1e3 if heading.endswith("ms") else 1)
            shown.append(f"{value:{form}}")
        print(f"| {name} {version(name)}".rstrip() + " | " + " | ".join(shown) + " |")
    print(
        "\n| danlu is so many times faster than | "
        + " | ".join(heading for heading, *_ in COLUMNS[:5])
        + " |"
    )
    print("|---|" + "---|" * 5)
    for name in TRACKERS:
        if name != OURS:
            ratios = [figure(name, what, key) / figure(OURS, what, key) for _, what, key, *_ in COLUMNS[:5]]
            print(f"| {name} | " + " | ".join(f"{ratio:.1f}" for ratio in ratios) + " |")
    others = [name for name in TRACKERS if name not in (OURS, FLOOR)]
    for heading, what, key, _, least in COLUMNS:
        if least is not None:
            fastest = min(others, key=lambda name: figure(name, what, key))
            ratio = figure(fastest, what, key) / figure(OURS, what, key)
            word = "OK" if ratio >= least else "missed"
            print(f"\n{heading}: {ratio:.1f} times as fast as {fastest}, target {least:.0f}: {word}", end="")
    ratio = figure("wandb", "log 10", "median") / figure(OURS, "log 10", "median")
    print(f"\nlog 10: {ratio:.1f} times as fast as wandb, target 30: {'OK' if ratio >= 30 else 'missed'}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured")
    rounds: int = parser.parse_args().rounds
    os.environ["DANLU_SILENT"] = "true"
    with tempfile.TemporaryDirectory(dir=ROOT / "target", prefix="bench-peers-") as scratch:
        show(measure(scratch, rounds))
    print(f"\nPython {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
