"""A notebook: cells, one that fails, a restart of the kernel, `finish` in a cell."""

from __future__ import annotations

import sqlite3

from conftest import Trainer


def test_a_notebook(train: Trainer) -> None:
    run = train("notebook")
    first, second = run.paths
    found = []
    for path in (first, second):
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        found.append(
            [value for (value,) in connection.execute("SELECT value FROM history WHERE key = 'loss'")]
        )
        ends = connection.execute("SELECT data FROM event WHERE kind = 'end'").fetchall()
        assert len(ends) == 1
        connection.close()
    assert found == [[1.0, 0.5, 0.25], [2.0]]
    printed = "".join(output.get("text", "") for cell in run.report["second"] for output in cell)
    assert "None" in printed
