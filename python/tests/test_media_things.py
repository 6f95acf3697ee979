"""Point clouds, molecules, pages, plots, histograms and graphs."""

from __future__ import annotations

import io
import json
import math
import pathlib
from pathlib import Path
from typing import Any

import danlu
import numpy as np
import pytest
from conftest import Reader, named
from danlu.data_types import (
    Bokeh,
    Classes,
    Graph,
    Histogram,
    Html,
    Molecule,
    Object3D,
    Plotly,
    WBTraceTree,
    box3d,
)
from stored import content, extract, log_one, value

POINTS = np.random.default_rng(1).normal(size=(50, 6))
OBJ = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"


@pytest.mark.parametrize("columns", [3, 4, 6])
def test_points(read: Reader, columns: int) -> None:
    found, data = log_one(read, Object3D(POINTS[:, :columns], caption="cloud"))
    assert found["_type"] == "object3D-file"
    assert found["path"].startswith("media/object3D/x_0_")
    assert found["path"].endswith(".pts.json")
    assert found["caption"] == "cloud"
    assert json.loads(data) == POINTS[:, :columns].tolist()


def test_points_that_are_no_numbers_are_left_out(read: Reader) -> None:
    points = POINTS[:4, :3].copy()
    points[1, 2], points[2, 0] = np.nan, np.inf
    _, data = log_one(read, Object3D(points))
    assert json.loads(data) == points[[0, 3]].tolist()


def test_an_open_model_says_its_type_by_its_name(read: Reader, workdir: Path) -> None:
    (workdir / "pointcloud.obj").write_text(OBJ)
    with open("pointcloud.obj") as file:
        found, data = log_one(read, Object3D(file))
    assert data.decode() == OBJ
    assert found["path"].endswith(".obj")


def test_files_of_models(read: Reader, workdir: Path) -> None:
    (workdir / "a.obj").write_text(OBJ)
    (workdir / "b.glb").write_bytes(b"glTF\xff\xfe")
    (workdir / "c.pts.json").write_text("[[1,2,3]]")
    with danlu.init() as run:
        run.log({"path": Object3D("a.obj"), "more": Object3D(pathlib.Path("c.pts.json"))})
        with open("b.glb") as text, open("b.glb", "rb") as binary:
            run.log({"text": Object3D(text), "binary": Object3D(binary)})
        run.log({"io": Object3D(io.StringIO(OBJ), file_type="obj")})
        run.log({"from": Object3D.from_file("a.obj", "obj")})
    assert run.lost == 0
    for key, data in (
        ("path", OBJ.encode()),
        ("io", OBJ.encode()),
        ("from", OBJ.encode()),
        ("more", b"[[1,2,3]]"),
    ):
        assert content(read, run, value(read, run, key)["path"]) == data
    assert content(read, run, value(read, run, "text")["path"]) == b"glTF\xff\xfe"
    assert content(read, run, value(read, run, "binary")["path"]) == b"glTF\xff\xfe"
    back = Object3D.from_json(value(read, run, "more"), extract(read, run, workdir / "out"))
    assert back._encoded().read() == b"[[1,2,3]]"


def test_scenes(read: Reader) -> None:
    box = box3d(
        center=(0, 0, 0), size=(2, 4, 6), orientation=(1, 0, 0, 0), color=(255, 0, 0), label="car", score=0.5
    )
    assert min(box["corners"]) == [-1, -2, -3]
    turned = box3d(
        center=(1, 1, 1), size=(2, 2, 2), orientation=(math.cos(0.5), 0, 0, math.sin(0.5)), color=(0, 0, 0)
    )
    assert all(math.dist(corner, (1, 1, 1)) == pytest.approx(3**0.5) for corner in turned["corners"])
    vector = {"start": np.array([0, 0, 0]), "end": [1, 1, 1]}
    cloud = Object3D.from_point_cloud(POINTS[:, :3].tolist(), [box, turned], [vector])
    _, data = log_one(read, cloud)
    stored = json.loads(data)
    assert stored["type"] == "lidar/beta"
    assert stored["points"] == POINTS[:, :3].tolist()
    assert stored["boxes"][0] == {
        "corners": box["corners"],
        "color": [255, 0, 0],
        "label": "car",
        "score": 0.5,
    }
    assert stored["vectors"] == [{"start": [0, 0, 0], "end": [1, 1, 1]}]
    _, same = log_one(read, Object3D({**stored, "points": POINTS[:, :3]}))
    assert json.loads(same) == stored
    _, gap = log_one(read, Object3D({"type": "lidar/beta", "points": [[float("nan"), 1, 2]]}))
    assert json.loads(gap)["points"] == [[None, 1, 2]]


