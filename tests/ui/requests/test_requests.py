"""Requests from servers in the dashboard: the header, the bar, the dialog; what goes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.widgets import Input, OptionList, TextArea

from mcp_tui.core.errors import AppError
from mcp_tui.core.server_requests import Fate, Reply, ServerRequest
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.registry import ModelRef
from mcp_tui.ui.requests.edit import CannedScreen, SamplingAnswerScreen, SamplingPromptScreen
from mcp_tui.ui.requests.screen import RequestsScreen
from mcp_tui.ui.requests.text import address_warnings, who_called
from tests.ui.doubles import stage
from tests.ui.requests.doubles import FORM, PAGE, SAMPLE, AskedEngine, Asking


@asynccontextmanager
async def asking(size: tuple[int, int] = (120, 35)) -> AsyncGenerator[Asking]:
    async with stage(AskedEngine(), size=size) as s:
        yield Asking(s)


# ---------------------------------------------------------------------- noticing


async def test_a_request_is_counted_and_named_and_takes_neither_focus_nor_keys() -> None:
    async with asking() as a:
        editor = a.s.screen.prompt_pane.editor
        editor.focus()
        await a.s.type("why ")
        await a.ask(FORM)
        assert "1 request waiting (^g)" in a.s.shown()
        assert "shop asks you to fill in a form: Who shall be told when the order leaves?" in a.s.shown()
        await a.s.type("now?")
        assert editor.has_focus
        assert a.s.screen.prompt_pane.text == "why now?"
        await a.ask(SAMPLE, server="fs")
        assert "2 requests waiting" in a.s.shown()
        assert "and 1 more" in a.s.shown()
        a.desk.decline("q1")
        a.desk.decline("q2")
        await a.settle()
        assert "waiting" not in a.s.shown()
        assert "asks" not in a.s.shown()


async def test_hostile_texts_are_shown_without_what_they_would_do() -> None:
    async with asking() as a:
        await a.ask({**FORM, "message": "a[/x]b\x1b]0;owned\x07\u202e"}, server="s\x1b[2Jx")
        assert "s⟨U+001B⟩[2Jx asks you to fill in a form: a[/x]b⟨U+001B⟩]0;owned⟨U+0007 U+202E⟩" in a.s.shown()
        screen = await a.open()
        assert "a[/x]b" in a.s.shown()
        assert screen.list.waiting is not None


@pytest.mark.parametrize("mode", ["f2", "f3"])
async def test_the_requests_open_from_other_modes(mode: str) -> None:
    async with asking() as a:
        await a.s.press(mode)
        await a.ask(FORM)
        await a.until(lambda: "shop asks you to fill in a form" in a.s.shown())
        await a.open()
        await a.s.press("escape")
        assert not isinstance(a.s.top, RequestsScreen)
        assert a.desk.pending() != ()


async def test_the_palette_opens_them() -> None:
    async with asking() as a:
        await a.ask(FORM)
        await a.s.press("ctrl+p")
        await a.until(lambda: isinstance(a.s.top, CommandPalette))
        await a.s.type("answer what servers")
        results = a.s.top.query_one(OptionList)
        await a.until(lambda: results.option_count > 0)
        await a.s.press("enter")
        await a.until(lambda: isinstance(a.s.top, RequestsScreen))


async def test_one_click_chooses_a_request_and_a_second_goes_to_its_answer() -> None:
    async with asking() as a:
        await a.ask(PAGE)
        await a.ask(PAGE)
        screen = await a.open()
        for row, answering in ((2, False), (1, False), (1, True)):
            await a.s.pilot.click(screen.list, offset=(3, row))
            await a.settle()
            assert screen.list.waiting is not None and screen.list.waiting.id == f"q{row}"
            assert screen.list.has_focus is not answering


# ---------------------------------------------------------------------- forms


@pytest.mark.parametrize("size", [(160, 45), (80, 24)])
async def test_a_form_is_filled_in_and_sent(size: tuple[int, int]) -> None:
    async with asking(size) as a:
        await a.ask(FORM)
        screen = await a.open()
        assert "during tools/call send_order" in a.s.shown()
        await a.press("enter")
        await a.s.type("Ann")
        await a.press("f9")
        reply = await a.reply("q1")
        assert reply == Reply("accept", {"name": "Ann", "copies": 1, "gift": False})
        await a.settle()
        assert screen.list.settled is not None
        assert "answered, by hand" in a.s.shown()
        assert '"name": "Ann"' in a.s.shown()


async def test_a_form_that_is_not_valid_is_not_sent() -> None:
    async with asking() as a:
        await a.ask(FORM)
        screen = await a.open()
        await a.press("f9")
        await a.until(lambda: "name is missing" in a.s.shown())
        assert isinstance(screen.focused, Input)
        await a.s.type("Ann")
        await a.press("tab")
        await a.s.type("nobody")
        await a.press("f9")
        await a.until(lambda: "email" in str(screen.form.notice.render()))
        assert a.desk.pending() != ()


async def test_a_form_can_be_written_as_json() -> None:
    async with asking() as a:
        await a.ask(FORM)
        screen = await a.open()
        await a.press("f8")
        screen.form.editor.text = '{"name": "Bo", "copies": 2'
        await a.settle()
        await a.press("f9")
        await a.until(lambda: "The JSON text has an error" in a.s.shown())
        screen.form.editor.text = '{"name": "Bo", "copies": 2}'
        await a.settle()
        await a.press("f9")
        assert (await a.reply("q1")).content == {"name": "Bo", "copies": 2}


@pytest.mark.parametrize(("key", "action"), [("d", "decline"), ("x", "cancel")])
async def test_a_form_is_declined_or_put_away(key: str, action: str) -> None:
    async with asking() as a:
        await a.ask(FORM)
        await a.open()
        await a.press(key)
        assert await a.reply("q1") == Reply(action)  # pyright: ignore[reportArgumentType]  the two words


async def test_a_request_that_comes_after_the_dialog_was_closed_is_noticed_and_opens() -> None:
    async with asking() as a:
        await a.ask(FORM)
        await a.open()
        await a.press("d")
        await a.reply("q1")
        await a.s.press("escape")
        await a.until(lambda: not isinstance(a.s.top, RequestsScreen))
        await a.ask(FORM)
        await a.settle()
        assert "1 request waiting" in a.s.shown()
        await a.open()
        await a.press("d")
        assert await a.reply("q2") == Reply("decline")


async def test_letters_typed_into_a_form_do_not_decline_it() -> None:
    async with asking() as a:
        await a.ask(FORM)
        await a.open()
        await a.press("enter")
        await a.s.type("dxogm")
        assert a.desk.pending() != ()
        await a.s.press("escape")
        await a.s.press("escape")
        assert not isinstance(a.s.top, RequestsScreen)
        await a.open()
        assert "dxogm" in a.s.shown()


async def test_a_key_meant_for_one_request_does_not_answer_the_next() -> None:
    async with asking() as a:
        await a.ask(FORM)
        await a.ask(FORM)
        await a.open()
        a.s.clock.now += 1
        await a.s.press("d", "d")
        assert len(a.desk.pending()) == 1
        await a.press("d")
        assert a.desk.pending() == ()


async def test_a_request_that_is_taken_back_while_it_is_answered_says_so() -> None:
    async with asking() as a:
        await a.ask(FORM)
        screen = await a.open()
        await a.press("enter")
        await a.s.type("An")
        a.replies["q1"].cancel()
        await a.settle()
        assert screen.list.has_focus
        assert "taken back: its call ended" in a.s.shown()
        await a.s.type("n")
        assert a.desk.settled()[0].fate is Fate.WITHDRAWN


async def test_fifty_requests_are_walked_through() -> None:
    async with asking((80, 24)) as a:
        for number in range(50):
            await a.ask({**FORM, "message": f"Question {number}"}, server=f"s{number}")
        assert "50 requests waiting" in a.s.shown()
        screen = await a.open()
        await a.press("end")
        assert "Question 49" in a.s.shown()
        await a.press("d")
        assert len(a.desk.pending()) == 49
        await a.press("home")
        assert screen.list.waiting is not None
        assert screen.list.waiting.server == "s0"


# ---------------------------------------------------------------------- web pages


async def test_an_address_is_shown_whole_with_what_may_deceive_and_opens_nothing_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = _browser(monkeypatch)
    async with asking() as a:
        await a.ask(PAGE)
        await a.open()
        assert str(PAGE["url"]) in a.s.shown()
        assert "host  pay.xn--exmple-cua.com" in a.s.shown()
        assert "reads pay.exämple.com in a browser" in a.s.shown()
        assert "is a user name" in a.s.shown()
        await a.press("enter", "enter")
        assert opened == []
        await a.press("escape", "c")
        assert a.s.app.clipboard == PAGE["url"]
        assert a.desk.pending() != ()


def _browser(monkeypatch: pytest.MonkeyPatch, *, works: bool = True) -> list[str]:
    opened: list[str] = []

    async def open_(self: object, url: str) -> None:
        opened.append(url)

    async def started(self: object) -> bool:
        return works

    monkeypatch.setattr("mcp_tui.sessions.authorisation.browser.Browser.open", open_)
    monkeypatch.setattr("mcp_tui.sessions.authorisation.browser.Browser.opened", started)
    return opened


async def test_opening_tells_a_server_of_the_older_era_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = _browser(monkeypatch)
    async with asking() as a:
        await a.ask(PAGE)
        await a.open()
        await a.press("o")
        assert await a.reply("q1") == Reply("accept")
        assert opened == [PAGE["url"]]
        await a.settle()
        assert "not done there yet" in a.s.shown()
        a.desk.completed("shop", "e1")
        await a.settle()
        assert "done there" in a.s.shown()
        assert "not done there yet" not in a.s.shown()


async def test_opening_for_a_server_that_waits_for_the_end_is_followed_by_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _browser(monkeypatch)
    async with asking() as a:
        await a.ask(PAGE, waits_for_finish=True, required=True)
        await a.open()
        await a.press("o")
        await a.until(lambda: "Opened in your browser" in a.s.shown())
        assert a.desk.pending() != ()
        await a.press("f9")
        assert await a.reply("q1") == Reply("accept")


async def test_a_browser_that_does_not_start_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _browser(monkeypatch, works=False)
    async with asking() as a:
        await a.ask(PAGE)
        await a.open()
        await a.press("o")
        await a.until(lambda: "no browser could be started" in a.s.shown())
        assert a.desk.pending() != ()


async def test_what_is_no_web_address_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = _browser(monkeypatch)
    async with asking() as a:
        await a.ask({**PAGE, "url": "file:///etc/passwd"})
        await a.open()
        assert "this is no web address" in a.s.shown()
        await a.press("o")
        assert opened == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://www.example.com/", []),
        ("http://example.com/", ["not encrypted"]),
        ("https://еxample.com/", ["not ASCII", "a browser asks for xn--xample-2of.com"]),
        ("https://127.0.0.1:8080/x", ["this machine"]),
        ("https://192.0.2.7/", ["bare IP address"]),
        ("https://exa\u200bmple.com/", ["1 hidden character: it is not opened"]),
        ("https://[bad/", ["cannot be read"]),
        ("javascript:alert(1)", ["no web address"]),
    ],
)
def test_what_may_deceive_is_said(url: str, said: list[str]) -> None:
    found = address_warnings(url)
    assert bool(found) is bool(said)
    assert all(any(part in warning for warning in found) for part in said)


# ---------------------------------------------------------------------- sampling


async def test_a_model_answers_and_nothing_goes_back_before_the_person_says_so() -> None:
    async with asking() as a:
        await a.ask(SAMPLE)
        await a.open()
        for part in ("What is in order 17?", "Answer in one sentence.", "like mini", "at most 200 tokens"):
            assert part in a.s.shown()
        assert "openai/gpt-mini" in a.s.shown(), "the hint names it"
        assert a.engine.sampler.asked == [], "not asked before the person says so"
        await a.press("g")
        await a.until(lambda: "Two lamps and a bell." in a.s.shown())
        assert "7 tokens" in a.s.shown()
        assert "~$0.0012" in a.s.shown()
        assert a.desk.pending() != ()
        await a.press("f9")
        reply = await a.reply("q1")
        assert reply.content == {
            "role": "assistant",
            "content": {"type": "text", "text": "Two lamps and a bell."},
            "model": "gpt-mini",
            "stopReason": "endTurn",
        }
        assert a.engine.sampler.asked == [("q1", ModelRef("openai", "gpt-mini"), SAMPLE)]


async def test_the_answer_of_a_model_is_changed_before_it_goes_back() -> None:
    async with asking() as a:
        await a.ask(SAMPLE)
        screen = await a.open()
        await a.press("g")
        await a.until(lambda: "F9 sends it" in a.s.shown())
        await a.press("enter")
        screen.sampling.editor.move_cursor(screen.sampling.editor.document.end)
        await a.s.type(" More")
        assert "changed by you" in a.s.shown()
        await a.press("f9")
        content: Any = (await a.reply("q1")).content
        assert content["content"]["text"] == "Two lamps and a bell. More"


async def test_an_answer_is_written_by_hand() -> None:
    async with asking() as a:
        await a.ask(SAMPLE)
        await a.open()
        await a.press("f9")
        assert "There is no answer yet" in a.s.shown()
        await a.press("w")
        await a.s.type("One lamp")
        await a.press("f9")
        content: Any = (await a.reply("q1")).content
        assert (content["content"]["text"], content["model"]) == ("One lamp", "human")
        await a.ask(SAMPLE)
        await a.press("k")
        assert isinstance(a.s.top, CannedScreen)
        await a.press("enter")
        await a.press("f9")
        again: Any = (await a.reply("q2")).content
        assert again["content"]["text"] == "One lamp", "what was sent before can be sent again"


async def test_a_model_that_writes_is_stopped_by_escape_and_the_request_waits_on() -> None:
    async with asking() as a:
        a.engine.sampler.gate = asyncio.Event()
        await a.ask(SAMPLE)
        await a.open()
        await a.press("g")
        await a.until(lambda: "Two lamps and a bell." in a.s.shown())
        await a.press("f9")
        assert "The model still writes" in a.s.shown()
        await a.press("escape")
        await a.until(lambda: a.engine.sampler.cancelled)
        await a.s.settle()
        assert isinstance(a.s.top, RequestsScreen)
        assert "Stopped: the answer is not whole" in a.s.shown()
        assert a.desk.pending() != ()


async def test_a_model_writes_on_while_the_dialog_is_closed() -> None:
    async with asking() as a:
        a.engine.sampler.gate = asyncio.Event()
        await a.ask(SAMPLE)
        screen = await a.open()
        await a.press("g")
        screen.dismiss(None)
        await a.s.settle()
        a.engine.sampler.gate.set()
        await a.s.work_done()
        await a.open()
        assert "Two lamps and a bell." in a.s.shown()
        assert "F9 sends it" in a.s.shown()


async def test_a_model_writes_no_more_for_a_request_that_is_gone() -> None:
    async with asking() as a:
        a.engine.sampler.gate = asyncio.Event()
        await a.ask(SAMPLE)
        await a.open()
        await a.press("g")
        a.replies["q1"].cancel()
        await a.until(lambda: a.engine.sampler.cancelled)


async def test_why_a_model_gave_no_answer_is_said() -> None:
    async with asking() as a:
        a.engine.sampler.error = AppError("Spend limit per day reached", "of $1", "raise usd_per_day")
        await a.ask(SAMPLE)
        await a.open()
        await a.press("g")
        await a.until(lambda: "Spend limit per day reached" in a.s.shown())
        await a.press("d")
        assert await a.reply("q1") == Reply("decline")


async def test_another_model_and_another_prompt_can_be_taken() -> None:
    async with asking() as a:
        await a.ask(SAMPLE)
        await a.open()
        await a.press("m")
        await a.s.type("gpt-large")
        await a.s.press("enter")
        await a.until(lambda: "openai/gpt-large" in a.s.shown())
        await a.press("p")
        editor: Any = a.s.top
        assert isinstance(editor, SamplingPromptScreen)
        editor.query_one(TextArea).text = '{"messages": [], "maxTokens": 5}'
        await a.s.settle()
        await a.press("ctrl+s")
        await a.until(lambda: "at most 5 tokens" in a.s.shown())
        await a.press("g")
        await a.s.work_done()
        assert a.engine.sampler.asked == [("q1", ModelRef("openai", "gpt-large"), {"messages": [], "maxTokens": 5})]


async def test_the_calls_of_a_model_go_back_with_its_words() -> None:
    use: JsonObject = {"type": "tool_use", "id": "c1", "name": "look", "input": {"id": 17}}
    async with asking() as a:
        a.engine.sampler.answer = {
            "role": "assistant",
            "content": [{"type": "text", "text": "I look."}, use],
            "model": "gpt-mini",
            "stopReason": "toolUse",
        }
        await a.ask({**SAMPLE, "tools": [{"name": "look", "inputSchema": {"type": "object"}}]})
        await a.open()
        assert "its tools look (auto)" in a.s.shown()
        await a.press("g")
        await a.until(lambda: 'calls look {"id": 17}' in a.s.shown())
        await a.press("f9")
        content: Any = (await a.reply("q1")).content
        assert content == a.engine.sampler.answer


async def test_the_whole_answer_is_edited_as_json_and_judged() -> None:
    async with asking() as a:
        await a.ask(SAMPLE)
        await a.open()
        await a.press("e")
        dialog: Any = a.s.top
        assert isinstance(dialog, SamplingAnswerScreen)
        text = dialog.query_one(TextArea)
        text.text = '{"role": "assistant", "content": {"type": "video"}, "model": "m"}'
        await a.s.settle()
        assert "cannot be sent here" in a.s.shown()
        await a.press("ctrl+s")
        assert isinstance(a.s.top, SamplingAnswerScreen)
        image = {"type": "image", "data": "AA==", "mimeType": "image/png"}
        text.text = json.dumps({"role": "assistant", "content": image, "model": "m"})
        await a.s.settle()
        await a.press("ctrl+s")
        await a.press("f9")
        content: Any = (await a.reply("q1")).content
        assert content["content"]["type"] == "image"


# ---------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"cause": ""}, "not during a call"),
        ({"cause": "tools/call a", "origin": "workbench"}, "tools/call a, from the Workbench"),
        ({"cause": "tools/call a", "origin": "run r1 column c2 call t1"}, "tools/call a, called by model two"),
        ({"cause": "tools/call a", "origin": "run r1 column c9 call t1"}, "tools/call a, called by column c9"),
        ({"cause": "tools/call a", "round": 3}, "tools/call a, round 3"),
        ({"cause": "prompts/get b or tools/call a"}, "prompts/get b or tools/call a"),
    ],
)
def test_who_caused_a_request_is_said(more: dict[str, Any], said: str) -> None:
    from mcp_tui.core.server_requests import RequestKind

    request = ServerRequest("1", "shop", RequestKind.FORM, FORM, **more)
    assert who_called(request, lambda column: {"c2": "model two"}.get(column, "")) == said
