"""Where a run came from: the program, its code, the packages and the machine. Gathered off the loop.

It becomes files of the run: `wandb-metadata.json` with the names that wandb has, `requirements.txt`,
`diff.patch` and, if asked for, the program under `code/`.
"""

from __future__ import annotations

import os
import sys
import threading
import time

from . import _core, _say
from ._recording import cards, setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._base import BaseRun
    from ._git import Repository

#: How long the end of a run waits for what is still gathered, in seconds.
_LAST_WAIT = 10.0

_threads: dict[int, threading.Thread] = {}


def start(run: BaseRun) -> None:
    """Begin to gather, in a thread of its own: git and the drivers of graphics cards take their time."""
    gathering = _Gathering(run)
    if not gathering.is_wanted():
        return
    thread = threading.Thread(target=gathering.work, name="danlu-environment", daemon=True)
    thread.start()
    _threads[id(run)] = thread


def wait(run: BaseRun) -> None:
    """Wait until everything is gathered."""
    thread = _threads.pop(id(run), None)
    if thread is not None:
        thread.join(_LAST_WAIT)


class _Gathering:
    """What is taken down at once, because it may change, and what is gathered from it."""

    def __init__(self, run: BaseRun) -> None:
        self._run = run
        self._directory = os.getcwd()
        self._arguments = list(getattr(sys, "argv", []))
        self._path = list(sys.path)
        self._variables = dict(os.environ)
        self._started = time.time()
        self._program = setting(run, "program") or (self._arguments[0] if self._arguments else "")

        self._describes = not setting(run, "x_disable_meta", False)
        self._keeps_code = not setting(run, "disable_code", False)
        self._lists_packages = bool(setting(run, "x_save_requirements", True))

    def is_wanted(self) -> bool:
        """Say whether there is anything to gather."""
        return self._describes or self._keeps_code or self._lists_packages

    def work(self) -> None:
        """Gather everything; what fails costs nothing else."""
        describes, keeps_code = self._describes, self._keeps_code
        repository = self._repository() if describes or keeps_code else None
        if describes:
            self._try("wandb-metadata.json", lambda: self._store_metadata(repository))
        if self._lists_packages:
            self._try("requirements.txt", self._store_requirements)
        if not keeps_code:
            return
        if repository is not None:
            self._try("diff.patch", lambda: self._store_diff(repository))
        if setting(self._run, "save_code", False):
            self._try("the code", lambda: self._store_code(repository))

    def _try(self, what: str, do: Any) -> None:
        try:
            do()
        except Exception as e:
            if not self._run._over:
                self._run._warn(f"Cannot record {what}: {_say.text_of(e)}")

    def _repository(self) -> Repository | None:
        if setting(self._run, "disable_git", False):
            return None
        from ._git import Repository

        repository = Repository(setting(self._run, "git_root") or self._directory)
        return None if repository.root is None else repository

    def _store_metadata(self, repository: Repository | None) -> None:
        import json

        found = self._machine()
        found.update(self._of_program(repository))
        found.update(self._of_person(repository))
        found.update(self._of_job())
        text = json.dumps(
            {name: value for name, value in found.items() if value not in (None, "", {})}, indent=2
        )
        self._run._put("wandb-metadata.json", text.encode("utf-8", "backslashreplace"))

    def _machine(self) -> dict[str, Any]:
        if setting(self._run, "x_disable_machine_info", False):
            return {}
        import json

        disks = [os.fspath(path) for path in setting(self._run, "x_stats_disk_paths", ("/",))]
        chosen = cards(setting(self._run, "x_stats_gpu_device_ids"))
        cgroups = not setting(self._run, "x_stats_no_cgroup", False)
        found: dict[str, Any] = json.loads(_core.machine(disks, chosen, cgroups))
        found["host"] = setting(self._run, "host", found.get("host"))
        return found

    def _of_program(self, repository: Repository | None) -> dict[str, Any]:
        from ._secrets import redact, redact_arguments

        git = {} if repository is None else repository.describe(setting(self._run, "git_remote", "origin"))
        for name in ("commit", "remote_url"):
            given = setting(self._run, f"git_{name}")
            if given:
                git[name.partition("_")[0]] = redact(str(given))
        return {
            "python": f"{sys.implementation.name} {sys.version.split()[0]}",
            "startedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started)),
            "program": redact(self._program),
            "codePath": self._code_path(repository),
            "args": redact_arguments(self._arguments[1:]),
            "executable": sys.executable,
            "root": self._directory,
            "git": git,
            "docker": setting(self._run, "docker"),
            "jupyter": setting(self._run, "notebook_name"),
        }

    def _of_person(self, repository: Repository | None) -> dict[str, Any]:
        if setting(self._run, "x_disable_machine_info", False):
            return {}
        name = self._variables.get("LOGNAME") or self._variables.get("USER")
        return {
            "username": setting(self._run, "username", name),
            "email": setting(self._run, "email", None if repository is None else repository.email()),
        }

    def _of_job(self) -> dict[str, Any]:
        from ._secrets import redact_variables

        slurm = [item for item in sorted(self._variables.items()) if item[0].startswith("SLURM_")]
        shown = redact_variables(slurm)
        return {"slurm": {name[len("SLURM_") :].lower(): value for name, value in shown.items()}}

    def _code_path(self, repository: Repository | None) -> str | None:
        """Return where the program is, below the working copy or the current directory."""
        path = os.path.realpath(os.path.join(self._directory, self._program))
        if not self._program or not os.path.isfile(path):
            return None
        for root in ([] if repository is None else [repository.root]) + [self._directory]:
            relative = os.path.relpath(path, os.path.realpath(root or "."))
            if not relative.startswith(".."):
                return relative
        return os.path.basename(path)

    def _store_requirements(self) -> None:
        lines = [f"{name}=={version}\n" for name, version in packages(self._path)]
        self._run._put("requirements.txt", "".join(lines).encode("utf-8", "replace"))

    def _store_diff(self, repository: Repository) -> None:
        diff = repository.diff()
        if diff is not None:
            self._run._put("diff.patch", diff)

    def _store_code(self, repository: Repository | None) -> None:
        name = self._code_path(repository)
        if name is not None:
            path = os.path.join(self._directory, self._program)
            self._run._put_file(f"code/{name}", path)


def packages(path: list[str]) -> list[tuple[str, str]]:
    """Return the installed packages with their versions.

    Not by `importlib.metadata`, which would take the time of the loop.
    """
    found: dict[str, tuple[str, str]] = {}
    standin = os.path.join(os.path.dirname(os.path.abspath(__file__)), "standin")
    for directory in path:
        if directory == standin:
            # What it says to be is not installed.
            continue
        try:
            entries = sorted(os.listdir(directory or "."))
        except OSError:
            continue
        for entry in entries:
            about = os.path.join(directory, entry)
            if entry.endswith(".dist-info"):
                about = os.path.join(about, "METADATA")
            elif entry.endswith(".egg-info"):
                about = os.path.join(about, "PKG-INFO") if os.path.isdir(about) else about
            else:
                continue
            package = _package(about)
            if package is not None:
                # What comes first is what is imported.
                found.setdefault(package[0].lower().replace("_", "-"), package)
    return [package for _, package in sorted(found.items())]


def _package(about: str) -> tuple[str, str] | None:
    """Return the name and the version that a file of the package gives."""
    name = version = None
    try:
        with open(about, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                key, _, value = line.partition(":")
                if key == "Name":
                    name = value.strip()
                elif key == "Version":
                    version = value.strip()
                if (name and version) or not line.strip():
                    break
    except OSError:
        return None
    return (name, version) if name and version else None
