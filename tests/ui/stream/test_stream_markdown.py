"""Blocks and rows of streaming Markdown, without a terminal."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from mcp_tui.core.state import CallStatus
from mcp_tui.ui.stream import markdown_blocks
from mcp_tui.ui.stream.code_body import CodeBody
from mcp_tui.ui.stream.document import StreamDocument
from mcp_tui.ui.stream.items import Layout
from mcp_tui.ui.stream.markdown_blocks import LONGEST_BLOCK, BlockSplitter
from mcp_tui.ui.stream.rows import Palette, Row, Span, wrap
from tests.ui.stream.harness import call

PALETTE = Palette(**{name: Style(color=f"color({16 + n})") for n, name in enumerate(Palette.__slots__)})

PIECES = [
    "# Heading\n",
    "## Two *words*\nright below\n",
    "A paragraph with **bold**, `code` and a [link](https://example.com/x).\nSecond line.\n",
    "a\n\n\n",
    "Title\n=====\n",
    "x\n#",
    "1. one\n2. two\n   - nested\n   - more\n3. three\n",
    "1. same\n1. number\n\n1. loose\n",
    "- a\n- b\n\n  second paragraph of b\n- c\n",
    "* star\n+ plus\n",
    "```python\ndef f(x):\n    return '''a\nb'''\n```\n",
    "~~~\nplain ``` inside\n~~~\n",
    "- item\n  ```sh\n  ls -la\n  ```\n- next\n",
    "    indented code\n\n    more\n",
    "| a | b |\n|---|--:|\n| 1 | `two` |\n| 3 | 4 |\n",
    "text\na | b\n--|--\n1 | 2\n",
    "> quote\n> - list in quote\nlazy\n",
    "---\n",
    "日本語のテキストと絵文字👩‍💻が混ざる。\n",
    "[a], [b][a] and ![c][A]\n\n> [a]\n\n- [a][]\n- x\n",
    "[a]: https://example.com/a 'A'\n[b c]: <x y>\n",
    "<b>html</b> & &amp; \\* [ref][1]\n\n[1]: https://example.com\n",
    "\tliteral tab\tinside\n",
    "~~~\ncode\n\t~~~\n~~~ x\n~~~~\n",
    "- [ ] open task with `code`\n- [x] done task\n  1. [X] numbered\n",
    "see https://example.com/a_(b), or <https://example.org>; [![alt](https://i.example/x.png)](https://example.net)\n",
    "| left | mid | right |\n|:--|:-:|--:|\n| one<br>two | x | [y](https://example.com/y) |\n",
    "> ```js\n> let a = `in a quote`\n> ```\n",
    "```\nnever closed\n",
    "\n",
]


def indented(text: str, by: str) -> str:
    return "".join(by + line for line in text.splitlines(keepends=True))


def document(text: str, cuts: list[int], width: int = 34) -> StreamDocument:
    shown = StreamDocument(lambda: 0.0)
    shown.start_turn(1, "why?")
    start = 0
    for cut in [*sorted(set(cuts)), len(text)]:
        shown.append_text(text[start:cut])
        shown.drain()
        lay_out(shown, width)
        start = cut
    shown.close_writing()
    lay_out(shown, width)
    return shown


def lay_out(shown: StreamDocument, width: int = 34) -> None:
    shown.lay_out(Layout(width, PALETTE), first=0, height=10, follow=True, until=lambda: False)


def look(shown: StreamDocument) -> list[tuple[object, ...]]:
    return [(tuple(map(seen, row.spans)), row.lead, row.fill) if row else () for _, row in shown.rows()]


def seen(span: Span) -> tuple[object, ...]:
    """Without the number of a link within its block: the items of a list are one block or several, as they came."""
    text, style = span
    target = style.meta.get("to")
    return text, style.without_color, style.color, style.bgcolor, target and (target[0], target[2])


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_chunking_gives_the_rows_of_the_whole(data: st.DataObject) -> None:
    text = "".join(data.draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=7)))
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=25))
    assert look(document(text, cuts)) == look(document(text, []))


@pytest.mark.parametrize("piece", PIECES)
def test_character_by_character_gives_the_rows_of_the_whole(piece: str) -> None:
    text = f"before\n\n{piece}\nafter\n"
    assert look(document(text, list(range(len(text))))) == look(document(text, []))


@pytest.mark.parametrize("size", [1, 7, 500])
def test_long_blocks_are_cut_alike_whatever_the_chunks(size: int) -> None:
    text = "word " * 4000 + "\n\n" + "| a | b |\n|---|---|\n" + "| cell | other |\n" * 900 + "\nend\n"
    whole = document(text, [])
    pieces = document(text, list(range(0, len(text), size * 97)))
    assert look(pieces) == look(whole)


def test_a_table_with_a_head_longer_than_a_block_comes_to_an_end() -> None:
    cells = 1500
    text = "".join("|" + f"{cell}|" * cells + "\n" for cell in ("abc", "---", "x", "y"))
    splitter = BlockSplitter()
    finished, _ = splitter.update(text)
    finished += splitter.finish()
    assert sum(block.source.count("x|") for block in finished) == cells


def test_what_is_open_stays_bounded() -> None:
    splitter = BlockSplitter()
    finished, still_open = splitter.update("endless " * 5000)
    assert len(finished) >= 8
    assert sum(len(block.source) for block in still_open) <= LONGEST_BLOCK


LONG = "".join(f"value_{n} = compute({n})  # *x* of {n}\n" for n in range(400))
LONG_CONTAINERS = {
    "fence in an item": "1. First:\n   ```python\n"
    + indented(LONG, "   ")
    + "   ```\n\n   More.\n2. second\n3. third\n",
    "fence in a quote": "> Said:\n> ```python\n" + indented(LONG, "> ") + "> ```\n> end\nlazy\n\n",
    "paragraphs of an item": "10. first\n\n"
    + "".join(f"    part {n} {'word ' * 90}\n\n" for n in range(30))
    + "11. last\n",
    "items of an item": "- top\n"
    + "".join(f"  - sub {n} {'word ' * 20}\n    1. deep\n" for n in range(120))
    + "- last\n",
    "a task in a quote": "> - [x] done\n>\n"
    + "".join(f">   part {n} {'word ' * 90}\n>\n" for n in range(30))
    + "> - next\n",
    "a table in an item": "* a\n"
    + "".join(f"  - b\n\n    | c | d |\n    |---|--:|\n    | {n} | x |\n" for n in range(300)),
}
"""Longer than what is parsed again and again."""


@pytest.mark.parametrize("name", LONG_CONTAINERS)
@pytest.mark.parametrize("width", [12, 34])
def test_a_long_item_or_quote_looks_as_in_one_piece(name: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"before\n\n{LONG_CONTAINERS[name]}\nafter **all**\n"
    apart = [document(text, cuts, width) for cuts in ([], list(range(0, len(text), 499)))]
    monkeypatch.setattr(markdown_blocks, "LONGEST_BLOCK", 10**9)
    whole = look(document(text, [], width))
    assert [look(shown) == whole for shown in apart] == [True, True]


def test_a_long_fence_in_an_item_is_one_block_to_copy() -> None:
    shown = document(LONG_CONTAINERS["fence in an item"], list(range(0, 20_000, 83)))
    assert [code for item in shown.items for code in item.codes] == [LONG.removesuffix("\n")]


def test_a_long_fence_in_an_item_is_laid_out_once() -> None:
    shown = StreamDocument(lambda: 0.0)
    shown.start_turn(1, "why?")
    shown.append_text("1. First:\n   ```python\n" + indented(LONG, "   "))
    shown.drain()
    lay_out(shown)
    before = shown.items[-1].rows
    shown.append_text("   one = 1\n")
    shown.drain()
    lay_out(shown)
    assert shown.items[-1].kept > 400
    assert all(a is b for a, b in zip(before[:400], shown.items[-1].rows, strict=False))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_chunking_of_a_text_taken_apart_gives_the_rows_of_the_whole(data: st.DataObject) -> None:
    pieces = [piece for piece in PIECES if piece[:1] in "1-*>|" or piece in ("\n", "x\n#")]
    text = "".join(data.draw(st.lists(st.sampled_from(pieces), min_size=1, max_size=7)))
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=25))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markdown_blocks, "LONGEST_BLOCK", 18)
        patch.setattr(markdown_blocks, "CUT_FROM", 9)
        assert look(document(text, cuts)) == look(document(text, []))


def test_list_items_finish_one_by_one_and_keep_their_numbers() -> None:
    splitter = BlockSplitter()
    finished, _ = splitter.update("1. a\n1. b\n1. c\n1. d")
    finished += splitter.finish()
    assert [(block.continued, block.ordinal, block.source) for block in finished] == [
        (False, None, "1. a\n1. b"),
        (True, 3, "1. c\n1. d"),
    ]
    shown = document("1. a\n1. b\n1. c\n1. d\n", [3, 6, 9, 12])
    assert [row.text for _, row in shown.rows() if row] == ["1. a", "2. b", "3. c", "4. d"]


def test_rows_of_every_width_fit() -> None:
    text = "".join(PIECES) + "x" * 300 + " " + "界" * 90 + "\n"
    for width in (8, 13, 20, 34, 76):
        shown = StreamDocument(lambda: 0.0)
        shown.start_turn(1, "why?")
        shown.append_text(text)
        shown.close_writing()
        lay_out(shown, width)
        for _, row in shown.rows():
            assert row is None or cell_len(row.text) <= width, row
            if row is not None:
                assert sum(s.cell_length for s in row.segments(width, Style())) == width


def test_wide_characters_wrap_between_them_and_keep_closing_marks() -> None:
    style = Style()
    rows = [row.text for row in wrap([("日本語、テキスト", style)], 6)]
    assert "".join(rows) == "日本語、テキスト"
    assert all(cell_len(row) <= 6 for row in rows)
    assert not any(row.startswith("、") for row in rows)


def test_wrapped_rows_join_to_the_original_text() -> None:
    text = "several words and one " + "verylongword" * 6 + " end"
    rows = wrap([(text, Style())], 17)
    assert "".join((row.join if index else "") + row.content for index, row in enumerate(rows)) == text


def test_a_link_shows_where_it_leads_and_only_web_links_are_terminal_links() -> None:
    shown = document("[click](https://evil.example/x) [mail](mailto:a@b.c) [f](file:///etc/passwd)\n", [])
    spans = [span for _, row in shown.rows() if row for span in row.spans]
    assert "(evil.example)" in "".join(text for text, _ in spans)
    assert {style.link for _, style in spans if style.link} == {"https://evil.example/x", "mailto:a@b.c"}


def test_a_table_too_wide_becomes_records() -> None:
    head = "|" + "|".join(f"column{n}" for n in range(9)) + "|\n|" + "---|" * 9 + "\n"
    shown = document(head + "|" + "|".join(f"v{n}" for n in range(9)) + "|\n", [])
    text = [row.text for _, row in shown.rows() if row]
    assert text[0] == "• column0: v0"
    assert text[8] == "  column8: v8"


def test_a_long_fence_colours_strings_across_pieces() -> None:
    lines = ["text = '''"] + [f"line {n}" for n in range(60)] + ["'''", "def after(): pass"]
    body = CodeBody("python", lines)
    tokens = [*body.final_lines(), *body.open_lines()]
    assert len(tokens) == len(lines)
    assert {role for role, _ in tokens[30]} == {"string"}
    assert ("keyword", "def") in tokens[-1]


def test_code_keeps_every_character() -> None:
    code = "if a:\n\tb = 'x'\n\n\n  # end   \n" * 40
    body = CodeBody("python", code.split("\n"))
    tokens = [*body.final_lines(), *body.open_lines()]
    assert "\n".join("".join(text for _, text in line) for line in tokens) == code
    assert body.source == code


def test_answer_text_is_the_cleaned_markdown_of_the_newest_turn() -> None:
    shown = StreamDocument(lambda: 0.0)
    shown.start_turn(1, "first")
    shown.append_text("old")
    shown.start_turn(2, "second")
    shown.append_text("# New\x1b]52;c;aGk=")
    shown.append_text("\x07 text\n")
    shown.put_call(call("1", CallStatus.OK).call)
    shown.append_text("tail")
    assert shown.answer_text() == "# New text\n\ntail"


@pytest.mark.parametrize("width", range(9))
def test_a_row_is_cut_wherever_its_spans_end(width: int) -> None:
    row = Row([("ab", Style()), ("cd", Style()), ("多", Style()), ("e", Style())])
    shown = row.segments(width, Style())
    assert sum(segment.cell_length for segment in shown) == width
    assert "abcd"[:width] in "".join(segment.text for segment in shown)


def test_a_retried_turn_replaces_what_was_shown_of_it() -> None:
    shown = StreamDocument(lambda: 0.0)
    for turn, prompt, text in ((1, "one", "first answer"), (2, "two", "second answer"), (2, "two", "better")):
        shown.start_turn(turn, prompt)
        shown.append_text(text)
    shown.close_writing()
    lay_out(shown)
    assert [row.text for _, row in shown.rows() if row] == ["› one", "first answer", "› two", "better"]


def rows_of(text: str, width: int = 60) -> list[str]:
    shown = StreamDocument(lambda: 0.0)
    shown.start_turn(1, "why?")
    shown.append_text(text)
    shown.close_writing()
    lay_out(shown, width)
    return [row.text if row else "" for _, row in shown.rows()]


def test_tasks_show_their_box_in_place_of_the_bullet() -> None:
    text = "- [ ] open **task**\n- [x] done\n- [link](https://example.com/x)\n- [ ]no task\n1. [X] third\n"
    assert rows_of(text) == [
        "[ ] open task",
        "[x] done",
        "• link (example.com)",
        "• [ ]no task",
        "",
        "1. [x] third",
    ]


def test_a_task_keeps_its_box_when_it_is_laid_out_again_while_open() -> None:
    shown = StreamDocument(lambda: 0.0)
    shown.start_turn(1, "why?")
    shown.append_text("- [ ] a task that is long enough to wrap")
    shown.drain()
    for width in (60, 20, 60):
        shown.invalidate_all()
        lay_out(shown, width)
    assert [row.text for _, row in shown.rows() if row] == ["[ ] a task that is long enough to wrap"]


def test_a_line_break_tag_breaks_the_line_also_in_a_table() -> None:
    assert rows_of("one<br>two<BR/>three") == ["one", "two", "three"]
    assert rows_of("| a | b |\n|---|---|\n| one<br>two | x |\n")[2:] == ["one  x", "two  "]


def test_columns_of_a_table_are_aligned_as_it_says() -> None:
    table = "| left | middle | right |\n|:-----|:------:|------:|\n| a | b | c |\n"
    assert rows_of(table)[2] == "a       b         c"


def test_a_bare_address_is_a_link_and_its_sentence_goes_on() -> None:
    shown = document("Look at https://example.com/x, then stop.\n", [])
    links = {text: style.link for _, row in shown.rows() if row for text, style in row.spans if style.link}
    assert links == {"https://example.com/x": "https://example.com/x"}


def test_a_picture_without_a_host_does_not_fill_the_screen_with_its_data() -> None:
    rows = rows_of(f"![dot](data:image/png;base64,{'A' * 5000})")
    assert len(rows) <= 3
    assert rows[0].startswith("[image: dot]")


REFERENCES = """See [the docs][1], [other] and ![a picture][pic]; [^1] and [none][2] are no links.

