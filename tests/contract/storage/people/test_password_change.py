"""How passwords change, and what that does to sessions, on each kind of database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cekalwatch.server.audit.entry import Action
from cekalwatch.server.auth.signing_in.passwords import Passwords
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people.store import KeptPassword
from tests.support.scenarios.people import (
    CHEAP,
    OTHER_PASSWORD,
    PASSWORD,
    Office,
    code_of,
    device,
    ended,
    opened,
    person,
)


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


@pytest.mark.both_databases
def test_a_changed_password_ends_the_other_sessions(office: Office):
    who = office.hire(person(), first=True).person
    token, session = office.desk.sign_in(office.proof(), device())
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
    token, session = office.desk.sign_in(office.proof(), device())
    with pytest.raises(CekalwatchError) as refused:
        office.changes.change(session, device(), present, wanted)
    assert refused.value.code is code
    assert office.sessions.resume(token, device()).password_change_needed
    assert code_of(office, office.proof()) is None


def test_guessing_the_present_password_locks_the_name(office: Office):
    office.hire(person())
    _, session = office.desk.sign_in(office.proof(), device())
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
    _, session = office.desk.sign_in(office.proof(password=OTHER_PASSWORD), device())
    assert session.password_change_needed
