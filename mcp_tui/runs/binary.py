"""From bytes that somebody declares to be something, to an image or a file that a model may take.

The content decides where it can: providers refuse a whole request for one image or file whose type is wrong.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from urllib.parse import unquote

from mcp_tui.core.chat import Content, FileBlock, ImageBlock, TextBlock
from mcp_tui.core.text import clean_line
from mcp_tui.providers.media import PDF, kind_of, plain_type
from mcp_tui.providers.surrogates import encodable

IMAGE_LIMIT_BYTES = 5 * 1024 * 1024
"""The smallest limit among the providers is 5 MB for one image."""
FILE_LIMIT_BYTES = 20 * 1024 * 1024
"""As base64 it still fits into the smallest limit for a whole request, Anthropic's 32 MB."""
_LONGEST_NAME = 120

_IMAGES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_BEGINNINGS: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("audio/wav", lambda content: content.startswith(b"RIFF")),
    ("audio/flac", lambda content: content.startswith(b"fLaC")),
    ("audio/ogg", lambda content: content.startswith(b"OggS")),
    ("application/rtf", lambda content: content.startswith(b"{\\rtf")),
    ("application/vnd.openxmlformats-officedocument", lambda content: content.startswith(b"PK\x03\x04")),
    ("application/vnd.oasis.opendocument", lambda content: content.startswith(b"PK\x03\x04")),
    ("application/ms", lambda content: content.startswith(b"\xd0\xcf\x11\xe0")),
    ("application/vnd.ms-", lambda content: content.startswith(b"\xd0\xcf\x11\xe0")),
)
"""How files of a type begin, by the beginning of the type's name. Others cannot be told so simply."""
_TEXT_TYPE = re.compile(
    r"text/(?!rtf)|application/(?:[\w.+-]*\+)?(?:json|xml|yaml|x-yaml|toml|javascript|sql|x-ndjson)\b"
)
_PAGE = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")
_COUNT = re.compile(rb"/Count\s+(\d{1,6})\b")


def content_of(data: object, mime_type: str, *, noun: str, uri: str = "") -> Content:
    """What a model gets for base64 data: text, an image, a file, else words about it. noun: for the words."""
    if not isinstance(data, str) or not data:
        return TextBlock(f"[{noun}: it has no data]")
    about = TextBlock(described(noun, data, mime_type))
    if len(data) > FILE_LIMIT_BYTES * 4 // 3 + 4:
        return about
    try:
        content = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return TextBlock(f"[{noun} that cannot be shown: its data is not base64]")
    declared = plain_type(mime_type)
    return block_of(content, declared, file_name(uri, declared)) or about


def block_of(content: bytes, mime_type: str, name: str) -> Content | None:
    """None for what no model takes. mime_type: as declared or guessed from a name, in its plain form."""
    found = image_type(content)
    if found is not None or mime_type.startswith("image/"):
        if found is None or len(content) > IMAGE_LIMIT_BYTES:
            return None
        return ImageBlock(found, base64.b64encode(content).decode("ascii"))
    if is_text_type(mime_type) and (text := decoded(content)) is not None:
        return TextBlock(text)
    if is_pdf(content):
        mime_type = PDF
    if kind_of(mime_type) is None or not _begins_like(content, mime_type) or len(content) > FILE_LIMIT_BYTES:
        return None
    pages = page_count(content) if mime_type == PDF else None
    return FileBlock(mime_type, base64.b64encode(content).decode("ascii"), name, pages)


def image_type(content: bytes) -> str | None:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((mime_type for magic, mime_type in _IMAGES if content.startswith(magic)), None)


def is_pdf(content: bytes) -> bool:
    # Readers look for the mark in the first kilobyte.
    return b"%PDF-" in content[:1024]


def is_text_type(mime_type: str) -> bool:
    return _TEXT_TYPE.match(mime_type) is not None


def decoded(content: bytes) -> str | None:
    """The text of UTF-8, or of UTF-16 with its mark; None for anything else."""
    utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


def page_count(pdf: bytes) -> int | None:
    """Of a PDF that says it outside its compressed parts."""
    pages = len(_PAGE.findall(pdf))
    return pages or max((int(match[1]) for match in _COUNT.finditer(pdf)), default=0) or None


def file_name(uri: str, mime_type: str) -> str:
    """A plain name for people and models, from the end of a URI or else from the type."""
    name = clean_line(encodable(unquote(uri.partition("?")[0].rstrip("/").rpartition("/")[2])))
    return name[-_LONGEST_NAME:] or f"file.{mime_type.rpartition('/')[2].rpartition('.')[2] or 'bin'}"


def described(noun: str, data: object, mime_type: str) -> str:
    size = len(data) * 3 // 4 if isinstance(data, str) else 0
    kind = mime_type or "unknown type"
    return f"[{noun}, {json.dumps(kind)[1:-1]}, about {size:,} bytes; it was shown to the person, you cannot see it]"


def _begins_like(content: bytes, mime_type: str) -> bool:
    if mime_type == PDF:
        return is_pdf(content)
    return all(begins(content) for kind, begins in _BEGINNINGS if mime_type.startswith(kind))
