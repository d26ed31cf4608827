"""People, how they sign in, and what wrong passwords cost them, on each kind of database."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.auth.rights import LOCAL
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people.store import NameTakenError, PersonChangedError
from tests.support.scenarios.people import OTHER_PASSWORD, PASSWORD, Office, code_of, device, ended, opened, person


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


@pytest.mark.both_databases
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


@pytest.mark.both_databases
def test_a_sign_in_name_is_one_persons_only(office: Office):
    office.hire(person("budi"))
    before = len(office.trail())
    with pytest.raises(NameTakenError):
        office.hire(person("budi"))
    assert len(office.people.all()) == 1
    assert len(office.trail()) == before, "what was not done is not recorded"


def test_who_signs_in_gets_a_session_of_this_device_and_it_is_recorded(office: Office):
    who = office.hire(person()).person
    token, session = office.desk.sign_in(office.proof(), device())
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


@pytest.mark.both_databases
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


@pytest.mark.both_databases
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
    office.refusals.record_sums(at_once=True)
    refused, locked = office.trail(Action.SIGN_IN_REFUSED), office.trail(Action.SIGN_IN_LOCKED)
    sums = [json.loads(one.details).get("refusals", 1) for one in refused]
    assert sorted(sums) == [1, 1, 4, 4], "tries on a locked name are not recorded one by one"
    assert [one.objects for one in locked] == [f'["person:{who.person_id}"]', "[]"]
    assert {one.details for one in locked} == {'{"seconds":30}'}
    assert {one.actor for one in refused} == {"device:batam-center/notifier/pc-1"}
    assert not [one for one in office.trail() if "budi" in str(one) or "kata" in str(one)]


@pytest.mark.both_databases
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


@pytest.mark.both_databases
def test_who_was_changed_meanwhile_is_not_changed_by_who_has_seen_them_before(office: Office):
    budi = office.hire(person("budi")).person
    office.people.change(replace(budi, disabled=True), office.entry(Action.PERSON_CHANGED), budi)
    late = replace(budi, roles=frozenset({PersonRole.AUDITOR}))
    with pytest.raises(PersonChangedError):
        office.people.change(late, office.entry(Action.PERSON_CHANGED), budi)
    account = office.people.account("budi")
    assert account is not None
    assert account.person == replace(budi, disabled=True), "who is disabled stays so"
    assert len(office.trail(Action.PERSON_CHANGED)) == 1
