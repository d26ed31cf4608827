"""The databases that the stores' contract holds on (PostgreSQL where there is one), and who handles alerts there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.storage.database import Database
from cekalwatch.wire.vocabulary.people import PersonRole
from tests.support.builders.alerts import NOON
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import Counter
from tests.support.tools.postgres import fresh_database, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with postgres_server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An upgraded, empty database of each kind."""
    if request.param == "sqlite":
        yield from _opened(f"sqlite:///{tmp_path / 'data' / 'test.sqlite3'}")
    else:
        with fresh_database(request.getfixturevalue("postgres")) as address:
            yield from _opened(address)


def _opened(address: str) -> Iterator[Database]:
    database = Database(address)
    try:
        database.upgrade()
        yield database
    finally:
        database.close()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def counter(database: Database, clock: FixedClock) -> Counter:
    """A site where one subject is listed."""
    made = Counter(database, clock)
    made.list_subject()
    return made


@pytest.fixture
def budi(counter: Counter) -> ActingPerson:
    return counter.hire("budi", PersonRole.OFFICER)


@pytest.fixture
def ani(counter: Counter) -> ActingPerson:
    return counter.hire("ani", PersonRole.OFFICER)


@pytest.fixture
def siti(counter: Counter) -> ActingPerson:
    return counter.hire("siti", PersonRole.SUPERVISOR)
