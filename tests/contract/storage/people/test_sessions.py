"""What a session and a second person's word are good for, and for how long, on each kind of database."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlmodel import select

from cekalwatch.contract.values.people import TwoPersonAction
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.auth.rights import LOCAL
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people.session_store import SessionStore
from cekalwatch.server.storage.people.tables import PersonSessionRow
from tests.support.scenarios.people import Office, begin_session, device, ended, errand, opened, person


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


@pytest.mark.both_databases
def test_a_session_ends_when_it_is_idle_and_use_keeps_it(office: Office):
    office.hire(person())
    token = opened(office)
    for _ in range(10):
        office.clock.go(minutes=14)
        assert not ended(office, token)
    office.clock.go(minutes=15)
    assert ended(office, token)
    assert ended(office, token), "and it does not come back by that"


def test_a_session_ends_after_its_lifetime_however_much_it_is_used(office: Office):
    office.hire(person())
    token = opened(office)
    for _ in range(71):
        office.clock.go(minutes=10)
        assert not ended(office, token)
    office.clock.go(minutes=10)
    assert ended(office, token)


def test_use_is_noted_once_a_minute(office: Office):
    office.hire(person())
    token = opened(office)
    began = office.clock.now()

    def noted() -> object:
        with office.database.session() as session:
            return session.exec(select(PersonSessionRow.used_at)).one()

    for _ in range(5):
        office.clock.go(seconds=10)
        assert not ended(office, token)
    assert noted() == began
    office.clock.go(seconds=10)
    assert not ended(office, token)
    assert noted() == office.clock.now()


def test_a_token_is_worth_nothing_on_another_device_and_that_is_recorded(office: Office):
    who = office.hire(person()).person
    token = opened(office)
    assert ended(office, token, device("pc-2"))
    assert ended(office, token, LOCAL.device)
    first, second = office.trail(Action.SESSION_REFUSED)
    assert (first.actor, second.actor) == ("device:batam-center/notifier/pc-2", "client:loopback")
    assert first.objects == f'["person:{who.person_id}"]'
    assert not ended(office, token), "its own device is not disturbed"


@pytest.mark.parametrize("token", ["", "x", "A" * 43])
def test_a_token_that_was_made_up_is_worth_nothing(office: Office, token: str):
    office.hire(person())
    opened(office)
    assert ended(office, token)
    assert not office.trail(Action.SESSION_REFUSED)


def test_who_signs_out_is_out(office: Office):
    office.hire(person())
    token, session = office.desk.sign_in(office.proof(), device())
    other = opened(office)
    office.sessions.end(session, device())
    office.sessions.end(session, device())
    assert ended(office, token)
    assert not ended(office, other)
    assert len(office.trail(Action.SIGNED_OUT)) == 1


def test_a_session_that_begins_while_its_person_is_being_disabled_is_worth_nothing(office: Office):
    """Those that were there end with the person's record; this one is stored after that."""
    store = SessionStore(office.database)
    for who, is_open in ((person("budi"), True), (person("adi", disabled=True), False)):
        office.hire(who)
        assert office.sessions.is_open(begin_session(store, who, "pc-1", office.clock.now())) is is_open


def test_a_second_persons_word_is_good_once_and_for_two_minutes(office: Office):
    who = office.hire(person()).person
    act = errand(office)
    for good, minutes in ((True, 1.9), (False, 2)):
        token = opened(office, act)
        assert ended(office, token), "it is no session"
        office.clock.go(minutes=minutes)
        if good:
            assert office.sessions.take_second(token, device(), act) == who
        with pytest.raises(CekalwatchError) as refused:
            office.sessions.take_second(token, device(), act)
        assert refused.value.code is Code.SESSION_ENDED


def test_a_second_persons_word_is_for_one_act_beside_one_session_and_ends_when_it_is_shown_for_another(office: Office):
    office.hire(person())
    act, same_again, more = errand(office), errand(office), errand(office, b"0.2")
    other = replace(act, act=replace(act.act, action=TwoPersonAction.ACCEPT_SHRUNKEN_LIST))
    for wrong in (same_again, more, other):
        token = opened(office, act)
        with pytest.raises(CekalwatchError) as refused:
            office.sessions.take_second(token, device(), wrong)
        assert refused.value.code is Code.SECOND_PERSON_ELSEWHERE
        with pytest.raises(CekalwatchError) as refused:
            office.sessions.take_second(token, device(), act)
        assert refused.value.code is Code.SESSION_ENDED
    (refusal,) = office.trail(Action.SESSION_REFUSED)  # the first; what repeats it is summed
    assert refusal.outcome == "OTHER_ACT"


def test_what_a_second_person_signed_for_is_recorded_with_both(office: Office):
    budi = office.hire(person()).person
    act = errand(office)
    opened(office, act)
    first, second = office.trail(Action.SIGNED_IN)
    assert second.objects == f'["person:{budi.person_id}","person:{act.first.person.person_id}"]'
    told = json.loads(second.details)
    assert (told["action"], told["argument"]) == ("CHANGE_THRESHOLD", act.act.argument_sha256)
    assert told["first_session"] == json.loads(first.details)["session"]


def test_a_second_persons_word_comes_from_the_same_device(office: Office):
    who = office.hire(person()).person
    act = errand(office)
    token = opened(office, act)
    with pytest.raises(CekalwatchError):
        office.sessions.take_second(token, device("pc-2"), act)
    assert office.sessions.take_second(token, device(), act) == who


def test_a_session_is_no_second_persons_word(office: Office):
    office.hire(person())
    with pytest.raises(CekalwatchError) as refused:
        office.sessions.take_second(opened(office), device(), errand(office))
    assert refused.value.code is Code.SESSION_ENDED


@pytest.mark.both_databases
def test_a_second_persons_word_at_the_same_time_is_taken_once(office: Office):
    office.hire(person())
    act = errand(office)
    token = opened(office, act)

    def take(_: int) -> bool:
        try:
            office.sessions.take_second(token, device(), act)
        except CekalwatchError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(16))) == 1


@pytest.mark.both_databases
def test_sessions_that_have_run_out_are_removed(office: Office):
    office.hire(person())
    for _ in range(3):
        opened(office)
    office.clock.go(hours=12)
    opened(office)
    with office.database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM person_session").scalar() == 1
