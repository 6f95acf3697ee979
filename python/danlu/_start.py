"""What a run is started with."""

from __future__ import annotations

import os
import sys

from ._errors import UsageError
from ._say import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULT_PROJECT = "uncategorized"

#: The modes, by their names. A run is written here in any but `disabled`.
_MODES = {
    "offline": "offline",
    "online": "online",
    "dryrun": "offline",
    "run": "online",
    "shared": "online",
    "disabled": "disabled",
}

#: Where launchers of several processes say which one this is, with the variable that says how many there are.
_RANKS = {
    "RANK": "WORLD_SIZE",
    "OMPI_COMM_WORLD_RANK": "OMPI_COMM_WORLD_SIZE",
    "PMI_RANK": "PMI_SIZE",
    "SLURM_PROCID": "SLURM_NTASKS",
}

_RESUME_MODES = ("allow", "must", "never", "auto")


#: What a setting is called as an argument of `init`.
ARGUMENTS = {
    "run_id": "id",
    "run_name": "name",
    "run_notes": "notes",
    "run_tags": "tags",
    "run_group": "group",
    "run_job_type": "job_type",
    "root_dir": "dir",
}


class Start:
    """What a run is started with: settings that were checked."""

    project: str
    entity: str
    name: str
    group: str
    job_type: str
    notes: str
    tags: list[str]

    def __init__(self, given: dict[str, Any]) -> None:
        def text(field: str, default: str = "") -> str:
            value = given.get(field)
            return default if value is None else _text(ARGUMENTS.get(field, field), value)

        self.project = text("project", DEFAULT_PROJECT)
        self.entity = text("entity")
        self.name = text("run_name")
        self.group = text("run_group")
        self.job_type = text("run_job_type")
        self.notes = text("run_notes")
        self.sweep_id: str = text("sweep_id")
        self.id = text("run_id") if given.get("run_id") is not None else None
        self.tags = tags_of(given.get("run_tags"))
        self.ignore_globs: list[str] = tags_of(given.get("ignore_globs"))
        self.dir: str = _directory(given.get("root_dir"))
        self.mode: str = _mode(text("mode", "offline"))
        self.resume: str | None = _resume(given.get("resume"))
        self.fork_from: tuple[str, int] | None = _moment("fork_from", given.get("fork_from"))
        self.rewind_to: int | None = self._rewind(_moment("resume_from", given.get("resume_from")))
        if [self.resume, self.fork_from, self.rewind_to].count(None) < 2:
            raise UsageError("Of `resume`, `fork_from` and `resume_from` only one can be given")
        if not self.entity and self.project.count("/") == 1:
            self.entity, self.project = self.project.split("/")
            if not self.entity:
                raise UsageError(f"The project `/{self.project}` cannot be used: its entity is empty")
        #: Whether nothing is said of this run, and whether only what is wrong is said.
        self.silent: bool = bool(given.get("silent"))
        self.quiet: bool = self.silent or bool(given.get("quiet")) or given.get("show_info") is False
        self.warns: bool = not self.silent and given.get("show_warnings") is not False
        self.allow_val_change: bool = bool(given.get("allow_val_change"))

    def _rewind(self, moment: tuple[str, int] | None) -> int | None:
        if moment is None:
            return None
        run_id, step = moment
        if self.id not in (None, run_id):
            raise UsageError(f"`resume_from` rewinds run `{run_id}`, but the id is `{self.id}`")
        self.id = run_id
        return step

    def take_over(self, start: tuple[str, str, str, str, list[str]] | None) -> None:
        """Set what the run is called and belongs to from how it started: a run that goes on keeps that."""
        if start is not None:
            self.name, self.group, self.job_type, self.notes, self.tags = start

    def for_core(self) -> dict[str, Any]:
        """Return what the core wants to know, except where to write."""
        return {
            "project": self.project,
            "entity": self.entity,
            "id": self.id,
            "name": self.name,
            "group": self.group,
            "job_type": self.job_type,
            "notes": self.notes,
            "tags": self.tags,
            "info": _info(self.sweep_id),
            "rank": _rank(),
            "resume": self.resume,
            "fork_from": self.fork_from,
            "rewind_to": self.rewind_to,
            "storage": _storage(os.environ.get("DANLU_STORAGE", "")),
            "ignore": self.ignore_globs,
        }


