"""Links and code blocks of a column: walked with keys, clicked, opened only on a second, separate wish."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from textual.screen import ModalScreen

from mcp_tui.core.events import TextAppended
from mcp_tui.sessions.authorisation.browser import Browser
from mcp_tui.ui.screens.save import SaveScreen
from mcp_tui.ui.stream.code_dialog import CodeScreen, suffix_of
from mcp_tui.ui.stream.link_dialog import LONGEST_SHOWN, LinkScreen
from mcp_tui.ui.stream.links import bare_links, warnings
from mcp_tui.ui.stream.view import StreamView
from tests.ui.stream.harness import ColumnApp, call, column_app, joined

MIXED = """See [the manual](https://example.com/manual) and https://example.org/bare, then run

```python
print("one")
```

- a list with a fence
  ```sh
  ls -la
  ```

and [the end](https://end.example/).
"""


def text(value: str) -> TextAppended:
    return TextAppended("c1", value)


def spot(app: ColumnApp) -> tuple[str, str]:
    found = app.view.spot
    assert found is not None
    return found.kind, found.address or found.text


async def settled(app: ColumnApp) -> None:
    """Nothing runs in the background any more."""
    await asyncio.wait_for(app.workers.wait_for_complete(), 20)  # pyright: ignore[reportUnknownMemberType]  workers are of an open type


def shown(app: ColumnApp) -> str:
    return joined(app.screen_rows())


async def test_brackets_walk_links_and_code_blocks_in_reading_order() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text(MIXED))
        walked: list[tuple[str, str]] = []
        for _ in range(6):
            await pilot.press("right_square_bracket")
            walked.append(spot(app))
        expected = [
            ("link", "https://example.com/manual"),
            ("link", "https://example.org/bare"),
            ("code", 'print("one")'),
            ("code", "ls -la"),
            ("link", "https://end.example/"),
        ]
        assert walked == [*expected, expected[-1]]
        await pilot.press("left_square_bracket")
        assert spot(app) == expected[-2]


async def test_walking_begins_with_what_is_in_view_and_brings_the_next_into_view() -> None:
    body = "\n\n".join(f"[link {n}](https://example.com/{n})" + "\n\nfiller" * 8 for n in range(20))
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text(body))
        await pilot.press("left_square_bracket")
        assert spot(app)[1] == "https://example.com/19"
        for number in (18, 17, 16):
            await pilot.press("left_square_bracket")
            await pilot.pause()
            assert f"link {number} " in shown(app)
        assert not app.view.following


async def test_the_current_link_survives_a_resize_and_more_text() -> None:
    async with column_app((90, 20)) as (app, pilot):
        app.column.focus()
        app.feed(text("some words [a link of several words](https://example.com/) and"))
        await pilot.press("right_square_bracket")
        app.feed(text(" more\n\ntext"))
        await pilot.resize_terminal(30, 20)
        app.view.flush()
        found = app.view.spot
        assert found is not None
        assert found.text == "a link of several words"
        assert found.end - found.first > 1


async def test_a_column_without_links_says_so() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text("nothing here"))
        await pilot.press("right_square_bracket")
        await pilot.pause()
        assert app.view.spot is None
        assert "There is no link" in shown(app)


async def test_leaving_drops_the_current_link_and_moving_to_a_call_does_too() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text("[a](https://example.com/)"), call("1"))
        await pilot.press("right_square_bracket")
        assert app.column.step_back()
        assert app.view.spot is None
        await pilot.press("right_square_bracket", "j")
        assert app.view.spot is None
        assert app.view.current is not None


async def test_enter_on_a_link_shows_the_whole_address_and_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    async def open_it(self: Browser, url: str) -> None:
        opened.append(url)

    monkeypatch.setattr(Browser, "open", open_it)
    address = "https://example.com/a/very/long/path?" + "&".join(f"key{n}=value{n}" for n in range(30))
    async with column_app((80, 30)) as (app, pilot):
        app.column.focus()
        app.feed(text(f"[https://bank.example]({address})"))
        await pilot.press("right_square_bracket", "enter")
        await pilot.pause()
        assert isinstance(app.screen, LinkScreen)
        assert address in "".join(row[6:-6].strip() for row in app.screen_rows())
        assert "the text names another host: bank.example" in shown(app)
        await pilot.press("enter", "enter")
        assert isinstance(app.screen, LinkScreen)
        assert opened == []
        await pilot.press("c")
        assert app.copied == [address]
        assert opened == []
        assert not isinstance(app.screen, ModalScreen)


async def test_o_hands_the_address_to_the_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = tmp_path / "browser.py"
    script.write_text("import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])")
    monkeypatch.setenv("BROWSER", f"{sys.executable} {script} {told} %s")
    async with column_app((80, 30)) as (app, pilot):
        app.column.focus()
        app.feed(text("[x](https://example.com/?a=1;rm%20-rf)"))
        await pilot.press("right_square_bracket", "enter")
        await pilot.press("o")
        await settled(app)
        await pilot.pause()
        assert await asyncio.to_thread(told.read_text) == "https://example.com/?a=1;rm%20-rf"
        assert not isinstance(app.screen, LinkScreen)


async def test_without_a_browser_the_address_stays_and_can_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER", "/nonexistent/browser")
    monkeypatch.setenv("PATH", "/nonexistent")
    async with column_app((80, 30)) as (app, pilot):
        app.column.focus()
        app.feed(text("[x](https://example.com/)"))
        await pilot.press("right_square_bracket", "enter", "o")
        await settled(app)
        await pilot.pause()
        assert "no browser could be started" in shown(app)
        await pilot.press("c")
        assert app.copied == ["https://example.com/"]


async def test_only_web_addresses_can_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(self: Browser, url: str) -> None:
        raise AssertionError(url)

    monkeypatch.setattr(Browser, "open", refuse)
    async with column_app((80, 30)) as (app, pilot):
        app.column.focus()
        app.feed(text("[x](ftp://example.com/x)"))
        await pilot.press("right_square_bracket", "enter", "o")
        await pilot.pause()
        assert "Only web addresses are opened" in shown(app)
        assert "opens it" not in shown(app)


async def test_a_monstrous_address_is_cut_with_a_notice_and_copied_whole() -> None:
    address = "https://example.com/" + "a" * 20_000
    async with column_app((80, 30)) as (app, pilot):
        await app.push_screen(LinkScreen(address, "x"))
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, LinkScreen)
        said = " ".join(str(widget.render()) for widget in screen.query("VerticalScroll > Static"))
        assert f"and {len(address) - LONGEST_SHOWN:,} more characters" in said
        await pilot.press("c")
        assert app.copied == [address]


async def test_a_click_on_a_link_shows_its_address() -> None:
    async with column_app() as (app, pilot):
        app.feed(text("日本 [the manual](https://example.com/manual) end"))
        await pilot.pause()
        await pilot.click(app.view, offset=(3, 0))
        assert not isinstance(app.screen, LinkScreen)
        await pilot.click(app.view, offset=(8, 0))
        await pilot.pause()
        assert isinstance(app.screen, LinkScreen)
        assert "https://example.com/manual" in shown(app)


async def test_a_click_on_the_copy_mark_copies_that_block() -> None:
    async with column_app() as (app, pilot):
        app.feed(text(MIXED))
        await pilot.pause()
        rows = app.view.plain_rows()
        row = next(number for number, row in enumerate(rows) if "ls -la" in row)
        assert app.screen_rows()[row + 1].rstrip(" │").endswith(" copy")
        await pilot.click(app.view, offset=(app.view.size.width - 4, row))
        assert app.copied == ["ls -la"]
        await pilot.click(app.view, offset=(10, row))
        assert app.copied == ["ls -la"]


async def test_the_copy_mark_is_no_part_of_the_text_and_gives_way_to_code() -> None:
    async with column_app() as (app, pilot):
        app.feed(text("```\n" + "x" * 50 + "\n```\n\n```\nshort\n```\n"))
        await pilot.pause()
        assert all("copy" not in row for row in app.view.plain_rows())
        assert [("copy" in row) for row in app.screen_rows()[1:4]] == [False, False, True]


async def test_y_copies_the_current_block_and_arguments_of_calls_count_as_blocks() -> None:
    big = {"rows": [f"row {n}" for n in range(200)]}
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text(MIXED), call("1", arguments=big))
        await pilot.press("j", "j", "j", "enter")
        assert "… enter shows more" in joined(app.view.plain_rows())
        for _ in range(9):
            await pilot.press("right_square_bracket")
        await pilot.press("y")
        assert app.copied[-1].count("row ") == 200, "what is copied is whole, also where the rows are cut"


async def test_enter_on_a_code_block_opens_it_to_copy_or_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with column_app((80, 30)) as (app, pilot):
        app.column.focus()
        app.feed(text("```python\nprint('ä')\nfence = '```'\n```\n"))
        await pilot.press("right_square_bracket", "enter")
        await pilot.pause()
        assert isinstance(app.screen, CodeScreen)
        await pilot.press("s")
        await pilot.pause()
        assert isinstance(app.screen, SaveScreen)
        await pilot.press("enter")
        await settled(app)
        assert (tmp_path / "code.py").read_text() == "print('ä')\nfence = '```'\n"


async def test_a_code_block_with_fences_inside_is_shown_as_it_is() -> None:
    code = "````\nnot the end\n````\n\n# no heading"
    async with column_app((80, 30)) as (app, pilot):
        await app.push_screen(CodeScreen(code, "markdown"))
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, CodeScreen)
        rows = screen.query_one(StreamView).plain_rows()
        assert [row.strip() for row in rows] == code.split("\n")
        await pilot.press("y")
        assert app.copied == [code]


@pytest.mark.parametrize(("changed", "copied"), [("print(2)", ["print(2)"]), ("print(1)", [])])
async def test_what_was_changed_in_the_editor_is_copied(
    monkeypatch: pytest.MonkeyPatch, changed: str, copied: list[str]
) -> None:
    async def edit(app: object, code: str, *, suffix: str) -> str:
        assert suffix == ".py"
        return changed

    monkeypatch.setattr("mcp_tui.ui.terminal.external_editor.edit", edit)
    async with column_app((80, 30)) as (app, pilot):
        await app.push_screen(CodeScreen("print(1)", "python"))
        await pilot.press("e")
        await settled(app)
        assert app.copied == copied
        assert isinstance(app.screen, CodeScreen)


@pytest.mark.parametrize(
    ("language", "suffix"),
    [("python", ".py"), ("rust", ".rs"), ("", ".txt"), ("nonsense", ".txt"), ("js", ".js"), ("sh", ".sh")],
)
def test_a_saved_block_has_the_ending_of_its_language(language: str, suffix: str) -> None:
    assert suffix_of(language) == suffix


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://example.com/x.", ["https://example.com/x"]),
        ("(https://example.com/a_(b))", ["https://example.com/a_(b)"]),
        ("a https://x and http://y.example!", ["https://x", "http://y.example"]),
        ("no https:// here", []),
        ("<https://example.com>", ["https://example.com"]),
        ("ftp://example.com", []),
    ],
)
def test_bare_addresses_end_where_the_sentence_goes_on(text: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in bare_links(text)] == found


@pytest.mark.parametrize(
    ("address", "text", "said"),
    [
        ("https://evil.example/", "https://good.example/", "another host"),
        ("https://good.example@evil.example/", "x", "the host is evil.example"),
        ("https://xn--pypal-4ve.example/", "x", "reads"),
        ("http://example.com/", "x", "not encrypted"),
        ("https://[broken/", "x", "cannot be read"),
    ],
)
def test_what_deceives_is_said(address: str, text: str, said: str) -> None:
    assert said in " ".join(warnings(address, text))


def test_an_honest_link_has_no_warning() -> None:
    assert warnings("https://example.com/x", "https://example.com/x") == []
