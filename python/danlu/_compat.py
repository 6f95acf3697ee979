"""What a run has because programs that were written for wandb ask for it."""

from __future__ import annotations

from . import _say
from ._base import BaseRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._config import Config
    from ._settings import Settings


class RunStatus:
    """How much of a run is still to be sent: nothing, as nothing is."""

    sync_items_total = 0
    sync_items_pending = 0
    sync_time = None


class CompatRun(BaseRun):
    """Properties, and methods of older versions."""

    @property
    def settings(self) -> Settings:
        """The settings that the run was started with, as a copy."""
        from ._settings import Settings

        settings = Settings()
        given = {
            "project": self.project,
            "entity": self.entity,
            "run_id": self.id,
            "run_name": self._about.name,
            "run_notes": self.notes,
            "run_tags": self.tags,
            "run_group": self.group,
            "run_job_type": self.job_type,
            "root_dir": self._directory,
            "mode": self.mode,
            "resumed": self.resumed,
        }
        settings._given.update(self._given)
        settings._given.update({name: value for name, value in given.items() if value not in ("", None)})
        settings.__dict__["_run"] = self
        return settings

    _settings = settings

    @property
    def config_static(self) -> Config:
        """The config as it is now, as a copy that is not recorded."""
        import copy

        return copy.deepcopy(self.config)

    @property
    def disabled(self) -> bool:
        """Whether the run writes nothing."""
        return self.mode == "disabled"

    @property
    def project_url(self) -> str | None:
        """Always None, as `url`."""
        return None

    @property
    def sweep_id(self) -> str | None:
        """The id of the sweep that the run belongs to."""
        found: str | None = self._given.get("sweep_id")
        return found

    @property
    def sweep_url(self) -> str | None:
        """Always None, as `url`."""
        return None

    @property
    def _attach_id(self) -> str:
        """What another process gives to `danlu.attach`."""
        return f"{self.id}/{self.project}/{self.entity}/{self._directory}"

    @property
    def _step(self) -> int:
        return self.step

    @property
    def _system_metrics(self) -> dict[str, Any]:
        return {}

    def get_url(self) -> str | None:
        """Return `url`."""
        return self.url

    def get_project_url(self) -> str | None:
        """Return `project_url`."""
        return self.project_url

    def get_sweep_url(self) -> str | None:
        """Return `sweep_url`."""
        return self.sweep_url

    def project_name(self) -> str:
        """Return `project`."""
        return self.project

    def join(self, exit_code: int | None = None) -> None:
        """End the run: see `finish`."""
        self.finish(exit_code)

    def status(self) -> RunStatus:
        """Return how much is still to be sent."""
        return RunStatus()

    def write_logs(self, text: str) -> None:
        """Add text to what the program has printed."""
        self._event("stdout", "", _say.text_of(text), "")

    def mark_preempting(self) -> None:
        """Note that the program is about to be stopped, to go on later."""
        self._event("tag", "preempting", "add", "")

    def pin_config_keys(self, keys: Sequence[str] = ()) -> None:
        """Note which keys of the config are shown first."""
        self._wandb_config({"pinned_keys": list(keys)})

    def _wandb_config(self, update: dict[str, Any]) -> None:
        """Merge a dict into what the config keeps for tools under `_wandb`, one level deep."""
        self._config._merge_tools(update)

    def _label(
        self, code: str | None = None, repo: str | None = None, code_version: str | None = None, **more: Any
    ) -> None:
        """Note which program or library this is."""
        given = {"code": code, "repo": repo, "code_version": code_version, **more}
        self._wandb_config({"label": {key: value for key, value in given.items() if value is not None}})

    def _get_path(self) -> str:
        return self.path

    def to_html(self, height: int = 420, hidden: bool = False) -> str:
        """Return a line about the run for a notebook. `height` and `hidden` do nothing."""
        from html import escape

        del height, hidden
        where = "is not stored" if self.file is None else f"is in <code>{escape(self.file)}</code>"
        return f"<p>Run <b>{escape(self.name)}</b> of project {escape(self.project)} {where}</p>"

    _repr_html_ = to_html

    def display(self, height: int = 420, hidden: bool = False) -> bool:
        """Show the run in a notebook; return whether there is one. `height` and `hidden` do nothing."""
        from ._notebook import is_notebook

        if not is_notebook():
            return False
        from IPython.display import HTML, display  # type: ignore[import-not-found,unused-ignore]

        display(HTML(self.to_html(height, hidden)))
        return True
