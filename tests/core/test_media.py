from __future__ import annotations

import base64
import struct

import pytest

from mcp_tui.core.media import Picture, decode_base64, picture, suffix

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", 640, 480) + b"\x08\x02\0\0\0"
GIF = b"GIF89a" + struct.pack("<HH", 7, 9)
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x04\x00\x00"
    + b"\xff\xc4\x00\x03\x00"  # a table, whose marker lies in the range of frames
    + b"\xff\xc2\x00\x0b\x08"
    + struct.pack(">HH", 33, 44)
    + b"\x01\x01\x11\x00"
)
WEBP_LOSSY = b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 10 + struct.pack("<HH", 320, 200)
WEBP_LOSSLESS = b"RIFF\0\0\0\0WEBPVP8L" + b"\0" * 4 + b"\x2f" + struct.pack("<I", (99) | (49 << 14))
WEBP_EXTENDED = b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + (1919).to_bytes(3, "little") + (1079).to_bytes(3, "little")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (PNG, Picture("PNG", 640, 480)),
        (GIF, Picture("GIF", 7, 9)),
        (JPEG, Picture("JPEG", 44, 33)),
        (WEBP_LOSSY, Picture("WebP", 320, 200)),
        (WEBP_LOSSLESS, Picture("WebP", 100, 50)),
        (WEBP_EXTENDED, Picture("WebP", 1920, 1080)),
    ],
)
def test_dimensions_come_from_the_bytes(data: bytes, found: Picture) -> None:
    assert picture(data) == found


@pytest.mark.parametrize("whole", [PNG, GIF, JPEG, WEBP_LOSSY, WEBP_LOSSLESS, WEBP_EXTENDED])
def test_a_picture_cut_off_anywhere_is_no_crash(whole: bytes) -> None:
    for length in range(len(whole)):
        picture(whole[:length])
    assert picture(b"plain text") is None


def test_base64_is_read_with_breaks_and_without_padding() -> None:
    assert decode_base64("aGVs\nbG8") == b"hello"
    assert decode_base64(base64.b64encode(b"x" * 99).decode()) == b"x" * 99
    assert decode_base64("not base64!") is None


def test_suffixes_follow_the_declared_type() -> None:
    assert suffix("image/png") == ".png"
    assert suffix("image/jpeg; q=1") == ".jpg"
    assert suffix(None) == ".bin"
    assert suffix("../../evil") == ".bin"
