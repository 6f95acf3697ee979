"""Accounts and teams of a server."""

from __future__ import annotations

from urllib.parse import quote

from .errors import NotFoundError, server_only
from .user import User

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .served import Server
    from .source import Source

_FILES = "Who may read the files of runs may read the runs."


class Member(User):
    """A user as a member of a team."""

    def __init__(self, name: str, role: str) -> None:
        super().__init__(name)
        self.role = role


class Team:
    """A team, and who is in it."""

    def __init__(self, name: str, members: list[Member]) -> None:
        self.name = name
        self.members = members

    def __repr__(self) -> str:
        return f"<Team {self.name}>"


def _server(source: Source, what: str) -> Server:
    from .served import Server

    if not isinstance(source, Server):
        raise server_only(f"Api.{what}()", _FILES)
    return source


def _user(name: str, account: dict[str, Any]) -> User:
    user = User(name)
    user.teams = [str(team) for team in account.get("teams") or ()]
    return user


def of_key(source: Source) -> User | None:
    """Return whose the key is that a server is asked with; None where there is no server."""
    from .served import Server

    if not isinstance(source, Server):
        return None
    found = source.ask("GET", "me")
    return _user(str(found["account"]), found)


def users(source: Source, what: str, name: str) -> list[User]:
    """Return the accounts of a name that the key may see: one's own, and as an admin all."""
    server = _server(source, what)
    own = of_key(server)
    if own is not None and own.username == name:
        return [own]
    found = [_user(str(account["name"]), account) for account in server.ask("GET", "accounts")]
    return [user for user in found if user.username == name]


def team_of(source: Source, name: str) -> Team:
    """Return a team; raise NotFoundError if there is none."""
    server = _server(source, "team")
    teams = [team["name"] for team in server.ask("GET", "teams")]
    if name not in teams:
        raise NotFoundError(f"There is no team `{name}` at `{server.shown}`; there are {', '.join(teams)}")
    members = server.ask("GET", f"teams/{quote(name, safe='')}/members")
    return Team(name, [Member(str(member["account"]), str(member["role"])) for member in members])