def test_several_things(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"a/b": [Object3D(POINTS), Object3D(POINTS[:10], caption="few")]})
    found = value(read, run, "a/b")
    assert (found["_type"], found["count"], found["captions"]) == ("object3D", 2, [None, "few"])
    assert found["filenames"][0] == found["objects"][0]["path"][len("media/object3D/") :]


@pytest.mark.parametrize(
    ("data", "arguments", "why"),
    [
        (POINTS[:, :5], {}, "must be one of N x 3"),
        (POINTS[0], {}, "must be one of N x 3"),
        (np.array([["a"] * 3]), {}, "that are numbers"),
        ("missing.obj", {}, "no such file"),
        ("a.txt", {}, "supports the file types obj, gltf, glb, babylon, stl, pts.json"),
        (io.StringIO(OBJ), {}, "give file_type="),
        (io.StringIO(OBJ), {"file_type": "exe"}, "not `exe`"),
        ({"type": "other", "points": []}, {}, "the `type` lidar/beta"),
        ({"type": "lidar/beta", "points": [], "boxes": [3]}, {}, "see box3d"),
        (3, {}, "takes an array, a dict, or a file"),
        ([], {}, "takes an array, a dict, or a file"),
    ],
    ids=named,
)
def test_what_is_no_thing(data: Any, arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Object3D(data, **arguments)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"center": (0, 0)}, "`center`"),
        ({"orientation": (0, 0, 0, 0)}, "must not be 0"),
        ({"color": (1,)}, "`color`"),
    ],
)
def test_boxes_that_are_none(change: Any, why: str) -> None:
    box = {"center": (0, 0, 0), "size": (1, 1, 1), "orientation": (1, 0, 0, 0), "color": (0, 0, 0)}
    with pytest.raises(ValueError, match=why):
        box3d(**{**box, **change})


def test_molecules(read: Reader, workdir: Path) -> None:
    from rdkit import Chem

    flat = Chem.MolFromSmiles("CCO")
    Chem.MolToMolFile(flat, "ethanol.mol")
    (workdir / "a.pdb").write_text(Chem.MolToPDBBlock(flat))
    with danlu.init() as run:
        run.log({"smiles": Molecule.from_smiles("CCO", caption="ethanol"), "mol": Molecule.from_rdkit(flat)})
        run.log({"flat": Molecule.from_rdkit("ethanol.mol", convert_to_3d_and_optimize=False)})
        run.log({"path": Molecule("a.pdb"), "io": Molecule(io.StringIO("HEADER"), file_type="pdb")})
        with open("a.pdb") as file:
            run.log({"open": Molecule(file)})
    assert run.lost == 0
    found = value(read, run, "smiles")
    assert found["_type"] == "molecule-file"
    assert found["path"].startswith("media/molecule/smiles_0_")
    assert found["caption"] == "ethanol"
    # The same molecule has the same shape, and so one content.
    assert value(read, run, "mol")["sha256"] == found["sha256"]
    stored = Chem.MolFromPDBBlock(content(read, run, found["path"]).decode(), removeHs=False)
    assert stored.GetNumAtoms() == 9
    assert stored.GetConformer().Is3D()
    flat_back = Chem.MolFromPDBBlock(
        content(read, run, value(read, run, "flat")["path"]).decode(), removeHs=False
    )
    assert flat_back.GetNumAtoms() == 3
    assert content(read, run, value(read, run, "open")["path"]) == (workdir / "a.pdb").read_bytes()
    back = Molecule.from_json(found, extract(read, run, workdir / "out"))
    assert back._caption == "ethanol"


def test_several_molecules(read: Reader) -> None:
    molecule = Molecule(io.StringIO("HEADER"), file_type="pdb")
    with danlu.init() as run:
        run.log({"x": [molecule, molecule]})
    found = value(read, run, "x")
    assert found["filenames"][0].startswith("x_0_")
    assert (found["_type"], found["count"], found["captions"]) == ("molecule", 2, False)


