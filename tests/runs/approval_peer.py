"""A second dashboard, without a screen: an engine that does with the tool `demo.t` what each line of stdin says."""

from __future__ import annotations

import asyncio
import sys

from mcp_tui.config.schema import Config
from mcp_tui.core.state import ApprovalPolicy, Decision
from mcp_tui.runs.approval import Applicant
from mcp_tui.runs.engine import Engine, EngineOptions
from tests.builders import tool

TOOL = tool("t", "demo", digest="d1")


async def call(engine: Engine, decision: Decision = Decision.ONCE) -> str:
    """Whether a call asked; then this is the answer."""
    desk = engine.approvals
    working = asyncio.create_task(desk.request(ApprovalPolicy.ASK, TOOL, {}, Applicant("r", "c", "a/m")))

    def answer() -> None:
        for question in desk.pending():
            desk.answer(question.id, decision)

    undo = desk.subscribe(answer)
    try:
        async with asyncio.timeout(30):
            outcome = await working
    finally:
        undo()
    await desk.saved()
    return "asked" if outcome.asked else "ran"


def new_engine() -> Engine:
    return Engine(Config(), EngineOptions(demo=True, demo_speed=0), environ={})


async def main() -> None:
    async with new_engine() as engine:
        print("ready", flush=True)
        while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
            if word == "forget":
                engine.approvals.forget(TOOL.server, TOOL.name)
                await engine.approvals.saved()
                print("forgotten", flush=True)
            else:
                print(await call(engine, Decision(word)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
