"""The public names of danlu: those that are there are known to type checkers and to `help`."""

from __future__ import annotations

import ast
from pathlib import Path

import danlu
from danlu import _names


def known_to_type_checkers() -> set[str]:
    """Return the names that `danlu/__init__.py` imports for type checkers alone."""
    tree = ast.parse(Path(danlu.__file__).read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in blocks[0].body if isinstance(node, ast.ImportFrom)]
    return {name.asname or name.name for node in imports for name in node.names}


def exists(name: str) -> bool:
    return hasattr(danlu, name)


def test_names_that_are_found_when_asked_for_are_known_to_type_checkers() -> None:
    known = known_to_type_checkers()
    found = {name for name in _names.NAMES if exists(name)}
    eager = set(vars(danlu)) - known
    assert len(found) > 40
    assert found - eager - known == set()
    modules = {name for name in known if name in _names.SUBMODULES}
    assert known - modules <= set(_names.NAMES)
    # Those of libraries that may be missing are no attribute here.
    assert {"plot", "apis", "media", "integration", "keras", "sklearn", "tensorboard"} <= modules


def test_a_star_import_gives_every_name_and_hides_no_builtin() -> None:
    namespace: dict[str, object] = {}
    exec("from danlu import *", namespace)
    assert set(danlu.__all__) <= set(namespace)
    assert {"Image", "Table", "Api", "init", "plot_table"} <= set(namespace)
    builtins = vars(__import__("builtins"))
    assert [name for name in danlu.__all__ if name in builtins] == []
