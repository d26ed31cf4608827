"""What goes of alerts by age, on every kind of database, and what stays however old it is."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest
from sqlmodel import col, select

from cekalwatch.contract.values.adjudication import Outcome, Reason
from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.alerts.retention import DueReport
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.retention import RetentionPolicy
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.alerts.tables import FindingRow, FollowUpRow, ProbeRow, SightingRow
from tests.support.builders.alerts import capture, match
from tests.support.builders.audit import deleted
from tests.support.builders.watchlist import FixedClock, order, subject
from tests.support.scenarios.adjudication import Counter, contact

POLICY = RetentionPolicy()
DAY = timedelta(days=1)


def swept(counter: Counter) -> list[dict[str, object]]:
    return [json.loads(details) for _, _, details in counter.trail(Action.RETENTION_SWEPT)]


def test_images_of_alerts_that_nobody_settles_go_after_the_limit_and_the_alerts_go_on_waiting(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, clock: FixedClock
):
    new, referred, unclear, hit = (counter.raise_alert(str(number)) for number in range(4))
    for alert_id in (referred, unclear, hit):
        counter.claim(alert_id, budi)
    counter.judge(referred, budi)
    counter.judge(unclear, budi, Outcome.CANNOT_DETERMINE, Reason.IMAGE_TOO_POOR)
    counter.judge(hit, budi)
    counter.confirm(hit, siti)
    clock.advance(POLICY.unsettled_images - timedelta(seconds=1))
    sweeper = counter.sweeper()
    assert sweeper.sweep_unsettled_images() == 0
    clock.advance(timedelta(seconds=1))
    assert sweeper.due() == DueReport(unsettled_images=3, alerts=0)
    assert [sweeper.sweep_unsettled_images(), sweeper.sweep_unsettled_images()] == [3, 0]
    assert [counter.alerts.probe(one) for one in (new, referred, unclear)] == [b"", b"", b""]
    assert counter.alerts.probe(hit), "a hit has a limit of its own"
    assert swept(counter) == [{"unsettled_images": 3}]
    assert {one.alert_id for one in counter.handling.watched()} == {new, referred, unclear, hit}


def rows_about(counter: Counter, alert_id: UUID) -> int:
    with counter.database.session() as session:
        return sum(
            len(session.exec(select(table).where(col(table.alert_id) == str(alert_id))).all())
            for table in (SightingRow, ProbeRow, FindingRow, FollowUpRow)
        )


@pytest.mark.both_databases
def test_the_record_of_a_settled_alert_goes_after_the_limit_and_an_open_one_never(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, clock: FixedClock
):
    new, cleared, closed, hit = (counter.raise_alert(str(number)) for number in range(4))
    for alert_id in (cleared, closed, hit):
        counter.claim(alert_id, budi)
    counter.judge(cleared, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    for alert_id in (closed, hit):
        counter.judge(alert_id, budi)
        counter.confirm(alert_id, siti)
    counter.adjudicator.follow_up(closed, siti, contact(siti), counter.version(closed))
    counter.adjudicator.close(closed, siti, counter.version(closed))
    sweeper = counter.sweeper()

    clock.advance(POLICY.records - timedelta(seconds=1))
    sweeper.sweep()
    assert sweeper.sweep_records() == 0
    clock.advance(timedelta(seconds=1))
    assert sweeper.due().alerts == 2
    assert [sweeper.sweep_records(), sweeper.sweep_records()] == [2, 0]
    assert swept(counter)[-1]["alerts"] == 2
    for alert_id in (cleared, closed):
        assert rows_about(counter, alert_id) == 0
        with pytest.raises(CekalwatchError) as caught:
            counter.alerts.get(alert_id)
        assert caught.value.code is Code.ALERT_NOT_FOUND
    assert counter.alerts.get(new).alert_id == new
    assert counter.alerts.get(hit).alert_id == hit, "nobody has closed it yet"


def test_a_record_stays_while_the_event_log_still_tells_of_it(counter: Counter, budi: ActingPerson, clock: FixedClock):
    alert_id = counter.raise_alert()
    clock.advance(POLICY.records)
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    sweeper = counter.sweeper()
    sweeper.sweep()
    assert sweeper.sweep_records() == 0
    clock.advance(POLICY.events + DAY)
    sweeper.sweep()
    assert sweeper.sweep_records() == 1


def test_erasing_a_candidate_leaves_the_others_of_the_alert_their_picture(counter: Counter) -> None:
    counter.watchlist.put(subject("S-2"), order("O-2", subject_id="S-2"), [])
    found = match(capture(), subject="S-1", others={"S-2": 0.5})
    event = counter.alerts.record(found, timedelta(0), counter.clock.now())
    assert event is not None
    assert counter.watchlist.delete_subject("S-1", deleted).probes == 0
    assert counter.sweeper().sweep_probes() == 0
    assert counter.order_watch.look() == 1
    assert counter.alerts.get(event.alert_id).subject_id == "S-2"
    assert counter.alerts.probe(event.alert_id), "S-2 must still be compared with it"
    assert counter.watchlist.delete_subject("S-2", deleted).probes == 1
    assert counter.alerts.probe(event.alert_id) == b""


def test_erasing_whom_an_alert_was_settled_about_removes_its_picture(
    counter: Counter, budi: ActingPerson, siti: ActingPerson
) -> None:
    counter.watchlist.put(subject("S-2"), order("O-2", subject_id="S-2"), [])
    event = counter.alerts.record(match(capture(), others={"S-2": 0.5}), timedelta(0), counter.clock.now())
    assert event is not None
    counter.claim(event.alert_id, budi)
    counter.judge(event.alert_id, budi)
    counter.confirm(event.alert_id, siti)
    assert counter.watchlist.delete_subject("S-1", deleted).probes == 1
