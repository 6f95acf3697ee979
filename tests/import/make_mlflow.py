"""Makes tests/import/mlflow-<version>-files and -sqlite: run it with the Python of a venv that has mlflow.

python make_mlflow.py
"""

import json
import os
import shutil
import sqlite3
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
home = tempfile.mkdtemp()
os.environ.update(
    HOME=home,
    USER="someone",
    LOGNAME="someone",
    MLFLOW_DISABLE_TELEMETRY="true",
    DO_NOT_TRACK="true",
    MLFLOW_ALLOW_FILE_STORE="true",
    MLFLOW_ENABLE_FILE_STORE="true",
)
os.chdir(home)
open("train.py", "w").close()
sys.argv = ["train.py"]

import mlflow  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402


def make(kind, uri):
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("digits")
    with mlflow.start_run(run_name="parent", description="a note\nof two lines", tags={"team": "vision"}):
        mlflow.log_params({"lr": 0.1, "layers": [8, 4], "opt/name": "adam"})
        for step in range(3):
            mlflow.log_metrics({"loss": 1 / (step + 1), "val/f1": step / 10}, step=step)
        mlflow.log_metric("special", float("nan"), step=0)
        mlflow.log_metric("special", float("inf"), step=1)
        with open("model.bin", "wb") as file:
            file.write(b"weights" * 100)
        mlflow.log_artifact("model.bin", "model")
        with mlflow.start_run(run_name="child", nested=True):
            mlflow.log_metric("loss", 0.25, step=7)
    try:
        with mlflow.start_run(run_name="broken"):
            mlflow.log_metric("loss", 1.5)
            raise RuntimeError
    except RuntimeError:
        pass
    with mlflow.start_run(run_name="unwanted") as unwanted:
        mlflow.log_metric("loss", 9)
    mlflow.delete_run(unwanted.info.run_id)
    client = MlflowClient()
    experiment = client.get_experiment_by_name("digits")
    expected = {"tool": "mlflow", "version": mlflow.__version__, "python": sys.version.split()[0], "runs": []}
    for run in client.search_runs([experiment.experiment_id], run_view_type=mlflow.entities.ViewType.ALL):
        metrics = {
            key: [
                [m.timestamp, m.step, repr(m.value)] for m in client.get_metric_history(run.info.run_id, key)
            ]
            for key in run.data.metrics
        }
        expected["runs"].append(
            {
                "id": run.info.run_id,
                "name": run.info.run_name,
                "status": run.info.status,
                "deleted": run.info.lifecycle_stage == "deleted",
                "start": run.info.start_time,
                "end": run.info.end_time,
                "params": run.data.params,
                "tags": run.data.tags,
                "metrics": metrics,
                "artifacts": [f.path for f in client.list_artifacts(run.info.run_id, "model")],
            }
        )
    target = f"{here}/mlflow-{mlflow.__version__}-{kind}"
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    return target, expected


def anonymous(text):
    return text.replace(home, "/home/someone")


def write(target, expected):
    with open(target + "/expected.json", "w") as file:
        file.write(anonymous(json.dumps(expected, indent=1)) + "\n")
    print(target)


target, expected = make("files", f"file://{home}/mlruns")
for directory, _, files in os.walk(home + "/mlruns"):
    for name in files:
        path = os.path.join(directory, name)
        with open(path, "rb") as file:
            data = file.read()
        with open(path, "wb") as file:
            file.write(data.replace(home.encode(), b"/home/someone"))
shutil.copytree(home + "/mlruns", target + "/mlruns")
write(target, expected)

if len(sys.argv) == 1:
    try:
        import sqlalchemy  # noqa: F401
    except ImportError:
        sys.exit()
    shutil.rmtree(home + "/mlruns")
    target, expected = make("sqlite", f"sqlite:///{home}/mlflow.db")
    connection = sqlite3.connect(home + "/mlflow.db")
    for table, column in (("runs", "artifact_uri"), ("experiments", "artifact_location")):
        # As the default is: relative to where mlflow runs.
        connection.execute(f"UPDATE {table} SET {column} = replace({column}, '{home}/', '')")
    used = (
        "runs",
        "experiments",
        "metrics",
        "params",
        "tags",
        "alembic_version",
        "latest_metrics",
        "experiment_tags",
    )
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    # The other tables are empty, and each takes some pages.
    for name in names:
        if name not in used and not name.startswith("sqlite_"):
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute(f'DROP TABLE "{name}"')
    connection.commit()
    connection.execute("PRAGMA page_size = 1024")
    connection.execute("VACUUM")
    connection.close()
    shutil.copy(home + "/mlflow.db", target)
    shutil.copytree(home + "/mlruns", target + "/mlruns")
    write(target, expected)
