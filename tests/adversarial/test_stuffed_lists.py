"""Somebody who controls list entries wants a listed person to pass: the same face under more names (docs/adr/0091)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cekalwatch.server.storage.database import Database
from cekalwatch.vision.cohort import FULL_FROM
from tests.support.builders.cohorts import cohort
from tests.support.builders.watchlist import FIXED_THRESHOLD
from tests.support.scenarios.deciding import FOREIGN, MADE_UP, DecidingCounter, like

COHORT = cohort()
MOST_HIDDEN = FIXED_THRESHOLD.value + COHORT.part * (COHORT.limit - COHORT.usual)
"""Whoever is this much like their photograph alerts, whatever else is on the list."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    yield database
    database.close()


@pytest.mark.slow
def test_a_list_that_is_stuffed_with_ones_face_does_not_hide_its_owner(database: Database):
    """None of the others may alert here, so that only the owner's own record can."""
    port = DecidingCounter(database, replace(MADE_UP, cohort=COHORT))
    port.listed("S-1", 1.0)
    for number in range(FULL_FROM + 5):
        port.listed(f"T-{number:02}", 1.0, **FOREIGN)
    port.sees(like(MOST_HIDDEN - 0.01), passage="1")
    assert port.raised() == [], "the list does make them harder to find, by no more than this"
    port.sees(like(MOST_HIDDEN + 0.01), passage="2")
    (alert,) = port.raised()
    assert alert.subject_id == "S-1"
    assert alert.score == pytest.approx(FIXED_THRESHOLD.value + 0.01, abs=2e-3)


@pytest.mark.slow
def test_without_the_limit_of_the_mean_they_would_pass_with_their_own_photograph(database: Database):
    port = DecidingCounter(database, replace(MADE_UP, cohort=replace(COHORT, limit=0.99)))
    port.listed("S-1", 1.0)
    for number in range(FULL_FROM + 5):
        port.listed(f"T-{number:02}", 1.0, **FOREIGN)
    port.sees(like(0.95))
    assert port.raised() == []
