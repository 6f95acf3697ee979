"""How fast a server answers: lists over 100,000 runs, and charts of 50 runs with 10,000 points each.

python benches/api.py [--json] [--dir DIR] [SECTION ...]

The runs of the chart are pushed. The others are copies of the first in the catalogue, each with a config and
summary of its own: a list asks nothing else. The floor is the smallest request to the same server.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sqlite3
import subprocess
import urllib.request
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any

import danlu
from claims import MILLISECOND, Claims, main, timed

if TYPE_CHECKING:
    from collections.abc import Iterator

DANLU = os.environ.get("DANLU", "target/release/danlu")
RUNS = 100_000
CHARTS = 50
POINTS = 10_000
ROUNDS = 15


class Server:
    """A server, and its first key."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the answer to a request."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data)
        request.add_header("authorization", f"Bearer {self.key}")
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request) as answer:
            return answer.read()


@contextmanager
def serving(directory: str, key: str | None = None) -> Iterator[Server]:
    """Serve the data in `directory`."""
    command = [os.path.abspath(DANLU), "serve", "--data", "server", "--listen", "127.0.0.1:0", "--json"]
    with subprocess.Popen(
        command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        try:
            yield Server(said["url"], key or said["api_key"])
        finally:
            process.terminate()


def push(directory: str, server: Server) -> list[str]:
    """Push the runs of the charts, and return their keys."""
    for n in range(CHARTS):
        run = danlu.init(project="bench", id=f"chart{n}", dir=directory, config={"lr": n / CHARTS})
        for step in range(POINTS):
            run.log({"loss": math.exp(-step / 1000) + n})
        run.finish()
    environment = {**os.environ, "DANLU_API_KEY": server.key, "DANLU_CONFIG_DIR": f"{directory}/settings"}
    subprocess.run(
        [os.path.abspath(DANLU), "sync", server.url],
        cwd=directory,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    found = json.loads(server.ask("/api/v1/runs?columns=id&limit=1000"))
    return [run["key"] for run in found["runs"]]


def fill(directory: str) -> None:
    """Let the catalogue have as many runs as are listed."""
    catalogue = sqlite3.connect(f"{directory}/server/catalogue.sqlite")
    columns = [row[1] for row in catalogue.execute("PRAGMA table_info(run)") if row[1] != "id"]
    row = dict(zip(columns, catalogue.execute(f"SELECT {', '.join(columns)} FROM run LIMIT 1").fetchone()))
    there = catalogue.execute("SELECT count(*) FROM run").fetchone()[0]

    def copies() -> Iterator[list[Any]]:
        for n in range(RUNS - there):
            name = f"run{n}"
            key = hashlib.sha256(f"\0bench\0{name}\0".encode()).digest()
            config = {f"option{k}": k * n for k in range(10)} | {"lr": n % 1000 / 1000, "model": f"m{n % 7}"}
            summary = {f"metric{k}": k / (n + 1) for k in range(5)} | {"loss": (n * 7919 % 10_007) / 10_007}
            own = {"key": key, "run_id": name, "name": name, "started": row["started"] - n}
            values = {**row, **own, "config": json.dumps(config), "summary": json.dumps(summary)}
            yield [values[column] for column in columns]

    with catalogue:
        marks = ", ".join("?" * len(columns))
        catalogue.executemany(f"INSERT INTO run ({', '.join(columns)}) VALUES ({marks})", copies())
    catalogue.close()


def answers(claims: Claims, directory: str) -> None:
    """Ask a server for lists and charts."""
    with serving(directory) as server:
        runs, key = push(directory, server), server.key
    fill(directory)
    with serving(directory, key) as server:
        first = timed(lambda: server.ask("/api/v1/runs?limit=1"), 1)

        def took(path: str, body: dict[str, Any] | None = None) -> float:
            return median(timed(lambda: server.ask(path, body), ROUNDS)) / MILLISECOND

        floor = (took("/healthz"), "say that it is well")
        claims.add(f"the first list of {RUNS:,} runs after a start", first[0] / MILLISECOND, "ms", floor)
        for name, query in (
            ("newest 100", ""),
            ("filter and sort", "filter=config.lr+%3E+0.5+and+summary.loss+%3C+0.9&sort=-summary.loss,name"),
            (
                "pattern and columns",
                "filter=name+~+7$+and+config.model+=+m3&sort=name&columns=id,summary.loss",
            ),
            ("sort of all", "sort=summary.loss&columns=id,summary.loss"),
        ):
            claims.add(f"list of {RUNS:,} runs, {name}", took(f"/api/v1/runs?{query}"), "ms", floor, most=50)
        chart = {"runs": runs, "keys": ["loss"], "columns": 1000}
        first = timed(lambda: server.ask("/api/v1/envelopes", chart), 1)
        what = f"chart of {CHARTS} runs, {POINTS:,} points each"
        claims.add(f"{what}, the first after a start", first[0] / MILLISECOND, "ms", floor)
        claims.add(f"{what}, again", took("/api/v1/envelopes", chart), "ms", floor, most=60)


if __name__ == "__main__":
    main(__doc__, {"answers": answers})
