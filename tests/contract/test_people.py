"""People, their sessions and their wrong passwords, on each kind of database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.people import PersonRole
from cekalwatch.server.security.audit import Action
from cekalwatch.server.security.device import Device
from cekalwatch.server.security.passwords import Passwords
from cekalwatch.server.security.rights import LOCAL
from cekalwatch.server.security.sessions import Purpose
from cekalwatch.server.security.sign_in import Proof
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people_store import KeptPassword, NameTakenError
from cekalwatch.server.storage.people_tables import PersonSessionRow
from tests.support.people import CHEAP, OTHER_PASSWORD, PASSWORD, Office, device, person


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


def code_of(office: Office, proof: Proof, at: Device | None = None) -> Code | None:
    """Try to sign in; return the refusal."""
    try:
        office.desk.sign_in(proof, at or device(), Purpose.SESSION)
    except CekalwatchError as error:
        return error.code
    return None


def ended(office: Office, token: str, at: Device | None = None) -> bool:
    try:
        office.sessions.resume(token, at or device())
    except CekalwatchError as error:
        return error.code is Code.SESSION_ENDED
    return False


def opened(office: Office, purpose: Purpose = Purpose.SESSION, name: str = "budi") -> str:
    return office.desk.sign_in(office.proof(name), device(), purpose)[0]


def test_people_come_back_as_they_were_kept(office: Office):
    budi = office.hire(person("budi", PersonRole.OFFICER, PersonRole.AUDITOR, sites=("batam-center", "sekupang")))
    ani = office.hire(person("ani", PersonRole.SUPERVISOR), password=None)
    assert office.people.account("budi") == budi
    assert office.people.account("nobody") is None
    assert office.people.all() == [ani, budi]
    changed = replace(budi.person, roles=frozenset({PersonRole.LIST_MANAGER}), sites=frozenset({"sekupang"}))
    office.people.change(changed, office.entry(Action.PERSON_CHANGED))
    found = office.people.account("budi")
    assert found is not None
    assert found.person == changed
    assert found.password == budi.password


def test_a_sign_in_name_is_one_persons_only(office: Office):
    office.hire(person("budi"))
    before = len(office.trail())
    with pytest.raises(NameTakenError):
        office.hire(person("budi"))
    assert len(office.people.all()) == 1
    assert len(office.trail()) == before, "what was not done is not recorded"


def test_who_signs_in_gets_a_session_of_this_device_and_it_is_recorded(office: Office):
    who = office.hire(person()).person
    token, session = office.desk.sign_in(office.proof(), device(), Purpose.SESSION)
    assert session.person == who
    assert session.expires_at == office.clock.now() + timedelta(hours=12)
    assert len(token) == 43, "32 random bytes"
    assert office.sessions.resume(token, device()) == session
    (entry,) = office.trail(Action.SIGNED_IN)
    assert entry.actor == f"person:{who.person_id}@batam-center/notifier/pc-1"
    assert entry.objects == f'["person:{who.person_id}"]'


def test_the_database_holds_neither_token_nor_password(office: Office):
    office.hire(person())
    token = opened(office)
    with office.database.engine.connect() as connection:
        rows = [
            str(tuple(row))
            for table in ("person", "person_session", "sign_in_failure", "audit_entry")
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}")  # noqa: S608
        ]
    assert len(rows) > 2
    assert not [row for row in rows if token in row or PASSWORD in row]


def test_two_sign_ins_have_two_tokens(office: Office):
    office.hire(person())
    assert opened(office) != opened(office)


def test_case_of_the_name_does_not_matter(office: Office):
    office.hire(person())
    assert code_of(office, office.proof("BUDI")) is None


@pytest.mark.parametrize("name", ["budi", "nobody"])
def test_a_known_and_an_unknown_name_are_refused_and_locked_alike(office: Office, name: str):
    office.hire(person())
    wrong = office.proof(name, OTHER_PASSWORD)
    assert [code_of(office, wrong) for _ in range(5)] == [Code.SIGN_IN_REFUSED] * 5
    for right in (wrong, office.proof(name)):
        assert code_of(office, right) is Code.SIGN_IN_LOCKED, "the right password is not told from a wrong one"
    office.clock.go(seconds=29)
    assert code_of(office, wrong) is Code.SIGN_IN_LOCKED
    office.clock.go(seconds=1)
    assert code_of(office, wrong) is Code.SIGN_IN_REFUSED
    office.clock.go(seconds=59)
    assert code_of(office, wrong) is Code.SIGN_IN_LOCKED
    office.clock.go(seconds=1)
    assert code_of(office, office.proof(name)) is (None if name == "budi" else Code.SIGN_IN_REFUSED)


def test_a_lock_out_survives_a_restart_and_holds_on_other_servers(office: Office):
    office.hire(person())
    for _ in range(5):
        code_of(office, office.proof(password=OTHER_PASSWORD))
    another = Office(office.database, office.clock)
    assert code_of(another, office.proof()) is Code.SIGN_IN_LOCKED


def test_one_persons_lock_is_not_anothers(office: Office):
    office.hire(person("ani"))
    office.hire(person("budi"))
    for _ in range(6):
        code_of(office, office.proof("budi", OTHER_PASSWORD))
    assert code_of(office, office.proof("ani")) is None


def test_the_right_password_forgives_the_wrong_ones_before_it(office: Office):
    office.hire(person())
    for _ in range(4):
        for _ in range(4):
            assert code_of(office, office.proof(password=OTHER_PASSWORD)) is Code.SIGN_IN_REFUSED
        assert code_of(office, office.proof()) is None


def test_an_administrator_unlocks_a_name(office: Office):
    office.hire(person())
    for _ in range(5):
        code_of(office, office.proof(password=OTHER_PASSWORD))
    assert office.people.forgive("budi", office.entry(Action.PERSON_CHANGED))
    assert code_of(office, office.proof()) is None
    assert not office.people.forgive("ani")


def test_guesses_at_the_same_time_are_no_more_than_guesses_after_another(office: Office):
    office.hire(person())
    with ThreadPoolExecutor(8) as pool:
        tries = list(pool.map(lambda _: code_of(office, office.proof(password=OTHER_PASSWORD)), range(24)))
    assert tries.count(Code.SIGN_IN_REFUSED) == 5
    assert tries.count(Code.SIGN_IN_LOCKED) == 19


def test_what_was_typed_goes_into_no_record(office: Office):
    who = office.hire(person()).person
    for name in ("budi", "kata-sandi-saya"):
        for _ in range(7):
            code_of(office, office.proof(name, OTHER_PASSWORD))
    refused, locked = office.trail(Action.SIGN_IN_REFUSED), office.trail(Action.SIGN_IN_LOCKED)
    assert len(refused) == 10, "tries on a locked name are not recorded one by one"
    assert [one.objects for one in locked] == [f'["person:{who.person_id}"]', "[]"]
    assert {one.details for one in locked} == {'{"seconds":30}'}
    assert {one.actor for one in refused} == {"device:batam-center/notifier/pc-1"}
    assert not [one for one in office.trail() if "budi" in str(one) or "kata" in str(one)]


def test_names_that_were_made_up_are_forgotten(office: Office):
    for number in range(20):
        code_of(office, office.proof(f"nobody-{number}"))
    office.clock.go(hours=25)
    code_of(office, office.proof("nobody"))
    with office.database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sign_in_failure").scalar() == 1


def test_who_is_disabled_is_refused_like_a_stranger_and_has_no_session_any_more(office: Office):
    budi = office.hire(person()).person
    token = opened(office)
    office.people.change(replace(budi, disabled=True), office.entry(Action.PERSON_CHANGED))
    assert ended(office, token)
    assert code_of(office, office.proof()) is Code.SIGN_IN_REFUSED
    office.people.change(budi, office.entry(Action.PERSON_CHANGED))
    assert ended(office, token), "it does not come back with the person"
    assert code_of(office, office.proof()) is None


def test_people_sign_in_at_their_own_sites_only(office: Office):
    office.hire(person(sites=("sekupang",)))
    assert code_of(office, office.proof()) is Code.PERSON_SITE_NOT_ALLOWED
    assert code_of(office, office.proof(), device("pc-9", "sekupang")) is None
    assert code_of(office, office.proof(), LOCAL.device) is None


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
    token, session = office.desk.sign_in(office.proof(), device(), Purpose.SESSION)
    other = opened(office)
    office.sessions.end(session, device())
    office.sessions.end(session, device())
    assert ended(office, token)
    assert not ended(office, other)
    assert len(office.trail(Action.SIGNED_OUT)) == 1


def test_a_second_persons_word_is_good_once_and_for_two_minutes(office: Office):
    who = office.hire(person()).person
    for good, minutes in ((True, 1.9), (False, 2)):
        token = opened(office, Purpose.SECOND_PERSON)
        assert ended(office, token), "it is no session"
        office.clock.go(minutes=minutes)
        if good:
            assert office.sessions.take_second(token, device()) == who
        with pytest.raises(CekalwatchError) as refused:
            office.sessions.take_second(token, device())
        assert refused.value.code is Code.SESSION_ENDED


def test_a_second_persons_word_comes_from_the_same_device(office: Office):
    who = office.hire(person()).person
    token = opened(office, Purpose.SECOND_PERSON)
    with pytest.raises(CekalwatchError):
        office.sessions.take_second(token, device("pc-2"))
    assert office.sessions.take_second(token, device()) == who


def test_a_session_is_no_second_persons_word(office: Office):
    office.hire(person())
    with pytest.raises(CekalwatchError) as refused:
        office.sessions.take_second(opened(office), device())
    assert refused.value.code is Code.SESSION_ENDED


def test_a_second_persons_word_at_the_same_time_is_taken_once(office: Office):
    office.hire(person())
    token = opened(office, Purpose.SECOND_PERSON)

    def take(_: int) -> bool:
        try:
            office.sessions.take_second(token, device())
        except CekalwatchError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(16))) == 1


def test_a_changed_password_ends_the_other_sessions(office: Office):
    who = office.hire(person(), first=True).person
    token, session = office.desk.sign_in(office.proof(), device(), Purpose.SESSION)
    assert session.password_change_needed
    other = opened(office)
    office.changes.change(session, device(), PASSWORD, OTHER_PASSWORD)
    assert not office.sessions.resume(token, device()).password_change_needed
    assert ended(office, other)
    assert code_of(office, office.proof()) is Code.SIGN_IN_REFUSED
    assert code_of(office, office.proof(password=OTHER_PASSWORD)) is None
    (entry,) = office.trail(Action.PASSWORD_CHANGED)
    assert entry.actor == f"person:{who.person_id}@batam-center/notifier/pc-1"


@pytest.mark.parametrize(
    ("present", "wanted", "code"),
    [
        (OTHER_PASSWORD, "garam sepeda awan biru", Code.SIGN_IN_REFUSED),
        (PASSWORD, PASSWORD, Code.PASSWORD_NOT_CHANGED),
        (PASSWORD, "short", Code.PASSWORD_TOO_SHORT),
        (PASSWORD, "password1234", Code.PASSWORD_TOO_EASY),
    ],
)
def test_a_password_is_not_changed_by_who_does_not_know_it_nor_to_an_easy_one(
    office: Office, present: str, wanted: str, code: Code
):
    office.hire(person(), first=True)
    token, session = office.desk.sign_in(office.proof(), device(), Purpose.SESSION)
    with pytest.raises(CekalwatchError) as refused:
        office.changes.change(session, device(), present, wanted)
    assert refused.value.code is code
    assert office.sessions.resume(token, device()).password_change_needed
    assert code_of(office, office.proof()) is None


def test_guessing_the_present_password_locks_the_name(office: Office):
    office.hire(person())
    _, session = office.desk.sign_in(office.proof(), device(), Purpose.SESSION)
    found = []
    for _ in range(6):
        with pytest.raises(CekalwatchError) as refused:
            office.changes.change(session, device(), OTHER_PASSWORD, "garam sepeda awan biru")
        found.append(refused.value.code)
    assert found == [Code.SIGN_IN_REFUSED] * 5 + [Code.SIGN_IN_LOCKED]
    assert code_of(office, office.proof()) is Code.SIGN_IN_LOCKED


def test_a_hash_of_old_parameters_is_renewed_at_the_next_sign_in(office: Office):
    office.hire(person())
    newer = Office(office.database, office.clock, Passwords(replace(CHEAP, time_cost=2)))
    assert code_of(newer, office.proof()) is None
    found = office.people.account("budi")
    assert found is not None
    assert found.password.hash is not None
    assert ",t=2," in found.password.hash
    assert code_of(newer, office.proof()) is None


def test_a_reset_ends_every_session(office: Office):
    budi = office.hire(person()).person
    token = opened(office)
    kept = KeptPassword(office.passwords.hash(OTHER_PASSWORD), must_change=True)
    office.people.set_password(budi.person_id, kept, office.entry(Action.PERSON_CHANGED))
    assert ended(office, token)
    _, session = office.desk.sign_in(office.proof(password=OTHER_PASSWORD), device(), Purpose.SESSION)
    assert session.password_change_needed


def test_sessions_that_have_run_out_are_removed(office: Office):
    office.hire(person())
    for _ in range(3):
        opened(office)
    office.clock.go(hours=12)
    opened(office)
    with office.database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM person_session").scalar() == 1
