"""The trackers that are compared, each in a few lines: offline, with everything but metrics switched off."""

from __future__ import annotations

import glob
import importlib
import json
import os
import sqlite3
import struct
import time
import zlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = dict[str, float]
Points = list[tuple[float, float]]


class Tracker(ABC):
    """What a loop does with a tracker; everything it writes is below `directory`."""

    #: What is installed for it, if anything is; also the name of its environment.
    distribution = ""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def load(self) -> None:  # noqa: B027 - not every one has something to import
        """Import it."""

    @abstractmethod
    def start(self) -> None:
        """Start a run."""

    @abstractmethod
    def log(self, row: Row, step: int) -> None:
        """Log a row as a training loop does."""

    @abstractmethod
    def finish(self) -> None:
        """End the run."""

    @abstractmethod
    def read(self, key: str) -> Points:
        """Return the steps and values of a key."""


class JsonLines(Tracker):
    """The floor: a line of JSON for each row, by one write(2)."""

    def start(self) -> None:
        """Open the file."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.file = os.open(os.path.join(self.directory, "rows.jsonl"), flags)

    def log(self, row: Row, step: int) -> None:
        """Write a line."""
        os.write(self.file, (json.dumps({"step": step, "time": time.time(), **row}) + "\n").encode())

    def finish(self) -> None:
        """Sync and close the file."""
        os.fsync(self.file)
        os.close(self.file)

    def read(self, key: str) -> Points:
        """Parse every line."""
        points = []
        with open(os.path.join(self.directory, "rows.jsonl")) as lines:
            for line in lines:
                row = json.loads(line)
                points.append((row["step"], row[key]))
        return points


class Danlu(Tracker):
    """danlu; a key is read with SQL."""

    distribution = "danlu"

    def load(self) -> None:
        """Import it."""
        self.danlu: Any = importlib.import_module("danlu")

    def start(self) -> None:
        """Start a run."""
        self.run = self.danlu.init(project="bench", dir=self.directory)

    def log(self, row: Row, step: int) -> None:
        """Log a row."""
        self.run.log(row)

    def finish(self) -> None:
        """End the run."""
        self.run.finish()

    def read(self, key: str) -> Points:
        """Query the view."""
        points: Points = []
        for file in glob.glob(os.path.join(self.directory, "wandb", "run-*.sqlite")):
            with sqlite3.connect(file) as connection:
                points += connection.execute("SELECT step, value FROM history WHERE key = ?", (key,))
        return points


class Wandb(Tracker):
    """wandb. It has no way to read a run back here: the `.wandb` file is parsed."""

    distribution = "wandb"

    def load(self) -> None:
        """Import it."""
        os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true")
        self.wandb: Any = importlib.import_module("wandb")

    def start(self) -> None:
        """Start a run."""
        settings = self.wandb.Settings(
            console="off",
            silent=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            disable_git=True,
            disable_code=True,
            x_save_requirements=False,
        )
        self.run = self.wandb.init(project="bench", mode="offline", dir=self.directory, settings=settings)

    def log(self, row: Row, step: int) -> None:
        """Log a row."""
        self.run.log(row)

    def finish(self) -> None:
        """End the run."""
        self.run.finish()

    def read(self, key: str) -> Points:
        """Parse the file."""
        protocol: Any = importlib.import_module("wandb.proto.wandb_internal_pb2")
        points: Points = []
        for file in glob.glob(os.path.join(self.directory, "wandb", "*run-*", "run-*.wandb")):
            with open(file, "rb") as stream:
                data = stream.read()
            for payload in leveldb_records(data):
                record = protocol.Record()
                record.ParseFromString(payload)
                points += [
                    (record.history.step.num, json.loads(item.value_json))
                    for item in record.history.item
                    if key in (item.key, *item.nested_key)
                ]
        return points


def leveldb_records(data: bytes) -> Iterator[bytes]:
    """Yield the records of a log of LevelDB as wandb writes it, up to the first that is not whole."""
    block, head, place, parts = 32768, 7, 7, b""
    seeds = [zlib.crc32(bytes([kind])) for kind in range(5)]
    while True:
        if block - place % block < head:
            place += block - place % block
        if place + head > len(data):
            return
        crc, length, kind = struct.unpack_from("<IHB", data, place)
        chunk = data[place + head : place + head + length]
        if kind not in (1, 2, 3, 4) or len(chunk) < length or zlib.crc32(chunk, seeds[kind]) != crc:
            return
        place += head + length
        parts = chunk if kind in (1, 2) else parts + chunk
        if kind in (1, 4):
            yield parts


class Trackio(Tracker):
    """trackio."""

    distribution = "trackio"

    def load(self) -> None:
        """Import it."""
        os.environ.update(HF_HUB_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False", TRACKIO_DIR=self.directory)
        self.trackio: Any = importlib.import_module("trackio")

    def start(self) -> None:
        """Start a run."""
        self.run = self.trackio.init(project="bench", embed=False, auto_log_cpu=False, auto_log_gpu=False)

    def log(self, row: Row, step: int) -> None:
        """Log a row."""
        self.run.log(row)

    def finish(self) -> None:
        """End the run."""
        self.trackio.finish()

    def read(self, key: str) -> Points:
        """Ask its storage."""
        storage: Any = importlib.import_module("trackio.sqlite_storage").SQLiteStorage
        points: Points = []
        for run in storage.get_run_records("bench"):
            values = storage.get_metric_values("bench", run["name"], key, run_id=run["id"])
            points += [(value["step"], value["value"]) for value in values]
        return points


class Neptune(Tracker):
    """neptune-scale. It has no way to read a run back here: the operations are parsed."""

    distribution = "neptune-scale"

    def load(self) -> None:
        """Import it."""
        self.neptune: Any = importlib.import_module("neptune_scale")

    def start(self) -> None:
        """Start a run."""
        self.run = self.neptune.Run(
            project="bench/bench",
            mode="offline",
            log_directory=self.directory,
            enable_console_log_capture=False,
            source_tracking_config=None,
        )

    def log(self, row: Row, step: int) -> None:
        """Log a row."""
        self.run.log_metrics(row, step=step)

    def finish(self) -> None:
        """End the run."""
        self.run.close()

    def read(self, key: str) -> Points:
        """Parse the operations."""
        protocol: Any = importlib.import_module("neptune_api.proto.neptune_pb.ingest.v1.common_pb2")
        select = "SELECT operation FROM run_operations WHERE operation_type = 0 ORDER BY sequence_id"
        points = []
        for file in glob.glob(os.path.join(self.directory, "**", "run_operations.sqlite3"), recursive=True):
            for (operation,) in sqlite3.connect(file).execute(select):
                update = protocol.UpdateRunSnapshot()
                update.ParseFromString(operation)
                if key in update.append:
                    points.append((update.step.whole, update.append[key].float64))
        return points


#: In the order in which they are measured and shown.
TRACKERS: dict[str, type[Tracker]] = {
    "danlu": Danlu,
    "JSON lines by write(2)": JsonLines,
    "wandb": Wandb,
    "trackio": Trackio,
    "neptune-scale": Neptune,
}
