"""The runs of a danlu server."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from .errors import NotFoundError, RunNotFoundError, path_of
from .paths import Place
from .reader import Attempt, Reader
from .remote import Remote
from .translate import Said, all_of, filter_of, of_place, order_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from ...artifacts import Catalog
    from .source import Change, Info

#: Most runs that are asked for at once.
_PAGE = 1000
#: Longest filter that a server takes, in bytes, and most values in it: see docs/filters.md.
_FILTER_BYTES = 16 << 10
_FILTER_VALUES = 500

#: What a server changes itself, beside what the run says.
_EDITS = ("name", "notes", "group")
#: Texts that stand for numbers that JSON lacks.
_NUMBERS = ("NaN", "Infinity", "-Infinity")


class Answers:
    """The pages of a list of runs that a server gives."""

    def __init__(self, server: Server, said: Said, order: str | None, per_page: int, **more: str) -> None:
        self._server = server
        self.in_order: bool = order is not None
        self._is_all = said.is_all
        limit = max(1, min(per_page, _PAGE)) if self.in_order else _PAGE
        self._asked = {"limit": str(limit), "sort": order or "started", **more}
        if said.text is not None:
            self._asked["filter"] = said.text
        self._total: int | None = None

    @property
    def total(self) -> int | None:
        """How many there are, if they are just those that were asked for; else None."""
        return self._total if self._is_all else None

    def __iter__(self) -> Iterator[list[Info]]:
        cursor: str | None = None
        while True:
            asked = self._asked if cursor is None else {**self._asked, "cursor": cursor}
            page = self._server.ask("GET", f"runs?{urlencode(asked)}")
            self._total = page["total"]
            yield page["runs"]
            cursor = page["next"]
            if cursor is None:
                return


class Server(Remote):
    """The runs of a server. It finds, filters and orders them, and says what each is at a glance.

    Records are brought here when they are read, as of any remote.
    """

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the server; return what its answer says."""
        answer = self._remote.ask(method, path, None if body is None else json.dumps(body))
        return json.loads(answer) if answer else None

    def pages(
        self,
        place: Place,
        filters: Mapping[str, Any] | None = None,
        order: str | None = None,
        per_page: int = 50,
    ) -> Answers:
        """Look for the runs of a place that may pass the filters."""
        said = all_of([of_place(place), filter_of(filters or {})])
        text = said.text or ""
        if len(text.encode()) > _FILTER_BYTES or text.count('"') > _FILTER_VALUES:
            said = of_place(place)._replace(is_all=False)
        return Answers(self, said, order_of(order or "+created_at"), per_page)

    def infos(self, place: Place, run_id: str | None = None) -> list[Info]:
        """Return the runs of a place, or those of an id, oldest first."""
        if run_id is None:
            return self._infos(of_place(place), "false")
        # A run that is put away is found when it is asked for.
        return self._infos(all_of([of_place(place), filter_of({"id": run_id})]), "all")

    def _infos(self, said: Said, archived: str) -> list[Info]:
        return [info for page in Answers(self, said, "started", _PAGE, archived=archived) for info in page]

    def projects(self) -> list[tuple[str, str]]:
        """Return entity and project of all runs, in order of the first run of each."""
        found = sorted(self.ask("GET", "projects"), key=lambda project: project["begun"])
        return [(project["entity"], project["project"]) for project in found]

    def reader(self, info: Info) -> Reader:
        """Return what reads a run: what the server said of it, and its records when they are needed."""
        return Served(self, info)

    def brought(self, info: Info) -> list[str]:
        """Bring the records of a run here; return the files that they are in."""
        found = self._fetch([info])
        if not found:
            raise RunNotFoundError(f"Run {path_of(info)} is no longer in `{self.shown}`")
        parts: list[str] = found[0]["parts"]
        return parts

    def again(self, info: Info) -> tuple[Info, bool]:
        """Return how a run is now. A server has each run once."""
        try:
            return self.ask("GET", f"runs/{info['key']}"), False
        except NotFoundError:
            raise RunNotFoundError(f"Run {path_of(info)} is no longer in `{self.shown}`") from None

    def address(self, info: Info) -> str:
        """Return the address of a run at the server."""
        return f"{self.url.rstrip('/')}/api/v1/runs/{info['key']}"

    def change(self, info: Info, changes: Sequence[Change]) -> None:
        """Change a run that has ended: name, notes, group and tags at the server, the rest in the run."""
        edits: dict[str, Any] = {}
        tags = list(info["tags"])
        others: list[Change] = []
        for change in changes:
            operation, name, text = change
            if operation == "rename" and name in _EDITS:
                edits[name] = text
            elif operation in ("tag", "untag"):
                tags = [tag for tag in tags if tag != name] + ([name] if operation == "tag" else [])
                edits["tags"] = tags
            else:
                others.append(change)
        if others:
            super().change(info, others)
        if edits:
            self.ask("PATCH", f"runs/{info['key']}", edits)

    def delete(self, info: Info) -> None:
        """Delete a run at the server. It is kept from coming back with a later push."""
        self.ask("DELETE", f"runs/{info['key']}")

    def catalog(self, place: Place) -> Catalog:
        """Return the artifacts of the runs of a place. The records of runs that have any are brought here."""
        from ...artifacts import catalog

        infos = self._infos(of_place(place), "all")
        self._fetch(info for info in infos if info["past"]["artifacts"])
        return catalog(self.path)


class Served(Reader):
    """Reads a run of a server: what can be known at a glance was sent with the list of runs."""

    def __init__(self, server: Server, info: Info) -> None:
        super().__init__(())
        self._server = server
        self._info = info

    @property
    def parts(self) -> list[str]:
        """The files of the run, which are brought here when they are first asked for."""
        found: list[str] = self.keep("parts", lambda: self._server.brought(self._info))
        return found

    def _start(self) -> tuple[str, str, str, str, list[str]]:
        info = self._info
        return info["name"], info["group"], info["job_type"], info["notes"], list(info["tags"])

    def _view(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._info[name]
        # What is a text, or the number that JSON lacks, the records tell.
        return super()._view(name) if any(map(_is_vague, found.values())) else found

    def processes(self) -> list[Attempt]:
        """Return the attempts in which the run itself ran, in order of their beginnings."""
        attempts = []
        for number, writer in enumerate(self._info["past"]["writers"]):
            said = [writer[name] for name in ("began", "host", "pid", "danlu", "rank", "last")]
            attempt = Attempt([number, *said[:4], None, *said[4:]])
            attempt.info = writer["info"]
            attempts.append(attempt)
        return sorted((a for a in attempts if not a.annotates), key=lambda attempt: attempt.began)

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Return how metrics were defined, by name; a name may end with `*`."""
        found: dict[str, dict[str, Any]] = self._info["past"]["metrics"]
        return found

    def last_row(self) -> tuple[int, float] | None:
        """Return the step and the time of the last row of the history."""
        found = self._info["past"]["last_row"]
        return None if found is None else (found[0], found[1])


def _is_vague(value: Any) -> bool:
    """Say whether a value of the config or the summary may be another one than the server can say."""
    return (isinstance(value, str) and value in _NUMBERS) or _has_huge_numbers(value)


def _has_huge_numbers(value: Any) -> bool:
    """Say whether there are whole numbers that do not fit into 64 bits."""
    if isinstance(value, dict):
        return any(map(_has_huge_numbers, value.values()))
    if isinstance(value, list):
        return any(map(_has_huge_numbers, value))
    return isinstance(value, float) and abs(value) >= 2.0**63
