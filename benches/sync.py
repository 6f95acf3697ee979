"""What sync and the server take, beside floors measured in the same run on the same file system.

python benches/sync.py [--json] [--dir DIR] [SECTION ...]

Prints a row for each claim. A missed target is said and fails nothing. DANLU_BENCH_MIB says how large the
files of `blobs` are, DANLU_BENCH_RUNS how many runs `many` has, DANLU_BENCH_GIB how much `memory` pushes,
and DANLU which binary is measured.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import statistics
import subprocess
import time
from pathlib import Path
from typing import Callable
from urllib.parse import urlsplit

import danlu
from claims import Claims, main
from serving import Counter, Server, environment, push_serially, sync, sync_command

MIB = 1 << 20
ROUNDS = 3


def number(name: str, default: int) -> int:
    """Return what the environment says, or the default."""
    return int(os.environ.get(f"DANLU_BENCH_{name}", default))


def noise(path: Path, mebibytes: int) -> None:
    """Write a file of noise."""
    with path.open("wb") as file:
        for _ in range(mebibytes):
            file.write(random.randbytes(MIB))


def make_run(place: Path, name: str, rows: int, keys: int, *files: Path) -> None:
    """Write a finished run."""
    run = danlu.init(project="bench", id=name, dir=str(place), config={"lr": random.random()})
    for step in range(rows):
        run.log({f"metric_{key}": random.random() for key in range(keys)}, step=step)
    for file in files:
        run.save(str(file), base_path=str(file.parent))
    run.finish()


def copy_and_sync(source: Path, target: Path) -> float:
    """Copy a file, sync it, and return the seconds."""
    began = time.perf_counter()
    shutil.copyfile(source, target)
    descriptor = os.open(target, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    return time.perf_counter() - began


def forget(place: Path) -> None:
    """Take away what the syncer knows of a directory."""
    for path in (place / "wandb").glob("sync.sqlite*"):
        path.unlink()


def blobs(claims: Claims, directory: str) -> None:
    """Measure large files to a directory and over HTTP, beside copying them."""
    place, mebibytes = Path(directory), number("MIB", 1024)
    files = [place / f"model-{n}.bin" for n in range(4)]
    for file in files:
        noise(file, mebibytes // 4)
    make_run(place, "blobs", 10, 5, *files)
    taken: dict[str, list[float]] = {"cp": [], "directory": [], "http": []}
    for n in range(ROUNDS):
        taken["cp"].append(sum(copy_and_sync(file, place / "copy") for file in files))
        forget(place)
        taken["directory"].append(sync(place, str(place / "remote"))[0])
        shutil.rmtree(place / "remote")
        forget(place)
        with Server(place / f"server-{n}") as server:
            taken["http"].append(sync(place, server.url, server.key)[0])
        shutil.rmtree(place / f"server-{n}")
    floor, to_directory, over_http = (statistics.median(times) for times in taken.values())
    what = f"sync of {mebibytes} MiB of files"
    claims.add(f"{what} to a directory", to_directory, "s", (floor, "cp+fsync"), most_times=1 / 0.7)
    claims.add(f"{what} over HTTP", over_http, "s", (floor, "cp+fsync"), most_times=1 / 0.5)


def many(claims: Claims, directory: str) -> None:
    """Measure many small runs over HTTP, beside a request for each object, one after another."""
    place, count = Path(directory), number("RUNS", 1000)
    for n in range(count):
        (place / "notes.txt").write_text(f"run {n}\n")
        make_run(place, f"r{n}", 100, 5, place / "notes.txt")
    sync(place, str(place / "remote"))
    first, again, asked, serial = [], [], [], []
    for n in range(ROUNDS):
        with Server(place / f"serial-{n}") as server:
            began = time.perf_counter()
            push_serially(server, place / "remote")
            serial.append(time.perf_counter() - began)
        forget(place)
        with Server(place / f"server-{n}") as server:
            first.append(sync(place, server.url, server.key)[0])
            again.append(sync(place, server.url, server.key)[0])
            counter = Counter(server)
            sync(place, counter.url, server.key)
            asked.append(counter.requests)
            counter.close()
    what = f"sync of {count} runs of 100 rows of 5 keys with a file"
    beside = (statistics.median(serial), "a request for each object, in turn")
    claims.add(f"{what}, over HTTP", statistics.median(first), "s", beside, 10)
    claims.add("  again", statistics.median(again), "s", None, 0.5)
    claims.add("  requests of that", statistics.median(asked), "requests", None, 10)


def ingest(claims: Claims, directory: str) -> None:
    """Measure how fast a server takes points in, and what memory that takes."""
    place, rows, keys = Path(directory), 200_000, 10
    make_run(place, "points", rows, keys)
    sync(place, str(place / "remote"))
    speeds, peaks = [], []
    for n in range(ROUNDS):
        with Server(place / f"server-{n}") as server:
            began = time.perf_counter()
            push_serially(server, place / "remote")
            speeds.append((time.perf_counter() - began) / (rows * keys) * 1e6)
            peaks.append(server.peak())
    claims.add("the server takes in a million points", statistics.median(speeds), "s", None, 2)
    claims.add("  memory of the server", max(peaks), "MiB", None, 150)


def memory(claims: Claims, directory: str) -> None:
    """Measure the memory of the syncer that pushes a large file of content that is nowhere twice."""
    place, gibibytes = Path(directory), number("GIB", 1)
    with (place / "large.bin").open("wb") as file:
        for n in range(gibibytes * 1024):
            file.seek(n * MIB)
            file.write(n.to_bytes(8, "little"))
        file.truncate(gibibytes * 1024 * MIB)
    make_run(place, "large", 10, 5, place / "large.bin")
    with Server(place / "server") as server:
        took, peak = sync(place, server.url, server.key)
        claims.add(f"memory of the syncer, {gibibytes} GiB over HTTP", peak, "MiB", None, 64)
        claims.add("  memory of the server", server.peak(), "MiB", None, 150)
        claims.add("  speed", gibibytes * 1024 / took, "MiB/s")


def seconds_until_held(server: Server, run: str) -> float:
    """Wait until a server holds a run, and return how long that took."""
    began = time.perf_counter()
    while run not in server.run_ids():
        if time.perf_counter() - began > 120:
            raise RuntimeError(f"{run} has not come in two minutes")
        time.sleep(0.01)
    return time.perf_counter() - began


def wake(claims: Claims, directory: str) -> None:
    """Measure how soon `--watch` has pushed a run that finished, and finds a remote that was away."""
    place = Path(directory)
    (place / "wandb").mkdir()
    server = Server(place / "server")
    key, listen = server.key, urlsplit(server.url).netloc
    command = sync_command(place, server.url, "--watch")
    watch = subprocess.Popen(
        command, env=environment(key), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    taken = []
    for n in range(5):
        make_run(place, f"w{n}", 100, 5)
        taken.append(seconds_until_held(server, f"w{n}"))
    claims.add("a run that has finished is at the server after", statistics.median(taken), "s", None, 2)
    for away in (5, 30):
        server.stop()
        make_run(place, f"away-{away}", 100, 5)
        time.sleep(away)
        server = Server(place / "server", listen, key)
        took = seconds_until_held(server, f"away-{away}")
        claims.add(f"a server that was away for {away} s is used after", took, "s", None, 60)
    watch.send_signal(signal.SIGINT)
    watch.wait(30)
    server.stop()


SECTIONS: dict[str, Callable[[Claims, str], None]] = {
    "blobs": blobs,
    "many": many,
    "ingest": ingest,
    "memory": memory,
    "wake": wake,
}


if __name__ == "__main__":
    main(__doc__, SECTIONS)
