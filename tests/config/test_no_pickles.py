"""Nothing opens a pickle but `generation.convert`, in its one place and as weights only."""

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.whole

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("annotate", "generation", "benchmarks", "docker")
LOADERS = {
    "torch": {"load", "jit.load", "hub.load", "package.PackageImporter"},
    "pickle": {"load", "loads", "Unpickler"},
    "marshal": {"load", "loads"},
    "shelve": {"open"},
    "joblib": {"load"},
    "dill": {"load", "loads"},
    "cloudpickle": {"load", "loads"},
    "pandas": {"read_pickle"},
}
THE_ONE_PLACE = [("generation/convert.py", "torch.load")]


def sources() -> list[Path]:
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]
    return [*files, ROOT / "manage.py"]


def opened_in(code: str) -> list[tuple[str, ast.AST]]:
    """Every name by which this code could open a pickle, whatever it calls the module."""
    tree = ast.parse(code)
    known = {name: name for name in LOADERS}
    found: list[tuple[str, ast.AST]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {a.asname: a.name for a in node.names if a.asname and a.name in LOADERS}
        elif isinstance(node, ast.ImportFrom) and node.module in LOADERS:
            found += [
                (f"{node.module}.{a.name}", node)
                for a in node.names
                if a.name == "*" or a.name in LOADERS[node.module]
            ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            module, _, rest = ast.unparse(node).partition(".")
            if module in known and rest in LOADERS[known[module]]:
                found.append((f"{known[module]}.{rest}", node))
        elif isinstance(node, ast.Call) and any(
            keyword.arg == "allow_pickle" and getattr(keyword.value, "value", True) is not False
            for keyword in node.keywords
        ):
            found.append(("allow_pickle", node))
    return found


def test_only_one_place_opens_a_pickle() -> None:
    found = [
        (str(file.relative_to(ROOT)), name)
        for file in sources()
        for name, _ in opened_in(file.read_text())
    ]
    assert found == THE_ONE_PLACE


def test_that_place_takes_weights_only() -> None:
    tree = ast.parse((ROOT / "generation" / "convert.py").read_text())
    (call,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
    )
    (only,) = (keyword.value for keyword in call.keywords if keyword.arg == "weights_only")
    assert isinstance(only, ast.Constant)
    assert only.value is True


@pytest.mark.parametrize(
    "code",
    [
        "import torch\ntorch.load('a')",
        "import torch as t\nt.load('a')",
        "from torch import load",
        "from torch import load as read",
        "import pickle as p\nopen_ = p.Unpickler",
        "from pickle import *",
        "import numpy as np\nnp.load('a', allow_pickle=True)",
        "import pandas as pd\npd.read_pickle('a')",
        "import torch\ntorch.jit.load('a')",
    ],
)
def test_the_search_finds_what_it_is_for(code: str) -> None:
    assert len(opened_in(code)) == 1


def test_the_search_leaves_the_rest_alone() -> None:
    code = "import json, numpy as np, torch\n"
    code += "json.load(f); np.load(f, allow_pickle=False); torch.save(x, f)"
    assert opened_in(code) == []