def test_what_is_no_molecule(workdir: Path) -> None:
    (workdir / "bad.mol").write_text("nothing")
    with pytest.raises(ValueError, match="Unable to parse the SMILES string"):
        Molecule.from_smiles("not a molecule")
    with pytest.raises(ValueError, match="Could not read the molecule"):
        Molecule.from_rdkit("bad.mol")
    with pytest.raises(ValueError, match="supports the file types pdb"):
        Molecule("a.txt")
    with pytest.raises(ValueError, match="no such file"):
        Molecule("a.pdb")
    with pytest.raises(ValueError, match="file_type="):
        Molecule(io.StringIO("HEADER"))
    with pytest.raises(ValueError, match="a path or an rdkit Mol"):
        Molecule.from_rdkit(3)


def test_pages(read: Reader, workdir: Path) -> None:
    (workdir / "a.html").write_text("<html><head lang='en'><title>ü</title></head><body></body></html>")
    with danlu.init() as run:
        run.log(
            {"text": Html("<p>hello</p>"), "path": Html("a.html"), "raw": Html(Path("a.html"), inject=False)}
        )
        with open("a.html") as file:
            run.log({"open": Html(file)})
        run.log(
            {"io": Html(io.StringIO("<b>x</b>"), inject=False), "word": Html("plain words", inject=False)}
        )
        run.log({"name": Html("a.html", inject=False, data_is_not_path=True)})
        run.log({"list": [Html("<p>1"), Html("<p>2")]})
    assert run.lost == 0

    def page(key: str) -> str:
        return content(read, run, value(read, run, key)["path"]).decode()

    assert page("text").endswith("<p>hello</p>")
    assert '<base target="_blank">' in page("text")
    assert "http" not in page("text")
    assert page("path").startswith("<html><head lang='en'><base target")
    assert page("open") == page("path")
    assert page("raw") == (workdir / "a.html").read_text()
    assert page("io") == "<b>x</b>"
    assert page("word") == "plain words"
    assert page("name") == "a.html"
    assert value(read, run, "list")["count"] == 2
    assert value(read, run, "list")["html"][0]["_type"] == "html-file"
    back = Html.from_json(value(read, run, "text"), extract(read, run, workdir / "out"))
    assert back.html == page("text")


def test_what_is_no_page(workdir: Path) -> None:
    (workdir / "a.txt").write_text("text")
    with pytest.raises(ValueError, match="no such file"):
        Html("missing.html")
    with pytest.raises(ValueError, match=r"ends in \.html"):
        Html(Path("a.txt"))
    with pytest.raises(ValueError, match="a text, a path or an open file"):
        Html(3)


