"""Where the traveller is now (rules 4 and 7): the newest live sighting counts, and what comes late replaces nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy

from cekalwatch.server.domain.alerts.alert import MAX_SIGHTINGS
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.database import Database
from tests.support.builders.alerts import DEPARTURE, NOON, capture, match
from tests.support.builders.keys import keyring

D1 = DEPARTURE
D2 = replace(DEPARTURE, camera_id="dep-2", counter="D2")
WINDOW = timedelta(minutes=10)


@pytest.fixture
def store(database: Database) -> AlertStore:
    return AlertStore(database, keyring(database))


def passes(store: AlertStore, probe: Capture, *, late: bool = False) -> UUID:
    event = store.record(match(probe, late=late), WINDOW, NOON)
    assert event is not None
    return event.alert_id


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.mark.both_databases
def test_the_newest_live_sighting_says_where_the_traveller_is(store: AlertStore):
    alert_id = passes(store, capture(camera=D1))
    assert store.get(alert_id).place == D1.place
    here = capture(camera=D2, at=at(2))
    passes(store, here)
    passes(store, capture(camera=D1, passage="0", at=at(-1)), late=True)
    alert = store.get(alert_id)
    assert alert.current is not None
    assert (alert.current.capture_id, alert.place) == (here.capture_id, D2.place)
    assert [one.late for one in alert.sightings] == [True, False, False]


def test_a_live_sighting_counts_however_many_came_late_since(store: AlertStore):
    here = capture(camera=D2)
    alert_id = passes(store, here)
    for minute in range(MAX_SIGHTINGS + 1):
        passes(store, capture(camera=D1, passage="spooled", at=at(1 + minute / 10)), late=True)
    alert = store.get(alert_id)
    assert here.capture_id not in {one.capture_id for one in alert.sightings}
    assert alert.current is not None
    assert alert.current.capture_id == here.capture_id


def test_an_alert_that_only_came_late_is_nowhere_now(store: AlertStore):
    alert_id = passes(store, capture(camera=D1), late=True)
    passes(store, capture(camera=D2, passage="2", at=at(1)), late=True)
    alert = store.get(alert_id)
    assert alert.current is None
    assert alert.place == D2.place, "the newest place there is"


def test_late_is_said_of_the_newest_sighting(store: AlertStore):
    alert_id = passes(store, capture(camera=D1), late=True)
    assert store.get(alert_id).late
    passes(store, capture(camera=D2, passage="2", at=at(5)))
    assert not store.get(alert_id).late, "the traveller is here"
    passes(store, capture(camera=D1, passage="0", at=at(-5)), late=True)
    assert not store.get(alert_id).late, "what came late is older"
    passes(store, capture(camera=D1, passage="3", at=at(6)), late=True)
    assert store.get(alert_id).late


def test_a_spooled_picture_never_replaces_a_live_one(store: AlertStore):
    alert_id = passes(store, capture(camera=D2, jpeg=b"here", quality=0.3))
    passes(store, capture(passage="0", jpeg=b"spooled", quality=0.9, at=at(-5)), late=True)
    passes(store, capture(camera=D2, jpeg=b"spooled too", quality=0.9, at=at(-0.1)), late=True)
    assert store.probe(alert_id) == b"here"


def test_a_live_picture_replaces_a_spooled_one(store: AlertStore):
    alert_id = passes(store, capture(jpeg=b"spooled", quality=0.5, at=at(-5)), late=True)
    passes(store, capture(jpeg=b"a better one of it", quality=0.9, at=at(-5)), late=True)
    assert store.probe(alert_id) == b"a better one of it"
    passes(store, capture(passage="0", jpeg=b"another", quality=0.95, at=at(-4)), late=True)
    assert store.probe(alert_id) == b"a better one of it", "what comes late replaces nothing"
    passes(store, capture(camera=D2, jpeg=b"here", quality=0.1))
    assert store.probe(alert_id) == b"here"


def test_the_picture_is_the_best_of_the_newest_passage(store: AlertStore):
    alert_id = passes(store, capture(camera=D1, jpeg=b"at D1", quality=0.5))
    passes(store, capture(camera=D2, jpeg=b"at D2", quality=0.2, at=at(1)))
    passes(store, capture(camera=D1, jpeg=b"at D1 again", quality=0.9, at=at(1)))
    assert store.probe(alert_id) == b"at D2", "a further crop of the passage before"
    passes(store, capture(camera=D2, jpeg=b"at D2, better", quality=0.3, at=at(1.1)))
    assert store.probe(alert_id) == b"at D2, better"


def test_a_passage_that_began_in_the_spool_is_the_newest_once_it_is_live(store: AlertStore):
    alert_id = passes(store, capture(camera=D1, jpeg=b"at D1", quality=0.5))
    passes(store, capture(camera=D2, jpeg=b"spooled at D2", quality=0.9, at=at(-5)), late=True)
    passes(store, capture(camera=D2, jpeg=b"at D2", quality=0.2, at=at(1)))
    assert store.probe(alert_id) == b"at D2"
    passes(store, capture(camera=D1, jpeg=b"at D1 again", quality=0.9, at=at(2)))
    assert store.probe(alert_id) == b"at D2", "a further crop of the passage before"


def test_a_sighting_whose_lateness_somebody_changed_is_refused(database: Database, store: AlertStore):
    alert_id = passes(store, capture())
    passes(store, capture(passage="0", at=at(-5)), late=True)
    assert len(store.get(alert_id).sightings) == 2
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE sighting SET late = NULL WHERE late"))
    assert len(store.get(alert_id).sightings) == 1
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE sighting SET late = :late"), {"late": True})
    assert [one.late for one in store.get(alert_id).sightings] == [True], "signed so"
