"""One conversation over several columns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mcp_tui.core.chat import Message, TextBlock
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.events import ColumnEvent
from mcp_tui.core.state import ApprovalPolicy, ColumnStatus, Metrics, RateLimits
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.column import Column
from mcp_tui.runs.report import ColumnAnswer, to_json
from mcp_tui.runs.results import attachment_blocks, encodable
from mcp_tui.runs.run_context import RunContext
from mcp_tui.runs.sharing import SharedCalls
from mcp_tui.runs.spec import Attachment, ColumnSpec, RunSpec
from mcp_tui.runs.turn import Turn


@dataclass(frozen=True, slots=True)
class _Prompt:
    """What the person sent in one turn."""

    turn: int
    text: str
    message: Message

    def new_turn(self) -> Turn:
        return Turn(self.turn, self.text, self.message)


class Run:
    """One conversation over N columns. Live until its engine is left; every column is its own task.

    Made by `Engine.start_run`. AppError (usage) for a bad spec, an unknown column, a column that is still live.
    """

    def __init__(
        self,
        run_id: str,
        spec: RunSpec,
        listener: Callable[[ColumnEvent], None],
        context: Callable[[Callable[[], RunSpec]], RunContext],
    ) -> None:
        """`context` gets a function that gives the run's newest spec."""
        self.id = run_id
        self.spec = _checked(spec)
        self._listener = listener
        self._context = context(lambda: self.spec)
        self._context.spending.shared_by(lambda: sum(column.live for column in self._columns.values()))
        self._prompts: list[_Prompt] = []
        self._columns: dict[str, Column] = {}
        self.on_change: Callable[[], None] | None = None
        """Called after columns came, went or changed."""
        self._idle = asyncio.Event()
        self._idle.set()
        for column in spec.columns:
            self._columns[column.id] = self._new_column(column)

    def configure(
        self,
        *,
        tools_off: frozenset[tuple[str, str]] | None = None,
        approval: ApprovalPolicy | None = None,
        no_tools: bool | None = None,
        max_steps: int | None = None,
        share_results: bool | None = None,
        max_cost_usd: float | None = None,
    ) -> None:
        """Change settings (None = as it is). Everything holds from the next model or tool call on."""
        now = self.spec
        self.spec = _checked(
            replace(
                now,
                tools_off=now.tools_off if tools_off is None else tools_off,
                approval=now.approval if approval is None else approval,
                no_tools=now.no_tools if no_tools is None else no_tools,
                max_steps=now.max_steps if max_steps is None else max_steps,
                share_results=now.share_results if share_results is None else share_results,
                max_cost_usd=now.max_cost_usd if max_cost_usd is None else max_cost_usd,
            )
        )
        if max_cost_usd is not None:
            self._context.spending.limit_usd = max_cost_usd

    def send(
        self, prompt: str, attachments: Sequence[Attachment] = (), *, columns: Sequence[str] | None = None
    ) -> None:
        """Start the next turn in all columns (or only these)."""
        targets = [self._column(name) for name in self._columns if columns is None or name in columns]
        for name in columns or ():
            self._column(name)
        if not targets:
            raise _usage("No columns", "the run has no column to send to", "add a model")
        if not prompt.strip() and not attachments:
            raise _usage("Empty prompt", "there is nothing to send")
        for column in targets:
            _refuse_live(column)
        blocks = [block for attachment in attachments for block in attachment_blocks(attachment)]
        if prompt.strip():
            blocks.append(TextBlock(encodable(prompt)))
        self._start(prompt, Message("user", tuple(blocks)), targets)

    def send_again(self, prompt: str, message: Message) -> None:
        """A prompt of a saved run, with its attachments as they were read then, to all columns."""
        for column in self._columns.values():
            _refuse_live(column)
        self._start(prompt, message, list(self._columns.values()))

    def _start(self, prompt: str, message: Message, targets: Sequence[Column]) -> None:
        sent = _Prompt(len(self._prompts) + 1, prompt, message)
        self._prompts.append(sent)
        shared = SharedCalls(self._context.spawn)
        self._idle.clear()
        for column in targets:
            column.start(sent.new_turn(), shared)

    def cancel(self, column: str | None = None) -> None:
        """Stop one column or all; closes the HTTP stream and cancels running tool calls."""
        for target in self._columns.values() if column is None else (self._column(column),):
            target.cancel()

    def retry(self, column: str) -> None:
        """Run the column's last turn again, from its prompt; its tool calls are executed anew, and no answer is
        replayed: whoever asks again wants another one."""
        target = self._column(column)
        _refuse_live(target)
        if not target.turns:
            raise _usage("Nothing to retry", f"nothing was sent to {target.spec.label} yet")
        last = target.turns[-1]
        self._idle.clear()
        target.start(Turn(last.number, last.prompt, last.user), SharedCalls(self._context.spawn), fresh=True)

    def add_column(self, column: ColumnSpec) -> None:
        """The new column gets the whole conversation's user prompts from the next turn on.

        retry() makes it answer the newest prompt at once.
        """
        self.spec = _checked(replace(self.spec, columns=(*self.spec.columns, column)))
        added = self._new_column(column)
        added.turns = [prompt.new_turn() for prompt in self._prompts]
        self._columns[column.id] = added
        self._tell_change()

    def set_column(self, column: ColumnSpec) -> None:
        """Another model, parameters, system prompt or label for the column with this id; its conversation goes on.

        Holds from the next model call on, also while the column is live.
        """
        target = self._column(column.id)
        self.spec = replace(self.spec, columns=tuple(column if c.id == column.id else c for c in self.spec.columns))
        target.change(column)
        self._tell_change()

    def remove_column(self, column: str) -> None:
        """A live column is stopped first; nothing more is heard of it."""
        target = self._column(column)
        target.outbox.closed = True
        target.cancel()
        del self._columns[column]
        self.spec = replace(self.spec, columns=tuple(c for c in self.spec.columns if c.id != column))
        self._column_ended()
        self._tell_change()

    def status(self, column: str) -> ColumnStatus:
        return self._column(column).status

    def metrics(self, column: str) -> Metrics:
        return self._column(column).meter.column()

    def rate_limits(self, column: str) -> RateLimits | None:
        """What the provider's newest answer said about the allowances of the account; None when nothing."""
        return self._column(column).rate_limits

    def answer_text(self, column: str) -> str:
        """The text of the newest turn; the texts of its steps are separated by an empty line."""
        turns = self._column(column).turns
        return turns[-1].text if turns else ""

    @property
    def live(self) -> bool:
        return any(column.live for column in self._columns.values())

    async def wait(self) -> None:
        """Until no column is live. Cancelling the waiter cancels nothing."""
        while self.live:
            await self._idle.wait()

    def to_json(self) -> JsonObject:
        """The `compare --json` object of the newest turn: the columns it was sent to, figures of it alone."""
        if not self._prompts:
            return to_json("", ())
        newest = self._prompts[-1]
        answers = [
            answer
            for column in self._columns.values()
            if column.answered(newest.turn) and (answer := self.answer(column.spec.id)) is not None
        ]
        return to_json(newest.text, answers)

    def answer(self, column: str) -> ColumnAnswer | None:
        """The newest turn of a column; None when it has none, or was removed."""
        found = self._columns.get(column)
        if found is None or not found.turns:
            return None
        return ColumnAnswer(found.spec, found.turns[-1], found.meter.turn(), self._context.price, found.rate_limits)

    def prompt(self, turn: int) -> tuple[str, Message]:
        """What was sent in a turn: as it was typed, and with its attachments."""
        sent = next(prompt for prompt in self._prompts if prompt.turn == turn)
        return sent.text, sent.message

    def take_over(self, prompts: Sequence[tuple[str, Message]], turns: Mapping[str, Sequence[Turn]]) -> None:
        """Go on with a conversation that was held before: its prompts in order, and the turns of each column."""
        self._prompts = [_Prompt(number, text, message) for number, (text, message) in enumerate(prompts, 1)]
        for name, column in self._columns.items():
            column.take_over(turns.get(name, [prompt.new_turn() for prompt in self._prompts]))

    def _tell_change(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def _new_column(self, spec: ColumnSpec) -> Column:
        return Column(spec, self._context, self._listener, self._column_ended)

    def _column_ended(self) -> None:
        if not self.live:
            self._idle.set()

    def _column(self, name: str) -> Column:
        column = self._columns.get(name)
        if column is None:
            raise _usage("Unknown column", repr(name), f"columns: {', '.join(self._columns) or 'none'}")
        return column


def _refuse_live(column: Column) -> None:
    if column.live:
        raise _usage("Column is busy", f"{column.spec.label} is still answering", "wait, or cancel it first")


def _checked(spec: RunSpec) -> RunSpec:
    ids = [column.id for column in spec.columns]
    double = next((name for name in ids if ids.count(name) > 1), None)
    if double is not None:
        raise _usage("Column id used twice", repr(double))
    if spec.max_steps < 1:
        raise _usage("Bad step limit", f"{spec.max_steps} is less than 1")
    if spec.max_cost_usd is not None and not spec.max_cost_usd >= 0:
        raise _usage("Bad spend limit", f"{spec.max_cost_usd:g} US dollars is less than 0")
    if spec.time_limit_s is not None and spec.time_limit_s <= 0:
        raise _usage("Bad time limit", f"{spec.time_limit_s:g} s is not more than 0")
    return spec


def _usage(title: str, detail: str, hint: str = "") -> AppError:
    return AppError(title, detail, hint, kind=ErrorKind.USAGE, code="usage")
