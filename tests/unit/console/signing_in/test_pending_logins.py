"""A browser's way to the identity provider and back: once, in time, and in the same browser."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from cekalwatch.console.signing_in.pending_approvals import KeptForm
from cekalwatch.console.signing_in.pending_logins import (
    LASTS_S,
    MAX_ERRANDS,
    Lost,
    LostLoginError,
    PendingLogin,
    PendingLogins,
)
from cekalwatch.contract.values.people import ProviderFacts
from cekalwatch.office.client.provider_visit import with_query

PROVIDER = ProviderFacts("https://id.example", "cekalwatch", "openid profile", "https://id.example/a?x=1", "", True)
ERRAND = PendingLogin(PROVIDER, "https://konsol.example/sign-in/back", None)


@dataclass
class Clock:
    at_s: float = 1000.0

    def __call__(self) -> float:
        return self.at_s


def lost(errands: PendingLogins, state: str, secret: str) -> Lost | None:
    try:
        errands.take(state, secret)
    except LostLoginError as error:
        return error.why
    return None


def test_an_errand_is_good_once_and_in_its_own_browser() -> None:
    errands = PendingLogins(Clock())
    state, secret = errands.begin(ERRAND, "")
    assert errands.take(state, secret) == ERRAND
    assert lost(errands, state, secret) is Lost.UNKNOWN
    state, secret = errands.begin(ERRAND, "")
    assert lost(errands, state, "another") is Lost.ELSEWHERE
    assert lost(errands, state, secret) is Lost.UNKNOWN, "what was seen elsewhere is spent"


@pytest.mark.parametrize(("later_s", "found"), [(LASTS_S - 1, None), (LASTS_S, Lost.UNKNOWN)])
def test_an_errand_ends_after_ten_minutes(later_s: float, found: Lost | None) -> None:
    clock = Clock()
    errands = PendingLogins(clock)
    state, secret = errands.begin(ERRAND, "")
    clock.at_s += later_s
    assert lost(errands, state, secret) is found


def test_a_cookie_that_was_not_given_here_is_replaced_and_one_on_its_way_stays() -> None:
    errands = PendingLogins(Clock())
    first, secret = errands.begin(ERRAND, "chosen by somebody else")
    assert secret != "chosen by somebody else"
    second, same = errands.begin(ERRAND, secret)
    assert same == secret
    assert [lost(errands, state, secret) for state in (first, second)] == [None, None]
    assert errands.begin(ERRAND, secret)[1] != secret, "nothing was on its way any more"


def test_of_too_many_the_first_makes_room() -> None:
    errands = PendingLogins(Clock())
    begun = [errands.begin(ERRAND, "") for _ in range(MAX_ERRANDS + 1)]
    assert lost(errands, *begun[0]) is Lost.UNKNOWN
    assert lost(errands, *begun[-1]) is None


def test_an_address_asks_for_what_an_errand_is_and_no_two_ask_alike() -> None:
    one, other = (replace(ERRAND, verifier=f"{name}" * 43, nonce=f"{name}{name.upper()}" * 22) for name in "ab")
    fields = dict(parse_qsl(urlsplit(one.address("s", "id")).query))
    assert fields["x"] == "1", "the provider's own query stays"
    assert fields["code_challenge"] == "ZtNPunH49FD35FWYhT5Tv8I7vRKQJ8uxMaL0_9eHjNA"
    assert fields["nonce"] == "aA" * 22
    assert one.verifier not in one.address("s", "id")
    assert fields["code_challenge"] not in other.address("s", "id")


def test_what_is_put_into_an_address_stays_a_value() -> None:
    address = with_query("https://id.example/a#b", state="x&prompt=none#c", n="é ")
    assert address == "https://id.example/a?state=x%26prompt%3Dnone%23c&n=%C3%A9+"


def test_a_form_is_kept_without_what_is_secret() -> None:
    typed = {"threshold": "0.5", "form_token": "t", "second_password": "p", "second_name": "adi", "signed": "k"}
    kept = KeptForm.of("/threshold/set", typed)
    assert dict(kept.fields) == {"threshold": "0.5", "second_name": "adi"}
    assert KeptForm.read(kept.written()) == kept
    assert "p" not in kept.fields.values()


@pytest.mark.parametrize("written", ["", "x", "[]", "{}", '["/x"]', '["/x", 1]', "[1, {}]", "[" * 100_000, "null", "7"])
def test_what_is_no_kept_form_is_none(written: str) -> None:
    assert KeptForm.read(written) is None


def test_what_a_browser_makes_up_is_kept_as_text_only() -> None:
    kept = KeptForm.read('["/x", {"a": "b", "c": ["d"], "form_token": "t"}]')
    assert kept is not None
    assert dict(kept.fields) == {"a": "b"}
