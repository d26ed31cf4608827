"""What the field says about recognition, on both databases: verdicts of alerts, and counted passages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cekalwatch.contract.values.adjudication import Outcome, Reason
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.capture.passage_counters import PassageCounter
from cekalwatch.server.domain.alerts.field_sums import AlertVerdict, PassageCount
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError
from tests.support.builders.alerts import ARRIVAL, DEPARTURE, ELSEWHERE, NOON, capture
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import Counter

pytestmark = pytest.mark.both_databases

HOUR = timedelta(hours=1)
SINCE, UNTIL = NOON - HOUR, NOON + HOUR


@pytest.fixture
def desk(database: Database) -> Counter:
    desk = Counter(database, FixedClock(NOON))
    desk.list_subject()
    return desk


def test_alerts_come_with_what_people_found_and_their_best_score(desk: Counter, database: Database):
    officer, supervisor = desk.hire("ani", PersonRole.OFFICER), desk.hire("budi", PersonRole.SUPERVISOR)
    false, right, _ = desk.raise_alert("1"), desk.raise_alert("2"), desk.raise_alert("3")
    desk.claim(false, officer)
    desk.judge(false, officer, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    desk.claim(right, officer)
    desk.judge(right, officer)
    desk.confirm(right, supervisor)
    found = FieldStore(database).alerts(SINCE, UNTIL, None)
    assert [one.verdict for one in found] == [AlertVerdict.FALSE_ALERT, AlertVerdict.CONFIRMED, AlertVerdict.OPEN]
    assert {(one.score, one.threshold, one.passages, one.model_version) for one in found} == {(0.7, 0.48, 1, "model-1")}


def test_an_alert_that_several_passages_joined_counts_each_once(desk: Counter, database: Database):
    for passage in ("1", "1", "2"):
        desk.raise_alert(passage, window=HOUR)
    (one,) = FieldStore(database).alerts(SINCE, UNTIL, None)
    assert one.passages == 2


def test_only_the_wanted_time_and_site_are_read(desk: Counter, database: Database):
    desk.raise_alert()
    store = FieldStore(database)
    assert store.alerts(UNTIL, UNTIL + HOUR, None) == []
    assert store.alerts(SINCE, UNTIL, "sekupang") == []
    assert len(store.alerts(SINCE, UNTIL, "batam-center")) == 1


def test_passages_are_counted_by_camera_and_hour_and_add_up_over_servers(database: Database):
    store = FieldStore(database)
    here, there = PassageCounter(store), PassageCounter(store)
    for number in range(3):
        here.begun(capture(passage=str(number)))
    here.begun(capture(camera=ARRIVAL, at=NOON + HOUR))
    here.begun(capture(camera=ELSEWHERE))
    there.begun(capture(at=NOON + timedelta(minutes=59)))
    for counter in (here, there, here):
        counter.write()
    counted = {(one.camera_id, one.hour): one.passages for one in store.passages(SINCE, UNTIL + HOUR, "batam-center")}
    assert counted == {("dep-1", NOON): 4, ("arr-1", NOON + HOUR): 1}
    assert store.passages(SINCE, UNTIL, "sekupang") == [PassageCount("sek-1", "sekupang", Direction.DEPARTURE, NOON, 1)]


def test_passages_that_could_not_be_written_are_written_later(database: Database, monkeypatch: pytest.MonkeyPatch):
    store = FieldStore(database)
    counter = PassageCounter(store)
    counter.begun(capture())
    with monkeypatch.context() as patch:
        patch.setattr(database, "session", _unusable)
        with pytest.raises(StorageError):
            counter.write()
    counter.begun(replace(capture(), camera=DEPARTURE))
    counter.write()
    assert [one.passages for one in store.passages(SINCE, UNTIL, None)] == [2]


def _unusable() -> None:
    raise StorageError
