"""What the alerts' store promises, on every kind of database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy
import uuid6

from cekalwatch.contract.values.adjudication import AlertEventType
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.orders import Direction
from cekalwatch.server.domain.alerts.alert import AlertEvent
from cekalwatch.server.domain.alerts.match import Match
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.database import Database
from tests.support.builders.alerts import ARRIVAL, DEPARTURE, ELSEWHERE, NOON, capture, match
from tests.support.builders.audit import swept
from tests.support.builders.keys import keyring

WINDOW = timedelta(minutes=10)


@pytest.fixture
def store(database: Database) -> AlertStore:
    return AlertStore(database, keyring(database))


def record(store: AlertStore, found: Match) -> AlertEvent:
    event = store.record(found, WINDOW, NOON + timedelta(seconds=1))
    assert event is not None
    return event


@pytest.mark.both_databases
def test_a_match_becomes_an_alert_with_its_probe_and_an_event(store: AlertStore):
    probe = capture(jpeg=b"the probe")
    event = record(store, match(probe))
    alert = store.get(event.alert_id)
    assert (event.type, event.capture_id) == (AlertEventType.RAISED, probe.capture_id)
    assert (alert.subject_id, alert.order_ids) == ("S-1", ("O-1",))
    assert (alert.camera, alert.captured_at) == (DEPARTURE.place, NOON)
    assert [sighting.capture_id for sighting in alert.sightings] == [probe.capture_id]
    assert [candidate.subject_id for candidate in alert.candidates] == ["S-1"]
    assert store.probe(event.alert_id) == b"the probe"
    assert store.events_after(0, 10) == [event]


@pytest.mark.both_databases
def test_a_capture_sent_again_raises_nothing(store: AlertStore):
    probe = capture()
    record(store, match(probe))
    assert store.record(match(probe), WINDOW, NOON) is None
    assert len(store.events_after(0, 10)) == 1


def test_a_later_sighting_within_the_window_joins_the_alert(store: AlertStore):
    first = record(store, match(capture(passage="1")))
    second = record(store, match(capture(passage="2", at=NOON + timedelta(minutes=9)), score=0.8))
    third = record(store, match(capture(passage="3", at=NOON + timedelta(minutes=18)), score=0.6))
    assert {first.alert_id, second.alert_id, third.alert_id} == {first.alert_id}
    assert second.type is AlertEventType.SIGHTED
    alert = store.get(first.alert_id)
    assert (alert.version, alert.score, len(alert.sightings)) == (3, 0.8, 3)


def test_a_further_crop_of_a_passage_leaves_the_version(store: AlertStore):
    first = record(store, match(capture(passage="1")))
    crop = record(store, match(capture(passage="1", at=NOON + timedelta(seconds=1)), score=0.8))
    alert = store.get(first.alert_id)
    assert (crop.type, crop.alert_id) == (AlertEventType.SIGHTED, first.alert_id)
    assert (alert.version, alert.score, len(alert.sightings)) == (1, 0.8, 2)


def test_a_sighting_after_the_window_is_a_new_alert(store: AlertStore):
    first = record(store, match(capture(passage="1")))
    second = record(store, match(capture(passage="2", at=NOON + timedelta(minutes=11))))
    assert second.type is AlertEventType.RAISED
    assert second.alert_id != first.alert_id


def test_one_passage_gives_one_alert_however_long_it_takes(store: AlertStore):
    first = record(store, match(capture(passage="1")))
    second = record(store, match(capture(passage="1", at=NOON + timedelta(minutes=30))))
    assert second.alert_id == first.alert_id


def test_another_subject_in_the_same_passage_becomes_a_candidate(store: AlertStore):
    first = record(store, match(capture(passage="1"), subject="S-1"))
    second = record(store, match(capture(passage="1"), subject="S-2", score=0.8))
    assert (second.type, second.alert_id) == (AlertEventType.SIGHTED, first.alert_id)
    alert = store.get(first.alert_id)
    assert [one.subject_id for one in alert.candidates] == ["S-2", "S-1"]
    assert (alert.subject_id, alert.version) == ("S-2", 2), "nobody has claimed it: the best is asked about first"


def test_the_same_subject_at_another_site_is_another_alert(store: AlertStore):
    first = record(store, match(capture(camera=DEPARTURE)))
    second = record(store, match(capture(camera=ELSEWHERE)))
    assert second.alert_id != first.alert_id


def test_a_late_capture_joins_the_alert_of_its_time(store: AlertStore):
    first = record(store, match(capture(passage="1")))
    late = record(store, match(capture(passage="0", at=NOON - timedelta(minutes=5))))
    assert late.alert_id == first.alert_id
    assert store.get(first.alert_id).last_seen_at == NOON


def test_the_probe_of_best_quality_is_kept_and_the_alert_names_its_capture(store: AlertStore):
    fair, good, poor = (capture(jpeg=name, quality=q) for name, q in ((b"fair", 0.5), (b"good", 0.9), (b"poor", 0.1)))
    event = record(store, match(fair))
    assert store.get(event.alert_id).probe_capture_id == fair.capture_id
    record(store, match(good))
    record(store, match(poor))
    assert store.probe(event.alert_id) == b"good"
    assert store.get(event.alert_id).probe_capture_id == good.capture_id


@pytest.mark.both_databases
def test_alerts_are_listed_newest_first_in_pages_and_filtered(store: AlertStore):
    cameras = [DEPARTURE, ARRIVAL, ELSEWHERE, DEPARTURE]
    ids = [
        record(store, match(capture(camera=camera, passage=str(number)), subject=f"S-{number}")).alert_id
        for number, camera in enumerate(cameras)
    ]
    page = store.list_alerts(AlertFilter(), None, 3)
    assert [alert.alert_id for alert in page] == ids[:0:-1]
    assert [alert.alert_id for alert in store.list_alerts(AlertFilter(), page[-1].alert_id, 3)] == ids[:1]
    by_site = store.list_alerts(AlertFilter(site="sekupang"), None, 10)
    by_direction = store.list_alerts(AlertFilter(direction=Direction.ARRIVAL), None, 10)
    by_counter = store.list_alerts(AlertFilter(site="batam-center", counters=frozenset({"D1"})), None, 10)
    assert [alert.alert_id for alert in by_site] == [ids[2]]
    assert [alert.alert_id for alert in by_direction] == [ids[1]]
    assert [alert.alert_id for alert in by_counter] == [ids[3], ids[0]]


@pytest.mark.both_databases
def test_positions_only_move_forward_and_never_beyond_the_log(store: AlertStore):
    last = [record(store, match(capture(passage=str(n)), subject=f"S-{n}")).sequence for n in range(3)][-1]
    assert store.acknowledge([("pc-1", last - 1), ("pc-2", last)], NOON) == [last - 1, last]
    assert store.acknowledge([("pc-1", last - 2), ("pc-1", last), ("pc-1", last - 1)], NOON) == [last, last, last]
    beyond, right = store.acknowledge([("pc-3", last + 1), ("pc-4", 1)], NOON)
    assert isinstance(beyond, CekalwatchError)
    assert (beyond.code, right) == (Code.POSITION_UNKNOWN, 1)
    assert store.positions() == {"pc-1": last, "pc-2": last, "pc-4": 1}


@pytest.mark.both_databases
def test_pruned_events_leave_their_alerts_and_sequences_are_never_given_again(store: AlertStore):
    events = [record(store, match(capture(passage=str(n)), subject=f"S-{n}")) for n in range(3)]
    assert store.prune_events(NOON, swept) == 0
    assert store.prune_events(NOON + timedelta(hours=1), swept) == 3
    assert store.events_after(0, 10) == []
    assert store.log_bounds() == (events[-1].sequence, events[-1].sequence)
    assert store.get(events[0].alert_id).subject_id == "S-0"
    after = record(store, match(capture(passage="9"), subject="S-9"))
    assert after.sequence > events[-1].sequence


def test_an_unknown_alert_has_its_code(store: AlertStore):
    with pytest.raises(CekalwatchError) as caught:
        store.get(uuid4())
    assert caught.value.code is Code.ALERT_NOT_FOUND
    assert store.probe(uuid6.uuid7()) == b""


def test_a_probe_that_does_not_open_is_missing_and_its_alert_stays(database: Database, store: AlertStore):
    events = [record(store, match(capture(passage=str(n), jpeg=b"probe"), subject=f"S-{n}")) for n in range(2)]
    with database.engine.begin() as connection:
        other = sqlalchemy.text("SELECT jpeg FROM probe WHERE alert_id = :a")
        sealed = connection.execute(other, {"a": str(events[1].alert_id)}).scalar_one()
        swapped = sqlalchemy.text("UPDATE probe SET jpeg = :v WHERE alert_id = :a")
        connection.execute(swapped, {"v": sealed, "a": str(events[0].alert_id)})
    assert [store.probe(event.alert_id) for event in events] == [b"", b"probe"]
    assert store.get(events[0].alert_id).subject_id == "S-0"


def test_scores_of_two_model_versions_are_never_in_one_alert(store: AlertStore) -> None:
    before, later = capture(passage="1"), capture(passage="1", at=NOON + timedelta(seconds=1))
    event = store.record(match(before, score=0.9), WINDOW, NOON)
    other = store.record(replace(match(later, score=0.4), model_version="model-2", threshold=0.3), WINDOW, NOON)
    assert event
    assert other
    assert [store.get(one.alert_id).threshold for one in (event, other)] == [0.48, 0.3]
