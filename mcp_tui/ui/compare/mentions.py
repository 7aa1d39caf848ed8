"""`@server:resource` and `/server:prompt` in the prompt editor: finding, completing, resolving. Pure text work."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.state import PromptInfo, ResourceInfo, ServerSnapshot
from mcp_tui.core.text import clean_line

MAX_SHOWN = 50
_TYPED = re.compile(r"(?:^|(?<=[\s(\[{\"']))@(\S*)$")
MENTION = re.compile(r"(?:^|(?<=[\s(\[{\"']))@(\S+)")
MARKED = re.compile(r"(?:^|(?<=[\s(\[{\"']))@(?:\"[^\"\n]+\"|\S+)")
"""As MENTION, and paths in quotation marks: what the editor marks."""
_TRAILING = ".,;:!?)]}'\""


@dataclass(frozen=True, slots=True)
class Mention:
    """A resource named in a prompt; `text` is what follows the @."""

    text: str
    server: str
    uri: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One line of the completion list. insert: what replaces the typed token, sign included."""

    insert: str
    detail: str
    resource: ResourceInfo | None = None
    prompt: PromptInfo | None = None


def typed_mention(before_cursor: str) -> str | None:
    """What was typed after the @ the cursor stands behind, or None."""
    match = _TYPED.search(before_cursor)
    return match.group(1) if match else None


def typed_command(text: str, before_cursor: str) -> str | None:
    """What was typed after a slash that begins the whole text, while the cursor is in that first word."""
    if not text.startswith("/") or any(space in before_cursor for space in " \t\n"):
        return None
    return before_cursor[1:] if before_cursor.startswith("/") else None


def resource_candidates(servers: Iterable[ServerSnapshot]) -> list[Candidate]:
    found: list[Candidate] = []
    for server in servers:
        if not server.status.usable or not _one_word(server.name):
            continue
        names = Counter(resource.name for resource in server.catalog.resources)
        for resource in server.catalog.resources:
            # A name is shorter, but means one thing only while no other resource has it.
            word = resource.name if names[resource.name] == 1 and _one_word(resource.name) else resource.uri
            if _one_word(word):
                detail = resource.title if resource.title != word else resource.uri
                found.append(Candidate(f"@{server.name}:{word}", clean_line(detail), resource=resource))
    return found


def prompt_candidates(servers: Iterable[ServerSnapshot]) -> list[Candidate]:
    return [
        Candidate(f"/{server.name}:{prompt.name}", clean_line(prompt.description or prompt.title), prompt=prompt)
        for server in servers
        if server.status.usable
        for prompt in server.catalog.prompts
    ]


def _one_word(text: str) -> bool:
    """Typing it back means the same: no blanks, nothing the sanitiser takes away."""
    return bool(text) and not any(character.isspace() for character in text) and clean_line(text) == text


def ranked(candidates: Sequence[Candidate], typed: str) -> list[Candidate]:
    """The best fuzzy matches, best first: parts of the name before parts of the description."""
    if not typed:
        return list(candidates[:MAX_SHOWN])
    wanted = typed.casefold()
    scored = (
        (score, index, candidate)
        for index, candidate in enumerate(candidates)
        if (score := _score(candidate, wanted)) is not None
    )
    return [candidate for _, _, candidate in heapq.nsmallest(MAX_SHOWN, scored)]


def _score(candidate: Candidate, wanted: str) -> int | None:
    """Smaller is better; None = no match. A whole part beats letters in order, the name beats the detail."""
    name = candidate.insert[1:].casefold()
    at = name.find(wanted)
    if at >= 0:
        begins = at == 0 or not name[at - 1].isalnum()
        return (0 if begins else 100) + min(at, 90)
    if candidate.resource is not None:
        # Every URI begins alike: its scheme tells nothing apart.
        about = f"{candidate.resource.uri.partition('://')[2]}\n{candidate.resource.title}"
    else:
        about = candidate.detail
    if wanted in about.casefold():
        return 300
    at, gaps = -1, 0
    for letter in wanted:
        found = name.find(letter, at + 1)
        if found < 0:
            return None
        gaps += found - at - 1
        at = found
    return 400 + gaps


def mentions(text: str, servers: Sequence[ServerSnapshot]) -> tuple[Mention, ...]:
    """The resources a prompt names, each once. `@word` that names no server is left alone: it is only text.

    AppError (usage) for a resource its server does not have, or a server that is not connected.
    """
    by_name = {server.name: server for server in servers}
    found: dict[tuple[str, str], Mention] = {}
    for match in MENTION.finditer(text):
        mention = _resolve(match.group(1), by_name)
        if mention is not None:
            found.setdefault((mention.server, mention.uri), mention)
    return tuple(found.values())


def _resolve(written: str, servers: dict[str, ServerSnapshot]) -> Mention | None:
    name, colon, rest = written.partition(":")
    server = servers.get(name)
    if not colon or server is None or not rest:
        return None
    for word in readings(rest):
        for resource in server.catalog.resources:
            if word in (resource.uri, resource.name):
                return _usable(server, Mention(f"{name}:{word}", name, resource.uri))
    word = rest.rstrip(_TRAILING)
    if "://" in word:
        # Templates make addresses that no list holds.
        return _usable(server, Mention(f"{name}:{word}", name, word))
    hint = known_names_hint(word, (resource.name for resource in server.catalog.resources), what="it has")
    raise AppError(
        f"@{clean_line(name)}:{clean_line(word)} not found",
        f"server {clean_line(name)} has no such resource",
        hint or "type @ to see what there is",
        kind=ErrorKind.USAGE,
        code="unknown_resource",
    )


def readings(rest: str) -> Iterable[str]:
    """As written, then without the punctuation of the sentence around it."""
    yield rest
    while rest and rest[-1] in _TRAILING:
        rest = rest[:-1]
        if rest:
            yield rest


def _usable(server: ServerSnapshot, mention: Mention) -> Mention:
    if server.status.usable:
        return mention
    raise AppError(
        f"@{clean_line(mention.text)} cannot be read",
        f"server {clean_line(server.name)} is not connected ({server.status.value})",
        "reconnect it with r in the Servers pane",
        kind=ErrorKind.UNREACHABLE,
        code="not_ready",
    )


def named_prompt(text: str, servers: Iterable[ServerSnapshot]) -> PromptInfo | None:
    """The prompt a text of nothing but `/server:prompt` (or `/prompt`, where that is clear) names."""
    word = text.strip()
    if not word.startswith("/") or any(character.isspace() for character in word):
        return None
    prompts = [prompt for server in servers if server.status.usable for prompt in server.catalog.prompts]
    exact = [prompt for prompt in prompts if word[1:] == f"{prompt.server}:{prompt.name}"]
    bare = exact or [prompt for prompt in prompts if word[1:] == prompt.name]
    return bare[0] if len(bare) == 1 else None
