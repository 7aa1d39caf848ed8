from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from mcp_tui.store.response_cache import Contents, ResponseCache

DAY_S = 86_400.0


class Wall:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def cache(path: Path, wall: Wall | None = None, *, max_bytes: int = 1_000_000, days: float = 30) -> ResponseCache:
    return ResponseCache(path, max_age_s=days * DAY_S, max_bytes=max_bytes, now=wall or Wall())


def noise(seed: int, size: int) -> bytes:
    """Bytes that do not compress, the same for a seed."""
    import random

    return random.Random(seed).randbytes(size)


async def test_contents_are_told_and_forgotten(tmp_path: Path) -> None:
    path, wall = tmp_path / "responses.sqlite", Wall()
    store = cache(path, wall)
    assert await store.contents() == Contents(0, 0, None, None)
    store.put("a", lambda: b"SECRET-ANSWER " * 50)
    wall.now += 50
    store.put("b", lambda: b"b")
    wall.now += 50
    await store.get("a")
    found = await store.contents()
    assert (found.entries, found.oldest_at, found.used_at) == (2, 1_000_000.0, 1_000_100.0)
    assert await store.clear() == found
    assert (await store.get("a"), await store.size()) == (None, (0, 0))
    store.close()
    left = b"".join(file.read_bytes() for file in tmp_path.glob("responses*"))
    assert zlib.compress(b"SECRET-ANSWER " * 50, 6) not in left  # not in the file's free pages either


async def test_a_cache_that_cannot_be_read_says_so_when_it_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "folder").write_bytes(b"in the way")
    store = cache(tmp_path / "folder" / "responses.sqlite")
    with pytest.raises(OSError):
        await store.contents()
    with pytest.raises(OSError):
        await store.clear()
    store.close()


async def test_what_was_put_comes_back_also_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "responses.sqlite"
    first = cache(path)
    assert await first.get("k") is None
    first.put("k", lambda: b"answer")
    assert await first.get("k") == b"answer"
    assert first.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    second = cache(path)
    assert await second.get("k") == b"answer"
    assert second.close()


async def test_old_answers_are_not_replayed_and_leave_the_disk(tmp_path: Path) -> None:
    wall = Wall()
    store = cache(tmp_path / "c.sqlite", wall, days=2)
    store.put("a", lambda: b"1")
    store.put("b", lambda: b"2")
    wall.now += 2 * DAY_S
    assert await store.get("a") == b"1"
    wall.now += 1
    assert await store.get("a") is None
    assert (await store.size())[0] == 1
    store.put("c", lambda: b"3")
    assert (await store.size())[0] == 1, "writing swept out b too"
    store.close()


async def test_an_answer_from_the_future_is_not_replayed(tmp_path: Path) -> None:
    wall = Wall()
    store = cache(tmp_path / "c.sqlite", wall)
    store.put("a", lambda: b"1")
    wall.now -= 10
    assert await store.get("a") is None
    store.close()


async def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    wall = Wall()
    store = cache(tmp_path / "c.sqlite", wall, max_bytes=20_000)
    for number in range(4):
        wall.now += 1
        store.put(f"k{number}", lambda n=number: noise(n, 4000))
    wall.now += 1
    assert await store.get("k0") == noise(0, 4000)
    wall.now += 1
    store.put("k4", lambda: noise(4, 4000))
    assert await store.get("k1") is None
    assert await store.get("k0") is not None
    assert await store.get("k4") is not None
    count, size = await store.size()
    assert count == 4
    assert size <= 20_000
    store.close()


async def test_an_answer_that_would_fill_the_cache_is_not_kept(tmp_path: Path) -> None:
    store = cache(tmp_path / "c.sqlite", max_bytes=20_000)
    store.put("small", lambda: b"x")
    store.put("large", lambda: noise(1, 6000))
    assert await store.get("large") is None
    assert await store.get("small") == b"x"
    store.close()


async def test_a_limit_of_zero_keeps_nothing(tmp_path: Path) -> None:
    store = cache(tmp_path / "c.sqlite", max_bytes=0)
    store.put("a", lambda: b"1")
    assert await store.get("a") is None
    store.close()


@pytest.mark.parametrize("damage", [b"", b"not zlib", b"\x78\x9c\x00"])
async def test_a_damaged_entry_counts_as_missing_and_goes(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "c.sqlite"
    store = cache(path)
    store.put("a", lambda: b"1")
    store.put("b", lambda: b"2")
    assert store.close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE responses SET body = ? WHERE key = 'a'", (damage,))
    connection.close()
    store = cache(path)
    assert await store.get("a") is None
    assert await store.get("b") == b"2"
    assert (await store.size())[0] == 1
    store.close()


async def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    path.write_bytes(os.urandom(10_000))
    store = cache(path)
    assert await store.get("a") is None
    store.put("a", lambda: b"1")
    assert await store.get("a") == b"1"
    store.close()


async def test_damage_while_it_is_open_is_survived(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    store = cache(path)
    for number in range(50):
        store.put(f"k{number}", lambda n=number: noise(n, 2000))
    assert store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    store = cache(path)
    for number in range(5):
        assert await store.get(f"k{number}") is None
    store.put("new", lambda: b"1")
    store.put("new", lambda: b"1")
    assert await store.get("new") == b"1"
    store.close()


async def test_a_disk_that_refuses_costs_only_the_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    store = cache(tmp_path / "file" / "c.sqlite")
    store.put("a", lambda: b"1")
    assert await store.get("a") is None
    assert store.close()


async def test_a_body_that_cannot_be_made_is_logged_and_not_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> bytes:
        raise ValueError("cannot be told")

    store = cache(tmp_path / "c.sqlite")
    store.put("a", broken)
    assert await store.get("a") is None
    store.close()
    assert "cannot be told" in caplog.text


_WRITER = """
import sys, time
from pathlib import Path
from mcp_tui.store.response_cache import ResponseCache
store = ResponseCache(Path(sys.argv[1]), max_age_s=1e9, max_bytes=10**7)
for number in range(60):
    store.put(f"{sys.argv[2]}{number}", lambda: b"x" * 500)
    store.put("shared", lambda: sys.argv[2].encode() * 100)
assert store.close(timeout_s=60)
"""


async def test_two_processes_share_it(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(path), name], stderr=subprocess.PIPE, text=True)
        for name in ("a", "b")
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
        assert not errors
    store = ResponseCache(path, max_age_s=1e9, max_bytes=10**7)
    assert (await store.size())[0] == 121
    assert await store.get("shared") in (b"a" * 100, b"b" * 100)
    store.close()
