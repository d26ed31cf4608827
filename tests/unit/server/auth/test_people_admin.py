"""What two people give together: each of them has half of a first password, and nobody else has the other half."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from cekalwatch.contract.values.people import PersonRole, TwoPersonAction
from cekalwatch.server.auth.people_admin import PeopleAdmin
from cekalwatch.server.domain.people import Person, TwoPeople
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.foundation.refusals import RefusedError
from tests.support.builders.keys import KEEPER
from tests.support.scenarios.people import SITE, Office, code_of, office_in, person

SITES = frozenset({SITE})
OFFICER = frozenset({PersonRole.OFFICER})


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_in(tmp_path) as found:
        yield found


def admin(office: Office, by: Person, people: TwoPeople | None = None) -> PeopleAdmin:
    return PeopleAdmin(office.people, office.passwords, office.clock, KEEPER, by, people)


def test_each_of_two_gets_half_of_a_first_password_once_and_nobody_else_does(office: Office) -> None:
    adi = office.hire(person("adi", PersonRole.ADMINISTRATOR)).person
    sari, rini = (office.hire(person(name, PersonRole.SUPERVISOR)).person for name in ("sari", "rini"))
    first = admin(office, adi, TwoPeople(TwoPersonAction.CHANGE_PEOPLE, adi, sari)).add("umi", "Umi", OFFICER, SITES)
    assert first is not None
    assert [admin(office, other).take_parts() for other in (adi, rini)] == [[], []]
    (second,) = admin(office, sari).take_parts()
    assert admin(office, sari).take_parts() == []
    whole = f"{first}-{second.part}"
    for half in (first, second.part, f"{second.part}-{first}"):
        assert code_of(office, office.proof("umi", half)) is Code.SIGN_IN_REFUSED
    assert code_of(office, office.proof("umi", whole)) is None


def test_who_gives_rights_alone_is_refused_and_who_takes_them_is_not(office: Office) -> None:
    adi = office.hire(person("adi", PersonRole.ADMINISTRATOR, sites=(SITE, "sekupang"))).person
    office.hire(person("umi", PersonRole.OFFICER, PersonRole.SUPERVISOR))
    alone = admin(office, adi)
    supervisor = frozenset({PersonRole.SUPERVISOR})
    assert alone.change("umi", supervisor, SITES).roles == supervisor
    alone.disable("umi")
    for gives in (
        lambda: alone.add("budi", "Budi", OFFICER, SITES),
        lambda: alone.change("umi", supervisor | OFFICER, SITES),
        lambda: alone.change("umi", supervisor, SITES | {"sekupang"}),
        lambda: alone.enable("umi"),
        lambda: alone.reset("umi"),
    ):
        with pytest.raises(RefusedError) as refused:
            gives()
        assert refused.value.code is Code.SECOND_PERSON_NEEDED


def test_who_was_given_both_roles_by_an_earlier_version_is_no_auditor(office: Office) -> None:
    office.hire(person("umi", PersonRole.ADMINISTRATOR, PersonRole.AUDITOR))
    found = office.people.account("umi")
    assert found is not None
    assert found.person.roles == {PersonRole.ADMINISTRATOR}


@pytest.mark.parametrize("name", ["SITI.rahma", "sitirahma", "s1ti.rahma", "Siti_Rahma", "siti.rahrna"])
def test_a_name_that_could_be_taken_for_anothers_is_refused(office: Office, name: str) -> None:
    """Added, or given to somebody who has another."""
    machine = PeopleAdmin(office.people, office.passwords, office.clock, KEEPER)
    machine.add("siti.rahma", "Siti Rahma", OFFICER, SITES)
    machine.add("budi", "Budi", OFFICER, SITES)
    for gives in (partial(machine.add, name, "Siti", OFFICER, SITES), partial(machine.rename, "budi", name)):
        with pytest.raises(RefusedError, match=r"siti\.rahma") as refused:
            gives()
        assert refused.value.code is Code.SIGN_IN_NAME_TAKEN
    machine.rename("siti.rahma", "Siti.Rahma")
    assert [one.person.sign_in_name for one in office.people.all()] == ["Siti.Rahma", "budi"]
