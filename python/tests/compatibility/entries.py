"""What the page is made of: names of wandb's interface, each with a verdict and a check that calls it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Callable

import danlu

Check = Callable[..., None]

#: Without its types: they are of danlu, and are not what is looked at.
wandb: Any = danlu


@dataclass
class Entry:
    """Names with one verdict. `parameters` are those of wandb, by name."""

    names: list[str]
    verdict: str
    note: str
    parameters: dict[str, list[str]]
    check: Check | None = None
    #: A test elsewhere, `file::function`, of names whose library the other tests do not have.
    test: str = ""
    shown: list[str] = field(default_factory=list)

    def __call__(self, check: Check) -> Check:
        self.check = check
        return check


class Topic:
    """A table of the page."""

    def __init__(self, title: str, about: str = "") -> None:
        self.title = title
        self.about = about
        self.entries: list[Entry] = []

    def yes(self, *names: str, note: str = "", test: str = "") -> Entry:
        return self._add("yes", names, note, test)

    def partly(self, *names: str, note: str, test: str = "") -> Entry:
        return self._add("partly", names, note, test)

    def no(self, *names: str, note: str) -> Entry:
        return self._add("no", names, note, "")

    def _add(self, verdict: str, names: tuple[str, ...], note: str, test: str) -> Entry:
        bare = [name.partition("(")[0] for name in names]
        entry = Entry(bare, verdict, note, dict(zip(bare, map(_parameters, names))), test=test)
        entry.shown = [re.sub(r"^init (\w+)$", r"init(\1=…)", name) for name in names]
        self.entries.append(entry)
        return entry


def _parameters(name: str) -> list[str]:
    return re.findall(r"\w+", name.partition("(")[2])


def named(before: str, names: str) -> list[str]:
    """Return names that begin alike."""
    return [before + name for name in names.split()]


def found(name: str) -> Any:
    """Return what `wandb.<name>` is here."""
    value: Any = danlu
    for part in name.split("."):
        value = getattr(value, part)
    return value
