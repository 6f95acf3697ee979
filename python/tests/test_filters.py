"""Filters in MongoDB's language, and orders."""

from __future__ import annotations

import datetime
import math
import random
import re
from typing import Any

import pytest
from danlu.apis.public.filters import MISSING, Moment, compile_filter, descend
from danlu.apis.public.order import ordered


class Document:
    """A plain dict that is filtered."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def candidates(self, field: str) -> list[Any]:
        return descend(self.values, field.split("."))


def passes(filters: dict[str, Any], **values: Any) -> bool:
    return compile_filter(filters)(Document(values))


@pytest.mark.parametrize(
    ("filters", "values", "expected"),
    [
        ({}, {"a": 1}, True),
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": True}, {"a": True}, True),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, False),
        ({"a": None}, {}, True),
        ({"a": None}, {"a": None}, True),
        ({"a": None}, {"a": 0}, False),
        ({"a": {"$eq": "x"}}, {"a": "x"}, True),
        ({"a": {"$ne": "x"}}, {}, True),
        ({"a": {"$ne": "x"}}, {"a": ["x", "y"]}, False),
        ({"a": {"$gt": 1, "$lt": 3}}, {"a": 2}, True),
        ({"a": {"$gt": 1, "$lt": 3}}, {"a": 3}, False),
        ({"a": {"$gte": 3}}, {"a": 3}, True),
        ({"a": {"$lte": 3}}, {}, False),
        ({"a": {"$lt": 3}}, {"a": "1"}, False),
        ({"a": {"$lt": 3}}, {"a": True}, False),
        ({"a": {"$gt": "a"}}, {"a": "b"}, True),
        ({"a": {"$lte": None}}, {}, True),
        ({"a": {"$gt": 1}}, {"a": math.nan}, False),
        ({"a": {"$lte": 1}}, {"a": math.nan}, False),
        ({"a": {"$lte": math.nan}}, {"a": math.nan}, True),
        ({"a": math.nan}, {"a": math.nan}, True),
        ({"a": {"$in": [1, "x"]}}, {"a": "x"}, True),
        ({"a": {"$in": ["y"]}}, {"a": ["x", "y"]}, True),
        ({"a": {"$in": [re.compile("^ad")]}}, {"a": "adam"}, True),
        ({"a": {"$in": [None]}}, {}, True),
        ({"a": {"$nin": ["y"]}}, {"a": ["x", "y"]}, False),
        ({"a": {"$nin": ["y"]}}, {}, True),
        ({"a": {"$all": ["x", "y"]}}, {"a": ["y", "x", "z"]}, True),
        ({"a": {"$all": ["x", "y"]}}, {"a": ["y"]}, False),
        ({"a": {"$exists": True}}, {"a": None}, True),
        ({"a": {"$exists": True}}, {}, False),
        ({"a": {"$exists": False}}, {}, True),
        ({"a": {"$regex": "da"}}, {"a": "adam"}, True),
        ({"a": {"$regex": "^da"}}, {"a": "adam"}, False),
        ({"a": {"$regex": "DA", "$options": "i"}}, {"a": "adam"}, True),
        ({"a": {"$regex": "1"}}, {"a": 1}, False),
        ({"a": re.compile("^a.*m$")}, {"a": "adam"}, True),
        ({"a": {"$not": {"$gt": 1}}}, {}, True),
        ({"a": {"$not": {"$gt": 1}}}, {"a": 2}, False),
        ({"a": {"$not": re.compile("x")}}, {"a": "y"}, True),
        ({"$or": [{"a": 1}, {"b": 1}]}, {"b": 1}, True),
        ({"$or": [{"a": 1}, {"b": 1}]}, {"c": 1}, False),
        ({"$nor": [{"a": 1}, {"b": 1}]}, {"c": 1}, True),
        ({"$and": [{"a": 1}, {"$or": [{"b": 2}, {"b": 3}]}]}, {"a": 1, "b": 3}, True),
        ({"a.b": 1}, {"a": {"b": 1}}, True),
        ({"a.b": 1}, {"a.b": 1}, True),
        ({"a.b.c": 1}, {"a": {"b.c": 1}}, True),
        ({"a.1": "y"}, {"a": ["x", "y"]}, True),
        ({"a.b": 2}, {"a": [{"b": 1}, {"b": 2}]}, True),
        ({"a": {"b": 1}}, {"a": {"b": 1}}, True),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, False),
        ({"a": [1, 2]}, {"a": [1, 2]}, True),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": {"$gt": 5}}, {"a": [1, 9]}, True),
    ],
)
def test_a_filter_means_what_it_means_in_mongo(
    filters: dict[str, Any], values: dict[str, Any], expected: bool
) -> None:
    assert passes(filters, **values) is expected


@pytest.mark.parametrize(
    ("filters", "named"),
    [
        ({"a": {"$near": 1}}, r"\$near"),
        ({"$xor": [{"a": 1}]}, r"\$xor"),
        ({"$or": []}, r"\$or"),
        ({"$or": {"a": 1}}, r"\$or"),
        ({"$and": [1]}, r"\$and"),
        ({"a": {"$gt": 1, "b": 2}}, "`a`"),
        ({"a": {"$in": "text"}}, r"\$in"),
        ({"a": {"$regex": "("}}, r"\("),
        ({"a": {"$regex": 5}}, r"\$regex"),
        ({"a": {"$regex": "x", "$options": "q"}}, r"\$options"),
        ({"a": {"$not": 5}}, r"\$not"),
        ({"a": {"$gt": object()}}, r"\$gt"),
        ({5: 1}, "5"),
        ("state", "state"),
    ],
)
def test_what_is_no_filter_is_named(filters: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        compile_filter(filters)


def test_times_compare_with_texts_and_datetimes() -> None:
    at = datetime.datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=datetime.timezone.utc)
    moment = Moment(at.timestamp())
    for text in ("2026-01-31T12:00:00", "2026-01-31T12:00:00Z", "2026-01-31T13:00:00+01:00"):
        assert passes({"t": text}, t=moment)
        assert passes({"t": {"$gte": text, "$lte": text}}, t=moment)
        assert not passes({"t": {"$gt": text}}, t=moment)
    assert (
        passes({"t": {"$gt": "2026-01-31T12:00:00.1Z", "$lt": "2026-01-31T12:00:00.2500001Z"}}, t=moment)
        is False
    )
    assert passes({"t": {"$gt": "2026-01-31T12:00:00.1Z"}}, t=moment)
    assert passes({"t": {"$gt": "2026-01-30"}}, t=moment)
    assert passes({"t": {"$gt": at - datetime.timedelta(milliseconds=1)}}, t=moment)
    assert passes({"t": {"$gt": at.timestamp() - 1}}, t=moment)
    local = at.astimezone().replace(tzinfo=None)
    assert passes({"t": local}, t=moment)
    assert passes({"t": {"$gt": datetime.date(2026, 1, 29)}}, t=moment)
    assert not passes({"t": {"$lt": True}}, t=moment)
    with pytest.raises(ValueError, match="yesterday"):
        passes({"t": {"$gt": "yesterday"}}, t=moment)


def naive(filters: dict[str, Any], values: dict[str, Any]) -> bool:
    """Evaluate a filter over whole numbers, texts and lists of them, in the most literal way."""
    results = []
    for key, condition in filters.items():
        if key in ("$and", "$or", "$nor"):
            parts = [naive(part, values) for part in condition]
            results.append({"$and": all(parts), "$or": any(parts), "$nor": not any(parts)}[key])
            continue
        value = values.get(key, MISSING)
        conditions = condition if isinstance(condition, dict) else {"$eq": condition}
        for operator, operand in conditions.items():
            results.append(naive_operator(operator, operand, value))
    return all(results)


def naive_operator(operator: str, operand: Any, value: Any) -> bool:
    if operator in ("$ne", "$nin"):
        return not naive_operator({"$ne": "$eq", "$nin": "$in"}[operator], operand, value)
    if operator == "$not":
        return not all(naive_operator(name, what, value) for name, what in operand.items())
    if operator == "$exists":
        return (value is not MISSING) is operand
    if operator == "$in":
        return any(naive_operator("$eq", item, value) for item in operand)
    for element in [value, *value] if isinstance(value, list) else [value]:
        if operator == "$eq" and type(element) is type(operand) and element == operand:
            return True
        if operator != "$eq" and type(element) is type(operand):
            found = {
                "$gt": element > operand,
                "$gte": element >= operand,
                "$lt": element < operand,
                "$lte": element <= operand,
            }
            if found[operator]:
                return True
    return False


def any_value(chance: random.Random) -> Any:
    return chance.choice([chance.randrange(4), chance.choice("xyz")])


def any_filter(chance: random.Random, depth: int) -> dict[str, Any]:
    if depth and chance.random() < 0.4:
        parts = [any_filter(chance, depth - 1) for _ in range(chance.randrange(1, 4))]
        return {chance.choice(["$and", "$or", "$nor"]): parts}
    filters: dict[str, Any] = {}
    for _ in range(chance.randrange(1, 3)):
        conditions: dict[str, Any] = {}
        for _ in range(chance.randrange(1, 3)):
            operator = chance.choice(
                ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$not"]
            )
            operand: Any = any_value(chance)
            if operator in ("$in", "$nin"):
                operand = [any_value(chance) for _ in range(chance.randrange(3))]
            elif operator == "$exists":
                operand = chance.random() < 0.5
            elif operator == "$not":
                operand = {chance.choice(["$gt", "$eq", "$lt"]): any_value(chance)}
            conditions[operator] = operand
        filters[chance.choice("abc")] = any_value(chance) if chance.random() < 0.2 else conditions
    return filters


def test_filters_agree_with_a_naive_evaluator() -> None:
    chance = random.Random(2026)
    outcomes = set()
    for _ in range(5000):
        filters = any_filter(chance, 3)
        values = {
            key: [any_value(chance) for _ in range(chance.randrange(3))]
            if chance.random() < 0.3
            else any_value(chance)
            for key in "abc"
            if chance.random() < 0.8
        }
        expected = naive(filters, values)
        assert passes(filters, **values) is expected, (filters, values)
        outcomes.add(expected)
    assert outcomes == {True, False}


def test_an_order_has_what_is_missing_last() -> None:
    documents = [Document({"n": n, "v": v}) for n, v in enumerate([2, None, 0.5, math.nan, 1, "b", "a"])]

    def names(order: str) -> list[int]:
        return [document.values["n"] for document in ordered(documents, order)]

    assert names("+v") == [2, 4, 0, 6, 5, 1, 3]
    assert names("v") == names("+v")
    assert names("-v") == [5, 6, 0, 4, 2, 1, 3]
    assert names("+missing") == [0, 1, 2, 3, 4, 5, 6]
    assert names("-n") == [6, 5, 4, 3, 2, 1, 0]
    twice = [Document({"a": a, "b": b}) for a, b in [(1, 1), (0, 2), (1, 0), (0, 5)]]
    assert [(d.values["a"], d.values["b"]) for d in ordered(twice, "+a,-b")] == [
        (0, 5),
        (0, 2),
        (1, 1),
        (1, 0),
    ]
    with pytest.raises(ValueError, match="names no field"):
        ordered(documents, "-")
