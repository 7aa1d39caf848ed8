"""The catalog pane: filter, switches, folding, and thousands of tools."""

from __future__ import annotations

from dataclasses import replace
from time import process_time

from mcp_tui.core.state import Catalog, ServerStatus
from mcp_tui.ui.compare.catalog import CatalogPane
from mcp_tui.ui.widgets.browser import CatalogTabs
from mcp_tui.ui.widgets.catalog_rows import CatalogRows, toggled_server, toggled_tool
from tests.builders import server, tool
from tests.ui.doubles import example_servers, stage


def lines(pane: CatalogPane, width: int = 40) -> list[str]:
    rows = pane.list
    return [" ".join(rows.row_text(index, width).plain.split()) for index in range(rows.row_count())]


async def test_rows_are_grouped_with_estimates_and_marks() -> None:
    async with stage() as s:
        found = lines(s.screen.catalog_pane)
        assert found[0] == "[x] fs ~585"
        assert "[x] read_file read ~120t" in found
        assert "[x] write_file write ~140t" in found
        assert "[x] move_file write! ~110t" in found


async def test_a_tool_that_gives_no_hints_counts_as_writing() -> None:
    catalog = Catalog(tools=(tool("mystery"),))
    async with stage(servers=(server("s", catalog=catalog),)) as s:
        assert lines(s.screen.catalog_pane)[1] == "[x] mystery write ~120t"


async def test_filter_follows_each_keystroke_in_names_and_descriptions_of_all_servers() -> None:
    async with stage() as s:
        pane = s.screen.catalog_pane
        pane.list.focus()
        await s.press("slash")
        assert pane.filter.has_focus
        await s.type("select")
        assert lines(pane) == ["[x] db ~277", "[x] query read ~96t"]
        await s.press("escape")
        assert pane.filter.value == "" and pane.list.has_focus
        assert len(lines(pane)) > 10
        await s.press("slash")
        await s.type("zzz")
        assert lines(pane) == [] and pane.list.render_line(0).text.strip() == "no tools match"


async def test_space_switches_a_tool_and_a_whole_server() -> None:
    async with stage() as s:
        pane = s.screen.catalog_pane
        pane.list.focus()
        await s.press("down", "space")
        assert pane.off == {("fs", "read_file")}
        assert lines(pane)[:2] == ["[-] fs ~585", "[ ] read_file read ~120t"]
        assert "11 tools" in str(s.screen.prompt_pane.border_subtitle)
        await s.press("up", "space")
        assert lines(pane)[0] == "[x] fs ~585"
        await s.press("space")
        assert pane.off == {("fs", "*")}
        assert "7 tools" in str(s.screen.prompt_pane.border_subtitle)


async def test_switching_while_a_conversation_runs_reaches_the_run() -> None:
    async with stage() as s:
        run = await s.send("hello")
        s.screen.catalog_pane.list.focus()
        await s.press("down", "space")
        assert run.configured == [frozenset({("fs", "read_file")})]


def test_switching_one_tool_on_leaves_the_others_of_its_server_off() -> None:
    tools = ("a", "b", "c")
    off = toggled_server(frozenset(), "s", tools)
    assert off == {("s", "*")}
    assert toggled_tool(off, "s", "b", tools) == {("s", "a"), ("s", "c")}


async def test_enter_on_an_entry_asks_the_workbench_and_on_a_server_folds_it() -> None:
    async with stage() as s:
        pane = s.screen.catalog_pane
        pane.list.focus()
        await s.press("down", "enter")
        assert s.chosen == [("fs", "tool", "read_file")]
        await s.press("up", "enter")
        assert lines(pane)[1].startswith("[x] db")
        await s.press("enter")
        assert "read_file" in lines(pane)[1]


async def test_arrows_change_the_tab_and_items_are_known_by_uri() -> None:
    async with stage() as s:
        pane = s.screen.catalog_pane
        pane.list.focus()
        await s.press("right")
        assert pane.tab == "resources"
        assert lines(pane)[:2] == ["fs 4", "logs/error.log 20.5 kB"]
        await s.press("down", "enter", "end", "up", "up", "enter")
        assert s.chosen == [("fs", "resource", "file:///logs/error.log"), ("fs", "template", "file:///{path}")]
        await s.press("right", "down", "enter")
        assert s.chosen[2] == ("fs", "prompt", "summarise")
        await s.press("left")
        assert pane.list.current is not None and pane.list.current.label == "file"


async def test_tabs_never_wrap_in_thirty_cells() -> None:
    async with stage(size=(110, 35)) as s:
        tabs = s.screen.catalog_pane.query_one(CatalogTabs)
        tabs.counts = (4_999, 12_345, 999)
        await s.settle()
        line = str(tabs.render())
        assert tabs.size.width <= 30
        assert len(line) <= tabs.size.width
        assert "4999" in line and "12.3k" in line and "999" in line


async def test_the_cursor_stays_on_its_tool_when_the_catalog_changes() -> None:
    async with stage() as s:
        pane = s.screen.catalog_pane
        pane.list.focus()
        await s.press("down", "down")
        key = pane.list.current_key
        assert key is not None and "list_directory" in key
        before = example_servers()
        fs = before[0]
        grown = replace(fs, catalog=replace(fs.catalog, tools=(tool("aaa", "fs"), *fs.catalog.tools)))
        await s.servers((server("first", catalog=Catalog(tools=(tool("x", "first"),))), grown, *before[1:]))
        assert pane.list.current_key == key


async def test_a_lost_server_keeps_its_tools_in_view_but_does_not_offer_them() -> None:
    async with stage(servers=example_servers(ServerStatus.BACKOFF)) as s:
        found = lines(s.screen.catalog_pane)
        assert "[x] github not connected" in found
        assert s.screen.catalog_pane.model.offered(frozenset())[0] == 10


async def test_latency_changes_do_not_rebuild_the_list() -> None:
    rows = CatalogRows()
    before = example_servers()
    assert rows.update(before)
    assert not rows.update(tuple(replace(one, latency_ms=77.0) for one in before))


async def test_five_thousand_tools_filter_quickly_and_scroll() -> None:
    many = Catalog(tools=tuple(tool(f"tool_{n:04}", "big", description=f"does thing {n}") for n in range(5_000)))
    async with stage(servers=(server("big", catalog=many),)) as s:
        pane = s.screen.catalog_pane
        pane.list.focus()
        await s.press("end")
        assert "tool_4999" in s.shown()
        began = process_time()
        for words in ("t", "to", "too", "tool_4", "tool_42", "thing 42"):
            pane.filter.value = words
            await s.settle()
        assert pane.list.row_count() == 200  # the heading and every tool whose text holds 42
        assert process_time() - began < 6.0  # generous: a keystroke that redraws 5,000 rows costs more alone


async def test_mouse_on_the_box_switches_and_elsewhere_only_moves() -> None:
    async with stage() as s:
        pane = s.screen.catalog_pane
        await s.pilot.click(pane.list, offset=(2, 1))
        await s.settle()
        assert pane.off == {("fs", "read_file")}
        await s.pilot.click(pane.list, offset=(12, 2))
        await s.settle()
        assert pane.off == {("fs", "read_file")}
        assert pane.list.cursor == 2


async def test_hostile_tool_is_listed_as_text() -> None:
    hostile = Catalog(tools=(tool("a[/x]b", description="\x1b]52;c;aGk=\x07[@click=app.bell]x"),))
    async with stage(servers=(server("s", catalog=hostile),)) as s:
        assert "a[/x]b" in s.shown()
