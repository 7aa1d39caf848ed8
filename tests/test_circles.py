"""No module needs one that needs it: not late, within a function, and not for types alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import mcp_tui

PACKAGE = Path(mcp_tui.__file__).parent


def modules(package: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in package.rglob("*.py"):
        parts = (package.name, *file.relative_to(package).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imported(text: str) -> Iterator[tuple[str, str]]:
    """Every import of a module's text, wherever it stands: the longest name it may mean, and its parent."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports here are absolute"
            yield from ((f"{node.module}.{alias.name}", node.module or "") for alias in node.names)


def graph(package: Path) -> dict[str, set[str]]:
    """Module -> the modules of the package it imports."""
    known = modules(package)
    edges: dict[str, set[str]] = {}
    for name, file in known.items():
        named = imported(file.read_text(encoding="utf-8"))
        edges[name] = {whole if whole in known else parent for whole, parent in named} & known.keys() - {name}
    return edges


def circle(edges: dict[str, set[str]]) -> list[str]:
    """One of them, each module importing the next; empty when there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found[::-1]
    return []


def test_imports_make_no_circle() -> None:
    edges = graph(PACKAGE)
    assert len(edges) > 300
    assert circle(edges) == []


def test_a_circle_is_found_wherever_its_imports_stand(tmp_path: Path) -> None:
    package = tmp_path / "ring"
    (package / "room").mkdir(parents=True)
    (package / "a.py").write_text("from ring.room import b\n")
    (package / "room/b.py").write_text("def late():\n    import ring.c\n")
    (package / "c.py").write_text("if TYPE_CHECKING:\n    from ring.a import Name\n")
    (package / "d.py").write_text("from ring.a import x, y\n")
    assert set(circle(graph(package))) == {"ring.a", "ring.room.b", "ring.c"}
    (package / "c.py").write_text("from elsewhere import Name\n")
    assert circle(graph(package)) == []
