"""What surveys found of cameras, on every kind of database."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy

from cekalwatch.contract.values.surveys import MAX_KEPT, Advice, Grade, KeptSurvey
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.cameras import CameraSurveyStore
from cekalwatch.server.storage.database import Database
from tests.support.builders.alerts import NOON
from tests.support.builders.audit import entry
from tests.support.builders.keys import open_keys
from tests.support.builders.surveys import survey_figures


@pytest.fixture
def store(database: Database) -> CameraSurveyStore:
    open_keys(database)
    return CameraSurveyStore(database)


def kept(number: int, **fields: object) -> KeptSurvey:
    return KeptSurvey(NOON + timedelta(hours=number), survey_figures(passages=50 + number, **fields))


@pytest.mark.both_databases
def test_surveys_come_back_as_they_were_newest_first_with_their_entries(
    database: Database, store: CameraSurveyStore
) -> None:
    nobody = kept(2, spreads={}, grade=Grade.UNKNOWN, advice=(Advice.NOBODY,))
    for one in (kept(1), nobody):
        store.add("dep-1", one, entry(1))
    assert store.of("dep-1") == [nobody, kept(1)]
    assert store.of("arr-1") == []
    assert len(list(AuditStore(database).links())) == 2


def test_the_last_of_each_camera_are_kept(store: CameraSurveyStore) -> None:
    store.add("arr-1", kept(0), entry(1))
    for number in range(MAX_KEPT + 5):
        store.add("dep-1", kept(number), entry(1))
    assert [one.figures.passages - 50 for one in store.of("dep-1")] == list(range(MAX_KEPT + 4, 4, -1))
    assert store.of("arr-1") == [kept(0)]


def test_what_somebody_else_wrote_is_not_shown(database: Database, store: CameraSurveyStore) -> None:
    for number in (1, 2):
        store.add("dep-1", kept(number), entry(1))
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE camera_survey SET figures = '{}' WHERE number = 2"))
    assert store.of("dep-1") == [kept(1)]
    store.add("dep-1", kept(3), entry(1))
    assert store.of("dep-1") == [kept(3), kept(1)]
