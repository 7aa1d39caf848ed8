"""No module needs, by whatever way, one that needs it: also not for its types, and not late within a function."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import mcp_tui

_ROOT = Path(mcp_tui.__file__).parent


def _modules() -> dict[str, Path]:
    files = {path: path.relative_to(_ROOT.parent).with_suffix("").parts for path in _ROOT.rglob("*.py")}
    return {".".join(parts).removesuffix(".__init__"): path for path, parts in files.items()}


def _imported(path: Path) -> set[str]:
    """Every name that may be a module: of all import statements, wherever they stand."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.update((node.module, *(f"{node.module}.{alias.name}" for alias in node.names)))
    return names


@pytest.mark.parametrize(
    "package", ["core", "config", "sessions", "providers", "store", "runs", "demo", "servers", "cli"]
)
def test_no_circle_of_imports(package: str) -> None:
    inside = f"mcp_tui.{package}."
    needs = {name: _imported(path) for name, path in _modules().items() if name.startswith(inside)}
    assert needs, "there must be modules to look at"
    order = TopologicalSorter({name: names & needs.keys() - {name} for name, names in needs.items()})
    try:
        order.prepare()
    except CycleError as error:
        pytest.fail(" needs ".join(reversed(error.args[1])))
