"""Cleaning comes after every decoding: a character reference is only text before it."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from rich.style import Style

from mcp_tui.core.state import CallRecord, CallStatus
from mcp_tui.core.text import hidden
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.binary import file_name
from mcp_tui.runs.export.document import of_comparison, written
from mcp_tui.runs.export.html import html
from mcp_tui.runs.export.markdown import markdown
from mcp_tui.ui.stream.call_details import detail_rows
from mcp_tui.ui.stream.call_line import call_row
from mcp_tui.ui.stream.document import StreamDocument
from mcp_tui.ui.stream.items import Layout
from mcp_tui.ui.stream.rows import Palette
from tests.core.hostile import interpreted

PALETTE = Palette(**{name: Style(color=f"color({16 + n})") for n, name in enumerate(Palette.__slots__)})

ENCODED = {
    "hexadecimal": "safe &#x202E;txt",
    "decimal": "safe &#8238;txt",
    "named zero width": "pass&ZeroWidthSpace;word",
    "named mark": "a&lrm;b&rlm;c",
    "named joiner": "a&zwj;b&zwnj;c&shy;d&NoBreak;e",
    "escape": "a&#27;[2Jb&#x1b;]52;c;eA==&#7;",
    "8-bit controls": "a&#x9b;31mb&#155;&#x90;",
    "surrogate": "a&#xD800;b",
    "tags": "hi" + "".join(f"&#x{0xE0000 + ord(character):X};" for character in "run rm"),
    "heading": "# a&#x202E;b",
    "emphasis": "**a&#x202E;b** *c&#x200b;d* ~~e&#x2066;f~~",
    "list": "- a&#x202E;b\n- [ ] c&#x202E;d",
    "quote": "> a&#x202E;b",
    "table": "| a&#x202E;b | c |\n|---|---|\n| d&#x1b;e | f |",
    "link text": "[a&#x202E;b](https://example.com/)",
    "link title": '[a](https://example.com/ "t&#x202E;t")',
    "link address": "[a](https://exa&#x202E;mple.com/&#x200b;)",
    "link in a scheme that is not opened": "[a](ftp:x&#x202E;y)",
    "image alt": "![a&#x202E;b](https://example.com/x.png)",
    "image address": "![a](x&#x202E;y)",
    "autolink, percent": "<https://example.com/%E2%80%AEtxt%1b[2J>",
    "autolink, punycode": "<https://xn--a-0hn.example/>",
    "bare link": "https://example.com/%E2%80%AE and more",
    "fence info": "```py&#x202E;thon\nx = 1\n```",
    "reference": "[a&#x202E;b][r]\n\n[r]: https://example.com/&#x202E; 'x&#x202E;'",
}


def rows(text: str, pieces: int = 0) -> list[tuple[str, Style]]:
    """What a column draws of an answer, whole or as it streams."""
    shown = StreamDocument(lambda: 0.0)
    shown.start_turn(1, "why?")
    for start in range(0, len(text), pieces or len(text)):
        shown.append_text(text[start : start + (pieces or len(text))])
        shown.drain()
        shown.lay_out(Layout(60, PALETTE), first=0, height=40, follow=True, until=lambda: False)
    shown.close_writing()
    shown.lay_out(Layout(60, PALETTE), first=0, height=40, follow=True, until=lambda: False)
    return [(part, style) for _, row in shown.rows() if row for part, style in row.spans]


@pytest.mark.parametrize("pieces", [0, 1])
@pytest.mark.parametrize("name", ENCODED)
def test_an_answer_cannot_bring_it_encoded(name: str, pieces: int) -> None:
    for part, style in rows(ENCODED[name], pieces):
        assert not interpreted(part)
        assert not interpreted(style.link or "")
        assert not interpreted(str(style.meta.get("to", "")))


def response(text: str, **more: object) -> JsonObject:
    usage = {"input_tokens": 1, "output_tokens": 1}
    words: JsonObject = {"tool_calls": [], "error": None, "reasoning": text}
    fields: JsonObject = {"model": "m", "status": "ok", "text": text, **words}
    figures = {"usage": usage, "ttft_ms": 1, "duration_ms": 1, "tokens_per_s": 1, "cost_usd": None, "steps": 1}
    return {**fields, **figures, "cost_is_estimate": False, "cached_steps": 0, **more}


def compared(text: str, **more: object) -> JsonObject:
    return of_comparison({"prompt": text, "responses": [response(text, **more)], "comparison": {}})


def call(text: str) -> JsonObject:
    return {
        "server": text, "tool": text, "arguments": {"cmd": text}, "status": "ok", "duration_ms": 1, "shared": False,
        "result": {"content": [{"type": "text", "text": text}], "structuredContent": {"x": text}},
    }  # fmt: skip


@pytest.mark.parametrize("name", ENCODED)
def test_no_export_brings_it(name: str) -> None:
    text = ENCODED[name]
    document = compared(text, tool_calls=[call(text)], model=text)
    page = html(document)
    assert not interpreted(page)
    # A browser reads references too; what was text stays text: `&amp;#x202E;`.
    assert not interpreted(unescape(re.sub(r"&amp;", "", page)))
    note = re.sub(r"(?ms)^ *```.*?^ *```$|(`+).*?\1", "", markdown(document))
    assert not interpreted(note)
    assert not interpreted(unescape(note))


@pytest.mark.parametrize(
    "text", ["a\u202eb\U000e0072", "x\u3164\u2800\ufeff", "\x7f\x9b\ud800", "می\u200cخواهم 👨\u200d👩"]
)
def test_the_json_export_loses_nothing_and_hides_nothing(text: str) -> None:
    document = compared(text, tool_calls=[call(text)])
    file = written(document, "json")
    assert hidden(file) == 0
    assert json.loads(file) == document
    file.encode()


def test_what_a_call_carried_is_seen_in_its_line_its_details_and_the_exports() -> None:
    arguments = {"command": "ls\u202e\U000e0072\U000e006d" + " " * 250 + "; rm -rf /\u200b"}
    record = CallRecord("1", 1, "db\u200b", "run\u202e", arguments, "", CallStatus.OK)
    line = "".join(part for part, _ in call_row(record, 158, PALETTE, 0.0, folded=True).spans)
    assert 'db⟨U+200B⟩.run⟨U+202E⟩  command=ls⟨U+202E tags "rm"⟩⟨␣×250⟩; rm -rf /⟨U+200B⟩' in line
    details = "".join(p for row in detail_rows(record, 100, PALETTE, everything=True) for p, _ in row.spans)
    assert "ls\\u202e\\udb40\\udc72\\udb40\\udc6d" in details and "rm -rf /\\u200b" in details
    note = markdown(compared("x", tool_calls=[{**call("x"), "arguments": arguments, "tool": "run\u202e"}]))
    assert 'x.run⟨U+202E⟩ {"command": "ls⟨U+202E tags "rm"⟩⟨␣×250⟩; rm -rf /⟨U+200B⟩"}' in note


@pytest.mark.parametrize("uri", ["file:///a/%E2%80%AEtxt.exe", "file:///a/%1b%5d52;c", "file:///%F3%A0%81%B2x"])
def test_a_file_name_from_an_address_is_cleaned_after_its_percent_signs(uri: str) -> None:
    assert not interpreted(file_name(uri, "text/plain"))
