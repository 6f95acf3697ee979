"""What `help` says: every public thing has a docstring, which speaks of its parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import danlu
import pytest
from danlu import _names
from danlu.apis.public.server import ServerOnly

#: Parameters that say what they are by their name, wherever they occur.
OBVIOUS = {
    "args",
    "caption",
    "class_set",
    "data",
    "data_or_path",
    "description",
    "exit_code",
    "key",
    "kwargs",
    "model_dict",
    "name",
    "newline",
    "path",
    "root_span",
    "self",
    "string",
    "table",
    "table1",
    "table2",
    "text",
    "title",
    "type",
    "val",
    "value",
}
#: Classes whose methods are looked at, too.
CLASSES = ("Run", "Config", "Summary", "Settings", "Api", "Artifact", "Table")
#: Not made by users, or as any exception.
NOT_MADE = (danlu.Run, danlu.Summary, danlu.Config)


def public() -> Iterator[tuple[str, Any]]:
    for name in sorted({*danlu.__all__, *_names.NAMES, *danlu.plot.__all__}):
        holder = danlu if name in danlu.__all__ or name in _names.NAMES else danlu.plot
        if not name.startswith("__") and callable(getattr(holder, name, None)):
            yield name, getattr(holder, name)


def methods() -> Iterator[tuple[str, Any]]:
    # Those of Api that only a server has take anything.
    for owner in CLASSES:
        for name in dir(getattr(danlu, owner)):
            found = getattr(getattr(danlu, owner), name)
            server_only = owner == "Api" and hasattr(ServerOnly, name)
            if not name.startswith("_") and callable(found) and not server_only:
                yield f"{owner}.{name}", found


def text_of(thing: Any) -> str:
    text = inspect.getdoc(thing) or ""
    if inspect.isclass(thing):
        text += "\n" + (inspect.getdoc(thing.__init__) or "")
    return text


def unmentioned(thing: Any, more: str = "") -> list[str]:
    """Return the parameters that the docstring, and that of its class, do not speak of."""
    if inspect.isclass(thing) and (issubclass(thing, BaseException) or hasattr(thing, "__members__")):
        return []
    words = set(re.findall(r"\w+", text_of(thing) + more))
    names = inspect.signature(thing).parameters
    return [name for name in names if name not in words and name not in OBVIOUS and name[0] != "_"]


@pytest.mark.parametrize(("name", "thing"), [*public(), *methods()])
def test_it_is_documented(name: str, thing: Any) -> None:
    assert len(text_of(thing)) > 10
    if thing not in NOT_MADE:
        owner = name.partition(".")[0] if "." in name else ""
        assert unmentioned(thing, text_of(getattr(danlu, owner)) if owner else "") == []


def test_init_shows_and_explains_every_parameter() -> None:
    parameters = inspect.signature(danlu.init).parameters
    assert len(parameters) > 20
    words = set(re.findall(r"`(\w+)", danlu.init.__doc__ or ""))
    assert set(parameters) - {"unknown"} - words == set()


def test_functions_of_the_module_show_what_those_of_the_run_take() -> None:
    for name in danlu._functions.FUNCTIONS:
        function, method = getattr(danlu, name), getattr(danlu.Run, name)
        own = list(inspect.signature(function).parameters)
        assert own == list(inspect.signature(method).parameters)[1:], name
        assert function.__name__ == name
        assert function.__module__ == "danlu" or name == "log"
