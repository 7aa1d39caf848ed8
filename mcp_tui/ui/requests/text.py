"""Requests from servers in words. Everything in here comes from servers: what cannot be seen is
marked where it is drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from textual.content import Content

from mcp_tui.core import media
from mcp_tui.core.figures import size_text
from mcp_tui.core.json_text import dump_start
from mcp_tui.core.json_values import is_list, is_object, objects
from mcp_tui.core.server_requests import Fate, RequestKind, ServerRequest, SettledRequest
from mcp_tui.core.text import concerns, hidden_in, hidden_words, marked_line, marked_name
from mcp_tui.core.types import JsonObject
from mcp_tui.ui import safe
from mcp_tui.ui.status import INK, MUTED, Tone
from mcp_tui.ui.stream.links import address_shown, host_of, opens, warnings

MAX_SHOWN_CHARS = 100_000
"""Of one request; what is longer is cut, and says so."""
LONGEST_ADDRESS = 8_000
NO_WEB_ADDRESS = "this is no web address: it is not opened from here"

KIND_WORDS = {
    RequestKind.FORM: "form",
    RequestKind.URL: "web page",
    RequestKind.SAMPLING: "model",
    RequestKind.ROOTS: "folders",
}
ASKS = {
    RequestKind.FORM: "asks you to fill in a form",
    RequestKind.URL: "asks you to visit a web page",
    RequestKind.SAMPLING: "asks a model",
    RequestKind.ROOTS: "asked for the folders it may know of",
}
FATES: dict[Fate, tuple[str, str, Tone]] = {
    Fate.ANSWERED: ("✓", "answered", "good"),
    Fate.DECLINED: ("×", "declined", "warn"),
    Fate.CANCELLED: ("■", "cancelled", "muted"),
    Fate.WITHDRAWN: ("○", "taken back", "muted"),
}


def gist(request: ServerRequest) -> str:
    """What it is about, one raw line."""
    if request.kind is not RequestKind.SAMPLING:
        return request.message
    messages = objects(request.params.get("messages"))
    texts = [_block_words(block) for message in messages[-1:] for block in _blocks(message)]
    return " ".join(texts)


def who_called(request: ServerRequest, label_of: Callable[[str], str]) -> str:
    """The call that caused it, and who made that. label_of: a column's label by its id, or ""."""
    if not request.cause:
        return "not during a call"
    cause = marked_name(request.cause)
    words = request.origin.split()
    if words[:1] == ["run"] and len(words) >= 4:
        column = marked_name(label_of(words[3])) or f"column {words[3]}"
        cause += f", called by {column}"
    elif request.origin.startswith("workbench"):
        cause += ", from the Workbench"
    elif request.origin:
        cause += f", {marked_name(request.origin)}"
    if request.round > 1:
        cause += f", round {request.round}"
    return cause


def address_lines(request: ServerRequest) -> list[Content]:
    """The whole address with its host marked, then what may deceive, the gravest first."""
    url = request.url
    host = host_of(url)
    lines = [address_shown(url, LONGEST_ADDRESS, "$text-accent bold reverse")]
    if host:
        lines.append(Content.styled("host  ", MUTED) + safe.marked_name(host).stylize("bold"))
    lines += [safe.marked_line(f"! {text}", "$text-warning") for text in address_warnings(url)]
    return lines


def address_warnings(raw: str) -> list[str]:
    found: list[str] = []
    if not opens(raw):
        unseen = concerns(raw)
        found.append(f"the address holds {unseen}: it is not opened from here" if unseen else NO_WEB_ADDRESS)
    found += warnings(raw, "")
    try:
        host = urlsplit(raw).hostname or ""
    except ValueError:
        return found
    if host and not host.isascii():
        found.append(f"a browser asks for {_encoded(host)}")
    if host == "localhost" or host.endswith(".localhost"):
        found.append("the host is this machine")
    else:
        try:
            address = ip_address(host)
        except ValueError:
            pass
        else:
            found.append("the host is this machine" if address.is_loopback else "the host is a bare IP address")
    return found


def openable(request: ServerRequest) -> bool:
    return opens(request.url)


def _encoded(host: str) -> str:
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return "a name that cannot be written in ASCII"


# ---------------------------------------------------------------------- sampling


