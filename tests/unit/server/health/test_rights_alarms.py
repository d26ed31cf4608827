"""Whoever has rights is told when somebody else is given some, and each time anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cekalwatch.contract.values.alarms import AlarmKind, acknowledges
from cekalwatch.contract.values.people import PersonRole, TwoPersonAction
from cekalwatch.contract.values.silencing import SilencedOrder, Silencing
from cekalwatch.server.audit.silencing import silencing_entry
from cekalwatch.server.auth.people_admin import PeopleAdmin
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.foundation.refusals import RefusedError
from cekalwatch.server.health.alarms.people import SILENCING_TOLD_FOR, TOLD_FOR, RightsAlarms
from cekalwatch.server.storage.audit.search import AuditSearch
from cekalwatch.server.storage.audit.store import AuditStore
from tests.support.builders.keys import KEEPER
from tests.support.scenarios.people import ADMINISTRATION, SITE, Office, office_in, person

SITES = frozenset({SITE})


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_in(tmp_path) as found:
        yield found


def found(office: Office) -> list[tuple[str, str]]:
    """What is open: about what, and how many people."""
    findings = RightsAlarms(AuditSearch(office.database), office.clock).look()
    assert all(one.kind is AlarmKind.RIGHTS_GIVEN for one in findings.conditions)
    return [(one.about, one.details["people"]) for one in findings.conditions]


def test_what_gives_rights_is_told_anew_each_time_and_what_takes_them_is_not(office: Office) -> None:
    admin = PeopleAdmin(office.people, office.passwords, office.clock, KEEPER)
    assert found(office) == []
    for name in ("umi", "budi"):
        admin.add(name, name, frozenset({PersonRole.OFFICER}), SITES)
    (before,) = found(office)
    assert before[1] == "2"
    admin.disable("budi")
    admin.unlock("budi")
    admin.change("umi", frozenset({PersonRole.OFFICER}), SITES)
    assert found(office) == [before]
    for give in (
        lambda: admin.enable("budi"),
        lambda: admin.change("umi", frozenset({PersonRole.AUDITOR}), SITES),
        lambda: admin.reset("umi"),
    ):
        give()
        (after,) = found(office)
        assert (after[0] != before[0], after[1]) == (True, "2")
        before = after
    office.clock.go(seconds=TOLD_FOR.total_seconds() + 1)
    assert found(office) == []


def test_who_may_sign_sees_it() -> None:
    assert acknowledges(AlarmKind.RIGHTS_GIVEN) == {
        PersonRole.ADMINISTRATOR,
        PersonRole.LIST_MANAGER,
        PersonRole.SUPERVISOR,
    }


def test_nobody_is_administrator_and_auditor(office: Office) -> None:
    admin = PeopleAdmin(office.people, office.passwords, office.clock, KEEPER)
    both = frozenset({PersonRole.ADMINISTRATOR, PersonRole.AUDITOR})
    with pytest.raises(RefusedError, match="administrator and auditor"):
        admin.add("umi", "Umi", both, SITES)
    admin.add("umi", "Umi", frozenset({PersonRole.AUDITOR}), SITES)
    with pytest.raises(RefusedError, match="administrator and auditor"):
        admin.change("umi", both | {PersonRole.OFFICER}, SITES)


def test_orders_that_two_people_silence_are_told_to_supervisors_for_a_day(office: Office) -> None:
    people = TwoPeople(
        TwoPersonAction.AMEND_ORDER, person("lina", PersonRole.LIST_MANAGER), person("sari", PersonRole.SUPERVISOR)
    )
    named = SilencedOrder("O-1", "S-1", "Contoh Satu", "DEPARTURE", office.clock.now())
    store = AuditStore(office.database)
    for count in (1, 2):
        found = Silencing((named,), count)
        store.append(silencing_entry(found, people, ADMINISTRATION, office.clock.now(), "PutAgency"))
    rule = RightsAlarms(AuditSearch(office.database), office.clock)
    (told,) = rule.look().conditions
    assert (told.kind, told.details) == (AlarmKind.ORDERS_SILENCED, {"orders": "3"})
    assert acknowledges(AlarmKind.ORDERS_SILENCED) == {PersonRole.SUPERVISOR}
    assert "Contoh" not in repr(told)
    office.clock.go(seconds=SILENCING_TOLD_FOR.total_seconds() + 1)
    assert rule.look().conditions == []