def test_histograms(read: Reader) -> None:
    numbers = np.random.default_rng(1).normal(size=1000)
    histogram = Histogram(numbers, num_bins=10)
    counts, edges = np.histogram(numbers, bins=10)
    assert histogram.histogram == counts.tolist()
    assert np.allclose(histogram.bins, edges)
    with danlu.init() as run:
        run.log(
            {
                "x": histogram,
                "np": Histogram(np_histogram=np.histogram(numbers)),
                "list": Histogram([1, 2, 3]),
            }
        )
        run.log({"nan": Histogram([1.0, float("nan"), float("inf")]), "range": Histogram(range(5))})
    assert run.lost == 0
    assert value(read, run, "x") == {"_type": "histogram", "values": counts.tolist(), "bins": histogram.bins}
    assert sum(value(read, run, "np")["values"]) == 1000
    assert value(read, run, "nan")["non_finite"] == 2
    assert sum(value(read, run, "range")["values"]) == 5
    back = Histogram.from_json(value(read, run, "nan"), None)
    assert back.to_json() == value(read, run, "nan")
    packed = {"values": [1, 2], "packedBins": {"min": 0.0, "size": 0.5, "count": 2}}
    assert Histogram.from_json(packed).bins == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({}, "needs a sequence"),
        ({"sequence": [1], "num_bins": 513}, "maximum length of a histogram is 512"),
        ({"sequence": [1], "num_bins": 0}, "the least is 1"),
        ({"np_histogram": ([1] * 513, [0] * 514)}, "maximum length"),
        ({"np_histogram": ([1, 2], [0, 1])}, r"len\(values\) \+ 1"),
        ({"np_histogram": [1]}, r"\(values, bin_edges\)"),
        ({"sequence": ["a"]}, "real numbers"),
    ],
    ids=named,
)
def test_what_is_no_histogram(arguments: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Histogram(**arguments)


def test_an_empty_histogram(read: Reader) -> None:
    found, _ = log_one(read, Histogram([]))
    assert sum(found["values"]) == 0


def test_figures_of_plotly(read: Reader) -> None:
    import plotly.graph_objects as go
    import plotly.io

    figure = go.Figure(go.Scatter(x=np.arange(5), y=[1, None, 3, 4, 5]), layout={"title": {"text": "t"}})
    with danlu.init() as run:
        run.log({"direct": figure, "wrapped": Plotly(figure)})
        expected = figure.to_dict()
        figure.add_trace(go.Scatter(y=[1]))
    assert run.lost == 0
    found = value(read, run, "direct")
    assert found["_type"] == "plotly-file"
    assert found["path"].startswith("media/plotly/direct_0_")
    assert found["path"].endswith(".plotly.json")
    back = plotly.io.from_json(content(read, run, found["path"]).decode())
    assert back.to_dict() == expected
    assert value(read, run, "wrapped")["sha256"] == found["sha256"]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_figures_of_matplotlib(read: Reader) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    lines, axes = plt.subplots()
    axes.plot([1, 2, 3])
    pictures, others = plt.subplots()
    others.imshow(np.zeros((4, 4)))
    with danlu.init() as run:
        run.log({"lines": lines, "axes": axes, "pictures": pictures, "plt": plt})
        plt.close("all")
    assert run.lost == 0
    assert value(read, run, "lines")["_type"] in ("plotly-file", "image-file")
    assert value(read, run, "axes")["sha256"] == value(read, run, "lines")["sha256"]
    assert value(read, run, "pictures")["_type"] == "image-file"
    assert value(read, run, "plt")["sha256"] == value(read, run, "pictures")["sha256"]


def test_what_is_no_plot() -> None:
    with pytest.raises(ValueError, match="a figure of plotly or matplotlib"):
        Plotly(3)
    with pytest.raises(TypeError, match="a model or a document of bokeh"):
        Bokeh(3)


def test_bokeh(read: Reader, workdir: Path) -> None:
    from bokeh.document import Document
    from bokeh.plotting import figure

    plot = figure(title="t")
    plot.line([1, 2, 3], np.array([4.0, 5.0, 6.0]))
    with danlu.init() as run:
        run.log({"model": Bokeh(plot), "direct": plot})
        document = Document()
        document.add_root(plot)
        run.log({"document": Bokeh(document)})
    assert run.lost == 0
    found = value(read, run, "model")
    assert found["_type"] == "bokeh-file"
    assert found["path"].endswith(".bokeh.json")
    back = Document.from_json(json.loads(content(read, run, found["path"])))
    root: Any = back.roots[0]
    assert root.title.text == "t"
    stored = extract(read, run, workdir / "out")
    again = Bokeh.from_json(value(read, run, "document"), stored)
    assert json.loads(again._encoded().read())["roots"]


def test_graphs(read: Reader) -> None:
    class Layer:
        built = True

        def __init__(self, name: str, parents: list[Layer]) -> None:
            self.name = name
            self.output_shape = (None, 3)
            self.inbound_nodes = [type("Node", (), {"inbound_layers": parents})()] if parents else []

        def count_params(self) -> int:
            return 12

    first = Layer("first", [])
    second = Layer("second", [first])
    model = type("Model", (), {"layers": [first, second]})()
    graph = Graph.from_keras(model)
    node = graph.add_node(id="out", name="out", class_name="Loss")
    graph.add_edge(graph["second"], node)
    found, data = log_one(read, graph)
    assert found["_type"] == "graph-file"
    stored = json.loads(data)
    assert stored["format"] == "keras"
    assert [node["id"] for node in stored["nodes"]] == ["first", "second", "out"]
    assert stored["nodes"][0]["num_parameters"] == 12
    assert stored["edges"] == [["first", "second"], ["second", "out"]]


def test_traces_and_classes(read: Reader) -> None:
    tree = WBTraceTree({"name": "root", "child_spans": []}, {"kind": "chain"})
    found, _ = log_one(read, tree)
    assert json.loads(found["root_span_dumps"])["name"] == "root"
    assert WBTraceTree.from_json(found).to_json(danlu.init()) == found
    classes = Classes([{"id": 1, "name": "cat"}])
    assert Classes.from_json(classes.to_json(None), None) == classes
    with pytest.raises(TypeError, match="`id` and `name`"):
        Classes([{"id": 1}])


def test_to_json_has_the_parameter_of_wandb() -> None:
    run = danlu.init()
    assert Histogram([1, 2]).to_json(run=run)["_type"] == "histogram"
    assert Graph().to_json(run=run)["_type"] == "graph-file"
    run.finish()
