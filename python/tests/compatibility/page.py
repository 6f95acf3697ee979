"""`docs/compatibility.md`, as the data gives it."""

from __future__ import annotations

from pathlib import Path

import danlu
from danlu._layout import WANDB_VERSION

from .entries import Topic
from .topics import TOPICS

PATH = Path(__file__).parents[3] / "docs" / "compatibility.md"

_HEAD = f"""\
# Compatibility

Every public name of wandb {WANDB_VERSION}, and those that older versions had from 0.12 on and programs still
call, with what becomes of it when `import wandb` is danlu. [moving-from-wandb.md](moving-from-wandb.md) says
how that is done, and what behaves otherwise.

- **yes**: it does here, without a network, what it does with wandb; where it does more, the note says so.
- **partly**: it can be called, and does less or something else; the note says what.
- **no**: it raises an error that says why, or is not there; the note says what to use.

Names are those below `wandb`. In parentheses are the parameters, all of which are accepted where there is no
**no**. Each line is held by a test that calls what is in it, for some libraries in `tests/integrations`. This
page is made of these tests by `python python/tests/compatibility --write`; do not edit it.
"""


def text() -> str:
    """Return the page."""
    return "\n".join([_HEAD, _summary(), *map(_table, TOPICS)])


def counts(topic: Topic) -> list[int]:
    """Return how many names are there, are there in part, and are not."""
    return [
        sum(len(entry.names) for entry in topic.entries if entry.verdict == verdict)
        for verdict in ("yes", "partly", "no")
    ]


def _summary() -> str:
    lines = ["| | yes | partly | no |", "|---|---|---|---|"]
    each = [counts(topic) for topic in TOPICS]
    for topic, (yes, partly, no) in zip(TOPICS, each):
        anchor = "".join(c for c in topic.title.lower() if c.isalnum() or c in " -").replace(" ", "-")
        lines.append(f"| [{topic.title}](#{anchor}) | {yes} | {partly} | {no} |")
    yes, partly, no = map(sum, zip(*each))
    lines.append(f"| **all** | **{yes}** | **{partly}** | **{no}** |")
    return "\n".join([*lines, ""])


def _table(topic: Topic) -> str:
    lines = [f"## {topic.title}", ""]
    if topic.about:
        lines += [topic.about, ""]
    lines += ["| name | | note |", "|---|---|---|"]
    for entry in topic.entries:
        names = ", ".join(f"`{name}`" for name in entry.shown)
        lines.append(f"| {names} | {entry.verdict} | {entry.note} |")
    return "\n".join([*lines, ""])


def write() -> None:
    """Write the page, and say what is in it."""
    PATH.write_text(text())
    yes, partly, no = map(sum, zip(*map(counts, TOPICS)))
    print(f"{PATH}: {yes} yes, {partly} partly, {no} no, by danlu {danlu.__version__}")
