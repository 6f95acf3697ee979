"""The summary of a run: what is read, set and removed in it."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any, Callable

import danlu
import pytest
from conftest import Reader


def test_a_missing_key_is_a_key_error_either_way() -> None:
    with danlu.init() as run:
        run.summary["a"] = {"b": 1}
        asks: list[Callable[[], Any]] = [
            lambda: run.summary["x"],
            lambda: run.summary.x,
            lambda: run.summary["a"]["x"],
            lambda: run.summary.__delitem__("x"),
            lambda: delattr(run.summary, "x"),
        ]
        for ask in asks:
            with pytest.raises(KeyError):
                ask()
        with pytest.raises(AttributeError, match="The summary has no key `x`"):
            _ = run.summary.x
        assert not hasattr(run.summary, "x")
        assert getattr(run.summary, "x", None) is None


def test_what_is_set_in_a_nested_dict_is_recorded(read: Reader) -> None:
    with danlu.init() as run:
        run.log({"a": {"b": {"c": 1}, "d": 2}})
        nested = run.summary["a"]
        assert nested == {"b": {"c": 1}, "d": 2}
        nested["b"]["c"] = 5
        nested.e = 6
        nested["new"] = {"x": 1}
        nested["new"]["y"] = 2
        nested.update({"z": 3}, w=4)
        del nested["d"]
        assert nested["b"].c == 5
        assert json.loads(json.dumps(nested)) == nested == run.summary["a"]
        assert type(pickle.loads(pickle.dumps(nested))) is dict
        run.summary["gone"] = {"a": 1, "b": 2}
        del run.summary["gone"]
    assert read.table(run.file, "summary") == {
        "a.b.c": 5,
        "a.e": 6,
        "a.new.x": 1,
        "a.new.y": 2,
        "a.z": 3,
        "a.w": 4,
    }


def test_update_and_dict() -> None:
    with danlu.init() as run:
        run.summary.update({"a": 1})
        run.summary.update({"a": 2, "b": 2}, overwrite=False)
        run.summary.update(5)
        assert run.lost == 1
        assert dict(run.summary) == run.summary._json_dict == dict(run.summary.items()) == {"a": 1, "b": 2}
        assert "a" in run.summary
        assert list(run.summary) == ["a", "b"]
        assert copy.deepcopy(run.summary) == pickle.loads(pickle.dumps(run.summary)) == {"a": 1, "b": 2}


class Deferred:
    """A value that is stored later, as an image."""

    _danlu_later = True


def test_media_are_left_to_be_stored_later(monkeypatch: pytest.MonkeyPatch) -> None:
    from danlu import _values

    waiting: list[Any] = []
    value = Deferred()
    monkeypatch.setattr(_values, "flatten", lambda key, found: ([], [], [(key, found)]))
    with danlu.init() as run:
        monkeypatch.setattr(type(run), "_later", lambda *arguments: waiting.append(arguments[1:]))
        run.summary["picture"] = value
        [(step, time, items)] = waiting
        assert (step, items) == ("summary", [("picture", value)])
        assert abs(time - run.start_time) < 3600


def test_after_the_end_it_can_be_read() -> None:
    with danlu.init() as run:
        run.log({"a": {"b": 1}})
    assert run.summary["a"]["b"] == 1
