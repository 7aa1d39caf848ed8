"""What a person has begun to answer: kept while the request waits, also when its dialog is closed."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mcp_tui.core.argument_document import starting_arguments
from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.core.form_fields import SchemaReader
from mcp_tui.core.form_rows import FormModel
from mcp_tui.core.json_values import is_list, is_object
from mcp_tui.core.server_requests import RequestKind, ServerRequest
from mcp_tui.core.state import ToolHints, ToolInfo
from mcp_tui.core.text import StreamCleaner, clean
from mcp_tui.core.types import JsonObject
from mcp_tui.ui.forms.open_item import ItemKey, OpenItem
from mcp_tui.ui.requests.text import answer_text

if TYPE_CHECKING:
    from mcp_tui.providers.registry import ModelRef
    from mcp_tui.runs.engine import Engine
    from mcp_tui.runs.sampling import SamplingAnswer

BY_HAND = "human"
"""What `model` says of an answer that a person wrote."""
MAX_CANNED = 20


class Cancellable(Protocol):
    def cancel(self) -> object: ...


Spawn = Callable[[Coroutine[Any, Any, None]], Cancellable]


@dataclass(slots=True, eq=False)
class SamplingDraft:
    params: JsonObject
    """What a model is asked; the person may change it."""
    model: ModelRef | None
    text: str = ""
    """The answer so far, as it is shown and as it will be sent."""
    answer: SamplingAnswer | None = None
    result: JsonObject | None = None
    """The whole answer where it is more than words: of a model, or edited as JSON."""
    state: Literal["empty", "asking", "written"] = "empty"
    error: ErrorInfo | None = None
    began_at: float = 0.0
    by: str = "by hand"
    task: Cancellable | None = field(default=None, repr=False)

    @property
    def changed_by_person(self) -> bool:
        return self.result is not None and clean(answer_text(self.result)) != self.text

    def whole(self) -> JsonObject:
        """The CreateMessageResult to send: what stands there now, with the tool calls of the model."""
        if self.result is None:
            content = {"type": "text", "text": self.text}
            return {"role": "assistant", "content": content, "model": BY_HAND, "stopReason": "endTurn"}
        result = copy.deepcopy(self.result)
        content = result.get("content")
        if is_list(content):
            rest = [block for block in content if block.get("type") != "text"]
            words: list[JsonObject] = [{"type": "text", "text": self.text}] if self.text or not rest else []
            result["content"] = [*words, *rest]
        elif is_object(content) and content.get("type") == "text":
            result["content"] = {"type": "text", "text": self.text}
        if self.changed_by_person and result.get("stopReason") != "toolUse":
            result["stopReason"] = "endTurn"
        return result


class RequestDrafts:
    """By request id. `changed` is called after a model wrote more, or ended."""

    def __init__(self, engine: Engine, spawn: Spawn, *, clock: Callable[[], float] = time.monotonic) -> None:
        """spawn: runs work that outlives the dialog, and ends it with the program."""
        self._engine = engine
        self._spawn = spawn
        self._clock = clock
        self._forms: dict[str, OpenItem] = {}
        self._samplings: dict[str, SamplingDraft] = {}
        self._last_model: ModelRef | None = None
        self.opened: set[str] = set()
        """Addresses that were handed to a browser."""
        self.canned: list[str] = []
        """Answers given before, newest first."""
        self.changed: Callable[[], None] = lambda: None

    def form(self, request: ServerRequest) -> OpenItem:
        item = self._forms.get(request.id)
        if item is None:
            schema = request.schema
            definition = ToolInfo(
                request.server, RequestKind.FORM.value, "", "", schema, None, ToolHints(), {}, request.id, 0
            )
            reader = SchemaReader(schema)
            model = FormModel(reader, starting_arguments(reader))
            item = OpenItem(ItemKey(request.server, "tool", request.id), definition, model)
            self._forms[request.id] = item
        return item

    def sampling(self, request: ServerRequest) -> SamplingDraft:
        draft = self._samplings.get(request.id)
        if draft is None:
            draft = SamplingDraft(copy.deepcopy(request.params), self._preselected(request.params))
            self._samplings[request.id] = draft
        return draft

    def models(self) -> list[ModelRef]:
        """What can be asked: the columns' models first."""
        from mcp_tui.providers.registry import ModelRef

        try:
            known = [column.ref for column in self._engine.default_columns()]
        except AppError:
            known = []
        for provider in self._engine.registry.providers():
            if provider.available:
                known += [ModelRef(provider.name, model) for model in provider.models]
        return list(dict.fromkeys(known))

    def _preselected(self, params: JsonObject) -> ModelRef | None:
        from mcp_tui.runs.sampling_messages import preferred

        known = self.models()
        return preferred(params, known) or self._last_model or next(iter(known), None)

    def keep_only(self, waiting: tuple[ServerRequest, ...]) -> None:
        """Requests that are gone take their drafts with them; a model that writes for nobody is stopped."""
        ids = {request.id for request in waiting}
        for request_id in [key for key in self._samplings if key not in ids]:
            self._stop(self._samplings.pop(request_id))
        for request_id in [key for key in self._forms if key not in ids]:
            del self._forms[request_id]
        self.opened &= ids

    # ------------------------------------------------------------------ models

    def generate(self, request: ServerRequest) -> None:
        """Ask the draft's model; what stands there is replaced as it writes."""
        draft = self.sampling(request)
        if draft.model is None or draft.state == "asking":
            return
        self._last_model = draft.model
        draft.state, draft.text, draft.error, draft.result, draft.answer = "asking", "", None, None, None
        draft.began_at = self._clock()
        draft.by = str(draft.model)
        draft.task = self._spawn(self._write(request, draft, draft.model))

    async def _write(self, request: ServerRequest, draft: SamplingDraft, model: ModelRef) -> None:
        cleaner = StreamCleaner()

        def more(text: str) -> None:
            draft.text += cleaner.feed(text)
            self.changed()

        try:
            answer = await self._engine.sampler.generate(request, model, params=draft.params, on_text=more)
        except AppError as error:
            draft.error = error.info
            draft.state = "written" if draft.text else "empty"
        except asyncio.CancelledError:
            draft.state = "written" if draft.text else "empty"
            draft.error = ErrorInfo("Stopped", "the answer is not whole" if draft.text else "")
            raise
        else:
            draft.answer, draft.result, draft.error = answer, answer.result, answer.incomplete
            draft.text = clean(answer_text(answer.result))
            draft.state = "written"
        finally:
            draft.task = None
            self.changed()

    def asking(self, request_id: str) -> bool:
        draft = self._samplings.get(request_id)
        return draft is not None and draft.state == "asking"

    def take_whole(self, request: ServerRequest, result: JsonObject) -> None:
        """An answer that the person edited as a whole."""
        draft = self.sampling(request)
        draft.result, draft.answer, draft.error = result, None, None
        draft.text, draft.state, draft.by = clean(answer_text(result)), "written", "by hand"

    def stop(self, request: ServerRequest) -> bool:
        """False when no model writes for it."""
        draft = self._samplings.get(request.id)
        return draft is not None and self._stop(draft)

    @staticmethod
    def _stop(draft: SamplingDraft) -> bool:
        if draft.task is None:
            return False
        draft.task.cancel()
        return True

    def remember(self, text: str) -> None:
        """An answer that was sent can be sent again."""
        if text.strip():
            self.canned = [text, *(known for known in self.canned if known != text)][:MAX_CANNED]
