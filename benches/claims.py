"""What is claimed of danlu's speed, measured beside a floor in the same run and printed as a table."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from array import array
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from collections.abc import Mapping

MICROSECOND, MILLISECOND = 1e3, 1e6

Call = Callable[[], object]
clock = time.perf_counter_ns


class Claims:
    """The claims that were measured, printed as they come."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        if not as_json:
            print("| what | danlu | floor | ratio | target | |\n|---|---|---|---|---|---|")

    def add(
        self,
        what: str,
        value: float,
        unit: str,
        floor: tuple[float, str] | None = None,
        most: float | None = None,
        most_times: float | None = None,
    ) -> None:
        """Add a claim: a value is to be at most so much, or at most so many times the floor."""
        ratio = value / floor[0] if floor and floor[0] else None
        met = None
        aims = []
        if most is not None:
            met = value <= most
            aims.append(f"≤ {most:g} {unit}")
        if most_times is not None and ratio is not None:
            met = bool(met) or ratio <= most_times
            aims.append(f"≤ {most_times:g} times the floor")
        if self.as_json:
            print(json.dumps({"what": what, "value": value, "unit": unit, "floor": floor, "met": met}))
            return
        beside = f"{floor[0]:.2f} {unit} ({floor[1]})" if floor else "-"
        times = f"{ratio:.2f}" if ratio is not None else "-"
        word = "" if met is None else "OK" if met else "missed"
        print(
            f"| {what} | {value:.2f} {unit} | {beside} | {times} | {' or '.join(aims)} | {word} |", flush=True
        )


def timed(call: Call, times: int, every: float = 0.0) -> array[int]:
    """Call again and again, or every so many seconds; return what each call took in nanoseconds."""
    for _ in range(0 if every else times // 20):
        call()
    taken = array("q", bytes(8 * times))
    start = time.perf_counter()
    for n in range(times):
        if every:
            time.sleep(max(0.0, start + n * every - time.perf_counter()))
        began = clock()
        call()
        taken[n] = clock() - began
    return taken


def quantile(taken: array[int], share: float) -> float:
    """Return a quantile in microseconds."""
    return sorted(taken)[min(len(taken) - 1, int(len(taken) * share))] / MICROSECOND


def main(description: str | None, sections: Mapping[str, Callable[[Claims, str], None]]) -> None:
    """Measure the sections that are asked for, each in a directory of its own, and print."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON, a claim on each line")
    parser.add_argument("--dir", help="where to write; the default is a directory for temporary files")
    parser.add_argument("sections", nargs="*", help=f"what to measure: {', '.join(sections)}; all by default")
    arguments = parser.parse_args()
    os.environ.setdefault("DANLU_SILENT", "true")
    claims = Claims(arguments.json)
    for name in arguments.sections or sections:
        with tempfile.TemporaryDirectory(dir=arguments.dir) as directory:
            sections[name](claims, directory)