def _text(what: str, value: object) -> str:
    """Return the text of an argument. A number is taken as such; a list or a dict is a mistake."""
    if isinstance(value, (list, tuple, dict, set, frozenset, bytes)):
        raise UsageError(f"`{what}` takes a text, not `{type(value).__name__}`")
    return text_of(value)


def _directory(value: Any) -> str:
    if value is None:
        return absolute(".")
    try:
        path = os.fsdecode(value)
    except TypeError:
        raise UsageError(f"`dir` takes a path, not `{type(value).__name__}`") from None
    if "\0" in path:
        raise UsageError("`dir` takes a path, and no path has a zero byte in it")
    return absolute(path or ".")


def absolute(path: str) -> str:
    """Return the absolute path, or the path itself where the current directory is gone."""
    try:
        return os.path.abspath(path)
    except OSError:
        return path


def tags_of(tags: object) -> list[str]:
    if tags is None:
        return []
    if isinstance(tags, str):
        return [tag.strip() for tag in text_of(tags).split(",") if tag.strip()]
    try:
        if isinstance(tags, bytes):
            raise TypeError
        return list(dict.fromkeys(text_of(tag) for tag in tags))  # type: ignore[attr-defined]
    except Exception:
        raise UsageError(f"`tags` takes a list of texts, not `{type(tags).__name__}`") from None


def _resume(resume: object) -> str | None:
    if resume is None or resume is False:
        return None
    if resume is True:
        return "auto"
    mode = text_of(resume).lower()
    if mode not in _RESUME_MODES:
        known = ", ".join(f"`{name}`" for name in _RESUME_MODES)
        raise UsageError(f"`resume` cannot be `{mode}` (known are {known})")
    return mode


def _moment(what: str, value: object) -> tuple[str, int] | None:
    """Return the run id and the step of a text such as `ab12cd34?_step=200`."""
    if value is None:
        return None
    text = text_of(value)
    run_id, _, digits = text.partition("?_step=")
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= 19
    if is_number and int(digits) < 2**63:
        return run_id, int(digits)
    shown = text if len(text) <= 80 else f"{text[:80]}…"
    form = "a run id and a step, `<run id>?_step=<step>`, the step from 0 to 2**63 - 1"
    raise UsageError(f"`{what}` takes {form}, not `{shown}`")


def _storage(storage: str) -> str | None:
    """Return when the run file follows the journal: `live`, `at_end`, or None for what suits the place."""
    if storage in ("", "auto"):
        return None
    if storage not in ("live", "at_end"):
        raise UsageError(f"DANLU_STORAGE cannot be `{storage}` (known are `auto`, `live`, `at_end`)")
    return storage


def _rank() -> int | None:
    """Return which of several processes this is, if a launcher says so."""
    for name, size in _RANKS.items():
        try:
            rank = int(os.environ[name])
            if int(os.environ[size]) > 1 and 0 <= rank < 2**32:
                return rank
        except (KeyError, ValueError):
            continue
    return None


def _mode(mode: str) -> str:
    try:
        return _MODES[mode.lower()]
    except KeyError:
        known = ", ".join(f"`{name}`" for name in ("offline", "online", "disabled"))
        raise UsageError(f"The mode `{mode}` cannot be used (known are {known})") from None


def _info(sweep_id: str) -> str:
    """Return what else is known at the start, as JSON. Arguments are left out: they may be secret."""
    import json

    program = sys.argv[0] if getattr(sys, "argv", None) else ""
    info = {"python": sys.version.split()[0], "program": program}
    if sweep_id:
        info["sweep_id"] = sweep_id
    return json.dumps(info)
