"""Saved runs and comparisons as files: the goldens are read by people, the hostile texts by nobody."""

from __future__ import annotations

import html as html_module
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.state import CallStatus, ColumnStatus
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.export.document import comparison_format, format_of, of_comparison, of_run, written
from mcp_tui.runs.export.html import html
from mcp_tui.runs.export.markdown import markdown, tamed
from mcp_tui.store.history.reader import HistoryReader
from mcp_tui.store.history.records import SavedRun
from tests.store.history_runs import NOON, Scribe, answer, call, column, figures, in_order, said

GOLDENS = Path(__file__).with_name("export_goldens")

HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(2)> [x](javascript:alert(3)) ![t](https://track.example/p.png) "
    "\x1b]52;c;ZXZpbA==\x07\u202egnp </div></article></body> <!-- \x9b31m | a | `b` **c** &amp; \"q\" 'q'"
)
ANSWER = """## Findings

| time | event |
|------|-------|
| 02:00 | cleanup locks `user_sessions` |

1. the [log](https://example.org/log) says so
2. ~~not~~ the disk

```python
print("<b>kept as it is</b>")
```"""


def example(path: Path) -> SavedRun:
    scribe = Scribe(path)
    refused = ErrorInfo("groq refused", "429: rate limit reached", "wait a minute", ErrorKind.PROVIDER, "http_429")
    first = in_order(
        answer("c1", ANSWER, calls=[call("t1s1c1")], thinking="The log first.\nThen the table."),
        answer("c2", "", status=ColumnStatus.ERROR, error=refused, metrics=figures(None, 0), took_s=0.9),
    )
    second = answer("c1", "At 04:00.", prompt="When then?", turn=2, at_s=60.0, took_s=1.0, metrics=figures(0.01, 330))
    scribe.run(
        [*first, *second],
        columns=[column(1, "anthropic/claude-sonnet"), column(2, "groq/llama-4")],
        answers=[said("c1", ANSWER), said("c1", "At 04:00.", 2)],
        started_at=NOON,
        id_="night222",
        settings={"approval": "ask", "no_tools": False},
    )
    scribe.close()
    return HistoryReader(path, now=lambda: NOON).open(1)


def hostile(path: Path) -> SavedRun:
    scribe = Scribe(path)
    broken = ErrorInfo(HOSTILE, HOSTILE, HOSTILE)
    record = call("a", tool=HOSTILE, result={"content": [{"type": "text", "text": HOSTILE + "\n```\n" + HOSTILE}]})
    scribe.run(
        answer(
            "c1",
            f"{HOSTILE}\n\n```html\n{HOSTILE}",
            prompt=f"{HOSTILE}\n# Prompt\n````\nopen",
            calls=[record, call("b", CallStatus.DENIED, tool=HOSTILE)],
            thinking=HOSTILE,
            status=ColumnStatus.INCOMPLETE,
            error=broken,
        ),
        columns=[column(1, f"openai/{HOSTILE}")],
        id_="hostile2",
    )
    scribe.close()
    return HistoryReader(path, now=lambda: NOON).open(1)


@pytest.mark.parametrize("suffix", ["md", "json", "html"])
def test_goldens(tmp_path: Path, suffix: str) -> None:
    text = written(of_run(example(tmp_path / "h.sqlite")), format_of(f"x.{suffix}"))
    golden = GOLDENS / f"night.{suffix}"
    assert text == golden.read_text("utf-8"), f"look at both, then write {golden} anew"


def test_json_has_each_turn_as_compare_prints_it(tmp_path: Path) -> None:
    document = of_run(example(tmp_path / "h.sqlite"))
    first, second = document["turns"]
    assert first["prompt"] == "Why did the nightly job fail?" and second["prompt"] == "When then?"
    sonnet, llama = first["responses"]
    assert (sonnet["model"], sonnet["status"], sonnet["stop_reason"]) == ("anthropic/claude-sonnet", "ok", "stop")
    assert sonnet["text"] == ANSWER and sonnet["reasoning"] == "The log first.\nThen the table."
    assert sonnet["tool_calls"][0]["arguments"]["limit"] == 10**30, "a number of any size"
    assert sonnet["params"] == {"temperature": 0.2}
    assert llama["error"]["detail"] == "429: rate limit reached" and llama["status"] == "error"
    (again,) = second["responses"]
    assert again["usage"]["output_tokens"] == 20 and round(again["cost_usd"], 4) == 0.0039, "of this turn alone"
    assert first["comparison"]["count"] == 2
    assert json.loads(written(document, "json")) == document


