"""What ports report is stored in order, once and for all, on each kind of database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Outcome, Reason
from cekalwatch.contract.values.federation import LogPosition, LogStart, StartReason
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry, ObjectKind
from cekalwatch.server.domain.alerts.adjudication import Finding
from cekalwatch.server.domain.alerts.alert import Alert, AlertEvent
from cekalwatch.server.domain.alerts.handling import Handling
from cekalwatch.server.domain.ports import Port, PortReport
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.ports.store import PortStore
from tests.support.builders.alerts import NOON
from tests.support.builders.keys import keyring
from tests.support.builders.ports import BUDI, HARBOUR_BAY, SEKUPANG, contradicted, port_alert, report

FROM_THE_START = LogStart(0, StartReason.FIRST)


@pytest.fixture
def store(database: Database) -> PortStore:
    return PortStore(database, keyring(database))


def naming(alert_ids: Sequence[str]) -> AuditEntry:
    named = tuple(map(ObjectKind.ALERT.key, alert_ids))
    return AuditEntry(NOON, Actor(ActorKind.SERVER, "here"), Action.RETENTION_SWEPT, named)


def record(store: PortStore, *reports: PortReport, port: Port = SEKUPANG, now: datetime = NOON) -> int:
    return store.record(port, reports, now, contradicted)


def refused(store: PortStore, *reports: PortReport) -> Code:
    with pytest.raises(CekalwatchError) as error:
        record(store, *reports)
    return error.value.code


def kinds(store: PortStore, one: Alert, port: Port = SEKUPANG) -> list[AlertEventType | None]:
    return [step.type for step in store.steps(port, one.alert_id)]


@pytest.mark.both_databases
def test_an_alert_comes_back_as_it_was_reported_last_with_what_happened_to_it(store: PortStore) -> None:
    raised = port_alert()
    note_of = Finding(Outcome.NOT_SAME_PERSON, Reason.OTHER, "a scar on the chin", BUDI, NOON, "S-1")
    cleared = replace(raised, handling=Handling(raised_at=NOON, state=AlertState.CLEARED, findings=(note_of,)))
    store.start(SEKUPANG, FROM_THE_START, NOON)
    assert record(store, report(1, raised)) == 1
    later = NOON + timedelta(minutes=1)
    assert record(store, report(2, cleared, kind=AlertEventType.ADJUDICATED), now=later) == 2
    held = store.get(SEKUPANG, raised.alert_id)
    assert (held.alert, held.people, held.reported_at) == (cleared, {BUDI.person_id: "Budi Santoso"}, later)
    assert kinds(store, raised) == [AlertEventType.RAISED, AlertEventType.ADJUDICATED]
    assert store.alerts("", None, 10) == store.alerts("sekupang", None, 10) == [held]
    assert store.alerts("harbour-bay", None, 10) == store.alerts("", None, 10, [AlertState.NEW]) == []


def test_who_found_something_keeps_the_name_that_was_first_told(store: PortStore) -> None:
    found = Finding(Outcome.REFERRED, Reason.FACE_AGREES, "", BUDI, NOON, "S-1")
    one = port_alert(AlertState.REFERRED, found)
    store.start(SEKUPANG, FROM_THE_START, NOON)
    record(store, report(1, one))
    for number, names in enumerate(({BUDI.person_id: "Rina Wati"}, {}), start=2):
        record(store, replace(report(number, one), people=names))
        assert store.get(SEKUPANG, one.alert_id).people == {BUDI.person_id: "Budi Santoso"}


@pytest.mark.both_databases
def test_what_comes_again_is_stored_once(store: PortStore) -> None:
    one = port_alert()
    store.start(SEKUPANG, FROM_THE_START, NOON)
    record(store, report(1, one), report(2, one, kind=AlertEventType.SIGHTED))
    assert record(store, report(2, one, kind=AlertEventType.SIGHTED)) == 2
    assert record(store, report(2, one), report(3, one, kind=AlertEventType.CLAIMED)) == 3
    assert kinds(store, one) == [AlertEventType.RAISED, AlertEventType.SIGHTED, AlertEventType.CLAIMED]
    position = store.position(SEKUPANG)
    assert position == LogPosition(3, one.alert_id, NOON + timedelta(seconds=3))


def test_what_leaves_something_out_is_refused_and_nothing_of_it_stored(store: PortStore) -> None:
    one, other = port_alert(), port_alert()
    store.start(SEKUPANG, FROM_THE_START, NOON)
    assert refused(store, report(1, one), report(3, other, previous=2)) == Code.REPORT_OUT_OF_ORDER
    assert store.position(SEKUPANG) is None
    assert store.alerts("", None, 10) == []
    assert record(store, report(1, one), report(7, other, previous=1)) == 7, "logs have gaps"


def test_a_port_that_says_nowhere_from_reports_nothing(store: PortStore) -> None:
    assert refused(store, report(1, port_alert())) == Code.REPORT_OUT_OF_ORDER
    with pytest.raises(CekalwatchError) as error:
        store.start(SEKUPANG, LogStart(4), NOON)
    assert error.value.code == Code.REPORT_OUT_OF_ORDER


def test_a_log_that_begins_again_brings_only_what_was_not_stored(store: PortStore) -> None:
    one, lost = port_alert(), port_alert()
    store.start(SEKUPANG, FROM_THE_START, NOON)
    record(store, report(1, one), report(2, one, kind=AlertEventType.CLAIMED))
    store.start(SEKUPANG, LogStart(0, StartReason.OTHER_LOG), NOON)
    assert store.position(SEKUPANG) is None
    again = report(1, one)
    raised = AlertEvent(2, AlertEventType.RAISED, NOON + timedelta(hours=1), alert_id=lost.alert_id)
    other = PortReport(1, raised, lost, {})
    assert record(store, again, other) == 2
    assert kinds(store, one) == [AlertEventType.RAISED, AlertEventType.CLAIMED]
    assert kinds(store, lost) == [AlertEventType.RAISED]


def test_one_port_cannot_touch_what_another_has_reported(store: PortStore) -> None:
    one, neighbour = port_alert(), Port(SEKUPANG.site, "another")
    for port in (SEKUPANG, HARBOUR_BAY, neighbour):
        store.start(port, FROM_THE_START, NOON)
    record(store, report(1, one))
    taken = replace(one, handling=Handling(raised_at=NOON, state=AlertState.CLOSED))
    for port in (HARBOUR_BAY, neighbour):
        record(store, report(1, taken, kind=AlertEventType.CLOSED), port=port)
        assert store.get(port, one.alert_id).alert == taken
    assert store.get(SEKUPANG, one.alert_id).alert == one
    assert kinds(store, one) == [AlertEventType.RAISED]


@pytest.mark.both_databases
def test_what_contradicts_an_earlier_report_changes_nothing_and_is_recorded(
    store: PortStore, database: Database
) -> None:
    one, other = port_alert(), port_alert()
    store.start(SEKUPANG, FROM_THE_START, NOON)
    record(store, report(1, one))
    lower = replace(one, candidates=(replace(one.candidates[0], score=0.1),))
    gone_on = replace(one, handling=replace(one.handling, state=AlertState.CLAIMED))
    reports = [report(2, lower, kind=AlertEventType.SIGHTED), report(3, gone_on, kind=AlertEventType.CLAIMED)]
    assert record(store, *reports, report(4, replace(lower, version=1)), report(5, other)) == 5, "the port goes on"
    assert store.get(SEKUPANG, one.alert_id).alert == gone_on
    assert kinds(store, one) == [AlertEventType.RAISED, AlertEventType.CLAIMED]
    assert store.get(SEKUPANG, other.alert_id).alert == other
    with database.engine.connect() as connection:
        (facts,) = connection.exec_driver_sql("SELECT details FROM audit_entry").scalars()
    assert facts == '{"facts":"score score"}'


@pytest.mark.both_databases
def test_what_is_done_goes_when_it_is_due_and_what_is_open_stays(store: PortStore, database: Database) -> None:
    done, going_on = port_alert(AlertState.CLOSED), port_alert()
    store.start(SEKUPANG, FROM_THE_START, NOON)
    record(store, report(1, done), report(2, going_on))
    assert store.remove_records(NOON - timedelta(seconds=1), naming) == 0
    assert store.remove_records(NOON, naming) == 1
    assert [one.alert for one in store.alerts("", None, 10)] == [going_on]
    assert kinds(store, done) == []
    with database.engine.connect() as connection:
        (named,) = connection.exec_driver_sql("SELECT objects FROM audit_entry").scalars()
    assert str(done.alert_id) in named
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
    record(store, report(1, one))
    execute(database, change)
    record(store, report(2, sound))
    assert [each.alert for each in store.alerts("", None, 10)] == [sound]
    record(store, report(3, one, kind=AlertEventType.CLAIMED))
    assert store.get(SEKUPANG, one.alert_id).alert == one


def test_a_position_that_somebody_moved_makes_the_port_tell_all_again_and_nothing_is_there_twice(
    store: PortStore, database: Database
) -> None:
    one = port_alert()
    store.start(SEKUPANG, FROM_THE_START, NOON)
    record(store, report(1, one))
    execute(database, "UPDATE port_position SET sequence = 100")
    assert store.position(SEKUPANG) is None
    assert refused(store, report(101, one, previous=100)) == Code.REPORT_OUT_OF_ORDER
    store.start(SEKUPANG, FROM_THE_START, NOON)
    assert record(store, report(1, one), report(2, one, kind=AlertEventType.CLOSED)) == 2
    assert kinds(store, one) == [AlertEventType.RAISED, AlertEventType.CLOSED]


def test_how_ports_do_is_told_by_site_and_name(store: PortStore) -> None:
    one, done = port_alert(), port_alert(AlertState.CLOSED)
    store.tell(SEKUPANG, "centre-1", 5, "1.2", NOON)
    store.tell(HARBOUR_BAY, "centre-2", 0, "1.2", NOON)
    store.start(SEKUPANG, FROM_THE_START, NOON)
    record(store, report(1, one), report(2, done))
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
