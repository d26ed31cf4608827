"""A site where one subject is listed, and the people who handle its alerts."""

from __future__ import annotations

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.storage.database import Database
from tests.support.builders.alerts import NOON
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import Counter


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
