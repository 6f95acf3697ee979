"""Imports of the package point one way: these tables are the law, and the code must keep it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import danlu

PACKAGE = Path(danlu.__file__).parent

#: The modules that are files of their own, by the part that they belong to; a package is a part by itself.
PARTS = {
    "base": (
        "_core _errors _exit _fields _files _git _hooks _login _mirror _notebook _parse _redirect _say "
        "_secrets _sources _spare _start _syncer _tee _term env errors"
    ),
    "values": "_values",
    "run": (
        "_alert _base _compat _config _console _environment _functions _handle _metric _noop _old _recording "
        "_restore _run _rundir _session _settings _summary"
    ),
    "open": "_open _read",
    "front": "__init__ __main__ _launch _layout _names data_types profiler util",
}

#: What each part may import when it is imported itself.
AT_ONCE: dict[str, set[str]] = {
    "base": set(),
    # `media.later` says what is media, and imports none of it.
    "values": {"base", "media"},
    "run": {"base"},
    "media": {"base"},
    "plot": {"base"},
    "artifacts": {"base", "run"},
    "apis": {"base", "run", "artifacts"},
    "integration": {"base", "run", "media", "plot"},
    "open": {"base", "run", "apis"},
    "front": {"base", "run", "values", "media"},
}

#: What it may import besides, in a function: when somebody uses it, and not before.
WHEN_USED: dict[str, set[str]] = {
    "run": {"values", "media", "plot", "artifacts", "integration"},
    # A table that is logged in increments is an artifact.
    "media": {"values", "artifacts"},
    "plot": {"media"},
    # Their objects are media, and the runs that made and used them are those of the Api.
    "artifacts": {"values", "media", "apis"},
    # `Api.sync_tensorboard`.
    "apis": {"integration"},
    "integration": {"artifacts"},
}


def part_of(module: str) -> str:
    """Return the part that a module belongs to, by its name below `danlu`."""
    first = module.partition(".")[0]
    if (PACKAGE / first).is_dir():
        return first
    return next(part for part, names in PARTS.items() if first in names.split())


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] != "standin":
            yield ".".join(parts), path


def imports(module: str, path: Path) -> Iterator[tuple[str, bool, int]]:
    """Yield each module of danlu that is imported, whether at once, and in which line."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_checkers = {node for block in ast.walk(tree) if _is_for_checkers(block) for node in _below(block)}
    in_functions = {
        node
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    above = module.split(".")[:-1]
    for node in ast.walk(tree):
        if node in for_checkers:
            continue
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        found = []
        if isinstance(node, ast.ImportFrom) and node.level:
            base = above[: len(above) - node.level + 1]
            names = [node.module] if node.module else [name.name for name in node.names]
            found = [".".join([*base, name]) for name in names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "danlu":
            found = [node.module[len("danlu.") :] or "__init__"]
        elif isinstance(node, ast.Import):
            names = [name.name for name in node.names if name.name.split(".")[0] == "danlu"]
            found = [name[len("danlu.") :] or "__init__" for name in names]
        for name in found:
            yield name, node not in in_functions, node.lineno


def _is_for_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _below(block: ast.AST) -> Iterator[ast.AST]:
    assert isinstance(block, ast.If)
    for statement in block.body:
        yield from ast.walk(statement)


def test_every_module_is_in_the_table() -> None:
    for module, _ in modules():
        assert part_of(module) in AT_ONCE
    assert set(AT_ONCE) >= set(WHEN_USED)
    for part, names in PARTS.items():
        assert part in AT_ONCE
        assert names.split() == sorted(set(names.split()))
        assert [name for name in names.split() if not list(PACKAGE.glob(f"{name}.*"))] == []


def test_parts_use_only_those_below_them() -> None:
    seen, wrong = 0, []
    for module, path in modules():
        part = part_of(module)
        for used, at_once, line in imports(module, path):
            seen += 1
            other = part_of(used)
            allowed = AT_ONCE[part] | (set() if at_once else WHEN_USED.get(part, set()))
            if other != part and other not in allowed:
                when = "when it is imported" if at_once else "at all"
                wrong.append(
                    f"{path.relative_to(PACKAGE)}:{line}: {part} must not import {used} ({other}) {when}"
                )
    assert wrong == []
    assert seen > 400, f"only {seen} imports were found: the test does not read what it should"


def test_what_is_imported_at_once_goes_round_in_no_circle() -> None:
    done: set[str] = set()
    left = dict(AT_ONCE)
    while left:
        ready = [part for part, used in left.items() if used <= done]
        assert ready, f"{sorted(left)} need each other"
        for part in ready:
            done.add(part)
            del left[part]
