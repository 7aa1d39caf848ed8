"""What can be said about bytes without a decoder: type, the dimensions of an image, a file suffix."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Picture:
    """`format` is what the bytes say, whatever the declared type."""

    format: str
    width: int
    height: int


def picture(data: bytes) -> Picture | None:
    """Format and size in pixels of PNG, JPEG, GIF and WebP; None for anything else or cut off too early."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            width, height = struct.unpack(">II", data[16:24])
            return Picture("PNG", width, height)
        if data[:6] in (b"GIF87a", b"GIF89a"):
            width, height = struct.unpack("<HH", data[6:10])
            return Picture("GIF", width, height)
        if data[:2] == b"\xff\xd8":
            return _jpeg(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except struct.error:
        return None
    return None


def _jpeg(data: bytes) -> Picture | None:
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if 0xD0 <= marker <= 0xD9 or marker == 0x01:
            at += 2
            continue
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        # SOF0..SOF15 hold the frame size; C4, C8 and CC are tables.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return Picture("JPEG", width, height)
        at += 2 + length
    return None


def _webp(data: bytes) -> Picture | None:
    kind = data[12:16]
    if kind == b"VP8X":
        width = 1 + int.from_bytes(data[24:27], "little")
        height = 1 + int.from_bytes(data[27:30], "little")
        return Picture("WebP", width, height) if len(data) >= 30 else None
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return Picture("WebP", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", data[21:25])
        return Picture("WebP", (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1)
    return None


def decode_base64(text: str) -> bytes | None:
    """The bytes, line breaks and missing padding forgiven; None when it is no base64."""
    compact = "".join(text.split())
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def decoded_size(text: str) -> int:
    """About how many bytes base64 stands for, without decoding it."""
    return len(text.strip().rstrip("=")) * 3 // 4


def decode_head(text: str, max_bytes: int) -> bytes | None:
    """About the first `max_bytes`; None when they are no base64."""
    chars = max_bytes * 4 // 3
    if len(text) <= chars:
        return decode_base64(text)
    compact = "".join(text[:chars].split())
    return decode_base64(compact[: len(compact) // 4 * 4])


_SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "application/json": ".json",
}


def suffix(mime_type: str | None) -> str:
    """A file suffix for a declared type, `.bin` when it says nothing known."""
    plain = (mime_type or "").partition(";")[0].strip().lower()
    return _SUFFIXES.get(plain) or mimetypes.guess_extension(plain) or ".bin"
