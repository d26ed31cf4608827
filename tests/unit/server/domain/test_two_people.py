"""What nobody may do alone takes two different people, with the two roles of that action, in any order."""

from __future__ import annotations

from itertools import product

import pytest

from cekalwatch.contract.values.people import TWO_PERSON_ACTIONS, PersonRole, TwoPersonAction
from cekalwatch.server.domain.people import Person, PersonError, TwoPeople
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from tests.support.scenarios.people import person

PAIRS = {action: set(pair) for action, pair in TWO_PERSON_ACTIONS.items()}


def refusal(action: TwoPersonAction, first: Person, second: Person) -> Code | None:
    try:
        TwoPeople(action, first, second)
    except CekalwatchError as error:
        return error.code
    return None


@pytest.mark.parametrize("action", TwoPersonAction)
def test_two_people_have_the_two_roles_in_any_order_and_no_others_will_do(action: TwoPersonAction):
    for one, other in product(PersonRole, repeat=2):
        officers = {PersonRole.SUPERVISOR} if action is TwoPersonAction.CONFIRM_ALERT else PAIRS[action]
        expected = None if {one, other} in (PAIRS[action], officers) else Code.PERSON_ROLE_NEEDED
        assert refusal(action, person("ani", one), person("budi", other)) is expected, (one, other)


@pytest.mark.parametrize("action", TwoPersonAction)
def test_one_person_with_every_role_is_not_two(action: TwoPersonAction):
    both = person("ani", *PersonRole)
    assert refusal(action, both, both) is Code.SAME_PERSON_TWICE
    # A record that was read twice is no second person either.
    again = Person(both.person_id, "another.name", "Another", both.roles, both.sites)
    assert refusal(action, both, again) is Code.SAME_PERSON_TWICE


def test_who_has_several_roles_takes_the_one_that_the_other_does_not_have():
    all_roles, officer = person("ani", *PersonRole), person("budi", PersonRole.OFFICER)
    assert refusal(TwoPersonAction.CONFIRM_ALERT, all_roles, officer) is None
    assert refusal(TwoPersonAction.CONFIRM_ALERT, officer, all_roles) is None


def test_who_is_disabled_is_nobody():
    pair = person("ani", PersonRole.OFFICER), person("budi", PersonRole.SUPERVISOR, disabled=True)
    assert refusal(TwoPersonAction.CONFIRM_ALERT, *pair) is Code.SIGN_IN_REFUSED
    assert refusal(TwoPersonAction.CONFIRM_ALERT, *reversed(pair)) is Code.SIGN_IN_REFUSED


@pytest.mark.parametrize(
    "wrong",
    [
        {"sign_in_name": "B"},
        {"sign_in_name": "ſiti"},
        {"sign_in_name": ".budi"},
        {"sign_in_name": "b" * 65},
        {"sign_in_name": "budi\n"},
        {"display_name": ""},
        {"display_name": "x" * 101},
        {"display_name": "Budi\x1b[2J"},
        {"roles": frozenset()},
        {"sites": frozenset()},
        {"sites": frozenset({"Batam Center"})},
    ],
)
def test_a_person_without_a_proper_name_role_or_site_cannot_be(wrong: dict[str, object]):
    usual = person().__dict__
    Person(**usual)
    with pytest.raises(PersonError):
        Person(**usual | wrong)
