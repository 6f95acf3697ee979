"""What a run printed."""

from __future__ import annotations

from .pages import Pages
from .times import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .run import Run


class ConsoleLine:
    """A line that was printed; its text is `str(line)`."""

    def __init__(self, time: float, stream: str, text: str) -> None:
        #: When it was printed, such as `2026-01-31T12:00:00Z`.
        self.timestamp: str = iso(time)
        #: `stdout` or `stderr`.
        self.stream = stream
        #: `info`, or `error` for what went to stderr.
        self.level = "error" if stream == "stderr" else "info"
        self.line = text

    def __str__(self) -> str:
        return self.line

    def __repr__(self) -> str:
        return f"<{self.stream} {self.line!r}>"


class ConsoleLogs(Pages[ConsoleLine]):
    """The lines that a run printed, or the last ones."""

    def __init__(self, run: Run, per_page: int = 1000, last: int | None = None) -> None:
        super().__init__(per_page)
        self._run = run
        self._last = last

    def _load(self) -> list[ConsoleLine]:
        rows = self._run.reader.sql("SELECT time, stream, text FROM console")
        if len(self._run.parts) > 1:
            rows.sort(key=lambda row: row[0])
        lines = [
            ConsoleLine(time, stream, line)
            for time, stream, text in rows
            for line in str(text).rstrip("\n").split("\n")
        ]
        return lines if self._last is None else lines[max(0, len(lines) - self._last) :]
