"""Changing a run that is read back."""

from __future__ import annotations

import time

from ... import _core
from ..._errors import Error
from .about import About
from .errors import server_only
from .summary import to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What the run file calls a text that can be changed.
_TEXTS = ("name", "notes", "group", "job_type")

#: How often a run is looked at while it is waited for, in seconds.
_LOOK = 1.0


class Editable(About):
    """A run that can be changed once it has ended: a short attempt of its own says what is changed."""

    def update(self) -> None:
        """Save name, notes, group, job type, tags, config and summary as they were changed here.

        Raises `danlu.Error` while the run is running: change it in its own process then.
        """
        changes = [*self._changed_texts(), *self._changed_tags(), *self._changed_config()]
        if "summary" in self._read:
            changes += self.summary._changes()
        if changes:
            self._annotate(changes)
            for name in ("texts", "config", "summary"):
                self._read.pop(name, None)

    save = update

    def _changed_texts(self) -> list[tuple[str, str, str]]:
        if "texts" not in self._read:
            return []
        before = dict(zip(("name", "group", "job_type", "notes"), self.reader.start()))
        before["name"] = before["name"] or self.id
        texts = self._texts
        return [("rename", name, texts[name]) for name in _TEXTS if texts[name] != before[name]]

    def _changed_tags(self) -> list[tuple[str, str, str]]:
        if "texts" not in self._read:
            return []
        before, after = self.reader.start()[4], [str(tag) for tag in self.tags]
        gone = [("untag", tag, "") for tag in before if tag not in after]
        return gone + [("tag", tag, "") for tag in dict.fromkeys(after) if tag not in before]

    def _changed_config(self) -> list[tuple[str, str, str]]:
        if "config" not in self._read:
            return []
        before, after = self._shown_config(), self.config
        gone = [("unset_config", key, "") for key in before if key not in after]
        new = {key: to_json(key, value) for key, value in after.items()}
        return gone + [
            ("config", key, text)
            for key, text in new.items()
            if key not in before or text != to_json(key, before[key])
        ]

    def delete(self, delete_artifacts: bool = False) -> None:
        """Delete the files of the run, which must not be running. Nothing is asked, nothing brings it back.

        Artifacts that the run made are in its files. So a run with artifacts is deleted with
        `delete_artifacts=True` only, and they are gone with it. What `danlu sync` has sent elsewhere stays
        there.
        """
        self._look_again()
        if self.state == "running":
            raise Error(
                f"Run {self.id} is not deleted: it is being written by process {self.metadata.get('pid')}"
            )
        made = self.reader.sql("SELECT DISTINCT name FROM artifacts WHERE relation = 'made'")
        if made and not delete_artifacts:
            names = ", ".join(str(name) for (name,) in made)
            raise Error(
                f"Run {self.id} is not deleted: it holds the files of {names}; "
                "delete(delete_artifacts=True) deletes them too"
            )
        self.source.delete(self.info)

    def update_state(self, state: str) -> bool:
        """Raise an error: how a run is follows from what it did."""
        raise server_only(
            f"Setting the state of run {self.id} to `{state}`",
            "It follows from how the run ended; tags can say more: `run.tags.append(…)`, `run.update()`.",
        )

    def stop(self) -> None:
        """Raise an error: nobody listens."""
        pid, host = self.metadata.get("pid"), self.info["host"]
        raise server_only(
            f"Stopping run {self.id}", f"Its process is {pid} on {host}: `kill {pid}` stops it."
        )

    def wait_until_finished(self) -> None:
        """Wait until the run is no longer running."""
        while self.load(force=True)["state"] == "running":
            time.sleep(_LOOK)


def create(directory: str, run_id: str | None, project: str, entity: str | None) -> str:
    """Make a run without rows, and return its id. `init(id=…, resume="must")` goes on with it."""
    run: Any = _core.Run(project=project, entity=entity or "", id=run_id, dir=directory, silent=True)
    run._end(0)
    return str(run._id)