- in a list [too][1]

[1]: https://example.com/docs "The docs"
[other]: <https://other.example>
[pic]: https://img.example/x.png
[^1]: note

[1]: https://late.example
[js]: javascript:alert(1)
"""


def test_links_find_the_definitions_that_come_at_the_end() -> None:
    rows = rows_of(REFERENCES, 200)
    assert rows[0] == (
        "See the docs (example.com), other (other.example) and [image: a picture] (img.example);"
        " [^1] and [none][2] are no links."
    )
    assert rows[1] == "• in a list too (example.com)"
    assert rows[3:7] == [
        '[1]: https://example.com/docs "The docs"',
        "[other]: https://other.example",
        "[pic]: https://img.example/x.png",
        "[^1]: note",
    ], "where a link leads stays in view"


def test_what_was_shown_before_its_definition_came_is_drawn_again() -> None:
    shown = StreamDocument(lambda: 0.0)
    shown.start_turn(1, "why?")
    for piece, first in ((REFERENCES[:150], "[the docs][1]"), (REFERENCES[150:], "the docs (example.com)")):
        shown.append_text(piece)
        shown.drain()
        lay_out(shown, 200)
        assert first in next(row.text for _, row in shown.rows() if row)


def test_what_is_open_in_a_fence_is_coloured_as_it_goes_on() -> None:
    body = CodeBody("python", ['text = """first', "second"])
    body.partial = "def is text"
    assert body.open_lines()[-1] == (("string", "def is text"),)
    body = CodeBody("python", ["x = 1  # a comment"])
    body.partial = "def f"
    assert ("keyword", "def") in body.open_lines()[-1]


@pytest.mark.parametrize("width", [20, 21, 40])
def test_a_copy_mark_stands_only_where_there_is_room(width: int) -> None:
    row = Row([("x" * 14, Style())], tail=(" copy ", Style()))
    text = "".join(segment.text for segment in row.segments(width, Style()))
    assert len(text) == width
    assert text.endswith(" copy ") == (width >= 22)
