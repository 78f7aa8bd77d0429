"""The glossary's words are the code's: no name uses one that means another thing here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
NEVER = re.compile(r"(?i)(?<![a-z])(phrases?|hypernyms?|thresh|collages?|sample_rates?)(?![a-z])")
BORROWED = ("synres/models/", "synres/rpc/")
"""Models keep the words of those who made them; stubs are generated."""


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.alias(name=name):
                yield name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name


def test_no_name_uses_a_word_that_the_glossary_forbids() -> None:
    """The text that names a target is an expression, a broader noun a superclass, the threshold tau."""
    files = [path for root in ("synres", "services") for path in sorted((ROOT / root).rglob("*.py"))]
    parts = [(path.relative_to(ROOT).as_posix(), path) for path in files]
    kept = [(name, path) for name, path in parts if not name.startswith(BORROWED)]
    used = [(name, n) for name, path in kept for n in (path.stem, *_names(ast.parse(path.read_bytes())))]
    assert [(name, n) for name, n in used if NEVER.search(n)] == []
