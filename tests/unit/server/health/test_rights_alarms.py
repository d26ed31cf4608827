"""Whoever has rights is told when somebody else is given some, and each time anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cekalwatch.contract.values.alarms import AlarmKind, acknowledges
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.auth.people_admin import PeopleAdmin
from cekalwatch.server.foundation.refusals import RefusedError
from cekalwatch.server.health.alarms.people import TOLD_FOR, RightsAlarms
from cekalwatch.server.storage.audit.search import AuditSearch
from tests.support.builders.keys import KEEPER
from tests.support.scenarios.people import SITE, Office, office_in

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
