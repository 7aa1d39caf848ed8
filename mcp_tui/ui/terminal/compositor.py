"""A compositor that draws only what changed.

For every update the framework renders all lines of all widgets whose container touches the rectangle around all
changes, and cuts each line wherever any widget begins or ends: with eight streaming columns that was more than half
of all work. Here each changed region is shared out among the widgets that are seen in it, front to back, and each
gives just the cells that are seen.

Bought (per 1,000 tokens of CPU): 4 columns at 100 tokens/s 0.50 s became 0.31 s, 8 at 250 0.19 s became 0.11 s; a
keystroke in a filter 16 ms became 5 ms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from textual._compositor import Compositor, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from mcp_tui.ui.terminal.unsure_cells import drawn

MOST_PARTS = 32
"""A region that falls into more is left to the framework."""


class LinesUpdate(CompositorUpdate):
    def __init__(self, lines: Sequence[tuple[int, int, Strip]], rest: CompositorUpdate | None = None) -> None:
        """lines: (x, y, what stands there). rest: what the framework made of the other regions."""
        self.lines = lines
        self.rest = rest

    def render_segments(self, console: Console) -> str:
        lines = "".join(f"\x1b[{y + 1};{x + 1}H{drawn(strip, x, console)}" for x, y, strip in self.lines)
        return lines + self.rest.render_segments(console) if self.rest is not None else lines


class ScreenUpdate(LayoutUpdate):
    """All of the screen."""

    def render_segments(self, console: Console) -> str:
        lines: list[str] = []
        for y, strips in enumerate(self.strips, self.region.y):
            x = self.region.x
            lines.append(f"\x1b[{y + 1};{x + 1}H")
            for strip in strips:
                lines.append(drawn(strip, x, console))
                x += strip.cell_length
        return "".join(lines)


class LeanCompositor(Compositor):
    def render_full_update(self, simplify: bool = False) -> LayoutUpdate:
        update = super().render_full_update(simplify)
        return ScreenUpdate(update.strips, update.region)

    # The framework's own annotation is narrower than what its callers take.
    def render_partial_update(self) -> CompositorUpdate | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        screen = self.size.region
        lines: list[tuple[int, int, Strip]] = []
        left_over: set[Region] = set()
        for dirty in self._dirty_regions:
            region = dirty.intersection(screen)
            if not region:
                continue
            parts = self._seen_in(region)
            if parts is None:
                left_over.add(dirty)
            else:
                for widget, place, part in parts:
                    strips = widget.render_lines(part.translate(-place.offset))
                    lines.extend((part.x, y, strip) for y, strip in enumerate(strips, part.y))
        self._dirty_regions = left_over
        rest = super().render_partial_update() if left_over else None
        return LinesUpdate(lines, rest) if lines else rest

    def _seen_in(self, region: Region) -> list[tuple[Widget, Region, Region]] | None:
        """(widget, its place on the screen, the part of `region` where it is seen); None when that is too many."""
        found: list[tuple[Widget, Region, Region]] = []
        hidden = [region]
        """Where nothing was found yet."""
        for widget, (place, clip) in self.visible_widgets.items():  # front to back
            visible = place.intersection(clip)
            if not visible or not visible.overlaps(region):
                continue
            rest: list[Region] = []
            for part in hidden:
                seen = part.intersection(visible)
                if seen:
                    found.append((widget, place, seen))
                    rest.extend(_around(part, seen))
                else:
                    rest.append(part)
            if not rest:
                return found
            if len(rest) > MOST_PARTS:
                return None
            hidden = rest
        return None


def _around(outer: Region, inner: Region) -> Iterator[Region]:
    """What is left of a region without a part of it."""
    if inner.y > outer.y:
        yield Region(outer.x, outer.y, outer.width, inner.y - outer.y)
    if inner.bottom < outer.bottom:
        yield Region(outer.x, inner.bottom, outer.width, outer.bottom - inner.bottom)
    if inner.x > outer.x:
        yield Region(outer.x, inner.y, inner.x - outer.x, inner.height)
    if inner.right < outer.right:
        yield Region(inner.right, inner.y, outer.right - inner.right, inner.height)
