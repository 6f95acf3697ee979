"""Every public name of wandb's interface is called, and docs/compatibility.md says what came of it."""

from __future__ import annotations

import collections
import inspect
import re
from pathlib import Path
from typing import Any

import danlu
import pytest
from compatibility import page
from compatibility.entries import Entry, found
from compatibility.topics import TOPICS
from danlu import _say
from danlu._fields import FIELDS

_ROOT = Path(__file__).parents[2]
_ENTRIES = [entry for topic in TOPICS for entry in topic.entries]
_NAMED = [(entry, name) for entry in _ENTRIES for name in entry.names]
_WITH_PARAMETERS = [
    (name, entry.parameters[name])
    for entry, name in _NAMED
    if entry.parameters[name] and not entry.test and entry.verdict != "no"
]
#: The names whose checks passed.
_passed: set[str] = set()


@pytest.fixture(autouse=True)
def warnings_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_say, "_warned", set())


@pytest.fixture
def run() -> Any:
    return danlu.init(project="p", id="r", name="first", config={"lr": 0.1, "n": {"b": 1}})


@pytest.fixture
def ended(workdir: Path) -> Any:
    """Give a run that is read back."""
    config = {"lr": 0.1}
    with danlu.init(
        project="p", entity="e", id="old", name="first", tags=["a"], group="g", job_type="j", config=config
    ) as run:
        for n in range(10):
            run.log({"loss": 1 / (n + 1), "n": n})
        Path("notes.txt").write_text("hello\n")
        run.save("notes.txt")
        run.write_logs("printed\n")
    return danlu.Api().run("e/p/old")


@pytest.fixture
def artifact(run: Any, workdir: Path) -> Any:
    """Give an artifact that was logged, with one file."""
    Path("data.csv").write_text("a,b\n1,2\n")
    built = danlu.Artifact("data", type="dataset", description="numbers", metadata={"rows": 1})
    built.add_file("data.csv")
    return run.log_artifact(built, aliases=["latest", "best"]).wait()


@pytest.fixture
def table() -> Any:
    return danlu.Table(columns=["x", "y"], data=[[1, 2.0], [3, 4.0]])


@pytest.mark.parametrize(("entry", "name"), _NAMED, ids=[name for _, name in _NAMED])
def test_name(entry: Entry, name: str, request: pytest.FixtureRequest) -> None:
    leaf = re.split(r"[. ]", name)[-1].strip("`")
    if entry.check is None:
        path, _, function = entry.test.partition("::")
        assert path, f"nothing checks `{name}`"
        assert f"def {function}(" in (_ROOT / path).read_text()
        return
    wanted = inspect.signature(entry.check).parameters
    # Syntax calls those with underscores.
    is_called = leaf.startswith("__") or leaf in inspect.getsource(entry.check)
    assert is_called or {"name", "full"} & set(wanted), f"its check does not call `{name}`"
    given = {"name": leaf, "full": name}
    # One that is of several names at once shows them all.
    once = entry.names[0] if not given.keys() & set(wanted) else name
    if once not in _passed:
        entry.check(**{each: given.get(each) or request.getfixturevalue(each) for each in wanted})
        _passed.add(once)


@pytest.mark.parametrize(("name", "parameters"), _WITH_PARAMETERS, ids=[name for name, _ in _WITH_PARAMETERS])
def test_parameters_are_accepted(name: str, parameters: list[str], run: Any) -> None:
    accepted = inspect.signature(found(name)).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
        assert set(parameters) <= set(accepted)


def test_every_name_is_listed_once() -> None:
    names = collections.Counter(name for _, name in _NAMED)
    assert [name for name, count in names.items() if count > 1] == []
    assert {f"Settings.{field}" for field in FIELDS} <= set(names)


def test_only_a_yes_needs_no_reason() -> None:
    assert [entry.names for entry in _ENTRIES if entry.verdict != "yes" and not entry.note] == []


def test_the_page_is_what_the_data_gives() -> None:
    assert page.PATH.read_text() == page.text(), "run `python python/tests/compatibility --write`"
