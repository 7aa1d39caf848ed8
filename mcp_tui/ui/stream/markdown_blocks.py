"""Cut streaming Markdown into blocks as early as is safe.

A block is finished when a later block began on a complete line: CommonMark never reopens it. Only what follows
the last finished block is parsed again when text arrives. A top-level list is finished item by item, an open
fence line by line. A list item or a quote that grows beyond `LONGEST_BLOCK` is taken apart: what it holds is split
as a text of its own. Any other block so long is cut at a place that depends on the text alone, so that the result
is the same for every chunking.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from mcp_tui.core import markdown
from mcp_tui.ui.stream.code_body import CodeBody, language_of
from mcp_tui.ui.stream.markdown_containers import TAB_STOP, Container, Frame, item

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LONGEST_BLOCK = 8192
CUT_FROM = 4096

References: TypeAlias = dict[str, dict[str, str]]
"""What labels of links stand for, in the parser's own form."""

_KINDS = {
    "paragraph_open": "paragraph",
    "heading_open": "heading",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "blockquote_open": "quote",
    "table_open": "table",
    "fence": "fence",
    "code_block": "fence",
    "hr": "rule",
}


@dataclass(frozen=True, slots=True)
class Block:
    """One top-level block, one or more items of a top-level list, or a part of a long item or quote."""

    kind: str
    source: str
    """Its Markdown: rows of finished blocks are made from it again when the width changes, because tokens of a
    long answer are many small objects that every garbage collection would walk."""
    tokens: tuple[Token, ...] = ()
    """Only of an open block."""
    continued: bool = False
    """Goes on with the list or quote of the block before it."""
    ordinal: int | None = None
    """Number of the first item of a continued ordered list."""
    code: CodeBody | None = None
    frames: tuple[Frame, ...] = ()
    """The containers it is a part of, the outermost first; `kind` is then the kind of that one."""
    references: Mapping[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]], compare=False)
    """Of its text, as far as it is known: it grows."""


@dataclass(slots=True)
class _Extent:
    """A top-level block within the parsed text: its tokens and lines (end exclusive)."""

    kind: str
    tokens: list[Token]
    start: int
    end: int


@dataclass(slots=True)
class _Fence:
    body: CodeBody
    marker: str
    indent: int

    def closed_by(self, line: str) -> bool:
        text = line.strip(" \t")
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        return (
            len(indent) <= 3 and "\t" not in indent and len(text) >= len(self.marker) and set(text) == {self.marker[0]}
        )

    def content(self, line: str) -> str:
        spaces = len(line) - len(line.lstrip(" "))
        return line[min(self.indent, spaces) :]


def parsed(block: Block) -> tuple[Token, ...]:
    return block.tokens or tuple(_parser().parse(block.source, {"references": block.references}))


def prepare() -> None:
    """Import the parser: on a thread, before the first answer needs it."""
    _parser().parse("")


@cache
def _parser() -> MarkdownIt:
    # Definitions of references stay in view: they say where a link leads, and `[^1]: see` is none. See `_define`.
    return markdown.parser().disable("reference")


_TABLE_HEAD_LINES = 2
_DEFINITION = re.compile(
    r" {0,3}\[(?!\^)((?:[^\[\]\\]|\\.){1,200})\]:[ \t]*(?:<([^<>]*)>|([^\s<]\S*))"
    r"(?:[ \t]+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?[ \t]*"
)
_DEEP_ITEM = "123456789. x"
_FENCE_OPEN = re.compile(r"^( {0,3})(`{3,}|~{3,})")


