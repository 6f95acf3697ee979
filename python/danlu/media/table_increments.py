"""How far tables are stored that are logged by increments."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._run import Run


class Stored:
    """How many rows of a table are stored under a key of a run, and in which files."""

    def __init__(self, run: Run, key: str) -> None:
        self.rows = 0
        self.paths: list[str] = []
        # A run that is resumed goes on where it has left off.
        last = run._get_summary(key)
        json = last[0] if last else None
        if isinstance(json, dict) and json.get("_type") == "incremental-table-file":
            self.paths = [*json.get("previous_increments_paths", []), json["path"]]


class Increments:
    """How far a table is stored that is logged by increments; all its copies share it."""

    def __init__(self) -> None:
        #: How many copies were made, and how many of them have had their turn.
        self.made = 0
        self.done = 0
        self.stored: dict[tuple[str, str], Stored] = {}
