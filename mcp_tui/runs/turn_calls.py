"""The tool calls of one turn of one column: from the first fragment to the result the model reads."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace

from mcp_tui.core.chat import Content, TextBlock, ToolCallBlock, ToolResultBlock
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.state import CallRecord, CallResult, CallStatus, Progress, ToolInfo
from mcp_tui.core.text_buffer import Pieces
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.approval import Applicant, Approval
from mcp_tui.runs.naming import MAX_LENGTH
from mcp_tui.runs.outbox import Outbox
from mcp_tui.runs.results import encodable, result_for_model
from mcp_tui.runs.run_context import RunContext
from mcp_tui.runs.sharing import OnProgress, SharedCalls
from mcp_tui.runs.toolbox import closest
from mcp_tui.runs.turn import Turn
from mcp_tui.sessions.wirelog.cause import causing

logger = logging.getLogger(__name__)

_QUOTED_ARGUMENTS = 500
"""Characters of invalid arguments that are quoted back to the model."""


class TurnCalls:
    """`asking(True)` is called when the first call of the column waits for a person, `asking(False)` when none."""

    def __init__(
        self,
        context: RunContext,
        applicant: Applicant,
        turn: Turn,
        shared: SharedCalls,
        outbox: Outbox,
        asking: Callable[[bool], None],
    ) -> None:
        self._context = context
        self._applicant = applicant
        self._turn = turn
        self._shared = shared
        self._outbox = outbox
        self._asking = asking
        self._questions = 0
        self._fragments: dict[str, Pieces] = {}
        self._checks: set[asyncio.Task[None]] = set()

    # --- while the model writes

    def started(self, key: int, name: str) -> None:
        self._record_of(key, name)

    def fragment(self, key: int, arguments: str) -> None:
        id_ = self._id(key)
        if id_ in self._turn.calls:
            self._fragments.setdefault(id_, Pieces()).append(arguments)
            self._announce(id_)

    # --- when the message is complete

    async def run(self, calls: tuple[ToolCallBlock, ...], *, cut: bool) -> None:
        """Execute the calls of a step side by side; every one leaves its result in the turn.

        `cut`: the message ended at the output limit, so that its last call may lack arguments.
        """
        async with asyncio.TaskGroup() as group:
            for position, call in enumerate(calls):
                last_of_cut = cut and position == len(calls) - 1
                group.create_task(self._guarded(position, call, maybe_cut=last_of_cut))

    def complete(self, calls: tuple[ToolCallBlock, ...]) -> None:
        """Take over what the finished message says about each call."""
        for position, call in enumerate(calls):
            id_ = self._record_of(position, call.name)
            self._fragments.pop(id_, None)
            server, tool = self._route(call.name)
            self._change(
                id_,
                server=server,
                tool=tool,
                arguments=call.arguments,
                arguments_raw=call.arguments_raw,
            )

    def end_all(self, error: ErrorInfo) -> None:
        """The turn is over: calls that did not end are marked as cancelled, and say why."""
        for id_, record in self._turn.calls.items():
            if not record.status.ended:
                self._change(id_, status=CallStatus.CANCELLED, error=error)

    async def checked(self, *, wait: bool) -> None:
        """Until the checks of results are done, which the model does not wait for. Cancelling ends them."""
        try:
            while wait and self._checks:
                await asyncio.wait(self._checks)
        finally:
            for task in self._checks:
                task.cancel()

    # --- one call

    async def _guarded(self, position: int, call: ToolCallBlock, *, maybe_cut: bool) -> None:
        id_ = self._id(position)
        try:
            await self._one(position, call, maybe_cut=maybe_cut)
        except asyncio.CancelledError:
            if not self._turn.calls[id_].status.ended:
                self._change(id_, status=CallStatus.CANCELLED, duration_ms=self._since_start(id_))
            self._tell_model(position, "The call was cancelled; it may have run in part.", is_error=True)
            raise
        except AppError as error:
            self._failed(position, error.info)
        except Exception as error:
            logger.exception("tool call %s of %s failed", call.name, self._applicant.label)
            self._failed(position, ErrorInfo("Internal fault", f"{type(error).__name__}: {error}"))

    async def _one(self, position: int, call: ToolCallBlock, *, maybe_cut: bool) -> None:
        id_ = self._id(position)
        tool = self._turn.offered.get(call.name)
        if tool is None:
            self._unknown(position, call.name)
            return
        if call.arguments is None or (maybe_cut and not call.arguments_raw.strip()):
            self._invalid_arguments(position, call)
            return
        approval, tool = await self._approved(id_, tool, call.arguments)
        if not approval.allowed:
            self._declined(position, tool, asked=approval.asked)
            return
        if approval.edited:
            self._change(id_, arguments=approval.arguments, note="arguments edited by the person")
        self._change(id_, status=CallStatus.RUNNING, started_at=self._context.clock())
        result, shared = await self._execute(id_, tool, approval.arguments)
        self._succeeded(position, result, shared=shared, edited=approval.arguments if approval.edited else None)
        if result.check is not None:
            task = asyncio.create_task(self._checked(id_, result))
            self._checks.add(task)
            task.add_done_callback(self._checks.discard)

    async def _approved(self, id_: str, tool: ToolInfo, arguments: JsonObject) -> tuple[Approval, ToolInfo]:
        asked = 0

        def waits() -> None:
            nonlocal asked
            asked = 1
            self._change(id_, status=CallStatus.WAITING)
            self._count_question(1)

        while True:
            try:
                policy = self._context.spec().approval
                approval = await self._context.desk.request(policy, tool, arguments, self._applicant, waits=waits)
            finally:
                self._count_question(-asked)
                asked = 0
            now = self._context.toolbox.current(tool)
            if not approval.asked or not approval.allowed or now is None or now.digest == tool.digest:
                return approval, tool
            # The server changed the tool while the person read the question: that was a yes to something else.
            tool = now

    async def _execute(self, id_: str, tool: ToolInfo, arguments: JsonObject) -> tuple[CallResult, bool]:
        def on_progress(progress: Progress) -> None:
            if self._turn.calls[id_].status is CallStatus.RUNNING:
                self._change(id_, progress=progress)

        async def execute(report: OnProgress) -> CallResult:
            with causing(f"run {self._context.run_id} column {self._applicant.column} call {id_}"):
                return await self._context.servers.call_tool(tool.server, tool.name, arguments, on_progress=report)

        if tool.hints.read_only is True and self._context.spec().share_results:
            return await self._shared.call(self._applicant.column, tool, arguments, execute, on_progress)
        return await execute(on_progress), False

    # --- endings

    def _succeeded(self, position: int, result: CallResult, *, shared: bool, edited: JsonObject | None) -> None:
        id_ = self._id(position)
        for_model = result_for_model(result.raw)
        notes = [self._turn.calls[id_].note, for_model.note, *result.warnings]
        self._change(
            id_,
            status=CallStatus.ERROR if result.is_error else CallStatus.OK,
            shared=shared,
            duration_ms=result.duration_ms,
            result=result.raw,
            note="; ".join(note for note in notes if note),
        )
        blocks = for_model.blocks
        if edited is not None:
            told = f"[The person changed the arguments of this call to {json.dumps(edited)}]\n"
            blocks = (TextBlock(told), *blocks)
        self._answer(position, blocks, is_error=result.is_error)

    async def _checked(self, id_: str, result: CallResult) -> None:
        if late := await result.late_warning():
            notes = (self._turn.calls[id_].note, late)
            self._change(id_, note="; ".join(note for note in notes if note))

    def _failed(self, position: int, error: ErrorInfo) -> None:
        id_ = self._id(position)
        unknown = error.code == "outcome_unknown"
        self._change(
            id_,
            status=CallStatus.UNKNOWN if unknown else CallStatus.ERROR,
            error=error,
            duration_ms=self._since_start(id_),
        )
        text = error.line()
        if unknown:
            text += "\nThe connection was lost after the call was sent: it may have run. Check before you repeat it."
        self._tell_model(position, text, is_error=True)

    def _unknown(self, position: int, name: str) -> None:
        similar = closest(name, self._turn.offered)
        hint = f"closest: {', '.join(similar)}" if similar else ""
        if not similar and not self._turn.offered:
            hint = "no tools are offered"
        error = ErrorInfo(
            "Unknown tool", f"there is no tool named {name[:MAX_LENGTH]!r}", hint, ErrorKind.TOOL, "unknown_tool"
        )
        self._change(self._id(position), status=CallStatus.ERROR, error=error)
        self._tell_model(position, error.line(), is_error=True)

    def _invalid_arguments(self, position: int, call: ToolCallBlock) -> None:
        quoted = call.arguments_raw[:_QUOTED_ARGUMENTS]
        error = ErrorInfo(
            "Invalid arguments",
            "the model's arguments are not a complete JSON object; the tool was not run",
            "",
            ErrorKind.TOOL,
            "bad_arguments",
        )
        self._change(self._id(position), status=CallStatus.ERROR, arguments=None, error=error)
        self._tell_model(
            position,
            "The tool was not run: its arguments are not a complete JSON object (invalid, or cut off). "
            f"You wrote: {quoted}\nSend the call again with one complete JSON object.",
            is_error=True,
        )

    def _declined(self, position: int, tool: ToolInfo, *, asked: bool) -> None:
        if asked:
            error = ErrorInfo("Declined", "the person declined this call", "", ErrorKind.TOOL, "denied")
            text = "The person declined this call; it was not run. Do not repeat it: go on without it, or ask them."
        else:
            policy = self._context.spec().approval
            error = ErrorInfo("Denied", f"policy {policy} does not allow it", "", ErrorKind.TOOL, "denied")
            text = (
                f"The call was denied and not run: the approval policy ({policy}) does not allow "
                f"{tool.server}.{tool.name}. Do not repeat it: go on without it."
            )
        self._change(self._id(position), status=CallStatus.DENIED, error=error)
        self._tell_model(position, text, is_error=True)

    # --- records

    def _id(self, position: int) -> str:
        """Providers repeat their ids from step to step; this one is unique within the column."""
        return f"t{self._turn.number}s{self._turn.step}c{position + 1}"

    def _record_of(self, position: int, name: str) -> str:
        id_ = self._id(position)
        if id_ not in self._turn.calls:
            server, tool = self._route(name)
            record = CallRecord(id_, self._turn.step, server, tool, None, "", CallStatus.STREAMING)
            self._turn.calls[id_] = record
            self._announce(id_)
        return id_

    def _route(self, name: str) -> tuple[str, str]:
        tool = self._turn.offered.get(name)
        return (tool.server, tool.name) if tool is not None else ("", name)

    def _change(self, id_: str, **changes: object) -> None:
        before = self._turn.calls[id_]
        # The names of the changes are fields of CallRecord; every caller stands in this module.
        self._turn.calls[id_] = replace(before, **changes)  # pyright: ignore[reportArgumentType] # see above
        self._announce(id_)

    def _announce(self, id_: str) -> None:
        self._outbox.call(id_, lambda: self._newest(id_))

    def _newest(self, id_: str) -> CallRecord:
        pieces = self._fragments.get(id_)
        if pieces is not None:
            self._turn.calls[id_] = replace(self._turn.calls[id_], arguments_raw=pieces.text)
        return self._turn.calls[id_]

    def _since_start(self, id_: str) -> float | None:
        started = self._turn.calls[id_].started_at
        return None if started is None else (self._context.clock() - started) * 1000

    def _count_question(self, change: int) -> None:
        before, self._questions = self._questions, self._questions + change
        if bool(before) is not bool(self._questions):
            self._asking(bool(self._questions))

    def _tell_model(self, position: int, text: str, *, is_error: bool) -> None:
        self._answer(position, (TextBlock(encodable(text)),), is_error=is_error)

    def _answer(self, position: int, blocks: tuple[Content, ...], *, is_error: bool) -> None:
        call = self._turn.open_calls[position]
        self._turn.results[position] = ToolResultBlock(call.id, call.name, blocks, is_error)
