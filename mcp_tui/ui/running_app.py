"""The running app of a widget, with a type: the framework leaves its type parameter open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, runtime_checkable

from textual.app import App
from textual.dom import DOMNode

from mcp_tui.core.text import clean

if TYPE_CHECKING:
    from mcp_tui.config.schema import Config
    from mcp_tui.core.state import ServerSnapshot


def host(node: DOMNode) -> App[Any]:
    return cast("App[Any]", node.app)  # pyright: ignore[reportUnknownMemberType]  open type parameter


@runtime_checkable
class DashboardApp(Protocol):
    """What screens ask of the dashboard, beside what any app can do."""

    config: Config | None
    servers: tuple[ServerSnapshot, ...]
    key_overrides: dict[str, str]
    """Id of a binding -> the person's own keys."""

    @property
    def css_generation(self) -> int: ...

    @property
    def wanted_models(self) -> tuple[str, ...]:
        """What the command line named."""
        ...

    def action_choose_theme(self) -> None: ...
    def action_review_approvals(self) -> None: ...
    def action_empty_cache(self) -> None: ...
    def action_save_picture(self) -> None: ...
    def reconnect(self, server: str) -> None: ...
    def set_server_enabled(self, server: str, enabled: bool) -> None: ...


def dashboard(node: DOMNode) -> DashboardApp | None:
    """None where another app shows the screen."""
    app = host(node)
    return app if isinstance(app, DashboardApp) else None


def toast(node: DOMNode, text: str, severity: Literal["information", "warning", "error"] = "information") -> None:
    """Only for what the person did just now."""
    host(node).notify(clean(text), severity=severity, markup=False)