class BlockSplitter:
    def __init__(self, references: References | None = None) -> None:
        """references: of the text that this one is a part of; it then defines none."""
        self.references: References = {} if references is None else references
        self._defines = references is None
        self._text = ""
        self._fence: _Fence | None = None
        self._inside: _Inside | None = None
        self._in_list = ""
        """The text begins with an item of the list whose earlier items are finished, if with one of this marker."""
        self._ordinal: int | None = None

    def update(self, text: str) -> tuple[list[Block], list[Block]]:
        """Take the next fragment; the blocks that finished with it, and the open ones as they look now."""
        self._text += text
        return self._advance(end=False)

    def finish(self) -> list[Block]:
        """The end of the text: all that was open is finished."""
        finished, remaining = self._advance(end=True)
        self._text = ""
        return finished + remaining

    def _advance(self, *, end: bool) -> tuple[list[Block], list[Block]]:
        finished: list[Block] = []
        while True:
            if self._fence is not None:
                closed = self._feed_fence(self._fence, end=end)
                block = Block("fence", "", code=self._fence.body)
                if not closed:
                    return finished, [block]
                finished.append(block)
                self._fence = None
            if (inside := self._inside) is not None:
                still_open = self._feed_inside(inside, finished, end=end)
                if not inside.ended:
                    return finished, still_open
            if not self._text:
                return finished, []
            extents = _extents(_parser().parse(self._text, {"references": self.references}))
            lines = self._text.split("\n")
            if self._cut_oversize(extents, lines, finished):
                continue
            if extents and (fence := _open_fence(extents[-1], lines)) is not None and not end:
                self._freeze(extents[:-1], lines, finished)
                self._text = "\n".join(lines[extents[-1].start + 1 :])
                self._in_list = ""
                self._fence = fence
                continue
            return finished, self._settle(extents, lines, finished, end=end)

    def _feed_fence(self, fence: _Fence, *, end: bool) -> bool:
        *complete, partial = self._text.split("\n")
        for index, line in enumerate(complete):
            if fence.closed_by(line):
                fence.body.partial = ""
                self._text = "\n".join([*complete[index + 1 :], partial])
                return True
            fence.body.lines.append(fence.content(line))
        if end:
            if partial and not fence.closed_by(partial):
                fence.body.lines.append(fence.content(partial))
            fence.body.partial = ""
            self._text = ""
            return True
        self._text = partial
        # What may become the closing marker is not shown as code.
        closing = bool(partial.strip()) and set(partial.strip()) == {fence.marker[0]}
        fence.body.partial = "" if closing else fence.content(partial)
        return False

    def _cut_oversize(self, extents: Sequence[_Extent], lines: list[str], finished: list[Block]) -> bool:
        """Finish the first piece of the first block that is too long; False when there is none."""
        for index, extent in enumerate(extents):
            if extent.kind == "fence":
                continue
            for start, end in _units(extent):
                source = "\n".join(lines[start:end])
                if len(source) <= LONGEST_BLOCK:
                    continue
                before = _head(extent, start)
                goes_on = bool(before) or (not index and self._goes_on(extent))
                self._freeze([*extents[:index], *before], lines, finished)
                if extent.kind in ("list", "quote") and self._enter(extent, lines[start], goes_on):
                    self._text = "\n".join(lines[start:])
                    return True
                cut = source.find("\n", CUT_FROM, LONGEST_BLOCK) + 1
                cut = cut or source.find(" ", CUT_FROM, LONGEST_BLOCK) + 1 or CUT_FROM
                piece = _extents(_parser().parse(source[:cut]))
                self._freeze(piece, source[:cut].split("\n"), finished)
                head = source.split("\n")[:_TABLE_HEAD_LINES] if extent.kind == "table" else []
                if 2 * len("\n".join(head)) > cut:
                    head = []  # repeating it would leave a text as long as before
                self._text = "\n".join([*head, source[cut:], *lines[end:]])
                self._in_list = ""
                return True
        return False

    def _settle(self, extents: Sequence[_Extent], lines: list[str], finished: list[Block], *, end: bool) -> list[Block]:
        """Finish what cannot change any more; the blocks that still can, as they look now."""
        last = len(lines) - 1
        """The line that is still being written."""

        def safe(extent: _Extent) -> bool:
            # The line under a table's head makes it a table: both must be complete.
            return end or extent.start + (1 if extent.kind == "table" else 0) < last

        keep = len(extents) - 1
        while keep > 0 and not safe(extents[keep]):
            keep -= 1
        if keep > 0:
            self._freeze(extents[:keep], lines, finished)
            cut = extents[keep].start
            self._text = "\n".join(lines[cut:])
            self._in_list = ""
            extents = [_shifted(extent, cut) for extent in extents[keep:]]
            lines = lines[cut:]
            last -= cut
        if extents and extents[0].kind == "list":
            starts = [start for start, _ in _units(extents[0])]
            cuts = [start for start in starts[1:] if start < last and not lines[start][:1].isspace()]
            if cuts:
                cut = cuts[-1]
                self._freeze(_head(extents[0], cut), lines, finished)
                extents = [_shifted(_rest(extents[0], cut), cut), *(_shifted(e, cut) for e in extents[1:])]
                lines = lines[cut:]
                self._text = "\n".join(lines)
                self._in_list = extents[0].tokens[0].markup
        blocks: list[Block] = []
        continued, ordinal = bool(extents) and self._goes_on(extents[0]), self._ordinal
        for extent in extents:
            source = "\n".join(lines[extent.start : extent.end])
            tokens = () if end else tuple(extent.tokens)
            known = self._define(extent, source) if end else self.references
            blocks.append(_block(extent, continued, ordinal, source, known, tokens))
            continued, ordinal = False, None
        return blocks

    def _freeze(self, extents: Sequence[_Extent], lines: Sequence[str], finished: list[Block]) -> None:
        for extent in extents:
            continued = self._goes_on(extent)
            source = "\n".join(lines[extent.start : extent.end])
            known = self._define(extent, source)
            finished.append(_block(extent, continued, self._ordinal if continued else None, source, known))
            if extent.kind == "list":
                start = self._ordinal if continued else _start_number(extent)
                self._ordinal = None if start is None else start + len(_units(extent))
            self._in_list = ""

    def _define(self, extent: _Extent, source: str) -> References:
        """Note what a finished paragraph defines; what its own labels stand for: nothing where it defines them."""
        defined = False
        for line in source.split("\n") if self._defines and extent.kind == "paragraph" and "]:" in source else ():
            match = _DEFINITION.fullmatch(line)
            if match is None:
                break
            defined = True
            address = _parser().normalizeLink(match[2] if match[2] is not None else match[3])
            if _parser().validateLink(address):
                self.references.setdefault(_normalised(match[1]), {"title": "", "href": address})
        return {} if defined else self.references

    def _goes_on(self, extent: _Extent) -> bool:
        return extent.kind == "list" and extent.tokens[0].markup == self._in_list

    # Within a long item or quote

    def _enter(self, extent: _Extent, line: str, goes_on: bool) -> bool:
        """Go on with what the item or quote at the beginning of the text holds. False: its first line is not clear."""
        if extent.kind == "quote":
            self._inside = _Inside(Container("quote"), None, goes_on, self.references)
            return True
        number = self._ordinal if goes_on else _start_number(extent)
        found = item(line, extent.tokens[0].markup, number)
        if found is not None:
            self._inside = _Inside(*found, goes_on, self.references)
        return found is not None

    def _feed_inside(self, inside: _Inside, finished: list[Block], *, end: bool) -> list[Block]:
        """The blocks in it that are open; `_inside` becomes None where it ends."""
        done, still_open, self._text = inside.feed(self._text, end=end)
        finished.extend(done)
        if inside.ended:
            number = inside.container.number
            self._inside = None
            self._in_list = inside.container.marker
            self._ordinal = None if number is None else number + 1
        return still_open

    def takes_lazily(self, line: str) -> bool:
        """Whether a line that does not belong to the container of this text still goes on with its last paragraph."""
        if self._inside is not None:
            return self._inside.splitter.takes_lazily(line)
        if self._fence is not None or not self._text.strip():
            return False
        above = self._text.removesuffix("\n").split("\n")
        # In an item that is indented so deep that no line outside is taken for one of its own.
        deep = [_DEEP_ITEM, "", *(" " * (len(_DEEP_ITEM) - 1) + text for text in above)]
        indent = min(len(line) - len(line.lstrip()), TAB_STOP)
        tokens = _parser().parse("\n".join([*deep, " " * indent + line.lstrip()]))
        return tokens[1].map == [0, len(deep) + 1]


