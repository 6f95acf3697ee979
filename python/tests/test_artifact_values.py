"""Tables and media in artifacts, and the runs that artifacts lead to."""

from __future__ import annotations

from pathlib import Path

import danlu
from danlu.artifacts import Artifact
from danlu.media.html import Html
from danlu.media.image import Image
from danlu.media.table import Table


def test_what_is_added_comes_back(workdir: Path) -> None:
    import numpy as np

    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    with danlu.init(project="p") as run:
        artifact = Artifact("cells", "dataset")
        entry = artifact.add(Table(columns=["n", "image"], data=[[1, Image(pixels)]]), "rows")
        assert entry.path == "rows.table.json"
        artifact.add(Image(pixels), "picture")
        artifact["page"] = Html("<b>text</b>")
        run.log_artifact(artifact)
    with danlu.init(project="p") as run:
        found = run.use_artifact("cells")
        assert [row[0] for row in found.get("rows").data] == [1]
        assert isinstance(found["picture"], Image)
        assert isinstance(found.get("page.html-file.json"), Html)
        assert found.get("nothing") is None
        # One picture, stored once.
        assert len([path for path in found.manifest.entries if path.startswith("media/images/")]) == 1


def test_the_runs_that_made_and_used_it() -> None:
    with danlu.init(project="p", id="maker") as run:
        artifact = Artifact("cells", "dataset")
        with artifact.new_file("a") as file:
            file.write("1")
        run.log_artifact(artifact)
        assert artifact.used_by() == []
    with danlu.init(project="p", id="user") as run:
        run.use_artifact("cells")
        run.link_artifact(artifact, "portfolio")
        link = run.use_artifact("portfolio")
    maker = link.logged_by()
    assert maker.id == "maker"
    assert [user.id for user in artifact.used_by()] == ["user"]
