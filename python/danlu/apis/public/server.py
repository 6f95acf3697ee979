"""What only a server can do: each says so, and what to use in its place."""

from __future__ import annotations

from .errors import not_of_danlu, server_only

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from .source import Source

_SHARE = "Runs are shared by sharing their files: `danlu sync` carries them."
_CRON = "A script over `Api().runs(...)`, run by cron, can do it."
_START = "Start the run itself, or a job of your cluster that does."
_LINK = "Link artifacts under a name that all projects share: `run.link_artifact(artifact, 'models/best')`."
_PAGE = "`danlu serve` has a page with charts, and a notebook can draw what `run.history()` gives."

#: The methods of wandb's Api that only a server can do, by what to do instead.
_METHODS = {
    _SHARE: "create_team create_user organization",
    _CRON: (
        "automation automations create_automation delete_automation update_automation integrations "
        "slack_integrations webhook_integrations"
    ),
    _START: "create_run_queue job list_jobs queued_run run_queue upsert_run_queue",
    _LINK: "create_registry registry registries",
    _PAGE: "create_custom_chart create_report load_report reports",
}


def _method(name: str, instead: str) -> Any:
    def refuse(self: ServerOnly, *arguments: object, **keywords: object) -> NoReturn:
        del arguments, keywords
        from .served import Server

        if isinstance(self.source, Server):
            raise not_of_danlu(f"Api.{name}()", instead)
        raise server_only(f"Api.{name}()", instead)

    refuse.__name__ = name
    refuse.__doc__ = f"Raise `danlu.Error`: that takes a server. {instead}"
    return refuse


class ServerOnly:
    """The methods that only a server can do."""

    source: Source


for _instead, _names in _METHODS.items():
    for _name in _names.split():
        setattr(ServerOnly, _name, _method(_name, _instead))


class Client:
    """Stands for wandb's connection to its server. There is none."""

    def __init__(self, url: str) -> None:
        self.app_url = url

    def execute(self, *arguments: object, **keywords: object) -> NoReturn:
        """Raise an error: nobody answers GraphQL."""
        del arguments, keywords
        raise server_only("A GraphQL query", "`run.sql(...)` and `danlu sql` answer SQL over run files.")
