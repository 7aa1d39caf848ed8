"""Pictures of half blocks: what is drawn, how large, and what is not."""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import Coroutine
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from rich.style import Style

from mcp_tui.core import media
from mcp_tui.ui.terminal import pictures
from mcp_tui.ui.terminal.pictures import MAX_CELLS, MAX_PIXELS, MAX_ROWS, CellRow, PictureShelf, can_draw, picture_rows
from tests.ui.stream.harness import call, column_app, joined
from tests.ui.workbench.doubles import png

RED, GREEN, CLEAR = (200, 0, 0, 255), (0, 200, 0, 255), (9, 9, 9, 0)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> str:
    target = BytesIO()
    image.save(target, kind, **options)
    return base64.b64encode(target.getvalue()).decode()


def drawn(image: Image.Image, width: int = 40) -> tuple[CellRow, ...]:
    return picture_rows(encoded(image), width)


def of(pixels: list[list[tuple[int, int, int, int]]]) -> Image.Image:
    image = Image.new("RGBA", (len(pixels[0]), len(pixels)))
    for y, line in enumerate(pixels):
        for x, pixel in enumerate(line):
            image.putpixel((x, y), pixel)
    return image


def text(rows: tuple[CellRow, ...]) -> list[str]:
    return ["".join(characters for characters, _ in row) for row in rows]


def test_two_pixels_share_a_cell_and_what_is_clear_stays_the_terminals() -> None:
    rows = drawn(of([[RED, RED, CLEAR, CLEAR, RED], [GREEN, CLEAR, GREEN, CLEAR, RED]]))
    assert text(rows) == ["▀▀▄  "]
    red, green = "#c80000", "#00c800"
    assert [style for _, style in rows[0]] == [
        Style.parse(f"{red} on {green}"),
        Style.parse(red),
        Style.parse(green),
        Style.null(),
        Style.parse(f"on {red}"),
    ]


def test_a_last_line_without_a_partner_is_half_a_cell() -> None:
    assert text(drawn(of([[RED, GREEN]] * 3))) == ["  ", "▀▀"]


@pytest.mark.parametrize(
    ("size", "width", "cells", "rows"),
    [
        ((16, 16), 40, 16, 8),  # never enlarged
        ((400, 100), 40, 40, 5),
        ((400, 100), 1000, MAX_CELLS, 9),
        ((100, 1000), 40, 4, MAX_ROWS),
        ((3000, 1), 40, 40, 1),
    ],
)
def test_it_fits_in_its_room_and_keeps_its_shape(size: tuple[int, int], width: int, cells: int, rows: int) -> None:
    lines = text(drawn(Image.new("RGB", size, (1, 2, 3)), width))
    assert (len(lines[0]), len(lines)) == (cells, rows)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_the_four_formats_are_drawn(kind: str) -> None:
    image = Image.new("RGB", (40, 20), (200, 30, 30))
    assert len(picture_rows(encoded(image, kind), 40)) == 10
    broken = "\n".join(encoded(image, kind)[start : start + 76] for start in range(0, 10_000, 76))
    assert len(picture_rows(broken, 40)) == 10


def huge() -> str:
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", 60_000, 60_000)
    return base64.b64encode(head + bytes(1000)).decode()


@pytest.mark.parametrize(
    "data",
    [
        "",
        "no base64!",
        base64.b64encode(b"plain text").decode(),
        png(64, 48)[:120],
        huge(),
        encoded(Image.new("RGB", (8, 8)), "BMP"),
    ],
    ids=["empty", "no base64", "text", "cut", "huge", "another format"],
)
def test_what_cannot_be_drawn_is_left_to_words(data: str) -> None:
    assert picture_rows(data, 40) == ()


def test_a_picture_with_more_pixels_than_its_header_may_say_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_PIXELS", 100)
    assert picture_rows(png(11, 10), 40) == ()
    assert len(picture_rows(png(10, 10), 40)) == 5
    assert MAX_PIXELS >= 8_000 * 4_000


def test_only_terminals_with_enough_colours_draw() -> None:
    assert [can_draw(system) for system in ("truecolor", "256", "standard", None)] == [True, True, False, False]


def test_the_beginning_of_base64_is_decoded_whatever_its_line_breaks() -> None:
    data = base64.b64encode(bytes(range(256)) * 40).decode()
    for width in range(70, 80):
        lines = "\n".join(data[start : start + width] for start in range(0, len(data), width))
        head = media.decode_head(lines, 3000)
        assert head is not None
        assert len(head) > 2900
        assert (bytes(range(256)) * 40).startswith(head)
    assert media.decode_head("!" * 9000, 3000) is None


async def test_a_picture_is_drawn_once_for_all_who_ask_and_each_is_told() -> None:
    started: list[Coroutine[Any, Any, None]] = []
    told: list[str] = []
    shelf = PictureShelf[str](started.append, told.append)
    data = png(8, 8)
    assert shelf.rows(data, 40, "a") == shelf.rows(data, 40, "b") == shelf.rows(data, 40, "a") == ()
    assert len(started) == 1
    await started[0]
    assert told == ["a", "b"]
    assert len(shelf.rows(data, 40, "a")) == 4
    assert shelf.rows("no picture", 40, "c") == ()
    await started[1]
    assert told == ["a", "b"]
    assert shelf.rows("no picture", 40, "c") == ()
    assert len(started) == 2


async def test_a_call_that_was_unfolded_shows_its_pictures() -> None:
    block = {"type": "image", "mimeType": "image/png", "data": encoded(of([[RED, GREEN] * 10] * 8))}
    resource = {"type": "resource", "resource": {"uri": "a://b", "mimeType": "image/png", "blob": png(6, 4)}}
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(call("1", result={"content": [block, resource]}))
        await pilot.press("enter")
        async with asyncio.timeout(20):
            while len(app.view.plain_rows()) < 11:
                await pilot.pause(0.01)
        rows = app.view.plain_rows()
        assert "image 20x8 PNG" in rows[-8]
        assert [len(row) - 2 for row in rows[-7:-3]] == [20] * 4
        assert rows[-3].strip().startswith("resource a://b (image/png)")
        await pilot.press("enter")
        assert len(app.view.plain_rows()) == 1


async def test_without_colours_a_picture_is_described_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(call("1", result={"content": [{"type": "image", "mimeType": "image/png", "data": png(20, 8)}]}))
        await pilot.press("enter")
        await pilot.pause()
        assert "image 20x8 PNG" in joined(app.view.plain_rows())
        assert not app.workers
