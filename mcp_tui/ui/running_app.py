"""The running app of a widget, with a type: the framework leaves its type parameter open."""

from __future__ import annotations

from typing import Any, cast

from textual.app import App
from textual.dom import DOMNode


def host(node: DOMNode) -> App[Any]:
    return cast("App[Any]", node.app)  # pyright: ignore[reportUnknownMemberType]  open type parameter
