"""Media."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from .entries import Topic, wandb

media = Topic(
    "Media",
    "`log` copies what it is given, and a thread encodes and stores it. The same content is stored once, "
    "at however many steps it is logged. [media.md](media.md) says all of it.",
)
TOPICS = [media]


def logged(run: Any, value: Any) -> Any:
    """Log a value, and return what the history has of it."""
    run.log({"key": value})
    run.finish()
    [row] = wandb.Api().run(run.path).scan_history()
    return row["key"]


def pixels() -> Any:
    import numpy as np

    return np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


@media.yes(
    "Image(data_or_path, mode, caption, grouping, classes, boxes, masks, file_type, normalize)",
    note="Floats from 0 to 1 are scaled, as up to wandb 0.30; `normalize=False` leaves them.",
)
def _(run: Any) -> None:
    box = {"position": {"minX": 0, "maxX": 1, "minY": 0, "maxY": 1}, "class_id": 1}
    image = wandb.Image(
        pixels(),
        mode="RGB",
        caption="c",
        grouping=2,
        classes=wandb.Classes([{"id": 1, "name": "cat"}]),
        boxes={"truth": {"box_data": [box], "class_labels": {1: "cat"}}},
        masks={"truth": {"mask_data": pixels()[:, :, 0], "class_labels": {1: "cat"}}},
        file_type="png",
        normalize=True,
    )
    found = logged(run, image)
    assert (found["_type"], found["width"], found["caption"], found["grouping"]) == ("image-file", 4, "c", 2)
    assert found["boxes"]["truth"]["_type"] == "boxes2D"
    assert found["masks"]["truth"]["_type"] == "mask"
    with pytest.raises(ValueError, match="file_type"):
        wandb.Image(pixels(), file_type="tiff")


@media.yes(
    "Image.image",
    "Image.guess_mode(data, file_type)",
    "Image.to_data_array()",
    "Image.MAX_ITEMS",
    "Image.MAX_DIMENSION",
)
def _() -> None:
    image = wandb.Image(pixels())
    assert image.image.size == (4, 4)
    assert image.guess_mode(pixels()) == "RGB"
    assert image.to_data_array()[0][1] == (3, 4, 5)
    assert (wandb.Image.MAX_ITEMS, wandb.Image.MAX_DIMENSION) == (108, 65500)


@media.yes(
    "Image.bind_to_run(run, key, step, id_, ignore_copy_err)",
    "Image.to_json(run_or_artifact)",
    "Image.from_json(json_obj, source_artifact)",
    "Image.get_media_subdir()",
    "Image.seq_to_json(seq, run, key, step)",
    "Image.all_boxes(images, run, run_key, step)",
    "Image.all_masks(images, run, run_key, step)",
    "Image.all_captions(images)",
)
def _(run: Any) -> None:
    image = wandb.Image(pixels(), caption="c")
    image.bind_to_run(run, "key", 3)
    assert image.to_json(run)["path"].startswith("media/images/key_3_")
    assert wandb.Image.get_media_subdir() == "media/images"
    assert wandb.Image.seq_to_json([image, image], run, "k", 0)["count"] == 2
    assert wandb.Image.all_captions([image]) == ["c"]
    assert not wandb.Image.all_boxes([image], run, "k", 0)
    assert not wandb.Image.all_masks([image], run, "k", 0)
    built = wandb.Artifact("pictures", type="dataset")
    built.add(image, "image")
    again = run.log_artifact(built).wait().get("image")  # By `from_json`.
    assert type(again) is wandb.Image
    assert again.image.size == (4, 4)


@media.yes(
    "Video(data_or_path, caption, fps, format)",
    note="Arrays are encoded by ffmpeg, which `pip install imageio-ffmpeg` brings.",
)
def _(run: Any) -> None:
    import numpy as np

    frames = np.zeros((3, 3, 16, 16), dtype=np.uint8)
    found = logged(run, wandb.Video(frames, caption="c", fps=4, format="gif"))
    assert (found["_type"], found["width"], found["caption"]) == ("video-file", 16, "c")
    wandb.Video(io.BytesIO(b"GIF89a"), format="gif")


@media.yes("Audio(data_or_path, sample_rate, caption)", "Audio.durations", "Audio.sample_rates")
def _(run: Any) -> None:
    sound = wandb.Audio([0.0, 0.5, -0.5, 0.0], sample_rate=4, caption="c")
    assert wandb.Audio.durations([sound]) == [1.0]
    assert wandb.Audio.sample_rates([sound]) == [4]
    assert logged(run, sound)["_type"] == "audio-file"
    with pytest.raises(ValueError, match="sample_rate"):
        wandb.Audio([0.0])


@media.yes(
    "Object3D(data_or_path, caption)",
    "Object3D.from_numpy(data)",
    "Object3D.from_file(data_or_path, file_type)",
    "Object3D.from_point_cloud(points, boxes, vectors, point_cloud_type)",
    "box3d(center, size, orientation, color, label, score)",
)
def _(run: Any, workdir: Path) -> None:
    import numpy as np

    box = wandb.box3d(
        center=[0, 0, 0], size=[1, 1, 1], orientation=[1, 0, 0, 0], color=(0, 255, 0), label="car", score=0.5
    )
    assert len(box["corners"]) == 8
    points: Any = [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    cloud = wandb.Object3D.from_point_cloud(points, [box], vectors=[], point_cloud_type="lidar/beta")
    Path("a.obj").write_text("v 0 0 0\n")
    values = [
        wandb.Object3D.from_numpy(np.zeros((2, 6))),
        wandb.Object3D.from_file("a.obj"),
        wandb.Object3D(io.StringIO("v 0 0 0\n"), caption="c", file_type="obj"),
    ]
    assert logged(run, [cloud, *values])["count"] == 4


@media.yes("Html(data, inject, data_is_not_path)")
def _(run: Any) -> None:
    wandb.Html(io.StringIO("<p>"), inject=False)
    found = logged(run, wandb.Html("<p>hello</p>", data_is_not_path=True))
    assert found["_type"] == "html-file"
    with wandb.Api().run("p/r").file(found["path"]).download() as file:
        assert "hello" in file.read()


@media.yes(
    "Molecule(data_or_path, caption, file_type)",
    "Molecule.from_rdkit(data_or_path, caption, convert_to_3d_and_optimize, "
    "mmff_optimize_molecule_max_iterations)",
    "Molecule.from_smiles(data, caption, sanitize, convert_to_3d_and_optimize, "
    "mmff_optimize_molecule_max_iterations)",
)
def _(run: Any) -> None:
    from rdkit import Chem

    ethanol = wandb.Molecule.from_smiles("CCO", caption="c", convert_to_3d_and_optimize=False)
    other = wandb.Molecule.from_rdkit(Chem.MolFromSmiles("C"), convert_to_3d_and_optimize=False)
    given = wandb.Molecule(io.StringIO("HEADER\n"), file_type="pdb")
    assert logged(run, [ethanol, other, given])["_type"] == "molecule"


@media.yes("Histogram(sequence, np_histogram, num_bins)", "Histogram.to_json(run)", "Histogram.MAX_LENGTH")
def _(run: Any) -> None:
    import numpy as np

    histogram = wandb.Histogram([1, 2, 2, 3], num_bins=2)
    assert histogram.to_json() == {"_type": "histogram", "values": [1, 3], "bins": [1.0, 2.0, 3.0]}
    assert histogram.to_json(run=run)["_type"] == "histogram"
    assert len(wandb.Histogram(np_histogram=np.histogram([1, 2, 3])).to_json()["values"]) == 10
    assert wandb.Histogram.MAX_LENGTH == 512
    with pytest.raises(ValueError, match="512"):
        wandb.Histogram([1], num_bins=513)
    assert logged(run, histogram)["values"] == [1, 3]


@media.yes(
    "Plotly(val)",
    "Plotly.make_plot_media",
    note="Figures of plotly and matplotlib, which `log` takes as they are too.",
)
def _(run: Any) -> None:
    import plotly.graph_objects as go
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2])
    assert wandb.Plotly.make_plot_media(figure)
    plotted = wandb.Plotly(go.Figure(go.Scatter(y=[1, 2])))
    assert logged(run, plotted)["_type"] == "plotly-file"


@media.yes("data_types.Bokeh")
def _(run: Any) -> None:
    from bokeh.plotting import figure

    drawn = figure()
    drawn.line([1, 2], [1, 2])
    assert logged(run, wandb.data_types.Bokeh(drawn))["_type"] == "bokeh-file"


class _Layer:
    def __init__(self, name: str) -> None:
        self.name = name
        self.output_shape = (None, 4)

    def count_params(self) -> int:
        return 4


class _Model:
    layers = (_Layer("a"), _Layer("b"))


@media.yes(
    "Graph(format)",
    "Graph.add_node(node)",
    "Graph.add_edge(from_node, to_node)",
    "Graph.from_keras(model)",
    "Graph.pprint()",
    "Graph.to_json(run)",
    "Graph.bind_to_run(run, key, step)",
    "Graph.get_media_subdir()",
)
def _(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    graph = wandb.Graph(format="keras")
    first = graph.add_node(id="a", name="first", class_name="Dense")
    graph.add_edge(first, graph.add_node(id="b", name="second"))
    graph.pprint()
    assert "first" in capsys.readouterr().out
    graph.bind_to_run(run, "net", 0)
    assert graph.to_json(run=run)["path"].startswith(f"{wandb.Graph.get_media_subdir()}/net_0_")
    assert len(wandb.Graph.from_keras(_Model()).nodes) == 2
    assert logged(run, graph)["_type"] == "graph-file"


@media.yes("Classes(class_set)", "data_types.BoundingBoxes2D", "data_types.ImageMask")
def _() -> None:
    assert wandb.Classes([{"id": 0, "name": "cat"}]).to_json()["class_set"] == [{"id": 0, "name": "cat"}]
    box = {"position": {"middle": [1, 1], "width": 1, "height": 1}, "class_id": 0, "domain": "pixel"}
    assert wandb.data_types.BoundingBoxes2D({"box_data": [box]}, "k")
    assert wandb.data_types.ImageMask({"mask_data": pixels()[:, :, 0]}, "k")


@media.yes("data_types.WBTraceTree", "data_types.WBValue", "data_types.Media", "data_types.BatchableMedia")
def _(run: Any) -> None:
    kinds = wandb.data_types
    assert issubclass(kinds.BatchableMedia, kinds.Media)
    assert issubclass(kinds.Media, kinds.WBValue)
    tree = kinds.WBTraceTree({"name": "root", "child_spans": []})
    found = logged(run, tree)
    assert found["_type"] == "wb_trace_tree"
    assert "root" in json.dumps(found)
