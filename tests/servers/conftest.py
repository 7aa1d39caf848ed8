from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.servers.postgres import Postgres, programs


@pytest.fixture(scope="session")
def postgres() -> Generator[Postgres]:
    """One server for all tests that want one; each makes its own tables."""
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed (no initdb on PATH or in /usr/lib/postgresql)")
    with Postgres(folder) as server:
        yield server
