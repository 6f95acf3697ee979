"""Tables that are logged: a file in the run for those who look at it, an artifact for those who use it."""

from __future__ import annotations

import copy
import os
import threading

from .. import _say
from .content import Content
from .places import ArtifactPlace, RunPlace
from .table_increments import Stored
from .table_json import body, json_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._run import Run
    from .table import Table

#: So many increments of one table are slow to put together.
MANY_INCREMENTS = 100

#: Seconds that an increment waits for those before it.
PATIENCE = 10.0

#: Tables are stored one at a time.
_one = threading.Condition()


def store(table: Table, run: Run, key: str, step: int | str) -> dict[str, Any]:
    """Store a table that does not change any more under a key of a run; return the JSON that refers to it."""
    place = (run.id, key)
    with _one:
        # Several threads may store what was logged one after the other.
        _one.wait_for(lambda: table._increments.done >= table._turn, PATIENCE)
        try:
            found = table._stored.get(place)
            if found is None:
                put = _put_increment if table.log_mode == "INCREMENTAL" else _put_whole
                found = table._stored[place] = put(table, run, key, step)
            return found
        finally:
            table._increments.done = max(table._increments.done, table._turn + 1)
            _one.notify_all()


def cut(rows: list[list[Any]], most: int, key: str, where: str) -> list[list[Any]]:
    """Return as many rows as there can be, and say so if some are left out."""
    if len(rows) <= most:
        return rows
    _say.warn(f"Table `{key}` has {len(rows)} rows: {where} has the first {most} of them")
    return rows[:most]


def _put_whole(table: Table, run: Run, key: str, step: int | str) -> dict[str, Any]:
    entry = _put_file(table, run, key, step)
    artifact = _put_artifact(table, run, key, step, f"run-{run.id}-{key}", key)
    return {"_type": "table-file", **entry, **_shape(table), **artifact}


def _put_increment(table: Table, run: Run, key: str, step: int | str) -> dict[str, Any]:
    kept = table._increments.stored
    done = kept.get((run.id, key)) or Stored(run, key)
    kept[run.id, key] = done
    number = len(done.paths)
    part = copy.copy(table)
    part.data = table.data[done.rows :]
    entry = _put_file(part, run, key, step)
    name = f"run-{run.id}-incr-{key}"
    artifact = _put_artifact(part, run, key, step, name, f"{number}.{key}")
    increment = {"increment_num": number, "previous_increments_paths": list(done.paths)}
    done.rows += len(part.data)
    done.paths.append(entry["path"])
    if len(done.paths) == MANY_INCREMENTS:
        _say.warn(f"Table `{key}` has been logged in {MANY_INCREMENTS} increments: reading it takes long")
    return {"_type": "incremental-table-file", **entry, **_shape(part), **increment, **artifact}


def _put_file(table: Table, run: Run, key: str, step: int | str) -> dict[str, Any]:
    rows, strict = table.data, "table_raise_on_max_row_limit_exceeded"
    if len(rows) > table.MAX_ROWS and getattr(run._settings, strict, False):
        raise ValueError(f"it has {len(rows)} rows, more than {table.MAX_ROWS}, and {strict} is set")
    place = RunPlace(run)
    json = body(table, place, key, step, cut(rows, table.MAX_ROWS, key, "the file in the run"))
    return place.add(table._kind, key, step, Content(".table.json", json_text(json)))


def _put_artifact(table: Table, run: Run, key: str, step: int | str, name: str, entry: str) -> dict[str, Any]:
    """Log the table as an artifact; return how the JSON of the one in the run refers to it."""
    try:
        from ..artifacts import Artifact
        from ..artifacts.committing import commit
        from ..artifacts.names import safe_name

        grows = table.log_mode == "INCREMENTAL"
        kind = "wandb-run-incremental-table" if grows else "run_table"
        artifact = Artifact(safe_name(name), kind, incremental=grows, _internal=True)
        json = table._to_json(ArtifactPlace(artifact), key, step)
        with artifact.new_file(f"{entry}.table.json", mode="wb") as file:
            file.write(json_text(json))
        # Not `log_artifact`, which refuses a run that ends: what waits is stored then.
        logged = commit(run, artifact, None, None)
        return {
            "artifact_path": f"wandb-artifact://{logged.id}/{entry}.table.json",
            "_latest_artifact_path": f"wandb-artifact://{logged.id}:latest/{entry}.table.json",
        }
    except Exception as e:
        # The table is in the run all the same.
        run._lose(f"The artifact of table `{key}` is not stored: {_say.text_of(e)}")
        return {}


def _shape(table: Table) -> dict[str, Any]:
    shape = {"ncols": len(table.columns), "nrows": len(table.data), "log_mode": table.log_mode}
    return {**shape, **table._more()}


def _renew() -> None:
    global _one
    _one = threading.Condition()


# Whoever held it is not in the child of a fork.
os.register_at_fork(after_in_child=_renew)
