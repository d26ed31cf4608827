"""How alarms are kept, on each kind of database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from cekalwatch.contract.values.alarms import AlarmKind, may_acknowledge
from cekalwatch.contract.values.people import PersonReference, PersonRole, PersonSession, TwoPersonAction
from cekalwatch.contract.values.silencing import Silencing
from cekalwatch.server.audit.entry import Action, Actor, ActorKind
from cekalwatch.server.audit.silencing import silencing_entry
from cekalwatch.server.auth.people_admin import PeopleAdmin
from cekalwatch.server.domain.alarms import AlarmChanges, AlarmCondition
from cekalwatch.server.domain.people import Person, TwoPeople
from cekalwatch.server.domain.presence import Rejection
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.health.alarms.board import AlarmBoard, AlarmSweeper
from cekalwatch.server.health.alarms.people import RightsAlarms
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.audit.search import AuditSearch
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from tests.support.builders.keys import key_store
from tests.support.scenarios.people import SITE, HandClock, Office, person

ACTOR = Actor(ActorKind.SERVER, "here")
COVERED = AlarmCondition(AlarmKind.CAMERA_COVERED, "dep-1", SITE, "D1")
SHRUNK = AlarmCondition(AlarmKind.LIST_SHRUNK, "folder:/list", details={"missing": "40", "held": "90", "run": "7"})


@pytest.fixture
def store(database: Database) -> AlarmStore:
    return AlarmStore(database)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def board(store: AlarmStore, clock: HandClock) -> AlarmBoard:
    return AlarmBoard(store, clock)


def everything(_kind: AlarmKind, _about: str) -> bool:
    return True


def nothing(_kind: AlarmKind, _about: str) -> bool:
    return False


@pytest.mark.both_databases
def test_an_alarm_is_open_from_when_it_is_noticed_until_it_is_over(
    store: AlarmStore, board: AlarmBoard, clock: HandClock
):
    began = clock.now()
    board.agree([COVERED], everything)
    clock.go(seconds=30)
    board.agree([COVERED], everything)
    (alarm,) = store.open()
    assert (alarm.condition, alarm.began_at, alarm.ended_at) == (COVERED, began, None)
    board.agree([], everything)
    assert store.open() == []
    (over,) = store.page(SITE, None, 10)
    assert (over.alarm_id, over.ended_at) == (alarm.alarm_id, clock.now())


@pytest.mark.both_databases
def test_an_alarm_that_two_servers_notice_is_there_once(store: AlarmStore, database: Database, clock: HandClock):
    wanted = AlarmChanges(begun=(COVERED,))
    assert len(store.write(wanted, clock.now())) == 1
    assert AlarmStore(database).write(wanted, clock.now()) == []
    assert len(store.open()) == 1


def test_what_nobody_here_can_judge_stays(store: AlarmStore, board: AlarmBoard):
    board.agree([COVERED], everything)
    board.agree([], nothing)
    assert [one.condition for one in store.open()] == [COVERED]


def test_other_figures_change_the_same_alarm(store: AlarmStore, board: AlarmBoard):
    board.agree([SHRUNK], everything)
    (before,) = store.open()
    more = AlarmCondition(SHRUNK.kind, SHRUNK.about, details={**SHRUNK.details, "missing": "41"})
    board.agree([more], everything)
    (after,) = store.open()
    assert (after.alarm_id, after.condition) == (before.alarm_id, more)
    assert [one.condition for one in store.changed_since(before.change, 10)] == [more]


def test_the_same_fault_later_is_another_alarm(store: AlarmStore, board: AlarmBoard):
    for conditions in ([COVERED], [], [COVERED]):
        board.agree(conditions, everything)
    newer, older = store.page("", None, 10)
    assert newer.ended_at is None
    assert older.ended_at is not None
    assert store.page("", newer.alarm_id, 10) == [older]


def test_alarms_of_another_site_are_not_listed_and_those_of_all_sites_are(store: AlarmStore, board: AlarmBoard):
    board.agree([COVERED, SHRUNK], everything)
    assert {one.condition.kind for one in store.page(SITE, None, 10)} == {COVERED.kind, SHRUNK.kind}
    assert [one.condition.kind for one in store.page("sekupang", None, 10)] == [SHRUNK.kind]


def acknowledge(board: AlarmBoard, alarm_id: UUID, who: Person, site: str = SITE) -> Code | None:
    try:
        board.acknowledge(alarm_id, who, Actor(ActorKind.PERSON, f"{who.person_id}@pc"), lambda one: one == site)
    except CekalwatchError as error:
        return error.code
    return None


def test_a_supervisor_acknowledges_and_the_audit_trail_says_who(
    store: AlarmStore, board: AlarmBoard, database: Database
):
    office = Office(database)
    sari = office.hire(person("sari", PersonRole.SUPERVISOR)).person
    tono = office.hire(person("tono", PersonRole.SUPERVISOR)).person
    board.agree([COVERED], everything)
    (alarm,) = store.open()
    assert acknowledge(board, alarm.alarm_id, sari) is None
    assert acknowledge(board, alarm.alarm_id, tono) is None, "the first one counts"
    (seen,) = store.open()
    assert seen.acknowledged_by == PersonReference(str(sari.person_id), sari.display_name)
    (entry,) = office.trail(Action.TROUBLE_ACKNOWLEDGED)
    assert (entry.actor, entry.objects) == (f"person:{sari.person_id}@pc", f'["trouble:{alarm.alarm_id}"]')


def giving(office: Office, actor: Actor, two: TwoPeople) -> list[Person]:
    admin = PeopleAdmin(office.people, office.passwords, office.clock, actor, two.first, two)
    admin.add("umi", "Umi", frozenset({PersonRole.SUPERVISOR}), frozenset({SITE}))
    umi = office.people.account("umi")
    assert umi is not None
    return [two.first, two.second, umi.person]


def silencing(office: Office, actor: Actor, two: TwoPeople) -> list[Person]:
    entry = silencing_entry(Silencing((), 1), two, actor, office.clock.now(), "SetCameraPolicy")
    AuditStore(office.database).append(entry)
    return [two.second]


@pytest.mark.both_databases
@pytest.mark.parametrize(("act", "others"), [(giving, ("tono", "lia", "tono")), (silencing, ("tono", "dewi", "tono"))])
def test_what_two_people_did_is_acknowledged_by_each_reader_and_by_nobody_who_did_signed_or_got_it(
    database: Database, act: Callable[[Office, Actor, TwoPeople], list[Person]], others: tuple[str, ...]
):
    office = Office(database)
    roles = {"lia": PersonRole.LIST_MANAGER, "ani": PersonRole.ADMINISTRATOR}
    who = {
        name: office.hire(person(name, roles.get(name, PersonRole.SUPERVISOR))).person
        for name in ("lia", "ani", "sari", "tono", "dewi")
    }
    two = TwoPeople(TwoPersonAction.CHANGE_PEOPLE, who["ani"], who["sari"])
    concerned = act(office, Actor(ActorKind.PERSON, f"{two.first.person_id}@laptop"), two)
    rule, store = RightsAlarms(AuditSearch(database), office.clock), AlarmStore(database)
    board = AlarmBoard(store, office.clock, rule.actors)
    board.apply(rule)
    (alarm,) = store.open()
    for one in concerned:
        assert acknowledge(board, alarm.alarm_id, one) is Code.SAME_PERSON_TWICE
    read: list[str] = []
    for one in map(who.__getitem__, others):
        session = PersonSession(str(one.person_id), "", one.roles, office.clock.now())
        assert may_acknowledge(store.open()[0].shown, session) is (str(one.person_id) not in read)
        assert acknowledge(board, alarm.alarm_id, one) is None
        read = [*read, str(one.person_id)] if str(one.person_id) not in read else read
        (seen,) = store.open()
        assert (seen.acknowledged_by, list(seen.read_by)) == (None, read)
    assert [one.actor for one in office.trail(Action.TROUBLE_ACKNOWLEDGED)] == [f"person:{one}@pc" for one in read]


def test_only_who_can_do_something_about_it_acknowledges(store: AlarmStore, board: AlarmBoard):
    board.agree([COVERED, SHRUNK], everything)
    by_kind = {one.condition.kind: one.alarm_id for one in store.open()}
    officer, manager = person("budi"), person("wati", PersonRole.LIST_MANAGER)
    assert acknowledge(board, by_kind[COVERED.kind], officer) is Code.PERSON_ROLE_NEEDED
    assert acknowledge(board, by_kind[COVERED.kind], manager) is Code.PERSON_ROLE_NEEDED
    assert acknowledge(board, by_kind[SHRUNK.kind], officer) is Code.PERSON_ROLE_NEEDED
    assert acknowledge(board, by_kind[SHRUNK.kind], manager) is None
    sari = person("sari", PersonRole.SUPERVISOR)
    assert acknowledge(board, by_kind[COVERED.kind], sari, "sekupang") is Code.TROUBLE_NOT_FOUND
    assert acknowledge(board, uuid4(), sari) is Code.TROUBLE_NOT_FOUND


@pytest.mark.both_databases
def test_alarms_that_were_over_long_ago_are_removed_with_an_entry(
    store: AlarmStore, board: AlarmBoard, database: Database, clock: HandClock
):
    board.agree([COVERED, SHRUNK], everything)
    board.agree([SHRUNK], everything)
    sweeper = AlarmSweeper(store, clock, ACTOR, timedelta(days=30))
    clock.go(days=29)
    assert sweeper.sweep() == 0
    clock.go(days=2)
    assert sweeper.sweep() == 1
    assert [one.condition for one in store.page("", None, 10)] == [SHRUNK], "an open one is never removed"
    (entry,) = Office(database).trail(Action.RETENTION_SWEPT)
    assert '"troubles":1' in entry.details


def test_servers_tell_each_other_which_cameras_they_hear_and_refuse(
    store: AlarmStore, database: Database, clock: HandClock
):
    key_store(database)
    rejection = Rejection(clock.now(), SITE, Code.UNKNOWN_CAMERA)
    store.tell({"dep-1": clock.now()}, {"new-1": rejection}, clock.now())
    earlier = clock.now()
    clock.go(seconds=3)
    other = AlarmStore(database)
    other.tell({"arr-1": clock.now()}, {}, clock.now())
    assert other.told().heard == {"dep-1": earlier, "arr-1": clock.now()}
    assert other.told().rejected == {"new-1": rejection}
    clock.go(days=2)
    other.tell({"arr-1": clock.now()}, {}, clock.now())
    assert other.told().rejected == {}
