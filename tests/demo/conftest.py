from __future__ import annotations

from collections.abc import AsyncGenerator

import httpx
import pytest_asyncio

from mcp_tui.demo.models import DemoModels


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http() -> AsyncGenerator[httpx.AsyncClient]:
    """A client of demo models that answer without delay. Its tests run in the loop of their module."""
    async with DemoModels(speed=0) as models, httpx.AsyncClient(base_url=models.base_url, timeout=30) as client:
        yield client
