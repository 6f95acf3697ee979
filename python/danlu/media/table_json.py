"""Tables as JSON: the file in a run, and the one in an artifact, which has all that a table is made of."""

from __future__ import annotations

import hashlib

from .table_cells import READY, decoder, encode, restore_floats
from .table_kinds import Column
from .table_types import ANY, from_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .base import WBValue
    from .places import Place
    from .table import Table
    from .table_types import Type

#: Rows that are written at once.
PIECE = 500


def body(table: Table, place: Place, key: str, step: int | str, rows: list[list[Any]]) -> dict[str, Any]:
    """Return the JSON of a table with these rows; the media in them are stored in the place."""
    from .table import Table

    def store(value: WBValue) -> Any:
        if isinstance(value, Table):
            return body(value, place, key, step, value.data)
        return value._to_json(place, key, step)  # type: ignore[attr-defined]

    floats: list[tuple[Any, ...]] = []
    data = [
        [
            # Most cells are as simple as this.
            cell if type(cell) in READY else encode(cell, store, (number, column), floats)
            for column, cell in enumerate(row)
        ]
        for number, row in enumerate(rows)
    ]
    # In a column of numbers, a text can be nothing else.
    numbers = [column.kind.has("number") and not column.kind.has("string") for column in table._kinds]
    floats = [path for path in floats if len(path) > 2 or not numbers[path[1]]]
    kinds = {
        str(name): column.kind.to_json(lambda other: _path_of(other, place))
        for name, column in zip(table.columns, table._kinds)
    }
    found = {
        "_type": table._log_type,
        "columns": table.columns,
        "data": data,
        "ncols": len(table.columns),
        "nrows": len(rows),
        "column_types": {"wb_type": "typedDict", "params": {"type_map": kinds}},
        "log_mode": table.log_mode,
        **table._more(),
    }
    return {**found, "float_text": floats} if floats else found


def _path_of(table: Table, place: Place) -> str | None:
    """Return where a table lies to which another one refers; None in a run, and for one that refers back."""
    artifact = getattr(place, "artifact", None)
    return None if artifact is None or table._adding else add_table(artifact, table)


def add_table(artifact: Any, table: Table) -> str:
    """Add a table to an artifact under a name that its content gives; return that."""
    table._adding = True
    try:
        text = json_text(table.to_json(artifact))
    finally:
        table._adding = False
    path = f"media/tables/t_{hashlib.sha256(text).hexdigest()[:20]}.table.json"
    if path not in artifact.manifest.entries:
        with artifact.new_file(path, mode="wb") as file:
            file.write(text)
    return path


def json_text(table: dict[str, Any]) -> bytes:
    """Return strict JSON in UTF-8; a lone surrogate, which has no UTF-8, as its escape."""
    # Piece by piece: json.dumps does not let other threads run before it is done.
    rows = table["data"]
    pieces = [_dumped(rows[start : start + PIECE])[1:-1] for start in range(0, len(rows), PIECE)]
    rest = _dumped({key: value for key, value in table.items() if key != "data"})
    text = f'{rest[:-1]},"data":[{",".join(pieces)}]}}'
    return text.encode("utf-8", "backslashreplace")


def _dumped(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def fill(table: Table, json: dict[str, Any], source: Any) -> None:
    """Set the columns, types and rows of an empty table to those of its JSON."""
    table.columns = list(json["columns"])
    types = json.get("column_types", {}).get("params", {}).get("type_map", {})
    kinds = [from_json(types[str(name)]) if str(name) in types else ANY for name in table.columns]
    rows = [list(row) for row in json["data"]]
    restore_floats(rows, json.get("float_text", []))
    for place, kind in enumerate(kinds):
        stored = _numpy_column(kind.params.get("serialization_path"), source)
        _link(kind, source)
        decode = decoder(kind, source)
        for number, row in enumerate(rows):
            row[place] = decode(row[place]) if stored is None else stored[number]
    table.data = rows
    table._kinds = [Column(kind) for kind in kinds]
    table.log_mode = json.get("log_mode") or "IMMUTABLE"


def _link(kind: Type, source: Any) -> None:
    """Let keys of another table know it, if that is in the same artifact."""
    for member in kind.members:
        if isinstance(member.params.get("table"), str) and hasattr(source, "get"):
            member.params["table"] = source.get(member.params["table"])


def _numpy_column(where: Any, source: Any) -> Any:
    """Return a column that another writer has put into a file of its own; None if it is among the rows."""
    if not isinstance(where, dict):
        return None
    import numpy as np

    from .places import local_path

    with np.load(local_path(where, source)) as arrays:
        return arrays[where["key"]]
