"""A sampling request: what the model is asked, and the answer as it will go back."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static, TextArea

from mcp_tui.core.figures import elapsed_text, money_text, tokens_text
from mcp_tui.core.server_requests import ServerRequest
from mcp_tui.core.text import marked_line
from mcp_tui.core.types import JsonObject
from mcp_tui.ui import safe
from mcp_tui.ui.requests.drafts import SamplingDraft
from mcp_tui.ui.requests.text import conversation, tool_use_lines, wishes
from mcp_tui.ui.status import INK, MUTED, Tone
from mcp_tui.ui.widgets.prose_editor import ProseEditor
from mcp_tui.ui.widgets.reading import Reading

EMPTY = "g asks the model, w writes by hand, k takes an earlier answer"


class SamplingPane(Vertical):
    class Edited(Message):
        """The person changed the answer."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._request: ServerRequest | None = None
        self._draft: SamplingDraft | None = None
        self._shown: JsonObject = {}
        self._model = Static(classes="model")
        self._asked = Static(classes="asked")
        self._prompt = Reading(self._asked, classes="prompt")
        self._status = Static(classes="state")
        self.editor = ProseEditor()
        self._calls = Static(classes="calls")
        self._note = Static(classes="note")

    def compose(self) -> ComposeResult:
        yield self._model
        yield self._prompt
        yield self._status
        yield self.editor
        yield self._calls
        yield self._note

    def show(self, request: ServerRequest, draft: SamplingDraft) -> None:
        fresh = self._request is None or self._request.id != request.id
        self._request, self._draft = request, draft
        wanted = marked_line(" · ".join(wishes(draft.params)))
        model = marked_line(str(draft.model)) if draft.model is not None else "none can be used: m chooses one"
        aside = f"   wants {wanted}" if wanted else ""
        self._model.update(Content.assemble(("model ", MUTED), (model, "$text-accent bold"), (aside, MUTED)))
        if fresh or draft.params != self._shown:
            self._shown = draft.params
            self._asked.update(conversation(draft.params))
            self._prompt.scroll_home(animate=False)
        self.update_answer()

    def update_answer(self) -> None:
        """The newest of the draft: while a model writes, the end of it."""
        draft = self._draft
        if draft is None:
            return
        self.editor.read_only = draft.state == "asking"
        if self.editor.text != draft.text:
            self.editor.load(draft.text, at_end=draft.state == "asking")
        words, tone = self._state(draft)
        self._status.update(Content.styled(words, INK[tone]))
        calls = tool_use_lines(draft.result)
        self._calls.update(safe.marked("\n".join(calls)))
        self._calls.display = bool(calls)
        notes = [*(draft.answer.notes if draft.answer is not None else ())]
        if draft.error is not None:
            notes.insert(0, draft.error.line())
        self._note.update(safe.marked("\n".join(f"! {marked_line(note)}" for note in notes)))
        self._note.display = bool(notes)
        self.set_class(draft.error is not None, "-bad")

    def _state(self, draft: SamplingDraft) -> tuple[str, Tone]:
        if draft.state == "asking":
            return (
                f"● {marked_line(draft.by)} writes, {elapsed_text(self._clock() - draft.began_at)} · esc stops it",
                "wait",
            )
        if draft.state == "empty":
            return f"answer: {EMPTY}", "muted"
        words = f"answer of {marked_line(draft.by)}" if draft.result is not None else "answer by hand"
        if draft.answer is not None:
            figures = draft.answer.figures
            if figures.usage is not None and figures.usage.output_tokens is not None:
                words += f" · {tokens_text(figures.usage.output_tokens, estimate=figures.usage_is_estimate)} tokens"
            if figures.cost_usd is not None:
                words += f" · {money_text(figures.cost_usd, estimate=figures.cost_is_estimate)}"
            if draft.changed_by_person:
                words += " · changed by you"
        return f"{words} · F9 sends it as it stands", "good"

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        draft = self._draft
        if draft is None or draft.state == "asking" or self.editor.text == draft.text:
            return
        draft.text = self.editor.text
        draft.state = "written" if draft.text or draft.result is not None else "empty"
        self.update_answer()
        self.post_message(self.Edited())
