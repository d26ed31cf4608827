"""Wrong passwords of a device are counted whatever the names, and come back with time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cekalwatch.server.auth.signing_in.sign_in import PasswordProof
from cekalwatch.server.domain.people import MANY_PEOPLE, TryAllowance
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.database import Database
from tests.support.scenarios.people import OTHER_PASSWORD, PASSWORD, Office, device, person

ALLOWED = TryAllowance()


def wrong(office: Office, number: int, share: int = 1) -> Code:
    with pytest.raises(CekalwatchError) as refused:
        office.desk.sign_in(PasswordProof(f"nobody-{number}", OTHER_PASSWORD), replace(device(), share=share))
    return refused.value.code


@pytest.mark.both_databases
def test_a_device_may_send_so_many_at_once_and_one_more_after_a_while(database: Database) -> None:
    office = Office(database)
    office.hire(person("budi"))
    found = [wrong(office, number) for number in range(ALLOWED.at_once + 1)]
    assert found == [Code.SIGN_IN_REFUSED] * ALLOWED.at_once + [Code.SIGN_IN_TOO_OFTEN]
    with pytest.raises(CekalwatchError, match=Code.SIGN_IN_TOO_OFTEN):
        office.desk.sign_in(PasswordProof("budi", PASSWORD), device())
    assert office.desk.sign_in(PasswordProof("budi", PASSWORD), device("pc-2"))
    office.clock.go(seconds=ALLOWED.each.total_seconds())
    assert [wrong(office, 100), wrong(office, 101)] == [Code.SIGN_IN_REFUSED, Code.SIGN_IN_TOO_OFTEN]
    office.clock.go(seconds=2 * ALLOWED.each.total_seconds())
    for _ in range(5):  # who is right uses none up
        assert office.desk.sign_in(PasswordProof("budi", PASSWORD), device())


@pytest.mark.slow
def test_an_office_at_a_console_has_more(database: Database) -> None:
    office = Office(database)
    found = [wrong(office, number, MANY_PEOPLE) for number in range(ALLOWED.at_once * MANY_PEOPLE + 1)]
    assert found.count(Code.SIGN_IN_REFUSED) == ALLOWED.at_once * MANY_PEOPLE
    assert found[-1] is Code.SIGN_IN_TOO_OFTEN


@pytest.mark.both_databases
def test_what_is_past_is_not_kept(database: Database) -> None:
    office = Office(database)
    wrong(office, 1)
    office.clock.go(hours=1)
    office.people.begin_try_at("another", office.clock.now(), TryAllowance(each=timedelta(seconds=1)), 1)
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT binding FROM device_tries").scalars().all() == ["another"]
