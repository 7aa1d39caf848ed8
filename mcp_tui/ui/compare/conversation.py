"""The conversation of the Compare screen: its columns, its run, and what a send would cost. No widgets."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mcp_tui.core.events import ColumnEvent
from mcp_tui.core.figures import estimated_tokens
from mcp_tui.core.state import ColumnStatus, Metrics
from mcp_tui.core.types import JsonObject
from mcp_tui.ui.widgets.catalog_rows import Off

if TYPE_CHECKING:
    from mcp_tui.core.chat import ModelParams
    from mcp_tui.runs.engine import Engine, Run
    from mcp_tui.runs.saved import Continuation
    from mcp_tui.runs.spec import Attachment, ColumnSpec
    from mcp_tui.ui.stream.metrics_line import Best


@dataclass(frozen=True, slots=True)
class Cost:
    """usd None: nobody knows yet."""

    usd: float | None = None
    is_estimate: bool = False


def comparable_cost(metrics: Metrics) -> float | None:
    """Replayed steps cost nothing: with them the sum says nothing about the model."""
    return None if metrics.cached_steps else metrics.cost_usd


def best_columns(metrics: dict[str, Metrics]) -> dict[str, set[Best]]:
    """Column id -> which of `ttft`, `speed`, `cost` it is best in. Columns that share the best value are all best.

    With nothing to compare, or all alike, nothing is best. A replayed answer competes with nobody, and where a part
    was replayed the cost does not count.
    """
    best: dict[str, set[Best]] = {column: set() for column in metrics}
    measures: tuple[tuple[Best, Callable[[Metrics], float | None], bool], ...] = (
        ("ttft", lambda m: m.ttft_ms, False),
        ("speed", lambda m: m.tokens_per_s, True),
        ("cost", comparable_cost, False),
    )
    for name, value, most in measures:
        known = {column: v for column, m in metrics.items() if not m.cached and (v := value(m)) is not None}
        if len(set(known.values())) < 2:
            continue
        winner = max(known.values()) if most else min(known.values())
        for column, v in known.items():
            if v == winner:
                best[column].add(name)
    return best


class Conversation:
    """Methods that reach the engine raise AppError; nothing here waits."""

    def __init__(
        self,
        engine: Engine,
        columns: Sequence[ColumnSpec],
        listener: Callable[[ColumnEvent], None],
        *,
        settings: JsonObject | None = None,
        continued: Continuation | None = None,
    ) -> None:
        """settings: of a saved run that is run again; continued: a saved conversation, which goes on here."""
        self._engine = engine
        self._listener = listener
        self._columns = list(columns)
        self._settings = settings
        self._continued = continued
        self._next = 1 + max([len(columns), *(int(spec.id[1:]) for spec in columns if spec.id[1:].isdigit())])
        self.run: Run | None = None
        self.only: str | None = None
        """The next prompt goes to this column alone."""

    @property
    def columns(self) -> tuple[ColumnSpec, ...]:
        return tuple(self._columns)

    def column(self, column: str) -> ColumnSpec:
        return next(spec for spec in self._columns if spec.id == column)

    @property
    def live(self) -> bool:
        return self.run is not None and self.run.live

    def status(self, column: str) -> ColumnStatus:
        return ColumnStatus.IDLE if self.run is None else self.run.status(column)

    def column_live(self, column: str) -> bool:
        return not self.status(column).ended

    @property
    def targets(self) -> tuple[str, ...]:
        """Ids of the columns the next prompt goes to."""
        return (self.only,) if self.only is not None else tuple(spec.id for spec in self._columns)

    def busy(self) -> tuple[str, ...]:
        """Labels of those among them that are still live."""
        return tuple(spec.label for spec in self._columns if spec.id in self.targets and self.column_live(spec.id))

    def send(self, text: str, attachments: Sequence[Attachment], off: Off) -> None:
        run = self.begin(off)
        run.send(text, attachments, columns=None if self.only is None else (self.only,))

    def begin(self, off: Off) -> Run:
        """The run, started if there is none; nothing is sent."""
        if self.run is None:
            defaults = self._engine.config.defaults
            from mcp_tui.runs.spec import RunSpec

            spec = RunSpec(tuple(self._columns), tools_off=off, max_steps=defaults.max_steps)
            if defaults.approval is not None:
                spec = replace(spec, approval=defaults.approval)
            if self._settings is not None:
                from mcp_tui.runs.saved import settings_onto

                spec = settings_onto(spec, self._settings)
            # Only where there is one: whoever starts runs need not know of it.
            past: dict[str, Any] = {} if self._continued is None else {"continued": self._continued}
            self.run = self._engine.start_run(spec, self._listener, **past)
        return self.run

    def switch_tools(self, off: Off) -> None:
        if self.run is not None:
            self.run.configure(tools_off=off)

    def cancel(self, column: str | None = None) -> None:
        if self.run is not None:
            self.run.cancel(column)

    def retry(self, column: str) -> None:
        if self.run is not None:
            self.run.retry(column)

    def add(self, spec: ColumnSpec) -> ColumnSpec:
        """The same with an id and a label of its own in this conversation."""
        spec = replace(spec, id=f"c{self._next}", label=self._free_label(spec.label))
        self._next += 1
        if self.run is not None:
            self.run.add_column(spec)
        self._columns.append(spec)
        return spec

    def remove(self, column: str) -> None:
        if self.run is not None:
            self.run.remove_column(column)
        self._columns = [spec for spec in self._columns if spec.id != column]
        if self.only == column:
            self.only = None

    def set_params(self, column: str, params: ModelParams, system: str) -> ColumnSpec:
        """In force from the column's next model call on, also while it is live. The label follows the parameters."""
        from mcp_tui.runs.model_names import params_text

        before = self.column(column)
        words = params_text(params, system=system != self._engine.config.defaults.system)
        name = f"{before.ref} {words}" if words else str(before.ref)
        return self._change(replace(before, label=name, params=params, system=system))

    def switch(self, column: str, chosen: ColumnSpec) -> ColumnSpec:
        """Another model goes on with the column's conversation, from its next model call on."""
        before = self.column(column)
        return self._change(replace(chosen, id=before.id))

    def _change(self, spec: ColumnSpec) -> ColumnSpec:
        spec = replace(spec, label=self._free_label(spec.label, besides=spec.id))
        if self.run is not None:
            self.run.set_column(spec)
        self._columns = [spec if known.id == spec.id else known for known in self._columns]
        return spec

    def _free_label(self, label: str, *, besides: str = "") -> str:
        """The label, with a number where other columns have it already."""
        used = {known.label for known in self._columns if known.id != besides}
        # The number told it apart from the columns it was made with; here others count.
        name = re.sub(r" #[0-9]+\Z", "", label)
        free, number = name, 2
        while free in used:
            free, number = f"{name} #{number}", number + 1
        return free

    def restart(self) -> None:
        """A new conversation with the same columns; the old run is stopped."""
        if self.run is not None:
            self.run.cancel()
        self.run = None
        self.only = None
        self._settings = self._continued = None

    def metrics(self) -> dict[str, Metrics]:
        return {} if self.run is None else {spec.id: self.run.metrics(spec.id) for spec in self._columns}

    def cost(self) -> Cost:
        known = [m for m in self.metrics().values() if m.cost_usd is not None]
        if not known:
            return Cost()
        return Cost(sum(m.cost_usd or 0.0 for m in known), any(m.cost_is_estimate for m in known))

    def context_tokens(self) -> int:
        """About how many tokens the conversation so far adds to the next request: of the longest column."""
        if self.run is None:
            return 0
        return max((estimated_tokens(len(self.run.answer_text(spec.id))) for spec in self._columns), default=0)
