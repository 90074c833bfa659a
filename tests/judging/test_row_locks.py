"""Where rows of assignments are locked: in few files, so that the order of locks can be read."""

import ast
from pathlib import Path

import pytest

import annotate

pytestmark = pytest.mark.whole

HOME = Path(annotate.__file__).parent
ALLOWED = {"queue.py", "hotpath.py", "hotpath_votes.py"}
# What makes a queryset of assignments, by name.
NAMES = ("Assignment.", ".assignments", "slots.", "leased.", "_held_by(")


def locks(source: str) -> list[str]:
    """The expressions of a module that lock assignments, through the ORM or as SQL."""
    tree = ast.parse(source)
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called, name = ast.unparse(node), ast.unparse(node.func)
        rows = name.endswith("select_for_update") and any(word in called for word in NAMES)
        if rows or name.endswith("locking"):
            found.append(called)
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    return found + [t for t in texts if isinstance(t, str) and "FOR UPDATE OF a" in t]


def test_assignments_are_locked_in_the_queue_and_its_statements_only():
    files = {path.name for path in HOME.rglob("*.py") if locks(path.read_text(encoding="utf-8"))}
    assert files == ALLOWED
