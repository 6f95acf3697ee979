"""Makes tests/import/trackio-<version>: run it with the Python of a venv that has trackio.

python make_trackio.py
"""

import contextlib
import glob
import json
import os
import shutil
import sqlite3
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
home = tempfile.mkdtemp()
os.environ.update(
    HOME=home, TRACKIO_DIR=home + "/trackio", HF_HUB_OFFLINE="1", USER="someone", LOGNAME="someone"
)

import numpy  # noqa: E402
import trackio  # noqa: E402

version = trackio.__version__
has_more = hasattr(trackio, "alert")


def plain(row):
    return {key: value.decode() if isinstance(value, bytes) else value for key, value in dict(row).items()}


def train(name, steps):
    trackio.init(project="digits", name=name, config={"lr": 0.1, "layers": [8, 4], "nested": {"a": 1}})
    for step in range(steps):
        trackio.log(
            {"loss": 1 / (step + 1), "accuracy": step / 10, "val/f1": float("nan") if step == 1 else 0.5}
        )
    pixels = numpy.zeros((4, 6, 3), dtype=numpy.uint8)
    pixels[1, 2] = 255
    trackio.log({"sample": trackio.Image(pixels, caption="one pixel")})
    if hasattr(trackio, "Histogram"):
        trackio.log({"weights": trackio.Histogram(np_histogram=([1, 2, 3], [0.0, 0.5, 1.0, 1.5]))})
    if hasattr(trackio, "log_system"):
        trackio.log_system({"gpu/0/utilization": 50, "cpu": 12.5})
    if has_more:
        trackio.alert(title="Loss is low", text="below a tenth")
    trackio.finish()


train("first", 4)
train("second run", 2)

target = f"{here}/trackio-{version}"
shutil.rmtree(target, ignore_errors=True)
os.makedirs(target)
db = glob.glob(home + "/trackio/digits.db")[0]
connection = sqlite3.connect(db)
connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
connection.execute("PRAGMA journal_mode = DELETE")
connection.execute("PRAGMA page_size = 1024")
connection.execute("VACUUM")
connection.row_factory = sqlite3.Row
expected = {"tool": "trackio", "version": version, "python": sys.version.split()[0], "tables": {}}
for table in ("metrics", "configs", "system_metrics", "alerts"):
    with contextlib.suppress(sqlite3.OperationalError):
        expected["tables"][table] = [
            plain(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY id")
        ]
connection.close()
shutil.copy(db, target)
if os.path.isdir(home + "/trackio/media"):
    shutil.copytree(home + "/trackio/media", target + "/media")
with open(target + "/expected.json", "w") as file:
    json.dump(expected, file, indent=1)
    file.write("\n")
print(target)
