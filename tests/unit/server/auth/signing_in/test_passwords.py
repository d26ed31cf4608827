"""Passwords are kept as Argon2id, checked in the same time for nobody's, and not too easy; wrong ones lock a name."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from cekalwatch.server.auth.signing_in.passwords import MIN_CHARACTERS, Passwords, first_password, judge_password
from cekalwatch.server.domain.people import LockOut, SignInTries
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from tests.support.scenarios.people import CHEAP, OTHER_PASSWORD, PASSWORD, cheap_passwords, person


@pytest.mark.slow
@pytest.mark.usefixtures("as_shipped")
def test_what_is_kept_is_argon2id_of_rfc_9106_and_another_for_each():
    passwords = Passwords()
    kept = passwords.hash(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert extract_parameters(kept) == RFC_9106_LOW_MEMORY
    assert passwords.hash(PASSWORD) != kept
    assert PASSWORD not in kept
    assert passwords.check(kept, PASSWORD).right


@pytest.mark.parametrize("wrong", ["", PASSWORD + " ", PASSWORD.upper(), OTHER_PASSWORD, PASSWORD + "x" * 300])
def test_another_password_is_wrong(wrong: str):
    kept = cheap_passwords().hash(PASSWORD)
    assert not cheap_passwords().check(kept, wrong).right


@pytest.mark.parametrize("kept", [None, "", "$argon2id$nonsense", "plain"])
def test_nobodys_and_a_damaged_hash_let_no_password_in(kept: str | None):
    assert not cheap_passwords().check(kept, PASSWORD).right


def test_a_very_long_password_is_not_the_one_it_begins_with():
    long = "kuda hujan " * 23
    kept = cheap_passwords().hash(long)
    assert cheap_passwords().check(kept, long).right is (len(long) <= 256)
    assert not cheap_passwords().check(cheap_passwords().hash(long[:256]), long + "!" * 256).right


def test_two_keyboards_write_one_password():
    assert (
        cheap_passwords()
        .check(cheap_passwords().hash("caf\u00e9 caf\u00e9 caf\u00e9"), "cafe\u0301 cafe\u0301 cafe\u0301")
        .right
    )


def test_nobodys_password_takes_as_long_as_somebodys():
    passwords = Passwords(replace(CHEAP, memory_cost=16384, time_cost=2))
    kept = passwords.hash(PASSWORD)

    def took(stored: str | None) -> float:
        begun = time.process_time()
        passwords.check(stored, OTHER_PASSWORD)
        return time.process_time() - begun

    pairs = [(took(kept), took(None)) for _ in range(15)]
    # The shortest of each: what else runs on the machine only ever adds.
    known, unknown = min(one for one, _ in pairs), min(other for _, other in pairs)
    assert unknown == pytest.approx(known, rel=0.5)


def test_a_hash_of_other_parameters_is_renewed_when_the_password_is_right():
    old, new = cheap_passwords(), Passwords(replace(CHEAP, time_cost=2))
    kept = old.hash(PASSWORD)
    assert new.check(kept, OTHER_PASSWORD).renewed_hash is None
    renewed = new.check(kept, PASSWORD).renewed_hash
    assert renewed is not None
    assert new.check(renewed, PASSWORD).right
    assert new.check(renewed, PASSWORD).renewed_hash is None


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("x" * (MIN_CHARACTERS - 1), Code.PASSWORD_TOO_SHORT),
        ("", Code.PASSWORD_TOO_SHORT),
        ("aaaaaaaaaaaaaaaa", Code.PASSWORD_TOO_EASY),
        ("password1234", Code.PASSWORD_TOO_EASY),
        ("qwertyuiop12", Code.PASSWORD_TOO_EASY),
        ("jakartajakarta", Code.PASSWORD_TOO_EASY),
        ("budi.hartono", Code.PASSWORD_TOO_EASY),
        ("Budi.Hartono-kuda-hujan", Code.PASSWORD_TOO_EASY),
        ("hartonobudi1", Code.PASSWORD_TOO_EASY),
        ("kuda hujan " * 30, Code.ARGUMENT_INVALID),
    ],
)
def test_an_easy_password_is_refused(password: str, code: Code):
    with pytest.raises(CekalwatchError) as refused:
        judge_password(password, person("budi.hartono"))
    assert refused.value.code is code


@pytest.mark.parametrize("password", [PASSWORD, OTHER_PASSWORD, "k" + PASSWORD * 8])
def test_several_words_are_a_good_password(password: str):
    judge_password(password, person("budi.hartono"))


def test_first_passwords_are_random_and_would_be_let_through():
    made = {first_password() for _ in range(50)}
    assert len(made) == 50
    for one in made:
        judge_password(one, person())


NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_name_is_locked_after_five_wrong_passwords_for_longer_and_longer():
    rule, tries, pauses = LockOut(), None, []
    now = NOW
    for _ in range(12):
        tries = SignInTries.next(tries, now, rule)
        pauses.append(tries.locked_until - now if tries.locked_until else None)
        now += timedelta(minutes=16)
    assert pauses[:4] == [None] * 4
    assert [pause.total_seconds() for pause in pauses[4:] if pause] == [30, 60, 120, 240, 480, 900, 900, 900]
    assert LockOut().after(10**6) == timedelta(minutes=15)


def test_wrong_passwords_are_forgotten_after_a_day():
    before = SignInTries(9, NOW, NOW + timedelta(minutes=8))
    assert SignInTries.next(before, NOW + timedelta(hours=23), LockOut()).failures == 10
    assert SignInTries.next(before, NOW + timedelta(hours=24), LockOut()) == SignInTries(
        1, NOW + timedelta(hours=24), None
    )


def test_a_lock_ends_at_its_moment():
    tries = SignInTries(5, NOW, NOW + timedelta(seconds=30))
    assert tries.locked(NOW + timedelta(seconds=29))
    assert not tries.locked(NOW + timedelta(seconds=30))
