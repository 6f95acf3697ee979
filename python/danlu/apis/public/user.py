"""Who runs belong to."""

from __future__ import annotations


class User:
    """A user, as far as a directory knows one: a name."""

    def __init__(self, name: str) -> None:
        self.username = name
        self.name = name
        self.entity = name
        self.email = ""
        self.teams: list[str] = []

    def __repr__(self) -> str:
        return f"<User {self.username}>"
