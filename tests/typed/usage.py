"""What users do, for type checkers: pyright and mypy, both strict, must know all of it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import danlu
import danlu as wandb
from danlu.apis import public
from danlu.integration.keras import WandbCallback, WandbMetricsLogger
from danlu.integration.lightgbm import log_summary, wandb_callback

assert wandb.run is None


@dataclass
class Options:
    """A config."""

    lr: float = 0.1


def runs(namespace: argparse.Namespace) -> None:
    """Begin and end runs."""
    with wandb.init(project="p", config={"lr": 0.1, "layers": [1, 2]}, tags=["a"], mode="offline") as run:
        name: str = run.name
        step: int = run.step
        lost: int = run.lost
        file: str | None = run.file
        run.name = name.upper()
        run.tags = (*run.tags, "b")
        run.notes = f"{step} {lost} {file}"
        run.log({"loss": 0.5})
        run.flush()
    wandb.init(config=namespace, settings=wandb.Settings(console="off"), reinit=True)
    wandb.init(
        config=Options(), dir=Path("runs"), id="x", resume="allow", resume_from=None, fork_from="y?_step=3"
    )
    wandb.init(
        config="config.yaml", settings={"silent": True}, group="g", job_type="train", sync_tensorboard=True
    )
    if wandb.run is not None:
        url: str | None = wandb.run.url
        print(url, wandb.run.id, wandb.run.project, wandb.run.entity, wandb.run.path, wandb.run.dir)
        wandb.run.finish(exit_code=1)
    attached: wandb.Run | None = wandb.attach("id")
    print(attached)
    wandb.login(key="k")
    wandb.setup()
    wandb.finish()
    wandb.teardown()


def log(run: danlu.Run) -> None:
    """Log values, and what they are."""
    for step in range(3):
        wandb.log({"loss": 1 / (step + 1), "nested": {"acc": 0.5}, "flag": True}, step=step, commit=False)
    wandb.config.lr = 0.2
    wandb.config["layers"] = 3
    wandb.config.update({"a": 1}, allow_val_change=True)
    rate: float = wandb.config.lr
    wandb.summary["best"] = rate
    wandb.summary.update({"a": {"b": 1}})
    metric: wandb.Metric = wandb.define_metric("loss", step_metric="epoch", summary="min", goal="minimize")
    run.define_metric("val/*", step_metric=metric)
    stored: list[str] = wandb.save("*.pth", base_path=Path(), policy="now")
    print(stored, run.summary.get("best"), run.config.as_dict())
    wandb.alert("title", "text", level=wandb.AlertLevel.WARN, wait_duration=300)
    run.alert(title="title", text="text", level="ERROR")
    wandb.mark_preempting()
    wandb.pin_config_keys(["lr"])
    wandb.watch(object(), log="all", log_freq=10)
    wandb.unwatch()
    with_file = wandb.restore("model.pth", run_path="p/x", replace=True)
    if with_file is not None:
        print(with_file.read())
    try:
        wandb.termlog("said")
    except (wandb.Error, wandb.UsageError, wandb.errors.CommError) as e:
        print(e.message)


def media(pixels: Any, samples: Any) -> None:
    """Log pictures, sounds and the like."""
    boxes: dict[str, Any] = {"p": {"box_data": [], "class_labels": {1: "cat"}}}
    image = wandb.Image(pixels, caption="c", mode="RGB", boxes=boxes, masks={"m": {"mask_data": pixels}})
    image = wandb.Image("a.png", classes=wandb.Classes([{"id": 1, "name": "cat"}]), file_type="jpg")
    table = wandb.Table(columns=["a", "b"], data=[[1, image], [2, image]])
    table.add_data(3, image)
    table.add_column("c", [1, 2, 3])
    column: list[Any] = table.get_column("a")
    print(column)
    wandb.log(
        {
            "image": image,
            "images": [image, image],
            "video": wandb.Video(pixels, fps=4, format="mp4"),
            "audio": wandb.Audio(samples, sample_rate=16_000, caption="c"),
            "points": wandb.Object3D(pixels),
            "html": wandb.Html("<p>", inject=False),
            "molecule": wandb.Molecule("a.pdb"),
            "histogram": wandb.Histogram([1, 2, 3], num_bins=10),
            "histogram2": wandb.Histogram(np_histogram=([1, 2], [0, 1, 2])),
            "plotly": wandb.Plotly("figure.json"),
            "graph": wandb.Graph(),
            "table": table,
            "joined": wandb.JoinedTable(table, table, "a"),
            "evaluated": wandb.EvalTable(columns=["a"], data=[[1]], input_columns=["a"]),
        }
    )


def charts() -> None:
    """Log charts."""
    table = wandb.Table(columns=["x", "y"], data=[[1, 2]])
    wandb.log({"bar": wandb.plot.bar(table, "x", "y", title="t"), "line": wandb.plot.line(table, "x", "y")})
    wandb.log({"points": wandb.plot.scatter(table, "x", "y"), "bins": wandb.plot.histogram(table, "x")})
    wandb.log({"lines": wandb.plot.line_series(xs=[0, 1], ys=[[1, 2]], keys=["a"], title="t", xname="x")})
    wandb.log({"cm": wandb.plot.confusion_matrix(y_true=[0, 1], preds=[0, 1], class_names=["a", "b"])})
    wandb.log({"roc": wandb.plot.roc_curve([0, 1], [[0.1, 0.9], [0.8, 0.2]], labels=["a", "b"])})
    wandb.log({"pr": wandb.plot.pr_curve([0, 1], [[0.1, 0.9], [0.8, 0.2]])})
    chart: wandb.plot.CustomChart = wandb.plot_table("wandb/line/v0", table, {"x": "x", "y": "y"})
    wandb.log({"chart": chart, "seen": wandb.visualize("id", table)})


def artifacts(run: danlu.Run) -> None:
    """Make and use artifacts."""
    artifact = wandb.Artifact("data", type="dataset", description="d", metadata={"n": 1})
    artifact.add_file("a.txt", name="b.txt")
    artifact.add_dir("data")
    artifact.add_reference("s3://bucket/key", checksum=False)
    artifact.add(wandb.Table(columns=["a"], data=[[1]]), "table")
    with artifact.new_file("c.txt", mode="w") as file:
        file.write("text")
    logged: wandb.Artifact = wandb.log_artifact(artifact, aliases=["best"], tags=["t"])
    logged.wait()
    used = run.use_artifact("data:latest", type="dataset")
    path: str = used.download(root="here")
    entry = used.get_entry("b.txt")
    print(path, used.version, used.digest, used.aliases, used.metadata["n"], entry.path, entry.size)
    used.ttl = None
    used.metadata["n"] = 2
    used.save()
    run.link_artifact(used, "models/best")
    run.log_code(".", include_fn=lambda name: name.endswith(".py"))
    wandb.log_model("model.pth", name="m", aliases=["best"])
    wandb.link_model("model.pth", "registered")
    print(wandb.use_model("m:latest"))


def reading() -> None:
    """Read runs back."""
    api = wandb.Api(overrides={"project": "p"}, dir=Path("runs"))
    for found in api.runs("p", filters={"config.lr": {"$gt": 0.1}}, order="-created_at"):
        one: public.Run = found
        print(one.name, one.state, one.config["lr"], one.summary["loss"], one.id)
    run = api.run("p/x")
    rows: list[dict[str, Any]] = run.history(keys=["loss"], pandas=False)
    frame = run.history()
    rows += [row for row in run.scan_history(keys=["loss"]) if row["loss"] > 0]
    for file in run.files():
        file.download(replace=True)
    versions = api.artifacts("dataset", "data")
    print(frame, rows, [version.name for version in versions], api.artifact("data:latest").digest)
    run.tags.append("t")
    run.update()
    with wandb.open("latest") as opened:
        print(opened.history(pandas=False)[0], opened.sql("SELECT 1"))
    lists: dict[str, list[Any]] = wandb.envelope("latest", "loss", columns=100)
    print(lists["max"])


def integrations(model: Any, trained: Any) -> None:
    """Use callbacks."""
    model.fit(callbacks=[WandbCallback(), WandbMetricsLogger(log_freq=10)])
    print(wandb_callback())
    log_summary(trained, save_model_checkpoint=True)
    wandb.tensorboard.patch(root_logdir="logs")
    wandb.sklearn.plot_confusion_matrix([0, 1], [0, 1], ["a", "b"])
    print(wandb.util.generate_id(), wandb.env.get_project(), wandb.data_types.WBValue)
