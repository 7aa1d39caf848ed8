"""Who answers what servers ask of a command: `--elicit` the questions, `--sampling` a model. Nobody else is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mcp_tui.cli.elicit import responder
from mcp_tui.core.errors import AppError
from mcp_tui.core.figures import money_text
from mcp_tui.core.server_requests import DECLINED, Reply, RequestKind, ServerRequest
from mcp_tui.core.text import marked_line

if TYPE_CHECKING:
    from mcp_tui.providers.registry import ModelRef
    from mcp_tui.runs.engine import Engine
    from mcp_tui.sessions.request_desk import Answering

Sample = Callable[[ServerRequest], Awaitable[Reply]]
"""Asks the model that `--sampling` names; AppError when it gives no answer."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


def answer_options(command: _Command) -> _Command:
    """--elicit and --sampling. Without them servers are not even told that they could ask."""
    elicit = click.option(
        "--elicit",
        metavar="defaults|JSON",
        help="Answer what servers ask meanwhile (elicitation forms): with the form's defaults, or with this JSON. "
        "Without it servers are not offered it, and what they ask all the same is declined, as are web addresses.",
    )
    sampling = click.option(
        "--sampling",
        metavar="MODEL",
        help="Let servers ask a model (sampling): MODEL answers, unseen by you, and you pay for it. Without it "
        "servers are not offered it, and what they ask all the same is declined.",
    )
    return elicit(sampling(command))


class ModelAnswers:
    """Answers by one model of an engine that is entered later; says on stderr what was asked and what it cost."""

    def __init__(self, model: str, notice: Callable[[str], None]) -> None:
        self._model = model
        self._notice = notice
        self._source: tuple[Engine, ModelRef] | None = None

    def begin(self, engine: Engine) -> None:
        """AppError (usage) when there is no such model."""
        self._source = engine, engine.registry.resolve(self._model)

    async def __call__(self, request: ServerRequest) -> Reply:
        if self._source is None:
            raise AppError("Sampling", "the models are not ready yet")
        engine, ref = self._source
        server = marked_line(request.server)
        try:
            answer = await engine.sampler.generate(request, ref)
            if answer.incomplete is not None:
                raise AppError.of(answer.incomplete)
        except AppError as error:
            self._notice(f"{server} asks {ref}: no answer: {marked_line(error.info.line())}")
            raise
        figures = answer.figures
        cost = money_text(figures.cost_usd, estimate=figures.cost_is_estimate)
        self._notice(f"{server} asks {ref}: answered{f', {cost}' if cost else ''}")
        for note in answer.notes:
            self._notice(f"{ref}: {marked_line(note)}")
        return Reply("accept", answer.result)


def answering(elicit: str | None, sample: Sample | None, notice: Callable[[str], None]) -> Answering:
    """AppError (usage) when --elicit makes no sense."""
    from mcp_tui.sessions.request_desk import Answering

    respond = responder(elicit, notice)
    offers: set[RequestKind] = set()
    if elicit is not None:
        offers.add(RequestKind.FORM)
    if sample is not None:
        offers.add(RequestKind.SAMPLING)

    async def ask(request: ServerRequest, ended: Callable[[], str]) -> Reply:
        if request.kind is RequestKind.SAMPLING:
            if sample is not None:
                return await sample(request)
            notice(f"{marked_line(request.server)} asks a model: declined (--sampling MODEL answers it)")
            return DECLINED
        result = respond(request.server, request.params)
        return Reply(result["action"], result.get("content"))

    return Answering(ask, frozenset(offers))