def wishes(params: JsonObject) -> list[str]:
    """What the server wants of the model, one phrase each."""
    found: list[str] = []
    preferences = params.get("modelPreferences")
    if is_object(preferences):
        hints = [str(hint["name"]) for hint in objects(preferences.get("hints")) if hint.get("name")]
        if hints:
            found.append(f"like {', '.join(hints)}")
        weights = [
            f"{word} {preferences[key]:g}"
            for key, word in (("intelligencePriority", "clever"), ("speedPriority", "fast"), ("costPriority", "cheap"))
            if isinstance(preferences.get(key), int | float)
        ]
        if weights:
            found.append(" ".join(weights))
    for key, word in (("maxTokens", "at most {} tokens"), ("temperature", "temperature {}")):
        if isinstance(params.get(key), int | float):
            found.append(word.format(params[key]))
    stops = params.get("stopSequences")
    if isinstance(stops, list) and stops:
        found.append(f"stops at {json.dumps(stops, ensure_ascii=False)}")
    tools = [str(tool.get("name")) for tool in objects(params.get("tools"))]
    if tools:
        choice: Any = params.get("toolChoice")
        mode = str(choice.get("mode") or "auto") if is_object(choice) else "auto"
        count = hidden_in(params["tools"])
        flag = f" ! with {hidden_words(count)}" if count else ""
        found.append(f"its tools {', '.join(tools)} ({mode}){flag}")
    if params.get("includeContext") not in (None, "none"):
        found.append(f"context of {params['includeContext']} (not given)")
    return found


def conversation(params: JsonObject) -> Content:
    """The system prompt and the messages, as the model gets them."""
    pieces: list[Content] = []
    room = MAX_SHOWN_CHARS
    system = params.get("systemPrompt")
    if isinstance(system, str) and system:
        pieces.append(_said("system", system[:room]))
        room -= len(system)
    for message in objects(params.get("messages")):
        if room <= 0:
            pieces.append(Content.styled(f"… cut after {MAX_SHOWN_CHARS:,} characters", "$text-warning"))
            break
        text = "\n".join(_block_words(block) for block in _blocks(message))
        pieces.append(_said(str(message.get("role") or "?"), text[:room]))
        room -= len(text)
    return Content("\n").join(pieces) if pieces else Content.styled("no messages", MUTED)


def _said(role: str, text: str) -> Content:
    return (safe.marked_name(role) + "  ").stylize("$text-accent bold") + safe.marked(text)


def _blocks(message: JsonObject) -> list[JsonObject]:
    content = message.get("content")
    return objects(content if is_list(content) else [content])


def _block_words(block: JsonObject) -> str:
    kind = block.get("type")
    if kind == "text":
        return str(block.get("text") or "")
    if kind in ("image", "audio"):
        data = block.get("data")
        size = size_text(media.decoded_size(data)) if isinstance(data, str) else "no data"
        return f"[{kind} {block.get('mimeType') or ''}, {size}]"
    if kind == "tool_use":
        return f"[calls {block.get('name')} {json.dumps(block.get('input'), ensure_ascii=False)}]"
    if kind == "tool_result":
        inner = " ".join(_block_words(part) for part in objects(block.get("content")))
        return f"[result{' (error)' if block.get('isError') is True else ''}: {inner}]"
    return json.dumps(block, ensure_ascii=False)


def tool_use_lines(result: JsonObject | None) -> list[str]:
    """The calls in an answer."""
    if result is None:
        return []
    return [_block_words(block)[1:-1] for block in _blocks(result) if block.get("type") == "tool_use"]


def answer_text(result: JsonObject) -> str:
    """The words of an answer."""
    return "\n".join(str(block.get("text") or "") for block in _blocks(result) if block.get("type") == "text")


# ---------------------------------------------------------------------- what was answered


def settled_lines(settled: SettledRequest) -> list[Content]:
    """What was asked, and what was answered."""
    glyph, word, tone = FATES[settled.fate]
    head = f"{glyph} {word}"
    if settled.by:
        head += f", {marked_name(settled.by)}"
    if settled.why:
        head += f": {marked_line(settled.why)}"
    if settled.completed is not None:
        head += ", done there" if settled.completed else ", not done there yet"
    lines = [Content.styled(head, INK[tone])]
    request, reply = settled.request, settled.reply
    if request.kind is RequestKind.URL:
        lines += [Content(""), *address_lines(request)]
    elif request.kind is RequestKind.SAMPLING:
        lines += [Content(""), conversation(request.params)]
    if reply is not None and reply.content is not None:
        lines += [Content(""), Content.styled("answer", MUTED), _dumped(reply.content)]
    elif "note" in request.params:
        lines += [Content(""), Content.styled("too large to be kept", MUTED)]
    return lines


def _dumped(value: JsonObject) -> Content:
    text, whole = dump_start(value, max_chars=MAX_SHOWN_CHARS)
    shown = safe.marked_json(text)
    return shown if whole else shown + f"\n… cut after {MAX_SHOWN_CHARS:,} characters"
