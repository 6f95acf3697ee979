"""Event files of TensorBoard that become runs."""

from __future__ import annotations

import struct
from pathlib import Path

import danlu
import pytest
from danlu.integration.tensorboard.records import checksum


def event(step: int, time: float, tag: str, value: float) -> bytes:
    """Encode an event with a scalar as an event file has it."""
    scalar = b"\x0a" + bytes([len(tag)]) + tag.encode() + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + bytes([len(scalar)]) + scalar
    data = (
        b"\x09"
        + struct.pack("<d", time)
        + b"\x10"
        + bytes([step])
        + b"\x2a"
        + bytes([len(summary)])
        + summary
    )
    length = struct.pack("<Q", len(data))
    return b"".join(
        (length, struct.pack("<I", checksum(length)), data, struct.pack("<I", checksum(data))),
    )


def test_event_files_become_a_run(workdir: Path) -> None:
    logs = workdir / "logs"
    logs.mkdir()
    events = b"".join(event(step, 1.7e9 + step, "loss", 1 / (step + 1)) for step in range(5))
    (logs / "events.out.tfevents.1.host").write_bytes(events)
    run = danlu.Api().sync_tensorboard(logs, project="boards", run_id="tb")
    assert danlu.run is None
    assert (run.id, run.project, run.state) == ("tb", "boards", "finished")
    rows = list(run.scan_history(keys=["_step", "_timestamp", "loss"]))
    assert [(row["_step"], row["_timestamp"]) for row in rows] == [(step, 1.7e9 + step) for step in range(5)]
    assert [row["loss"] for row in rows] == pytest.approx([1 / (step + 1) for step in range(5)])
    with pytest.raises(ValueError, match="no event files"):
        danlu.Api().sync_tensorboard(workdir / "empty")


def test_a_run_that_is_the_current_one_stays_so(workdir: Path) -> None:
    (workdir / "events.out.tfevents.1.host").write_bytes(event(0, 1.7e9, "loss", 1.0))
    current = danlu.init(project="p")
    assert danlu.Api().sync_tensorboard(workdir).summary["loss"] == 1.0
    assert danlu.run is current
    current.finish()
