"""A run, as far as it needs no other part of danlu: what it is called, its files, its end."""

from __future__ import annotations

import os
import time

from . import _core, _say
from ._config import Config
from ._errors import Error
from ._exit import as_exit_code, exit_code_of
from ._say import text_of
from ._start import tags_of
from ._summary import Summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Any, Callable, Union

    from ._metric import Metric
    from ._start import Start

    AnyPath = Union[str, bytes, os.PathLike[str], os.PathLike[bytes]]

_POLICIES = ("live", "now", "end")
_ID_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


class BaseRun(_core.Run):
    """What `danlu.Run` extends."""

    def __new__(
        cls,
        start: Start,
        directory: str | None,
        on_end: Callable[[BaseRun], None],
        lossy: bool = False,
        given: dict[str, Any] | None = None,
    ) -> BaseRun:
        """Start a run below a directory; without one, a run that writes nothing."""
        del on_end, given
        # Before there is a run: the core imports it once, and would wait for itself if a signal handler
        # logged meanwhile.
        from . import _values  # noqa: F401

        silent = not start.warns or _say.is_silent()
        run = super().__new__(cls, **start.for_core(), dir=directory, silent=silent, lossy=lossy)
        assert isinstance(run, BaseRun)  # noqa: S101
        return run

    def __init__(
        self,
        start: Start,
        directory: str | None,
        on_end: Callable[[BaseRun], None],
        lossy: bool = False,
        given: dict[str, Any] | None = None,
    ) -> None:
        del lossy
        self._about = start
        #: The settings that were given anywhere.
        self._given = given or {}
        self._started = time.time()
        #: The directory for files, once it was asked for.
        self._files_in: str | None = None
        self._on_end = on_end
        self._over = False
        #: Set in the child of a fork: the run is the parent's.
        self._foreign = False
        #: What was defined with `define_metric`, by name.
        self._metrics: dict[str, Metric] = {}
        #: Called by `finish` before the run ends.
        self._before_end: list[Callable[[], object]] = []
        self._own_id = self._id or start.id or _random_id()
        self._directory = directory or start.dir
        start.take_over(self._start)
        self._config = Config(self, self._restored_config)  # type: ignore[arg-type]
        self._config.__dict__["_may_change"] = start.allow_val_change
        self._summary = Summary(self)  # type: ignore[arg-type]

    @property
    def id(self) -> str:
        """The run id, unique in the project."""
        return self._own_id

    @property
    def name(self) -> str:
        """The display name; the id if none was given."""
        return self._about.name or self.id

    @name.setter
    def name(self, name: str) -> None:
        self._about.name = text_of(name)
        self._rename("name", self._about.name)

    @property
    def project(self) -> str:
        """The project."""
        return self._about.project

    @property
    def entity(self) -> str:
        """The team or user; empty if none was given."""
        return self._about.entity

    @property
    def group(self) -> str:
        """The group of runs that it belongs to."""
        return self._about.group

    @property
    def job_type(self) -> str:
        """What it does within its group."""
        return self._about.job_type

    @property
    def notes(self) -> str:
        """Notes in prose."""
        return self._about.notes

    @notes.setter
    def notes(self, notes: str) -> None:
        self._about.notes = text_of(notes)
        self._rename("notes", self._about.notes)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags."""
        return tuple(self._about.tags)

    @tags.setter
    def tags(self, tags: Iterable[str]) -> None:
        try:
            before, after = self._about.tags, tags_of(tags)
        except Exception as e:
            self._lose(text_of(e))
            return
        for tag in before:
            if tag not in after:
                self._tag(tag, False)
        for tag in after:
            if tag not in before:
                self._tag(tag, True)
        self._about.tags = after

    @property
    def mode(self) -> str:
        """`offline`, `online`, or `disabled` for a run that writes nothing."""
        return self._about.mode

    @property
    def url(self) -> str | None:
        """Always None: a run is written here, and `danlu sync` sends it elsewhere."""
        return None

    @property
    def path(self) -> str:
        """`entity/project/id`, as far as there are such."""
        return "/".join(part for part in (self.entity, self.project, self.id) if part)

    @property
    def file(self) -> str | None:
        """The path of the run file; None if nothing is written."""
        path = self._path
        return None if path is None else os.path.abspath(path)

    @property
    def dir(self) -> str:
        """A directory for files of the run: they are stored when it ends, and then it is gone."""
        from . import _rundir

        return _rundir.files(self)

    @property
    def sync_dir(self) -> str:
        """The directory that `dir` is in."""
        from . import _rundir

        return _rundir.path(self)

    @property
    def start_time(self) -> float:
        """When the run was started by this process, in seconds since 1970."""
        return self._started

    @property
    def offline(self) -> bool:
        """Whether the run is sent nowhere while it is written."""
        return self.mode != "online"

    @property
    def config(self) -> Config:
        """What the run was configured with."""
        return self._config

    @property
    def summary(self) -> Summary:
        """The last value of every key, unless it was set by hand."""
        return self._summary

    def save(
        self,
        glob_str: AnyPath | None = None,
        base_path: AnyPath | None = None,
        policy: str = "live",
        glob: bool = True,
    ) -> list[str]:
        """Store a file, or every file that a glob matches; return the names in the run.

        `glob_str` is the path or the glob. Names are relative to `base_path`, by default to the current
        directory; an absolute path outside of it keeps its last part. `policy` says when: `"now"`, `"end"`
        (when the run finishes) or `"live"` (now, whenever it changes, and when the run finishes). With
        `glob=False` the name is that of one file, whatever is in it. A file that cannot be stored is warned
        about.
        """
        try:
            if policy not in _POLICIES:
                self._warn(f"save() has no policy `{text_of(policy)}`: the file is stored now")
                policy = "now"
            pattern, base = _resolve(glob_str, base_path, self._files_in)
            pattern.encode()
            base.encode()
        except Exception as e:
            self._warn(f"Cannot save `{text_of(glob_str)}`: {text_of(e)}")
            return []
        if not glob and not os.path.exists(pattern):
            self._warn(f"Cannot save `{pattern}`: there is no such file")
            return []
        names, problems = self._save(pattern, base, policy)
        for problem in problems:
            self._warn(problem)
        return names

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """End the run and seal its file.

        `exit_code` is that of the training, 0 for success. Media that are still being encoded are stored
        first. Never raises, but that Ctrl-C passes: then media that wait are lost, and the file is sealed at
        once. `quiet` does nothing: `Settings(quiet=True)` does.
        """
        del quiet
        if self._over:
            return
        self._over = True
        interrupt = None
        if not self._foreign:
            interrupt = self._prepare_end()
            try:
                code = as_exit_code(exit_code)
                self._end(code)
                self._tell_end(code)
                self._remove_dir()
            except Error as e:
                _say.tell(
                    f"WARNING: {e}; the journal beside the run file is kept, `danlu ls` completes the run"
                )
        self._on_end(self)
        if interrupt is not None:
            raise interrupt

    def _prepare_end(self) -> BaseException | None:
        """Do what is still to be done before nothing can be stored any more; return what interrupted it."""
        interrupt = None
        for act in [*self._before_end, self._settle]:
            try:
                act()
            except Exception as e:
                self._lose(f"At the end of the run, `{text_of(act)}` raised {type(e).__name__}: {text_of(e)}")
            except BaseException as e:
                interrupt = e
        return interrupt

    def _settle(self) -> None:
        """Store what is still on its way."""
        self._config.persist()
        if self._files_in is not None:
            from . import _rundir

            _rundir.store(self)

    def _remove_dir(self) -> None:
        if self._files_in is not None:
            from . import _rundir

            _rundir.remove(self)

    def _tell_start(self) -> None:
        if self.file is not None and not self._about.quiet:
            verb = f"goes on at step {self.starting_step} in" if self.resumed else "goes to"
            _say.tell(f"run {self.id} of project {self.project} {verb} {_shown_path(self.file)}")

    def _tell_end(self, exit_code: int) -> None:
        if self.lost and self.mode != "disabled" and not self._about.silent:
            lost = "1 record or value" if self.lost == 1 else f"{self.lost} records or values"
            _say.tell(f"WARNING: {lost} of run {self.id} could not be stored")
        if self.file is not None and not self._about.quiet:
            rows, step = self._logged
            more = "more " if self.starting_step else ""
            logged = f"{rows} {more}row{'' if rows == 1 else 's'}"
            until = "" if step is None else f" up to step {step}"
            verb = "finished" if exit_code == 0 else f"failed with exit code {exit_code}"
            _say.tell(f"run {self.id} {verb}: {logged}{until} in {_shown_path(self.file)}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.finish(exit_code_of(error))

    def __repr__(self) -> str:
        return f"<danlu.Run {self.path}>"


def _resolve(glob_str: AnyPath | None, base_path: AnyPath | None, run_dir: str | None) -> tuple[str, str]:
    """Return the pattern and the directory that names are relative to."""
    if glob_str is None:
        raise TypeError("save() needs a path or a glob")
    pattern = os.fsdecode(glob_str)
    if base_path is None and run_dir is not None:
        files = os.path.join(run_dir, "files")
        if os.path.abspath(pattern).startswith(files + os.sep):
            return os.path.abspath(pattern), files
    if base_path is None:
        return pattern, os.getcwd()
    base = os.path.abspath(os.fsdecode(base_path))
    pattern = os.path.abspath(pattern)
    if os.path.commonpath([pattern, base]) != base:
        raise ValueError(f"it is not below the base path `{base}`")
    return pattern, base


def _shown_path(path: str) -> str:
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):
        return path
    return path if relative.startswith("..") else relative


def _random_id() -> str:
    return "".join(_ID_LETTERS[byte % len(_ID_LETTERS)] for byte in os.urandom(8))
