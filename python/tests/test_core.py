"""What media, artifacts and readers need of the core."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from pathlib import Path
from typing import Any

import danlu
import pytest
from conftest import Reader, Scripts
from danlu import _core


def parts(run: dict[str, Any]) -> list[str]:
    return list(run["parts"])


def test_a_content_is_stored_under_its_name_and_once(read: Reader, workdir: Path) -> None:
    run = danlu.init()
    content = b"pixels" * 1000
    assert run._put("media/a.png", content) == (hashlib.sha256(content).hexdigest(), len(content))
    run._put("media/b.png", content)
    large = bytes(range(256)) * (40 << 10)
    (workdir / "large.bin").write_bytes(large)
    assert run._put("large", large) == run._put_file("large-too", str(workdir / "large.bin"))
    run.finish()
    files = dict(read.rows(run.file, "SELECT path, size FROM files"))
    assert files == {"media/a.png": 6000, "media/b.png": 6000, "large": len(large), "large-too": len(large)}
    assert read.rows(run.file, "SELECT count(*) FROM blob") == [(2,)]
    assert _core.read_file([str(run.file)], "large-too", workdir / "out")[1] == len(large)
    assert (workdir / "out").read_bytes() == large


def test_a_content_is_refused_where_it_cannot_go(workdir: Path) -> None:
    run = danlu.init()
    for name in ("../out", "/abs", "", "a//b"):
        with pytest.raises(danlu.Error):
            run._put(name, b"x")
    with pytest.raises(danlu.Error, match="missing"):
        run._put_file("name", str(workdir / "missing"))
    run.finish()
    with pytest.raises(danlu.Error, match="finished"):
        run._put("late", b"x")
    with pytest.raises(danlu.Error, match="not stored"):
        danlu.init(mode="disabled")._put("name", b"x")


def test_values_that_come_late_belong_to_their_row(read: Reader) -> None:
    run = danlu.init()
    run.log({"loss": 1.0})
    run.log({"loss": 0.5})
    run._log_late(0, 1700000000.25, {"image": {"_type": "image-file", "path": "media/a.png"}})
    assert run.step == 2
    assert run.summary["image"]["path"] == "media/a.png"
    run.log({"loss": 0.25})
    run.finish()
    image = '{"_type":"image-file","path":"media/a.png"}'
    expected = [(0, "image", image), (0, "loss", 1.0), (1, "loss", 0.5), (2, "loss", 0.25)]
    assert read.history(run.file) == expected
    assert read.rows(run.file, "SELECT time FROM history WHERE key = 'image'") == [(1700000000.25,)]


def test_events_are_recorded(read: Reader) -> None:
    run = danlu.init()
    run._event("alert", "title", "text", '{"level":"WARN"}')
    with pytest.raises(ValueError, match="`nonsense`"):
        run._event("nonsense", "", "", "")
    run.finish()
    assert read.rows(run.file, "SELECT title, text, data FROM alerts") == [
        ("title", "text", '{"level":"WARN"}')
    ]


def test_others_see_at_once_what_was_drained(read: Reader) -> None:
    run = danlu.init()
    run.log({"loss": 1.0})
    run._drain()
    assert _core.sql([str(run.file)], "SELECT value FROM history", []) == (["value"], [(1.0,)])
    run.finish()
    run._drain()


def test_runs_and_their_values_are_read_back(workdir: Path) -> None:
    run = danlu.init(project="mnist", id="abc", config={"lr": 0.1})
    for value in (1.0, math.nan, math.inf):
        run.log({"loss": value, "note": "x"})
    run.finish()
    [found] = _core.runs(workdir)
    assert (found["id"], found["project"], found["state"], found["last_step"]) == (
        "abc",
        "mnist",
        "finished",
        2,
    )
    columns, rows = _core.sql(
        parts(found), "SELECT step, value FROM history WHERE key = ? AND step > ?", ["loss", 0]
    )
    assert columns == ["step", "value"]
    assert rows == [(1, None), (2, math.inf)], "SQLite has no NaN"
    steps, times, values = _core.series(parts(found), ["loss", "missing"])["loss"]
    assert struct.unpack("<3q", steps) == (0, 1, 2)
    assert len(times) == 24
    one, nan, inf = struct.unpack("<3d", values)
    assert (one, nan != nan, inf) == (1.0, True, math.inf)


def test_reading_cannot_write() -> None:
    run = danlu.init()
    run.finish()
    for query in ("DELETE FROM key", "CREATE TABLE x (y)", "ATTACH 'x' AS y", "nonsense"):
        with pytest.raises(danlu.Error, match="Cannot answer the query"):
            _core.sql([str(run.file)], query, [])


def test_a_run_that_is_over_is_annotated_and_stays_as_it_was(read: Reader, workdir: Path) -> None:
    for run_id, code in (("good", 0), ("bad", 3)):
        run = danlu.init(id=run_id, tags=["first"], config={"lr": 0.1})
        run.log({"loss": 1.0})
        run.finish(code)
        changes = [
            ("config", "lr", "0.2"),
            ("summary", "best", '{"nested": [1, 2]}'),
            ("summary", "worst", "NaN"),
            ("rename", "name", "new name"),
            ("tag", "second", ""),
            ("untag", "first", ""),
            ("artifact", "model:v0", 'made\n{"digest":"x"}'),
        ]
        _core.annotate(workdir, run_id, changes)
        found = {run["id"]: run for run in _core.runs(workdir)}[run_id]
        assert (found["exit_code"], found["name"]) == (code, "new name")
        assert read.table(run.file, "config") == {"lr": 0.2}
        assert json.loads(read.table(run.file, "summary")["best"]) == {"nested": [1, 2]}
        assert read.rows(run.file, "SELECT tag FROM tags") == [("second",)]
        assert read.rows(run.file, "SELECT name, relation, data FROM artifacts") == [
            ("model:v0", "made", '{"digest":"x"}')
        ]


def test_a_crashed_run_stays_crashed_when_it_is_annotated(scripts: Scripts, workdir: Path) -> None:
    scripts.run("import danlu, os; danlu.init(id='dead').log({'a': 1}); os._exit(1)")
    _core.annotate(workdir, "dead", [("tag", "seen", "")])
    [found] = _core.runs(workdir)
    assert (found["id"], found["state"], found["last_step"]) == ("dead", "crashed", 0)


def test_a_change_that_cannot_be_made_changes_nothing(workdir: Path) -> None:
    run = danlu.init(id="abc")
    with pytest.raises(danlu.Error, match="being written"):
        _core.annotate(workdir, "abc", [("tag", "x", "")])
    run.finish()
    before = (workdir / "wandb").stat().st_size, Path(str(run.file)).stat().st_size
    for change in (("explode", "x", ""), ("config", "x", "{not json")):
        with pytest.raises(danlu.Error):
            _core.annotate(workdir, "abc", [("tag", "x", ""), change])
    with pytest.raises(danlu.Error, match="no run"):
        _core.annotate(workdir, "missing", [("tag", "x", "")])
    assert ((workdir / "wandb").stat().st_size, Path(str(run.file)).stat().st_size) == before
