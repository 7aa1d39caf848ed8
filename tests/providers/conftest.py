from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from tests.providers.loopback import Loopback, loopback


@pytest.fixture
async def server() -> AsyncGenerator[Loopback]:
    async with loopback() as running:
        yield running
