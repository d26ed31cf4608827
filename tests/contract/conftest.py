"""The databases that the suites run on: SQLite, and PostgreSQL where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cekalwatch.server.storage.database import Database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An upgraded, empty database of each kind."""
    if request.param == "sqlite":
        yield from opened(f"sqlite:///{tmp_path / 'data' / 'test.sqlite3'}")
    else:
        yield from opened(request.getfixturevalue("postgres_database"))


def opened(address: str) -> Iterator[Database]:
    """An upgraded database at that address."""
    database = Database(address)
    try:
        database.upgrade()
        yield database
    finally:
        database.close()
