"""Images and files in a conversation: which of them a model takes, and what stands in the place of the others.

What is left out is replaced by a sentence for the model and told to the person; a request never fails for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from mcp_tui.core.chat import Block, Content, FileBlock, ImageBlock, Message, TextBlock, ToolResultBlock
from mcp_tui.core.text import clean_line
from mcp_tui.providers.provider_error import ErrorBody
from mcp_tui.providers.quirks import MediaKind
from mcp_tui.providers.surrogates import encodable

Media: TypeAlias = ImageBlock | FileBlock

IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What OpenAI, Anthropic and Gemini all decode; anything else makes the whole request fail."""
PDF = "application/pdf"
_OFFICE = "application/vnd.openxmlformats-officedocument"
DOCUMENT_TYPES = (
    f"{_OFFICE}.wordprocessingml.document",
    f"{_OFFICE}.presentationml.presentation",
    f"{_OFFICE}.spreadsheetml.sheet",
    "application/msword",
    "application/vnd.ms-powerpoint",
    "application/vnd.ms-excel",
    "application/vnd.oasis.opendocument.text",
    "application/rtf",
)
AUDIO_TYPES = ("audio/wav", "audio/mpeg", "audio/mp4", "audio/aac", "audio/ogg", "audio/flac", "audio/aiff")
VIDEO_TYPES = ("video/mp4", "video/mpeg", "video/quicktime", "video/webm")

_SAME_TYPE = {
    "image/jpg": "image/jpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/mp3": "audio/mpeg",
    "audio/x-m4a": "audio/mp4",
    "audio/x-flac": "audio/flac",
    "audio/x-aiff": "audio/aiff",
    "text/rtf": "application/rtf",
    "application/x-pdf": PDF,
}

_NAMED: dict[MediaKind, re.Pattern[str]] = {
    "image": re.compile(r"\bimage|vision|multi-?modal|mmproj", re.IGNORECASE),
    "pdf": re.compile(r"\b(?:input_)?files?\b|document|\bpdf|multi-?modal|modalit", re.IGNORECASE),
    "document": re.compile(r"\b(?:input_)?files?\b|document|multi-?modal|modalit|mime.?type", re.IGNORECASE),
    "audio": re.compile(r"audio|multi-?modal|modalit|mime.?type", re.IGNORECASE),
    "video": re.compile(r"video|multi-?modal|modalit|mime.?type", re.IGNORECASE),
}
_CANNOT = re.compile(
    r"not support|unsupported|n't support|not accept|not allowed|not enabled|not available|no endpoints|unrecognized"
    r"|not a (?:multi-?modal|vision)|unknown (?:variant|part|type|content)|unexpected|expected `?text"
    r"|invalid (?:content|type|value)|only (?:supports? )?text|text.only|cannot (?:handle|read|see)|does not have",
    re.IGNORECASE,
)
_ONLY_TEXT = re.compile(
    r"content\W{0,3} must be a string|content\[\]\.type|invalid message format|unknown part type|content type"
    r"|expected (?:a )?string|input should be a valid string",
    re.IGNORECASE,
)
_THIS_ONE = re.compile(
    r"too (?:large|many|big)|exceed|larger than|dimension|corrupt|could not process|decode|download|base64|encrypted"
    r"|password|empty",
    re.IGNORECASE,
)
"""What is wrong with one image or file, not with images or files."""
_REFUSING = (400, 404, 415, 422, 500, 501)


def plain_type(declared: str) -> str:
    """A declared type in the one spelling used here: lower case, without parameters."""
    mime_type = declared.partition(";")[0].strip().lower()
    return _SAME_TYPE.get(mime_type, mime_type)


def kind_of(mime_type: str) -> MediaKind | None:
    """None for what no model takes."""
    plain = plain_type(mime_type)
    if plain in IMAGE_TYPES:
        return "image"
    if plain == PDF:
        return "pdf"
    if plain in DOCUMENT_TYPES:
        return "document"
    if plain in AUDIO_TYPES:
        return "audio"
    return "video" if plain in VIDEO_TYPES else None


@dataclass(frozen=True, slots=True)
class Fitted:
    messages: tuple[Message, ...]
    notes: tuple[str, ...]
    """For the person, one sentence for each thing left out."""
    kinds: frozenset[MediaKind]
    """Of what is still in it."""


def fitted(messages: Sequence[Message], takes: Callable[[Media], bool], model: str) -> Fitted:
    """The conversation with only such images and files in it as are taken. model: as people know it."""
    notes: dict[str, None] = {}
    kinds: set[MediaKind] = set()

    def fit(item: Content) -> Content:
        if isinstance(item, TextBlock):
            return item
        kind = kind_of(item.mime_type)
        if kind is not None and takes(item):
            kinds.add(kind)
            return item
        notes.setdefault(f"{described(item)} was left out: {model} does not take it")
        return TextBlock(left_out(item))

    def fit_block(block: Block) -> Block:
        if isinstance(block, ToolResultBlock):
            return replace(block, content=tuple(fit(item) for item in block.content))
        return fit(block) if isinstance(block, ImageBlock | FileBlock) else block

    result: list[Message] = []
    for message in messages:
        media = any(isinstance(block, ImageBlock | FileBlock | ToolResultBlock) for block in message.blocks)
        result.append(Message(message.role, tuple(map(fit_block, message.blocks))) if media else message)
    return Fitted(tuple(result), tuple(notes), frozenset(kinds))


def refused_kinds(sent: Collection[MediaKind], status: int | None, reason: ErrorBody | None) -> frozenset[MediaKind]:
    """Which of the kinds in a request its model does not take, by this refusal. Empty when it says something else."""
    if status not in _REFUSING or reason is None or not sent:
        return frozenset()
    text = reason.words
    if _THIS_ONE.search(text):
        return frozenset()
    if _CANNOT.search(text):
        named: frozenset[MediaKind] = frozenset(kind for kind in sent if _NAMED[kind].search(text))
        if named:
            return named
    return frozenset(sent) if status != 500 and _ONLY_TEXT.search(text) else frozenset()


def described(item: Media) -> str:
    """`an image (image/svg+xml)`, `report.pdf (application/pdf)`."""
    name = clean_line(item.name) if isinstance(item, FileBlock) and item.name.strip() else ""
    noun = "an image" if isinstance(item, ImageBlock) else "a file"
    return f"{name or noun} ({clean_line(item.mime_type)})"


def left_out(item: Media) -> str:
    """For the model."""
    if isinstance(item, ImageBlock):
        return f"(an image of type {item.mime_type} was left out: this model does not accept it)"
    about = f"of type {item.mime_type}, about {item.size_bytes:,} bytes"
    return encodable(f"(the file {item.name!r}, {about}, was left out: you cannot see it)")


def counted(media: Sequence[Media]) -> str:
    """`2 images`, `1 file`, `1 image and 2 files`."""
    images = sum(isinstance(item, ImageBlock) for item in media)
    files = len(media) - images
    parts = [f"{count} {noun}{'s' * (count > 1)}" for count, noun in ((images, "image"), (files, "file")) if count]
    return " and ".join(parts)
