"""Makes tests/import/wandb-<version>: run it with the Python of a venv that has wandb.

python make_wandb.py
"""

import glob
import json
import os
import shutil
import socket
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
home = "/tmp/danlu-sample"
shutil.rmtree(home, ignore_errors=True)
os.makedirs(home + "/tmp")
tempfile.tempdir = home + "/tmp"
os.environ.update(
    HOME=home,
    USER="someone",
    LOGNAME="someone",
    WANDB_MODE="offline",
    WANDB_SILENT="true",
    WANDB_HOST="node7",
    WANDB_USERNAME="someone",
    WANDB_DIR=home,
    WANDB_DATA_DIR=home + "/data",
    WANDB_CACHE_DIR=home + "/cache",
    WANDB_CONFIG_DIR=home + "/config",
    WANDB_DISABLE_GIT="true",
    WANDB_PROGRAM="train.py",
)
os.chdir(home)
socket.gethostname = lambda: "node7"
sys.argv = ["train.py"]
open("train.py", "w").close()

import numpy  # noqa: E402
import wandb  # noqa: E402
from wandb.proto import wandb_internal_pb2  # noqa: E402

try:
    from wandb.sdk.internal.datastore import DataStore
except ImportError:
    DataStore = None

quiet = {
    "x_disable_meta": True,
    "x_stats_sampling_interval": 0.2,
    "x_save_requirements": False,
    "x_history_value_encoding": os.environ.get("SAMPLE_ENCODING", "json"),
    "_disable_meta": True,
    "_stats_sample_rate_seconds": 0.2,
}


def settings():
    known = {}
    for name, value in quiet.items():
        try:
            wandb.Settings(**{name: value})
            known[name] = value
        except Exception:
            pass
    return wandb.Settings(**known)


def rich():
    run = wandb.init(
        project="digits",
        entity="lab",
        id="rich0001",
        name="a name",
        group="sweep 1",
        job_type="train",
        notes="two\nlines",
        tags=["base", "best"],
        config={"lr": 0.1, "layers": [8, 4], "opt": {"name": "adam", "eps": 1e-8}},
        settings=settings(),
    )
    run.define_metric("epoch", hidden=True)
    run.define_metric("val/*", step_metric="epoch", summary="min")
    try:
        run.define_metric("loss", summary="min,max", goal="minimize")
    except TypeError:
        # Newer versions have no goal.
        run.define_metric("loss", summary="min,max")
    for step in range(5):
        run.log(
            {
                "loss": 1 / (step + 1),
                "epoch": step // 2,
                "val/f1": step / 10,
                "nested": {"deep": {"a": step}},
                "text": f"row {step}",
                "flag": step % 2 == 0,
            }
        )
    run.log({"bad": float("nan"), "worse": float("-inf")}, step=10)
    pixels = numpy.zeros((4, 6, 3), dtype=numpy.uint8)
    run.log(
        {
            "sample": wandb.Image(pixels, caption="black"),
            "histogram": wandb.Histogram([1.0, 2.0, 2.0, 3.0], num_bins=4),
        }
    )
    run.log({"table": wandb.Table(columns=["a", "b"], data=[[1, "x"], [2, "y"]])})
    run.config.update({"later": True})
    run.summary["best"] = {"f1": 0.4}
    run.summary["note"] = "by hand"
    with open(os.path.join(run.dir, "saved.txt"), "w") as file:
        file.write("saved\n")
    run.alert(title="Loss is low", text="below a tenth", level=wandb.AlertLevel.WARN)
    artifact = wandb.Artifact("weights", type="model", metadata={"size": 3})
    with artifact.new_file("w.bin", mode="wb") as file:
        file.write(b"weights")
    run.log_artifact(artifact)
    print("printed by the script")
    print("an error", file=sys.stderr)
    time.sleep(0.7)
    run.finish()


def failed():
    run = wandb.init(project="digits", id="failed01", settings=settings())
    run.log({"loss": 1.0})
    run.finish(exit_code=3)


def again():
    for part in range(2):
        run = wandb.init(
            project="digits",
            id="again001",
            config={"part": part},
            resume="allow" if part else None,
            settings=settings(),
        )
        for step in range(3):
            run.log({"loss": part * 10 + step}, step=part * 3 + step)
        run.finish()
        time.sleep(1.1)


def scan(path):
    if DataStore is None:
        # Newer versions read these files in Go only. The samples are smaller than a block.
        with open(path, "rb") as file:
            data = file.read()[7:]
        assert len(data) < 32 * 1024
        while data:
            length = int.from_bytes(data[4:6], "little")
            yield data[7 : 7 + length]
            data = data[7 + length :]
        return
    store = DataStore()
    store.open_for_scan(path)
    while (data := store.scan_data()) is not None:
        yield data


def text_of(item):
    """Return the JSON text of a value, which the newest versions can also store by its type."""
    kind = item.WhichOneof("value") if "value" in item.DESCRIPTOR.oneofs_by_name else None
    if kind is None:
        return item.value_json
    value = getattr(item, kind)
    return "null" if kind == "none" else value if kind == "json" else json.dumps(value)


def expected_of(path):
    records = []
    for data in scan(path):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        records.append(record)
    kinds, rows, summary, config = {}, [], {}, {}
    about = {}
    for record in records:
        kind = record.WhichOneof("record_type")
        kinds[kind] = kinds.get(kind, 0) + 1
        if kind == "history":
            row = {".".join(item.nested_key) or item.key: text_of(item) for item in record.history.item}
            rows.append([record.history.step.num, row])
        elif kind in ("summary", "config"):
            changes = getattr(record, kind)
            for item in changes.update:
                (summary if kind == "summary" else config)[".".join(item.nested_key) or item.key] = (
                    item.value_json
                )
        elif kind == "run":
            run = record.run
            about = {
                "id": run.run_id,
                "entity": run.entity,
                "project": run.project,
                "group": run.run_group,
                "job_type": run.job_type,
                "name": run.display_name,
                "notes": run.notes,
                "tags": list(run.tags),
                "host": run.host,
                "start": run.start_time.ToMicroseconds(),
            }
            for item in run.config.update:
                config[".".join(item.nested_key) or item.key] = item.value_json
        elif kind == "exit":
            about["exit_code"] = record.exit.exit_code
    return {"kinds": kinds, "run": about, "rows": rows, "summary": summary, "config": config}


rich()
failed()
again()
target = f"{here}/wandb-{wandb.__version__}"
shutil.rmtree(target, ignore_errors=True)
expected = {"tool": "wandb", "version": wandb.__version__, "python": sys.version.split()[0], "runs": {}}
for path in sorted(glob.glob(home + "/wandb/offline-run-*/*.wandb")):
    directory = os.path.dirname(path)
    name = os.path.basename(directory)
    # What is in them is of the machine, not of the run.
    for other in ("logs", "tmp"):
        shutil.rmtree(os.path.join(directory, other), ignore_errors=True)
    shutil.copytree(directory, f"{target}/wandb/{name}", symlinks=True)
    expected["runs"][name] = expected_of(path)
with open(target + "/expected.json", "w") as file:
    json.dump(expected, file, indent=1)
    file.write("\n")
print(target)