class _Inside:
    """What a list item or a quote holds, as a text of its own."""

    def __init__(self, container: Container, first: str | None, continued: bool, references: References) -> None:
        """first: what the first line of an item holds."""
        self.container = container
        self.splitter = BlockSplitter(references)
        self.ended = False
        self._first = first
        self._continued = continued
        """Other items of its list stand before it."""
        self._line_begun = False
        """The line at the beginning of the text belongs to the container, and its beginning was taken."""
        self._opens = True
        self._before = ""
        """Kind of the last finished block."""

    def feed(self, text: str, *, end: bool) -> tuple[list[Block], list[Block], str]:
        """The blocks that finished, the open ones, and the text that is not decided or comes after the end."""
        done: list[Block] = []
        taken: list[str] = []
        while text and not self.ended:
            line, newline, rest = text.partition("\n")
            if not self._line_begun:
                complete = bool(newline) or end
                undecided = not complete and self.container.undecided(line)
                held = self._held(line)
                if held is None and not undecided:
                    done += self.splitter.update("".join(taken))[0]
                    taken.clear()
                    self.ended = not self.splitter.takes_lazily(self._outside(line) if complete else "x")
                    if self.ended or not complete:
                        break
                    # Outside of the container it would be no underline, inside it would.
                    held = line.replace("=", "\\=", 1) if not line.strip(" \t=") else line
                if held is None or undecided:
                    break
                line = held
            taken.append(line + newline)
            text = rest
            self._line_begun = not newline
        finished, still_open = self.splitter.update("".join(taken))
        done += finished
        if self.ended or end:
            self.ended = True
            done += self.splitter.finish()
            still_open = []
        blocks, self._opens, self._before = self._framed(done, self._opens, self._before)
        return blocks, self._framed(still_open, self._opens, self._before)[0], text

    def _held(self, line: str) -> str | None:
        first, self._first = self._first, None
        return first if first is not None else self.container.content(line)

    def _outside(self, line: str) -> str:
        """A line that does not belong to the container, as far as it may begin a block of its own."""
        deep = self.container.kind == "quote" and line.startswith((" " * TAB_STOP, "\t"))
        return "x" if deep else line  # so deep it can begin nothing below a quote

    def _framed(self, blocks: Sequence[Block], opens: bool, before: str) -> tuple[list[Block], bool, str]:
        framed: list[Block] = []
        for block in blocks:
            frame = Frame(self.container, block.kind, opens, "" if block.continued else before)
            framed.append(
                replace(
                    block,
                    kind=self.container.kind,
                    continued=self._continued or not opens,
                    frames=(frame, *block.frames),
                )
            )
            opens, before = False, block.kind
        return framed, opens, before