class Tags(HTMLParser):
    """Every tag, every attribute, every text outside of styles."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "every tag is closed where it was opened"

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment came through: {data}")

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


def test_hostile_text_is_only_text_in_html(tmp_path: Path) -> None:
    page = html(of_run(hostile(tmp_path / "h.sqlite")))
    tags = Tags()
    tags.feed(page)
    tags.close()
    assert not tags.open
    names = {tag for tag, _ in tags.tags}
    assert not names & {"script", "img", "iframe", "object", "link", "svg", "form", "base", "embed", "video", "audio"}
    for tag, attributes in tags.tags:
        assert not any(name.startswith("on") or name in ("src", "srcset", "style") for name in attributes), tag
        assert re.match(r"https?:|mailto:", attributes.get("href") or "https:"), attributes
    assert "alert(1)" in tags.text and "[image: t https://track.example/p.png]" in tags.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", page)
    policy = next(attributes["content"] for _, attributes in tags.tags if "http-equiv" in attributes)
    assert policy is not None and policy.startswith("default-src 'none'") and "script-src" not in policy


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "//evil",
     "/x", "x", "java\tscript:x", "&#106;avascript:x", "tel:1"],
)  # fmt: skip
def test_links_lead_only_where_they_say(link: str) -> None:
    page = html(of_comparison({"prompt": "p", "responses": [_response(f"[x](<{link}>) <{link}>")], "comparison": {}}))
    assert "href" not in page


def test_good_links_stay() -> None:
    page = html(
        of_comparison({"prompt": "p", "responses": [_response("[x](https://a.example/?q=1&r=2)")], "comparison": {}})
    )
    assert '<a href="https://a.example/?q=1&amp;r=2" rel="noopener noreferrer nofollow">x</a>' in page


def test_hostile_text_breaks_nothing_out_of_markdown(tmp_path: Path) -> None:
    text = markdown(of_run(hostile(tmp_path / "h.sqlite")))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    page = re.sub(r"<!-- run hostile2, .*? -->", "", page, count=1)
    tags = Tags()
    tags.feed(page)
    assert not {tag for tag, _ in tags.tags} & {"script", "div", "article", "body"}
    assert not any("onerror" in attributes for _, attributes in tags.tags)
    # What stands after the answers is still what it is: an open fence, quote or comment has not swallowed it.
    assert "<h1>Figures</h1>" in page and "<table>" in page
    assert page.count("<h1>") == 3 + 1, "the prompt's own heading is one more"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("a < b and a <b>", "a < b and a &lt;b>"),
        ("`<b>` and ``<i> ` </i>``", "`<b>` and ``<i> ` </i>``"),
        ("a ` <b>\n\n<i> ` c", "a ` &lt;b>\n\n&lt;i> ` c"),
        ("```\n<b>", "```\n<b>\n```"),
        ("~~~~\n```\n<b>", "~~~~\n```\n<b>\n~~~~"),
        ("```a`b\n<b>", "```a`b\n&lt;b>"),
        ("<!-- open", "&lt;!-- open"),
        ("x\n```\ny\n```\n<b>", "x\n```\ny\n```\n&lt;b>"),
        ("", ""),
    ],
)
def test_markdown_from_outside_is_tamed_and_code_stays(given: str, wanted: str) -> None:
    assert tamed(given) == wanted


def test_a_part_that_could_not_be_read_is_said_in_every_format(tmp_path: Path) -> None:
    document = {**of_run(example(tmp_path / "h.sqlite")), "faults": ["a part <b> is missing"]}
    assert "a part &lt;b&gt; is missing" in html(document)
    assert "- a part \\<b\\> is missing" in markdown(document)
    assert json.loads(written(document, "json"))["faults"] == ["a part <b> is missing"]


def test_the_name_of_a_file_says_its_format() -> None:
    assert [format_of(name) for name in ("a.md", "b.MARKDOWN", "c.json", "d.htm")] == ["md", "md", "json", "html"]
    assert comparison_format("result.txt") == "json"
    with pytest.raises(AppError, match=r"\.docx does not say|does not say"):
        format_of("a.docx")


def test_a_comparison_that_was_not_saved_is_written_the_same_way() -> None:
    result: JsonObject = {"prompt": "p\n<x>", "responses": [_response("**fine**")], "comparison": {"count": 1}}
    page = html(of_comparison(result))
    assert "<strong>fine</strong>" in page and html_module.escape("p\n<x>") in page
    assert "**fine**" in markdown(of_comparison(result)) and "&lt;x>" in markdown(of_comparison(result))


def _response(text: str) -> dict[str, Any]:
    return {
        "model": "a/b", "status": "ok", "text": text, "reasoning": "", "tool_calls": [],
        "usage": {"input_tokens": 1, "output_tokens": 2}, "cost_usd": None, "cost_is_estimate": False,
        "ttft_ms": None, "duration_ms": None, "tokens_per_s": None, "steps": 1, "error": None,
    }  # fmt: skip
