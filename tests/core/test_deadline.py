from __future__ import annotations

import asyncio
import contextlib

import pytest

from mcp_tui.core.deadline import Deadline


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_the_block_is_ended_and_says_so() -> None:
    async with Deadline(0.01) as deadline:
        await for_ever()
    assert deadline.expired and deadline.passed and deadline.left_s == 0


async def test_without_a_limit_and_in_time_nothing_happens() -> None:
    for limit_s in (None, 60):
        async with Deadline(limit_s) as deadline:
            await asyncio.sleep(0)
        assert not deadline.expired and not deadline.passed and deadline.left_s > 0


async def test_it_stands_still_until_the_last_pause_is_over() -> None:
    async with Deadline(0.01) as deadline:
        deadline.pause()
        deadline.pause()
        left_s = deadline.left_s
        await asyncio.sleep(0.05)
        deadline.resume()
        await asyncio.sleep(0.05)
        assert not deadline.passed and deadline.left_s == left_s
        deadline.resume()
        await for_ever()
    assert deadline.expired


async def test_a_pause_may_outlast_the_block() -> None:
    async with Deadline(60) as deadline:
        deadline.pause()
    left_s = deadline.left_s
    deadline.resume()
    assert 0 < deadline.left_s <= left_s and not deadline.expired


async def test_what_went_wrong_inside_comes_out_as_it_is() -> None:
    deadline = Deadline(60)
    with pytest.raises(TimeoutError, match="inner"):
        async with deadline:
            raise TimeoutError("inner")
    assert not deadline.expired


async def test_a_cancelled_task_stays_cancelled() -> None:
    entered = asyncio.Event()

    async def held() -> None:
        async with Deadline(60):
            entered.set()
            await for_ever()

    task = asyncio.create_task(held())
    await entered.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
