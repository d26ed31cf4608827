"""What ports report is stored in order, once and for all, on each kind of database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Outcome, Reason
from cekalwatch.contract.values.federation import HeldAlerts, LogPosition, LogStart, StartReason
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry, ObjectKind
from cekalwatch.server.domain.alerts.adjudication import Finding
from cekalwatch.server.domain.alerts.alert import Alert, AlertEvent
from cekalwatch.server.domain.alerts.handling import Handling
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.ports import Port, PortReport
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.ports.store import PortStore
from tests.support.builders.alerts import NOON
from tests.support.builders.keys import keyring
from tests.support.builders.ports import BUDI, HARBOUR_BAY, SEKUPANG, port_alert, report

FROM_THE_START = LogStart(0, StartReason.FIRST)


@pytest.fixture
def store(database: Database) -> PortStore:
    return PortStore(database, keyring(database))


def note(gone: int) -> AuditEntry:
    return AuditEntry(NOON, Actor(ActorKind.SERVER, "here"), Action.RETENTION_SWEPT, details={"alerts": gone})


def naming(alert_ids: Sequence[str]) -> AuditEntry:
    named = tuple(map(ObjectKind.ALERT.key, alert_ids))
    return AuditEntry(NOON, Actor(ActorKind.SERVER, "here"), Action.RETENTION_SWEPT, named)


def refused(store: PortStore, *reports: PortReport) -> Code:
    with pytest.raises(CekalwatchError) as error:
        store.record(SEKUPANG, reports, NOON)
    return error.value.code


def kinds(store: PortStore, one: Alert, port: Port = SEKUPANG) -> list[AlertEventType | None]:
    return [step.type for step in store.steps(port, one.alert_id)]


@pytest.mark.both_databases
def test_an_alert_comes_back_as_it_was_reported_last_with_what_happened_to_it(store: PortStore) -> None:
    raised = port_alert()
    note_of = Finding(Outcome.NOT_SAME_PERSON, Reason.OTHER, "a scar on the chin", BUDI, NOON, "S-1")
    cleared = replace(raised, handling=Handling(NOON, AlertState.CLEARED, findings=(note_of,)))
    store.start(SEKUPANG, FROM_THE_START, NOON)
    assert store.record(SEKUPANG, [report(1, raised)], NOON) == 1
    later = NOON + timedelta(minutes=1)
    assert store.record(SEKUPANG, [report(2, cleared, kind=AlertEventType.ADJUDICATED)], later) == 2
    held = store.get(SEKUPANG, raised.alert_id)
    assert (held.alert, held.people, held.reported_at) == (cleared, {BUDI: "Budi Santoso"}, later)
    assert kinds(store, raised) == [AlertEventType.RAISED, AlertEventType.ADJUDICATED]
    assert store.alerts("", None, 10) == store.alerts("sekupang", None, 10) == [held]
    assert store.alerts("harbour-bay", None, 10) == store.alerts("", None, 10, [AlertState.NEW]) == []


@pytest.mark.both_databases
def test_what_comes_again_is_stored_once(store: PortStore) -> None:
    one = port_alert()
    store.start(SEKUPANG, FROM_THE_START, NOON)
    store.record(SEKUPANG, [report(1, one), report(2, one, kind=AlertEventType.SIGHTED)], NOON)
    assert store.record(SEKUPANG, [report(2, one, kind=AlertEventType.SIGHTED)], NOON) == 2
    assert store.record(SEKUPANG, [report(2, one), report(3, one, kind=AlertEventType.CLAIMED)], NOON) == 3
    assert kinds(store, one) == [AlertEventType.RAISED, AlertEventType.SIGHTED, AlertEventType.CLAIMED]
    position = store.position(SEKUPANG)
    assert position == LogPosition(3, one.alert_id, NOON + timedelta(seconds=3))


def test_what_leaves_something_out_is_refused_and_nothing_of_it_stored(store: PortStore) -> None:
    one, other = port_alert(), port_alert()
    store.start(SEKUPANG, FROM_THE_START, NOON)
    assert refused(store, report(1, one), report(3, other, previous=2)) == Code.REPORT_OUT_OF_ORDER
    assert store.position(SEKUPANG) is None
    assert store.alerts("", None, 10) == []
    assert store.record(SEKUPANG, [report(1, one), report(7, other, previous=1)], NOON) == 7, "logs have gaps"


def test_a_port_that_says_nowhere_from_reports_nothing(store: PortStore) -> None:
    assert refused(store, report(1, port_alert())) == Code.REPORT_OUT_OF_ORDER
    with pytest.raises(CekalwatchError) as error:
        store.start(SEKUPANG, LogStart(4), NOON)
    assert error.value.code == Code.REPORT_OUT_OF_ORDER


def test_a_log_that_begins_again_brings_only_what_was_not_stored(store: PortStore) -> None:
    one, lost = port_alert(), port_alert()
    store.start(SEKUPANG, FROM_THE_START, NOON)
    store.record(SEKUPANG, [report(1, one), report(2, one, kind=AlertEventType.CLAIMED)], NOON)
    store.start(SEKUPANG, LogStart(0, StartReason.OTHER_LOG), NOON)
    assert store.position(SEKUPANG) is None
    again = report(1, one)
    other = PortReport(1, AlertEvent(2, AlertEventType.RAISED, NOON + timedelta(hours=1), lost.alert_id), lost, {})
    assert store.record(SEKUPANG, [again, other], NOON) == 2
    assert kinds(store, one) == [AlertEventType.RAISED, AlertEventType.CLAIMED]
    assert kinds(store, lost) == [AlertEventType.RAISED]


def test_one_port_cannot_touch_what_another_has_reported(store: PortStore) -> None:
    one = port_alert()
    for port in (SEKUPANG, HARBOUR_BAY):
        store.start(port, FROM_THE_START, NOON)
    store.record(SEKUPANG, [report(1, one)], NOON)
    taken = replace(one, handling=Handling(NOON, AlertState.CLOSED))
    store.record(HARBOUR_BAY, [report(1, taken, kind=AlertEventType.CLOSED)], NOON)
    store.keep_only(HARBOUR_BAY, HeldAlerts(None, None, ()), naming)
    assert store.get(SEKUPANG, one.alert_id).alert == one
    assert kinds(store, one) == [AlertEventType.RAISED]
    with pytest.raises(CekalwatchError) as error:
        store.get(HARBOUR_BAY, one.alert_id)
    assert error.value.code == Code.ALERT_NOT_FOUND


@pytest.mark.both_databases
def test_what_a_port_has_erased_goes_and_only_within_the_stretch(store: PortStore, database: Database) -> None:
    first, second, third = port_alert(), port_alert(), port_alert()
    store.start(SEKUPANG, FROM_THE_START, NOON)
    store.record(SEKUPANG, [report(1, first), report(2, second), report(3, third)], NOON)
    stretch = HeldAlerts(None, second.alert_id, (second.alert_id,))
    assert store.keep_only(SEKUPANG, stretch, naming) == 1
    assert store.keep_only(SEKUPANG, stretch, naming) == 0
    assert [one.alert.alert_id for one in store.alerts("", None, 10)] == [third.alert_id, second.alert_id]
    assert kinds(store, first) == []
    with database.engine.connect() as connection:
        (named,) = connection.exec_driver_sql("SELECT objects FROM audit_entry").scalars()
    assert str(first.alert_id) in named
    assert store.keep_only(SEKUPANG, HeldAlerts(second.alert_id, None, ()), naming) == 1
    assert [one.alert.alert_id for one in store.alerts("", None, 10)] == [second.alert_id]


@pytest.mark.both_databases
def test_what_is_done_goes_when_it_is_due_and_what_is_open_stays(store: PortStore) -> None:
    done, going_on = port_alert(AlertState.CLOSED), port_alert()
    store.start(SEKUPANG, FROM_THE_START, NOON)
    store.record(SEKUPANG, [report(1, done), report(2, going_on)], NOON)
    assert store.remove_records(NOON - timedelta(seconds=1), note) == 0
    assert store.remove_records(NOON, note) == 1
    assert [one.alert for one in store.alerts("", None, 10)] == [going_on]
    assert kinds(store, done) == []
    assert (store.has(going_on.alert_id), store.has(done.alert_id), store.has(uuid4())) == (True, False, False)


@pytest.mark.parametrize(
    "change",
    ["UPDATE port_alert SET state = 'CLOSED'", "UPDATE port_alert SET site = 'harbour-bay'"],
)
def test_an_alert_that_somebody_changed_is_not_shown_until_the_port_tells_it_again(
    store: PortStore, database: Database, change: str
) -> None:
    one, sound = port_alert(), port_alert()
    store.start(SEKUPANG, FROM_THE_START, NOON)
    store.record(SEKUPANG, [report(1, one)], NOON)
    execute(database, change)
    store.record(SEKUPANG, [report(2, sound)], NOON)
    assert [each.alert for each in store.alerts("", None, 10)] == [sound]
    store.record(SEKUPANG, [report(3, one, kind=AlertEventType.CLAIMED)], NOON)
    assert store.get(SEKUPANG, one.alert_id).alert == one


def test_a_position_that_somebody_moved_makes_the_port_tell_all_again_and_nothing_is_there_twice(
    store: PortStore, database: Database
) -> None:
    one = port_alert()
    store.start(SEKUPANG, FROM_THE_START, NOON)
    store.record(SEKUPANG, [report(1, one)], NOON)
    execute(database, "UPDATE port_position SET sequence = 100")
    assert store.position(SEKUPANG) is None
    assert refused(store, report(101, one, previous=100)) == Code.REPORT_OUT_OF_ORDER
    store.start(SEKUPANG, FROM_THE_START, NOON)
    assert store.record(SEKUPANG, [report(1, one), report(2, one, kind=AlertEventType.CLOSED)], NOON) == 2
    assert kinds(store, one) == [AlertEventType.RAISED, AlertEventType.CLOSED]


def test_how_ports_do_is_told_by_site_and_name(store: PortStore) -> None:
    one, done = port_alert(), port_alert(AlertState.CLOSED)
    store.tell(SEKUPANG, "centre-1", 5, "1.2", NOON)
    store.tell(HARBOUR_BAY, "centre-2", 0, "1.2", NOON)
    store.start(SEKUPANG, FROM_THE_START, NOON)
    store.record(SEKUPANG, [report(1, one), report(2, done)], NOON)
    store.left(SEKUPANG, "centre-2")
    assert [(str(each.port), each.server) for each in store.states()] == [
        ("harbour-bay/server", "centre-2"),
        ("sekupang/server", "centre-1"),
    ]
    store.left(SEKUPANG, "centre-1")
    told = store.states()[1]
    assert (told.server, told.waiting, told.version, told.sequence, told.unsettled) == ("", 5, "1.2", 2, 1)


def execute(database: Database, statement: str) -> None:
    with database.engine.begin() as connection:
        assert connection.execute(sqlalchemy.text(statement)).rowcount == 1
