"""The Wire screen: reading, filtering, following, linking, comparing, saving and sending again."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.state import ServerStatus
from mcp_tui.sessions.manager import SessionManager
from mcp_tui.sessions.wirelog.files import LogFiles
from mcp_tui.sessions.wirelog.log import WireLog
from mcp_tui.sessions.wirelog.record import decode_whole, encode
from mcp_tui.ui.compare.diff import DiffScreen
from mcp_tui.ui.forms.json_editor import JsonEditor
from mcp_tui.ui.screens.dialog import ConfirmScreen
from mcp_tui.ui.screens.save import SaveScreen
from mcp_tui.ui.wire.resend import ResendScreen
from mcp_tui.ui.wire.text import detail_rows, indented
from tests.builders import HOSTILE
from tests.sessions.conftest import stdio, until_status
from tests.sessions.servers.peer import tool as peer_tool
from tests.sessions.wirelog.records import call, line, named, records, write
from tests.ui.stage import WIDE, screen_text, until
from tests.ui.wire.doubles import ManagerDouble, WireApp, example


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "wire"


def titles(app: WireApp) -> list[str]:
    rows = [app.wire.feed.row(number) for number in app.wire.list.numbers]
    return [f"{row.head.method} {row.head.name}".strip() for row in rows if row is not None]


def current(app: WireApp) -> tuple[str, str]:
    row = app.wire.list.current
    return (row.head.method, row.head.direction) if row is not None else ("", "")


async def loaded(pilot: Pilot[None], app: WireApp, count: int) -> None:
    await until(pilot, lambda: len(app.wire.list.numbers) == count and app.wire.list.number is not None)


async def test_all_servers_are_shown_in_order_and_the_newest_is_open(folder: Path) -> None:
    example(folder)
    app = WireApp(folder)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 14)
        assert titles(app)[:4] == ["connecting stdio", "initialize", "initialize", "connected 2025-11-25 · files 1.4.0"]
        assert titles(app)[6:8] == ["resources/read weather://oslo", "resources/read weather://oslo"]
        assert current(app)[0] == "reconnect"
        text = screen_text(app)
        assert "Messages  14" in text
        assert "✗ 3 failed · ● live" in text
        assert "12:12:05.002" in text


async def test_hostile_texts_are_cleaned_when_drawn(folder: Path) -> None:
    example(folder)
    write(folder, [line(9000, message={"x": HOSTILE + "\x9b31m"}, http={"status": 200, "headers": {"x": HOSTILE}})])
    app = WireApp(folder)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 15)
        await until(pilot, lambda: app.wire.detail.whole is not None)
        text = screen_text(app)
        assert "a[/x]b⟨U+001B⟩]52;c;ZXZpbA==⟨U+0007" in text
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)
        assert app.wire.detail.whole is not None
        # The log keeps what was there.
        assert json.loads(app.wire.detail.whole.message or "")["x"] == HOSTILE + "\x9b31m"


async def test_the_filter_narrows_as_you_type_and_escape_clears_it(folder: Path) -> None:
    example(folder)
    app = WireApp(folder)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 14)
        await pilot.press("slash", *"error")
        await loaded(pilot, app, 3)
        assert titles(app) == [
            "tools/call read_file",
            "",
            "lost The server ended: fs exited with code 3: out of memory",
        ]
        assert "3 of 14" in screen_text(app)
        await pilot.press(*" server:fs")
        await loaded(pilot, app, 2)
        await pilot.press("escape")
        await loaded(pilot, app, 14)
        assert app.wire.list.has_focus


async def test_nothing_matches_says_that_older_messages_were_not_searched(folder: Path) -> None:
    write(folder, [line(n) for n in range(400)])
    app = WireApp(folder, max_rows=100)
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.wire.feed.loaded and app.wire.list.number is not None)
        assert app.wire.feed.skipped
        await pilot.press("slash", *"id:17")
        await until(pilot, lambda: "nothing matches here" in screen_text(app))
        assert "mcp-tui wire --grep" in screen_text(app)


def test_a_message_that_was_sent_again_names_the_other_by_its_time() -> None:
    whole = decode_whole(line(0, cause="sent again from 1793880725123456"))
    assert whole is not None
    assert any("cause" in row.text and "sent again from 12:12:05.123" in row.text for row in detail_rows(whole, UTC))


async def test_words_are_found_in_messages(folder: Path) -> None:
    example(folder)
    app = WireApp(folder)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 14)
        await pilot.press("slash", *"plan.txt")
        await loaded(pilot, app, 1)
        assert current(app) == ("tools/call", "received")


async def test_request_and_answer_are_a_key_apart(folder: Path) -> None:
    example(folder)
    app = WireApp(folder)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 14)
        app.wire.filter.value = "oslo sent"
        await loaded(pilot, app, 1)
        await pilot.press("l")
        assert current(app) == ("resources/read", "sent"), "its answer is hidden by the filter"
        await pilot.press("escape")
        await loaded(pilot, app, 14)
        assert current(app) == ("resources/read", "sent")
        await pilot.press("l")
        assert current(app) == ("resources/read", "received")
        assert app.wire.list.linked == app.wire.feed.index.linked(app.wire.list.number or 0)
        await pilot.press("l")
        assert current(app) == ("resources/read", "sent")


def wheel() -> events.MouseScrollUp:
    return events.MouseScrollUp(None, 3, 3, 0, -1, 0, False, False, False)


async def test_it_follows_at_the_end_and_holds_elsewhere(folder: Path) -> None:
    write(folder, [line(n) for n in range(200)])
    app = WireApp(folder)
    async with app.run_test(size=(120, 35)) as pilot:
        await loaded(pilot, app, 200)
        assert app.wire.list.follow
        write(folder, [line(200)])
        app.wire.feed.tell()
        await loaded(pilot, app, 201)
        assert app.wire.list.number == 200
        await pilot.press("up", "up")
        before = screen_text(app).splitlines()[3:12]
        write(folder, [line(n) for n in range(201, 260)])
        app.wire.feed.tell()
        await loaded(pilot, app, 260)
        assert app.wire.list.number == 198
        assert screen_text(app).splitlines()[3:12] == before
        assert "■ held" in screen_text(app)
        await pilot.press("f")
        assert app.wire.list.number == 259
        assert "● live" in screen_text(app)


async def test_the_wheel_holds_the_view_too(folder: Path) -> None:
    write(folder, [line(n) for n in range(200)])
    app = WireApp(folder)
    async with app.run_test(size=(120, 35)) as pilot:
        await loaded(pilot, app, 200)
        app.wire.list.on_mouse_scroll_up(wheel())
        await pilot.pause()
        assert not app.wire.list.follow
        assert app.wire.list.below == 3


async def test_only_visible_rows_are_built_however_many_there_are(folder: Path) -> None:
    write(folder, [line(n) for n in range(20_000)])
    app = WireApp(folder)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 20_000)
        built = 0
        build = app.wire.list.row_strip

        def counted(index: int, width: int) -> Strip:
            nonlocal built
            built += 1
            return build(index, width)

        app.wire.list.row_strip = counted
        await pilot.press("home")
        await pilot.pause()
        assert app.wire.list.number == 0
        assert 0 < built < 200


async def test_a_flood_is_painted_per_frame_and_not_per_message(folder: Path) -> None:
    app = WireApp(folder)
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.wire.feed.loaded)
        paints = 0
        paint = app.wire._paint  # pyright: ignore[reportPrivateUsage]  counted

        def counted() -> None:
            nonlocal paints
            paints += 1
            paint()

        app.wire._paint = counted  # pyright: ignore[reportPrivateUsage]  counted
        write(folder, [line(n) for n in range(10_000)])
        app.wire.feed.tell()
        await loaded(pilot, app, 10_000)
        assert paints <= 10_000 / 500


async def test_a_hidden_screen_reads_nothing_and_catches_up(folder: Path) -> None:
    write(folder, [line(n) for n in range(5)])
    app = WireApp(folder)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 5)
        await app.push_screen(ConfirmScreen("?", yes="y", no="n"))
        await pilot.pause()
        write(folder, [line(n) for n in range(5, 9)])
        app.wire.feed.tell()
        await pilot.pause()
        assert len(app.wire.feed.index) == 5
        await pilot.press("n")
        await loaded(pilot, app, 9)


async def test_a_message_that_is_gone_is_said(folder: Path) -> None:
    write(folder, [line(n) for n in range(3)])
    app = WireApp(folder)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 3)
        LogFiles.of(folder, "fs").current.unlink()
        await pilot.press("up", "enter")
        await until(pilot, lambda: "no longer in the log" in screen_text(app))


async def test_the_message_keeps_every_token_as_it_was_sent(folder: Path) -> None:
    odd = '{"a":1.0,"a":1e400,"big":123456789012345678901234567890,"s":"\\u00e9 , : {","e":{},"l":[]}'
    assert "\n".join(indented(odd)) == (
        '{\n  "a": 1.0,\n  "a": 1e400,\n  "big": 123456789012345678901234567890,\n  "s": "\\u00e9 , : {",\n'
        '  "e": {},\n  "l": []\n}'
    )
    assert json.loads("".join(indented('[1,[2,{"x":[]}]]'))) == [1, [2, {"x": []}]]


async def test_copying_takes_the_message_without_what_a_terminal_obeys(folder: Path) -> None:
    write(folder, [line(1, message={"x": "a\x9b31m"})])

    write(
        folder,
        [encode({"order": 10**16, "server": "fs", "kind": "request", "method": "m"}, '{"x":"a\x9b31m"}'.encode())],
    )
    app = WireApp(folder)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 2)
        await pilot.press("c")
        await until(pilot, lambda: app.copied)
        assert app.copied == ['{"x":"a\\u009b31m"}']


async def test_two_messages_are_compared(folder: Path) -> None:
    example(folder)
    app = WireApp(folder)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 14)
        app.wire.filter.value = "list_files"
        await loaded(pilot, app, 2)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        await until(pilot, lambda: '"params"' in screen_text(app) and '"structuredContent"' in screen_text(app))
        await pilot.press("escape", "escape")
        await loaded(pilot, app, 14)
        await pilot.press("home", "d")
        await pilot.pause()
        assert app.screen is app.wire, "an event alone has nothing to be compared with"
        await pilot.press("m", "down", "d")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))


async def test_the_filtered_messages_are_saved(folder: Path, tmp_path: Path) -> None:
    example(folder)
    app = WireApp(folder)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 14)
        app.wire.filter.value = "read_file"
        await loaded(pilot, app, 2)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, SaveScreen))
        app.screen.query_one(Input).value = str(tmp_path / "out.jsonl")
        await pilot.press("enter")
        await until(pilot, (tmp_path / "out.jsonl").exists)
        await until(pilot, lambda: app.screen is app.wire)
        saved = [json.loads(text) for text in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert [record["name"] for record in saved] == ["read_file", "read_file"]
        assert saved[0]["message"]["params"] == {"name": "read_file"}


async def open_editor(pilot: Pilot[None], app: WireApp, words: str) -> JsonEditor:
    app.wire.filter.value = words
    await until(pilot, lambda: app.wire.feed.query and not app.wire.feed.searching and len(app.wire.list.numbers) < 14)
    await pilot.press("e")
    await until(pilot, lambda: isinstance(app.screen, ResendScreen))
    return app.screen.query_one(JsonEditor)


async def test_a_read_only_call_is_sent_again_without_a_question(folder: Path) -> None:
    example(folder)
    app = WireApp(folder)
    manager: ManagerDouble = app.manager
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 14)
        editor = await open_editor(pilot, app, "list_files")  # the answer has the cursor: its request is opened
        editor.replace_all('{"method": "tools/call", "params": {"name": "list_files", "arguments": {"deep": true}}}')
        await pilot.press("f9")
        await until(pilot, lambda: manager.sent)
        assert manager.sent == [("fs", "tools/call", {"name": "list_files", "arguments": {"deep": True}})]


async def test_a_call_that_may_write_asks_once(folder: Path) -> None:
    example(folder)
    app = WireApp(folder)
    manager: ManagerDouble = app.manager
    manager.answer = AppError("fs: tools/call failed", "path is missing", kind=ErrorKind.TOOL, code="rejected")
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 14)
        await open_editor(pilot, app, "read_file")
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("n")
        await until(pilot, lambda: app.screen is app.wire)
        assert manager.sent == []
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ResendScreen))
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: manager.sent)
        assert manager.sent == [("fs", "tools/call", {"name": "read_file"})]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1"),
        ("[1]", "a request is a JSON object"),
        ('{"method": "initialize"}', "`method` is one of"),
        ('{"method": "ping", "params": []}', "`params` is a JSON object"),
    ],
)
async def test_what_cannot_be_sent_is_said_and_not_sent(folder: Path, text: str, said: str) -> None:
    example(folder)
    app = WireApp(folder)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 14)
        editor = await open_editor(pilot, app, "read_file sent")
        editor.replace_all(text)
        await until(pilot, lambda: said in screen_text(app))
        await pilot.press("f9")
        assert isinstance(app.screen, ResendScreen)
        assert app.manager.sent == []


async def test_what_is_no_request_to_a_server_is_not_opened(folder: Path) -> None:
    example(folder)
    app = WireApp(folder)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 14)
        for words in ("method:lost", "method:initialize sent", "kind:garbage"):
            app.wire.filter.value = words
            await until(pilot, lambda: len(app.wire.list.numbers) == 1)
            app.notes.clear()
            await pilot.press("e")
            await until(pilot, lambda: app.notes)
            assert "Only requests to a server" in app.notes[0]
            assert app.screen is app.wire
            app.wire.filter.value = ""
            await loaded(pilot, app, 14)


async def test_a_real_request_is_edited_and_sent_to_a_real_server(folder: Path) -> None:
    server = stdio("fs", tools=[peer_tool("echo", annotations={"readOnlyHint": True})])
    async with SessionManager([server], wire_log=WireLog(folder)) as manager:
        await until_status(manager, ServerStatus.READY, name="fs")
        await manager.call_tool("fs", "echo", {"text": "first"})
        app = WireApp(folder, manager=manager)
        async with app.run_test(size=WIDE) as pilot:
            await until(pilot, lambda: "tools/call echo" in titles(app))
            app.wire.servers_changed(manager.snapshot())
            app.wire.filter.value = "text:first -received"
            await loaded(pilot, app, 1)
            await pilot.press("e")
            await until(pilot, lambda: isinstance(app.screen, ResendScreen))
            editor = app.screen.query_one(JsonEditor)
            assert json.loads(editor.text) == {
                "method": "tools/call",
                "params": {"name": "echo", "arguments": {"text": "first"}},
            }
            editor.replace_all(editor.text.replace("first", "second"))
            await pilot.press("f9", "escape")
            await until(pilot, lambda: app.screen is app.wire)
            await until(pilot, lambda: titles(app).count("tools/call echo") == 4)
    answers = named(records(folder), "tools/call", "received")
    assert "second" in (answers[-1].message or "")
    asked = named(records(folder), "tools/call", "sent")
    assert answers[-1].head.cause == f"sent again from {asked[0].head.order}"


async def test_narrow_the_message_opens_below_and_escape_closes_it(folder: Path) -> None:
    example(folder)
    app = WireApp(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot, app, 14)
        assert not app.wire.detail.display
        await pilot.press("up", "up", "up", "enter")
        await until(pilot, lambda: app.wire.detail.display and app.wire.detail.lines.has_focus)
        number = app.wire.list.number
        shown = [app.wire.list.render_line(y).text for y in range(app.wire.list.size.height)]
        row = app.wire.list.current
        assert row is not None
        assert any("12:12:07.231" in text or "12:12:0" in text for text in shown)
        await pilot.press("left_square_bracket")
        assert app.wire.list.number == (number or 0) - 1
        await pilot.press("escape")
        assert not app.wire.detail.display
        assert app.wire.list.has_focus


async def test_nothing_logged_yet_is_said(folder: Path) -> None:
    app = WireApp(folder)
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: "no message yet" in screen_text(app))
        write(folder, call(1))
        app.wire.feed.tell()
        await loaded(pilot, app, 2)


async def test_the_mouse_may_move_over_the_list_before_a_new_look_is_painted(folder: Path) -> None:
    example(folder)
    app = WireApp(folder)
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.wire.list.numbers)
        x, y = app.wire.list.region.offset
        app.wire.list.notify_style_update()  # a theme, a resize, a dialog that closes
        found, _ = app.screen.get_widget_and_offset_at(x + 2, y)
        assert found is app.wire.list
