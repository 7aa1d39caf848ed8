"""The prompt editor: sending, history, completion, mentions, MCP prompts; nothing is ever lost."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.state import Catalog, PromptArgument, ServerStatus
from mcp_tui.ui.compare.mentions import mentions, ranked, resource_candidates, typed_command, typed_mention
from mcp_tui.ui.compare.prompt_form import PromptForm
from mcp_tui.ui.compare.prompt_history import MAX_PROMPTS, PromptHistory
from mcp_tui.ui.terminal import external_editor
from tests.builders import prompt, resource, server
from tests.ui.doubles import Stage, example_servers, stage

LOG = {"contents": [{"uri": "file:///logs/error.log", "text": "boom"}]}


async def test_enter_sends_and_empties_and_ctrl_j_breaks_the_line() -> None:
    async with stage() as s:
        await s.type("one\ntwo")
        assert s.screen.prompt_pane.text == "one\ntwo"
        await s.press("enter")
        assert s.engine.run.sent == [("one\ntwo", (), None)]
        assert s.screen.prompt_pane.text == ""


async def test_blank_prompts_are_not_sent() -> None:
    async with stage() as s:
        await s.type("  ")
        await s.press("enter")
        assert s.engine.runs == []


async def test_a_live_run_keeps_the_text_and_says_so() -> None:
    async with stage(notifications=True) as s:
        run = await s.send("first")
        await s.type("second")
        await s.press("enter")
        assert len(run.sent) == 1
        assert s.screen.prompt_pane.text == "second"
        assert "still answering" in s.shown()
        for column in ("c1", "c2", "c3"):
            run.finish(column, "answer")
        await s.press("enter")
        assert [sent[0] for sent in run.sent] == ["first", "second"]


async def test_before_the_engine_is_there_the_text_waits() -> None:
    async with stage(ready=False) as s:
        await s.type("early")
        await s.press("enter")
        assert s.screen.prompt_pane.text == "early"
        assert "still starting" in s.prompt_note()


async def test_pasted_control_bytes_and_bidi_never_reach_the_editor() -> None:
    from textual import events

    async with stage() as s:
        s.screen.prompt_pane.editor.post_message(events.Paste("a\x1b]52;c;aGk=\x07b\r\nc‮d"))
        await s.settle()
        text = s.screen.prompt_pane.text
        assert "\x1b" not in text and "\x07" not in text and "‮" not in text
        assert "\n" in text and text.startswith("a")


async def test_a_large_paste_arrives_whole() -> None:
    from textual import events

    big = "\n".join(f"line {n}" for n in range(4_000))
    async with stage() as s:
        s.screen.prompt_pane.editor.post_message(events.Paste(big))
        await s.settle()
        assert s.screen.prompt_pane.text == big
        await s.press("enter")
        assert s.engine.run.sent[0][0] == big


# History


async def test_up_and_down_walk_the_history_and_bring_the_draft_back() -> None:
    async with stage() as s:
        for text in ("first", "second"):
            await s.send(text)
            for column in ("c1", "c2", "c3"):
                s.engine.run.finish(column, "ok")
            await s.work_done()
        await s.type("draft")
        pane = s.screen.prompt_pane
        await s.press("up")
        assert pane.text == "second"
        await s.press("up")
        assert pane.text == "first"
        await s.press("up")
        assert pane.text == "first"
        await s.press("down", "down")
        assert pane.text == "draft"


async def test_up_inside_several_lines_moves_the_cursor_first() -> None:
    async with stage() as s:
        await s.send("old")
        await s.work_done()
        await s.type("a\nb")
        await s.press("up")
        assert s.screen.prompt_pane.text == "a\nb"
        await s.press("up")
        assert s.screen.prompt_pane.text == "old"


async def test_history_outlives_the_program_in_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "state" / "prompts.jsonl"
    first = PromptHistory(path)
    assert await first.load() is None
    for text in ("one", "one", "two\nlines \ud800"):
        assert await first.add(text) is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    second = PromptHistory(path)
    assert await second.load() is None
    assert second.prompts == ("one", "two\nlines \ud800")


async def test_damaged_history_lines_are_left_out_and_told(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_bytes(b'{"prompt": "good"}\n\xff\xfe\n{"prompt": 5}\n[]\n{"prompt": "cut')
    history = PromptHistory(path)
    problem = await history.load()
    assert history.prompts == ("good",)
    assert problem is not None and "4 lines" in problem.detail
    assert await history.add("after") is None
    again = PromptHistory(path)
    await again.load()
    assert again.prompts == ("good", "after")


async def test_a_damaged_history_is_a_warning_at_the_prompt(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text("nonsense\n")
    async with stage(history=PromptHistory(path)) as s:
        await s.work_done()
        assert "Prompt history damaged" in s.prompt_note()


async def test_an_unwritable_history_is_told_and_the_prompt_is_sent(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    async with stage(history=PromptHistory(blocked / "prompts.jsonl")) as s:
        await s.send("hello")
        await s.work_done()
        assert s.engine.run.sent[0][0] == "hello"
        assert "Prompt history not" in s.prompt_note()


async def test_history_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"p{n}"}) + "\n" for n in range(2 * MAX_PROMPTS)))
    history = PromptHistory(path)
    await history.load()
    await history.add("newest")
    assert len(history.prompts) == MAX_PROMPTS
    assert len(path.read_text().splitlines()) == MAX_PROMPTS
    assert history.prompts[-1] == "newest"


# Mentions


@pytest.mark.parametrize(
    ("before", "typed"),
    [("@", ""), ("see @fs:lo", "fs:lo"), ("a@b.c", None), ("@done ", None), ("(@x", "x"), ("no", None)],
)
def test_mention_is_typed_after_an_at_that_begins_a_word(before: str, typed: str | None) -> None:
    assert typed_mention(before) == typed


@pytest.mark.parametrize(
    ("text", "before", "typed"),
    [("/su", "/su", "su"), ("/", "/", ""), ("/su x", "/su x", None), ("a/b", "a/b", None), ("/su", "", None)],
)
def test_command_is_a_slash_at_the_very_start(text: str, before: str, typed: str | None) -> None:
    assert typed_command(text, before) == typed


def test_ranking_prefers_beginnings_then_parts_then_letters_in_order() -> None:
    catalog = Catalog(
        resources=(
            resource("s", "x://1", "b-log-old"),
            resource("s", "x://2", "l_o_g"),
            resource("s", "x://3", "log"),
            resource("s", "x://4", "other"),
        )
    )
    found = ranked(resource_candidates([server("s", catalog=catalog)]), "log")
    assert [candidate.insert for candidate in found] == ["@s:log", "@s:b-log-old", "@s:l_o_g"]


def test_names_that_are_not_one_plain_word_are_mentioned_by_uri() -> None:
    catalog = Catalog(
        resources=(
            resource("s", "x://1", "two words"),
            resource("s", "x://2", "same"),
            resource("s", "x://3", "same"),
            resource("s", "x://4", "evil\x1b[2J"),
        )
    )
    found = resource_candidates([server("s", catalog=catalog)])
    assert [candidate.insert for candidate in found] == ["@s:x://1", "@s:x://2", "@s:x://3", "@s:x://4"]


def test_mentions_are_found_in_sentences_and_other_words_are_left_alone() -> None:
    servers = example_servers()
    found = mentions("Mail me@x.y, @alice: see (@fs:logs/error.log), and @db:schema. @db:schema again", servers)
    assert [(mention.server, mention.uri) for mention in found] == [
        ("fs", "file:///logs/error.log"),
        ("db", "db://schema"),
    ]


def test_a_uri_no_list_holds_is_read_as_written() -> None:
    assert mentions("@fs:file:///etc/hosts!", example_servers())[0].uri == "file:///etc/hosts"


def test_unknown_resource_and_lost_server_are_errors_that_help() -> None:
    with pytest.raises(AppError) as unknown:
        mentions("@fs:logs/eror.log", example_servers())
    assert "did you mean logs/error.log?" in unknown.value.info.hint
    lost = (server("fs", ServerStatus.BACKOFF, example_servers()[0].catalog),)
    with pytest.raises(AppError) as gone:
        mentions("@fs:logs/error.log", lost)
    assert "not connected" in gone.value.info.detail


async def test_at_completes_resources_of_all_servers_and_enter_inserts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    async with stage() as s:
        pane = s.screen.prompt_pane
        await s.type("read @")
        assert [c.insert for c in pane.completion.candidates] == [
            "@fs:logs/error.log",
            "@fs:logs/access.log",
            "@fs:README.md",
            "@db:schema",
        ]
        await s.type("sch")
        assert [c.insert for c in pane.completion.candidates] == ["@db:schema"]
        await s.press("enter")
        assert pane.text == "read @db:schema "
        assert not pane.completion.open
        assert s.engine.runs == []


async def test_arrows_choose_tab_inserts_and_escape_only_closes() -> None:
    async with stage() as s:
        pane = s.screen.prompt_pane
        await s.type("@")
        await s.press("down", "tab")
        assert pane.text == "@fs:logs/access.log "
        await s.type("@")
        await s.press("escape")
        assert not pane.completion.open
        assert pane.editor.has_focus
        await s.type("fs")
        assert not pane.completion.open


async def test_mentioned_resources_are_read_and_attached() -> None:
    async with stage() as s:
        s.engine.manager.resources["fs", "file:///logs/error.log"] = LOG
        run = await s.send("Why? @fs:logs/error.log")
        await s.work_done()
        run = s.engine.run
        text, attached, _ = run.sent[0]
        assert text == "Why? @fs:logs/error.log"
        assert [(one.server, one.uri, one.result) for one in attached] == [("fs", "file:///logs/error.log", LOG)]


async def send_blocked(s: Stage, text: str) -> None:
    s.screen.prompt_pane.set_text(text)
    s.screen.prompt_pane.editor.focus()
    await s.press("enter")


async def test_a_resource_that_fails_sends_nothing_and_loses_nothing() -> None:
    async with stage() as s:
        manager = s.engine.manager
        manager.resources["fs", "file:///logs/error.log"] = AppError("Refused", "permission denied", "chmod it")
        manager.resources["db", "db://schema"] = LOG
        await send_blocked(s, "@db:schema @fs:logs/error.log")
        await s.work_done()
        assert s.engine.runs == []
        assert s.screen.prompt_pane.text == "@db:schema @fs:logs/error.log"
        assert "@fs:logs/error.log not read: Refused: permission denied (chmod it)" in s.prompt_note()


async def test_escape_stops_reading_and_keeps_the_text() -> None:
    async with stage() as s:
        s.engine.manager.gate = asyncio.Event()
        s.engine.manager.resources["db", "db://schema"] = LOG
        await send_blocked(s, "@db:schema")
        s.clock.now += 1.2
        assert "reading @db:schema" in s.prompt_note()
        await s.press("escape")
        assert "nothing was sent" in s.prompt_note()
        s.engine.manager.gate.set()
        await s.settle()
        assert s.engine.runs == []
        assert s.screen.prompt_pane.text == "@db:schema"


# MCP prompts


async def test_slash_completes_prompts_and_one_without_arguments_fills_the_editor() -> None:
    async with stage() as s:
        s.engine.manager.prompt_result = {
            "messages": [
                {"role": "user", "content": {"type": "text", "text": "Review \x1b[2Jit."}},
                {"role": "assistant", "content": [{"type": "text", "text": "Sure."}]},
                {"role": "user", "content": {"type": "image", "data": "x"}},
            ]
        }
        pane = s.screen.prompt_pane
        await s.type("/rev")
        assert [c.insert for c in pane.completion.candidates] == ["/db:review"]
        await s.press("enter")
        await s.work_done()
        assert pane.text == "Review it.\n\nAssistant: Sure.\n\n[image]"
        assert s.engine.runs == []


async def test_a_prompt_with_arguments_opens_a_form_with_the_servers_suggestions() -> None:
    async with stage() as s:
        s.engine.manager.prompt_result = {"messages": [{"role": "user", "content": {"type": "text", "text": "Sum"}}]}
        s.engine.manager.completions = ("logs/error.log",)
        await s.type("/summ")
        await s.press("enter")
        assert isinstance(s.top, PromptForm)
        await s.press("enter")
        assert "path is required" in s.shown()
        await s.type("logs")
        await s.press("right")
        await s.press("enter")
        await s.work_done()
        assert s.engine.manager.prompted == [("fs", "summarise", {"path": "logs/error.log"})]
        assert s.screen.prompt_pane.text == "Sum"


async def test_leaving_the_form_keeps_what_was_written() -> None:
    async with stage() as s:
        await s.type("/summ")
        await s.press("enter", "escape")
        assert s.top is s.screen
        assert s.screen.prompt_pane.text == "/summ"


async def test_a_prompt_that_fails_is_told_at_the_prompt() -> None:
    async with stage() as s:
        s.engine.manager.prompt_result = AppError("Timed out", "no answer in 30 s", kind=ErrorKind.UNREACHABLE)
        await s.type("/rev")
        await s.press("enter")
        await s.work_done()
        assert "/db:review failed: Timed out" in s.prompt_note()
        assert s.screen.prompt_pane.text == "/rev"


async def test_slash_text_that_is_no_prompt_is_sent_as_it_is() -> None:
    async with stage() as s:
        run = await s.send("/etc/hosts is broken")
        assert run.sent[0][0] == "/etc/hosts is broken"


async def test_enter_on_a_written_out_prompt_renders_it() -> None:
    catalog = Catalog(prompts=(prompt("s", "hi", PromptArgument("who", "who", "", False)),))
    async with stage(servers=(server("s", catalog=catalog),)) as s:
        await send_blocked(s, "/s:hi")
        assert isinstance(s.top, PromptForm)


# $EDITOR


async def test_the_editor_gets_the_text_and_gives_it_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "ed.sh"
    script.write_text('#!/bin/sh\nprintf "seen: " >> "$1.tmp"; cat "$1" >> "$1.tmp"; mv "$1.tmp" "$1"\n')
    script.chmod(0o755)
    monkeypatch.setenv("EDITOR", f"'{script}'")
    async with stage() as s:
        _terminal_can_be_handed_over(s, monkeypatch)
        await s.type("hello")
        await s.press("ctrl+e")
        await s.work_done()
        assert s.screen.prompt_pane.text == "seen: hello"


@pytest.mark.parametrize("editor", ["/no/such/editor", "false", "unbalanced '"])
async def test_an_editor_that_fails_is_told_and_the_text_stays(editor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", editor)
    async with stage() as s:
        _terminal_can_be_handed_over(s, monkeypatch)
        await s.type("hello")
        await s.press("ctrl+e")
        await s.work_done()
        assert "Editor failed" in s.prompt_note()
        assert s.screen.prompt_pane.text == "hello"


def _terminal_can_be_handed_over(s: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The headless driver has no terminal to give away."""
    from contextlib import nullcontext

    monkeypatch.setattr(s.app, "suspend", nullcontext)


def test_visual_comes_before_editor() -> None:
    assert external_editor.command({"EDITOR": "nano", "VISUAL": "code -w"}) == ["code", "-w"]
    assert external_editor.command({}) == ["vi"]


# What a send would use


async def test_the_border_says_models_tools_and_tokens() -> None:
    async with stage() as s:
        await s.type("x" * 10)
        assert str(s.screen.prompt_pane.border_subtitle) == "3 models · 12 tools · ~1.5k in"
