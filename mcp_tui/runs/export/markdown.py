"""A document as Markdown. Answers stay Markdown; what could break out of its place is defused.

Raw HTML becomes text, an open fence is closed, control characters are removed, and what stands in a heading, a table
or a quote stays in its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape
from typing import Any, cast

from mcp_tui.core.json_text import dump
from mcp_tui.core.json_values import as_list, as_object
from mcp_tui.core.text import clean, clean_line
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.export.figures import FIGURE_HEADERS, call_text, figures, remarks

MAX_RESULT_CHARS = 4_000
"""Of a tool result; the whole one is in the JSON export."""

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)$")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!])")
_HTML = re.compile(r"<(?=[A-Za-z/!?])")
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_CODE = re.compile(r"(`+)")


def markdown(document: JsonObject) -> str:
    """For people: each prompt, each answer with its tool calls, and the figures."""
    turns: Sequence[JsonObject] = document["turns"]
    lines: list[str] = []
    if "id" in document:
        lines += [f"<!-- run {document['id']}, {document['started_at']}, {document['status']} -->", ""]
    for turn in turns:
        lines += _turn(turn, numbered=len(turns) > 1)
    faults = cast("Sequence[str]", document.get("faults", ()))
    lines += ["", *(f"- {_inline(fault)}" for fault in faults)] if faults else []
    return "\n".join(lines).rstrip("\n") + "\n"


def _turn(turn: JsonObject, *, numbered: bool) -> Iterator[str]:
    yield from (f"# Prompt {turn['turn']}" if numbered else "# Prompt", "", tamed(str(turn["prompt"]).strip()), "")
    responses: Sequence[JsonObject] = turn["responses"]
    for response in responses:
        yield from (f"# {_inline(str(response['model']))}", "")
        calls: Sequence[JsonObject] = response["tool_calls"]
        for call in calls:
            yield f"- {_code(call_text(call))}"
            yield from _result(call)
        if calls:
            yield ""
        yield from (tamed(str(response["text"]).strip()) or "*no answer*", "")
        error: dict[str, Any] | None = response["error"]
        if error is not None:
            yield from (f"> {response['status']}: {_inline(error['title'])}: {_inline(error['detail'])}", "")
    yield from ("# Figures", "", f"| {' | '.join(FIGURE_HEADERS)} |", f"|{'---|' * len(FIGURE_HEADERS)}")
    yield from (f"| {' | '.join(_cell(cell) for cell in figures(response))} |" for response in responses)
    told = remarks(turn)
    if told:
        yield from ("", *(f"- {_inline(remark)}" for remark in told))
    yield ""


def _result(call: JsonObject) -> Iterator[str]:
    """The texts of a tool's answer, folded below the call."""
    result = cast("JsonObject | None", call.get("result"))
    if not result:
        return
    text = result_text(result)
    if not text.strip():
        return
    fence = "`" * max(3, longest_run(text) + 1)
    yield from ("", f"  {fence}", *(f"  {line}" for line in text.split("\n")), f"  {fence}", "")


def result_text(result: JsonObject, limit: int = MAX_RESULT_CHARS) -> str:
    """What of a tools/call result is text, clean; anything else by its name."""
    content = cast("object", result.get("content"))
    parts: list[str] = []
    for item in as_list(content):
        block = as_object(item)
        text: object = block.get("text")
        parts.append(text if isinstance(text, str) else f"[{block.get('type', 'content')}]")
    if not parts and "structuredContent" in result:
        parts.append(dump(result["structuredContent"]))
    whole = clean("\n".join(parts))
    return whole if len(whole) <= limit else f"{whole[:limit]}\n… {len(whole) - limit:,} more characters"


def tamed(text: str) -> str:
    """Markdown from outside that ends where it ends, and holds no HTML."""
    lines: list[str] = []
    fence = ""
    prose: list[str] = []
    for line in clean(text).split("\n"):
        found = _FENCE.match(line)
        if fence:
            lines.append(line)
            if found and found[1].startswith(fence) and not found[2].strip():
                fence = ""
        elif found and not (found[1][0] == "`" and "`" in found[2]):
            lines += _without_html(prose)
            prose = []
            lines.append(line)
            fence = found[1]
        else:
            prose.append(line)
    lines += _without_html(prose)
    if fence:
        lines.append(fence)
    return "\n".join(lines)


def _without_html(lines: list[str]) -> list[str]:
    """Code spans stay as they are; a paragraph is the most one can reach over."""
    done: list[str] = []
    for paragraph in re.split(r"(\n[ \t]*\n)", "\n".join(lines)):
        pieces = _CODE.split(paragraph)
        out: list[str] = []
        at = 0
        while at < len(pieces):
            if at % 2:
                end = next((i for i in range(at + 2, len(pieces), 2) if pieces[i] == pieces[at]), None)
                if end is not None:
                    out += pieces[at : end + 1]
                    at = end + 1
                    continue
                out.append(pieces[at])
            else:
                out.append(_HTML.sub("&lt;", _without_references(pieces[at])))
            at += 1
        done.append("".join(out))
    return "".join(done).split("\n") if lines else []


def _without_references(text: str) -> str:
    """Without the references that a reader of Markdown turns into what `clean` removes; others stay as written."""
    return _REFERENCE.sub(lambda found: found[0] if clean(unescape(found[0])) else "", text)


def _inline(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", _without_references(clean_line(text)))


def _cell(text: str) -> str:
    return _without_references(clean_line(text)).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _code(text: str) -> str:
    """A code span that holds any text."""
    ticks = "`" * (longest_run(text) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def longest_run(text: str) -> int:
    """Of backticks."""
    return max((len(run) for run in re.findall("`+", text)), default=0)