def _block(
    extent: _Extent,
    continued: bool,
    ordinal: int | None,
    source: str,
    references: References,
    tokens: tuple[Token, ...] = (),
) -> Block:
    code: CodeBody | None = None
    if extent.kind == "fence":
        token = extent.tokens[0]
        lines = token.content.split("\n")
        if lines and not lines[-1]:
            lines.pop()
        code = CodeBody(language_of(token.info), lines)
    in_list = continued and extent.kind == "list"
    number = ordinal if in_list else None
    return Block(extent.kind, source, tokens, in_list, number, code, references=references)


def _normalised(label: str) -> str:
    """As the parser looks labels up."""
    from markdown_it.common.utils import normalizeReference

    return normalizeReference(label)


def _extents(tokens: list[Token]) -> list[_Extent]:
    extents: list[_Extent] = []
    group: list[Token] = []
    for token in tokens:
        group.append(token)
        if token.level == 0 and token.nesting <= 0:
            opening = group[0]
            start, end = opening.map or (0, 0)
            extents.append(_Extent(_KINDS.get(opening.type, "paragraph"), group, start, end))
            group = []
    return extents


def _units(extent: _Extent) -> list[tuple[int, int]]:
    """Lines of the pieces a block may be cut into: the items of a list, else the whole."""
    if extent.kind != "list":
        return [(extent.start, extent.end)]
    return [
        (token.map[0], token.map[1])
        for token in extent.tokens
        if token.type == "list_item_open" and token.level == 1 and token.map
    ]


def _head(extent: _Extent, line: int) -> list[_Extent]:
    """The items of a list before the one that starts at `line`; nothing for other blocks."""
    if extent.kind != "list" or line <= extent.start:
        return []
    index = _item_index(extent, line)
    tokens = [*extent.tokens[:index], extent.tokens[-1]]
    return [_Extent("list", tokens, extent.start, line)]


def _rest(extent: _Extent, line: int) -> _Extent:
    index = _item_index(extent, line)
    return _Extent("list", [extent.tokens[0], *extent.tokens[index:]], line, extent.end)


def _item_index(extent: _Extent, line: int) -> int:
    return next(
        index
        for index, token in enumerate(extent.tokens)
        if token.type == "list_item_open" and token.level == 1 and token.map and token.map[0] == line
    )


def _shifted(extent: _Extent, lines: int) -> _Extent:
    """The extent after `lines` lines before it were removed. Token maps inside shift too: they are shared."""
    for token in extent.tokens:
        if token.map and token.nesting >= 0 and lines:
            token.map = [token.map[0] - lines, token.map[1] - lines]
    return _Extent(extent.kind, extent.tokens, extent.start - lines, extent.end - lines)


def _start_number(extent: _Extent) -> int | None:
    opening = extent.tokens[0]
    return int(opening.attrs.get("start", 1)) if opening.type == "ordered_list_open" else None


def _open_fence(extent: _Extent, lines: list[str]) -> _Fence | None:
    """The fence that is still open at the end of the text, if this block is one."""
    if extent.kind != "fence" or extent.tokens[0].type != "fence" or extent.start + 1 >= len(lines):
        return None
    opening = _FENCE_OPEN.match(lines[extent.start])
    if opening is None:
        return None
    token = extent.tokens[0]
    fence = _Fence(CodeBody(language_of(token.info)), token.markup, len(opening[1]))
    closed = any(fence.closed_by(line) for line in lines[extent.start + 1 : -1])
    return None if closed else fence
