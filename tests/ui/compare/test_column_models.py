"""A column's model: its parameters changed while the conversation runs, another model in its place, its limits."""

from __future__ import annotations

import time

from textual.widgets import Input, Static

from mcp_tui.core.chat import ModelParams
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.events import StatusChanged
from mcp_tui.core.state import ColumnStatus, RateLimit, RateLimits
from mcp_tui.providers.registry import ModelRef, ProviderInfo
from mcp_tui.store.model_lists import ModelList
from mcp_tui.ui.compare.model_picker import ModelPicker
from mcp_tui.ui.compare.params import ParamsScreen
from tests.ui.compare.test_compare import focus
from tests.ui.doubles import FakeEngine, Stage, stage


def labels(s: Stage) -> list[str]:
    return [column.label for column in s.screen.columns_area.columns]


async def edit(s: Stage, **values: str) -> ParamsScreen:
    """The dialog of the focused column, with these fields written."""
    await s.press("p")
    assert isinstance(s.top, ParamsScreen)
    for field, text in zip(s.top.query(Input), ("temperature", "max_tokens", "effort", "seed", "stop"), strict=True):
        if text in values:
            field.value = values[text]
    await s.settle()
    return s.top


async def test_parameters_of_a_running_conversation_hold_from_the_next_message() -> None:
    async with stage() as s:
        run = await s.send("go")
        await focus(s, 2)
        await edit(s, temperature="0.2", seed="7", stop="END | \\n")
        await s.press("ctrl+s")
        (changed,) = run.set
        assert (changed.id, changed.params) == ("c2", ModelParams(None, 0.2, None, 7, ("END", "\n")))
        assert labels(s)[1] == "openai/gpt-mini temperature=0.2 seed=7 stop"
        await edit(s, temperature="", seed="", stop="")
        await s.press("ctrl+s")
        assert labels(s)[1] == "openai/gpt-mini"


async def test_the_dialog_shows_what_is_set_already() -> None:
    async with stage() as s:
        await focus(s, 1)
        await edit(s, max_tokens="4096", stop="a b | \\n")
        await s.press("ctrl+s")
        await s.press("p")
        assert [field.value for field in s.top.query(Input)] == ["", "4096", "", "", "a b | \\n"]


async def test_what_the_model_does_not_take_stands_beside_the_field() -> None:
    async with stage() as s:
        s.engine.registry.not_taken = ("seed",)
        await focus(s, 1)
        dialog = await edit(s, temperature="0.5")
        faults = [str(found.render()) for found in dialog.query(Static).filter(".fault")]
        assert faults == ["", "", "", "", ""]
        await s.press("escape")
        dialog = await edit(s, seed="3")
        assert "this model does not take it" in s.shown()
        await s.press("ctrl+s")  # it is no mistake: another model may be chosen for the column
        assert s.screen.columns_area.columns[0].label.endswith("seed=3")


async def test_the_dialog_tells_size_price_tool_cost_and_rate_limits() -> None:
    async with stage() as s:
        await focus(s, 1)
        await s.press("p")
        assert "not known yet" in s.shown()
        assert "~1.2k tokens" in s.shown()
        await s.press("escape")
        run = await s.send("go")
        now = time.time()
        run.limits = RateLimits(now, (RateLimit("requests", 60, 12, now + 500), RateLimit("tokens", None, 4_000)))
        await focus(s, 1)
        await s.press("p")
        assert "requests: 12 of 60 left, all of it again in 8m" in s.shown()
        assert "tokens: 4,000 left" in s.shown()


async def test_another_model_takes_a_column_over() -> None:
    async with stage() as s:
        run = await s.send("go")
        run.finish("c1", "answer")
        await focus(s, 1)
        await s.press("s")
        assert isinstance(s.top, ModelPicker)
        await s.work_done()
        await s.type("large")
        await s.press("enter")
        await s.work_done()
        (changed,) = run.set
        assert (changed.id, changed.ref) == ("c1", ModelRef("openai", "gpt-large"))
        assert labels(s)[0] == "openai/gpt-large"
        assert "answer" in s.shown()  # the conversation stays


async def test_before_the_first_message_the_column_introduces_the_new_model() -> None:
    async with stage() as s:
        await focus(s, 1)
        await s.press("s")
        await s.work_done()
        await s.type("gpt-mini")
        await s.press("enter")
        await s.work_done()
        assert labels(s)[0] == "openai/gpt-mini #2"
        assert "claude-sonnet" not in s.shown()
        assert s.screen.columns_area.columns[0].has_focus_within
        run = await s.send("go")
        assert run.spec.columns[0].ref == ModelRef("openai", "gpt-mini")


async def test_the_picker_shows_sizes_and_prices_and_lists_of_before() -> None:
    async with stage() as s:
        models = s.engine.models
        kept = ModelList("openai", time.time(), (("kept-one", 200_000, 3.0, 15.0), ("gpt-mini", None, None, None)))
        models._lists["openai"] = kept  # pyright: ignore[reportPrivateUsage]  as if read from the disk
        s.engine.registry.offered["openai"] = AppError("Refused", "must not be asked")
        await focus(s, 1)
        await s.press("plus")
        await s.work_done()
        shown = s.shown()
        assert "kept-one" in shown and "200k" in shown and "$3.00 in" in shown and "$15.00 out" in shown
        assert "must not be asked" not in shown  # the list is fresh
        s.engine.registry.offered["openai"] = ("gpt-mini", "brand-new")
        await s.press("ctrl+r")
        await s.work_done()
        assert "brand-new" in s.shown()
        assert models.models("openai")[-1].ref.model == "brand-new"


async def test_a_retry_counts_down_with_the_number_of_the_try() -> None:
    async with stage() as s:
        run = await s.send("go")
        slow = ErrorInfo("groq: rate limit reached", "slow down")
        run.tell(StatusChanged("c1", ColumnStatus.RETRYING, slow, s.clock() + 4.0, 2))
        await s.settle()
        assert "retry in 4s (2)" in s.screen.columns_area.columns[0].state_text()
        assert "retry in 4s (attempt 2): groq" in s.shown()


async def test_the_palette_empties_the_response_cache() -> None:
    async with stage() as s:
        await s.press("ctrl+p")
        await s.type("empty the resp")
        await s.work_done()
        await s.press("enter")
        await s.work_done()
        assert s.engine.emptied == 1


async def test_a_local_model_found_late_takes_its_column() -> None:
    engine = FakeEngine(["ollama/llama3"])
    engine.problem = AppError("No model named for ollama", "not found yet", kind=ErrorKind.USAGE)
    engine.found_late = True
    async with stage(engine) as s:
        await s.work_done()
        assert labels(s) == ["ollama/llama3"]
        assert (await s.send("go")).spec.columns[0].label == "ollama/llama3"


async def test_what_stays_unknown_stays_said() -> None:
    engine = FakeEngine()
    engine.problem = AppError("Unknown model 'x'", "it names no provider", kind=ErrorKind.USAGE)
    async with stage(engine) as s:
        await s.work_done()
        assert "it names no provider" in s.shown()


async def test_asking_again_finds_servers_started_since() -> None:
    async with stage() as s:
        await focus(s, 1)
        await s.press("plus")
        await s.work_done()
        registry = s.engine.registry
        registry.offered["ollama"] = ("llama3",)
        registry.started = (
            ProviderInfo("ollama", "openai-chat", "http://127.0.0.1:11434/v1", "none needed", True, False, ()),
        )
        await s.press("ctrl+r")
        await s.work_done()
        assert "llama3" in s.shown()
