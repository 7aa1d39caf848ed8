"""A document as one HTML file that loads nothing and runs nothing: answers side by side, calls to unfold.

Texts are escaped, Markdown is rendered without HTML in it, images are only named, and the file's own policy forbids
scripts and every request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Any, cast
from urllib.parse import urlsplit

from mcp_tui.core import markdown
from mcp_tui.core.figures import money_text
from mcp_tui.core.json_text import dump
from mcp_tui.core.text import clean, clean_line
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.export.figures import FIGURE_HEADERS, call_text, figures, remarks
from mcp_tui.runs.export.markdown import result_text

MAX_RESULT_CHARS = 200_000
_SCHEMES = ("http", "https", "mailto")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --bad: #c33; --ok: #2a7; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 110rem; padding: 0 1.5rem; }
header p, .muted { opacity: .7; }
h1 { font-size: 1.3rem; margin: 0 0 .3rem; }
h2 { font-size: 1rem; margin: 2.5rem 0 .5rem; }
.prompt { white-space: pre-wrap; overflow-wrap: anywhere; padding: .8rem 1rem; background: var(--soft);
  border-left: 3px solid #58a; border-radius: 4px; }
.columns { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr));
  margin: 1rem 0; align-items: start; }
article { border: 1px solid var(--line); border-radius: 8px; padding: 0 1rem 1rem; overflow-wrap: anywhere; }
article > h3 { font-size: .95rem; margin: .7rem 0; display: flex; justify-content: space-between; gap: 1rem; }
.state { font-weight: normal; opacity: .8; } .error { color: var(--bad); }
details { border-top: 1px solid var(--line); padding: .35rem 0; font-size: .9em; }
summary { cursor: pointer; } summary code { background: none; }
pre { overflow: auto; background: var(--soft); padding: .7rem; border-radius: 4px; white-space: pre-wrap; }
code { font: .9em/1.4 ui-monospace, monospace; background: var(--soft); padding: 0 .2em; border-radius: 3px; }
pre code { background: none; padding: 0; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 1rem 0; }
th, td { border: 1px solid var(--line); padding: .25rem .6rem; text-align: left; font-size: .9em; }
td:nth-child(n+3) { font-variant-numeric: tabular-nums; }
blockquote { border-left: 3px solid var(--line); margin-left: 0; padding-left: 1rem; }
"""


def html(document: JsonObject) -> str:
    render = _renderer()
    turns: Sequence[JsonObject] = document["turns"]
    title = _title(str(document["prompt"]))
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="referrer" content="no-referrer">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>",
        f"<header><h1>{_text(title)}</h1>{_about(document)}</header>",
    ]
    for turn in turns:
        parts += _turn(turn, render, numbered=len(turns) > 1)
    faults = cast("Sequence[str]", document.get("faults", ()))
    parts += [f'<p class="error">{_text(fault)}</p>' for fault in faults]
    return "\n".join([*parts, "</body></html>", ""])


def _title(prompt: str) -> str:
    line = clean_line(prompt)
    return (line if len(line) <= 90 else f"{line[:89]}…") or "Run"


def _about(document: JsonObject) -> str:
    if "id" not in document:
        return ""
    words = (
        f"run {document['id']}",
        str(document["started_at"]),
        str(document["status"]),
        f"continues {document['forked_from']}" if document["forked_from"] else "",
        money_text(document["cost_usd"], estimate=document["cost_is_estimate"]),
    )
    return f"<p>{_text(' · '.join(word for word in words if word))}</p>"


def _turn(turn: JsonObject, render: Callable[[str], str], *, numbered: bool) -> Iterator[str]:
    number = f" {turn['turn']}" if numbered else ""
    yield f"<h2>Prompt{number}</h2>"
    yield f'<div class="prompt">{_block(str(turn["prompt"]).strip())}</div><div class="columns">'
    responses: Sequence[JsonObject] = turn["responses"]
    for response in responses:
        yield from _response(response, render)
    yield "</div><table><thead><tr>"
    yield "".join(f"<th>{header.lower()}</th>" for header in FIGURE_HEADERS) + "</tr></thead><tbody>"
    for response in responses:
        yield f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in figures(response))}</tr>"
    yield "</tbody></table>"
    yield from (f'<p class="muted">{_text(remark)}</p>' for remark in remarks(turn))


def _response(response: JsonObject, render: Callable[[str], str]) -> Iterator[str]:
    state = f'<span class="state">{_text(str(response["status"]))}</span>'
    yield f"<article><h3>{_text(str(response['model']))}{state}</h3>"
    reasoning = str(response.get("reasoning") or "").strip()
    if reasoning:
        yield f"<details><summary>thinking</summary><pre>{_block(reasoning)}</pre></details>"
    for call in response["tool_calls"]:
        yield f"<details><summary><code>{_text(call_text(call))}</code></summary>{_call(call)}</details>"
    text = str(response["text"]).strip()
    yield f"<div>{render(clean(text))}</div>" if text else '<p class="muted">no answer</p>'
    error: dict[str, Any] | None = response["error"]
    if error is not None:
        words = ": ".join(str(error[name]) for name in ("title", "detail") if error.get(name))
        hint = f" ({error['hint']})" if error.get("hint") else ""
        yield f'<p class="error">{_text(words + hint)}</p>'
    yield "</article>"


def _call(call: JsonObject) -> str:
    parts = [f"<pre>{_block(dump(call['arguments']))}</pre>"]
    result = cast("JsonObject | None", call.get("result"))
    if result:
        parts.append(f"<pre>{_block(result_text(result, MAX_RESULT_CHARS))}</pre>")
    return "".join(parts)


def _text(text: str) -> str:
    """One line."""
    return escape(clean_line(text))


def _block(text: str) -> str:
    return escape(clean(text))


def _renderer() -> Callable[[str], str]:
    """CommonMark and tables, without HTML; nothing is loaded, links name their target and lead nowhere else."""
    parser = markdown.parser()

    # markdown-it's plain defaults allow data: images and any scheme it does not know.
    parser.validateLink = lambda url: urlsplit(url).scheme.lower() in _SCHEMES if _has_scheme(url) else False  # pyright: ignore[reportAttributeAccessIssue]  meant to be replaced

    def image(renderer: Any, tokens: Sequence[Any], at: int, options: Any, env: Any) -> str:
        token = tokens[at]
        words = f"[image: {token.content} {token.attrGet('src') or ''}]"
        return f'<span class="muted">{_text(words)}</span>'

    def link(renderer: Any, tokens: Sequence[Any], at: int, options: Any, env: Any) -> str:
        tokens[at].attrSet("rel", "noopener noreferrer nofollow")
        return cast("str", renderer.renderToken(tokens, at, options, env))

    parser.add_render_rule("image", image)
    parser.add_render_rule("link_open", link)
    return lambda text: cast("str", parser.render(text))


def _has_scheme(url: str) -> bool:
    try:
        return bool(urlsplit(url).scheme)
    except ValueError:
        return False
