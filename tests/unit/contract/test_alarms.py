from __future__ import annotations

import re

import pytest

from cekalwatch.contract.values import alarms
from cekalwatch.contract.values.alarms import AlarmKind, may_acknowledge, own_blind, shown_to
from cekalwatch.contract.values.people import PersonRole
from tests.support.builders.notifier_alarms import make_alarm, of_source
from tests.support.builders.notifier_alerts import BUDI, SITI, session_of
from tests.support.repository import ROOT

HERE, THERE = make_alarm(counter="3"), make_alarm(counter="4")
SLOW, STALE = make_alarm(AlarmKind.CAMERA_SLOW, "3"), of_source()
ALL = (HERE, THERE, SLOW, STALE)


def test_an_officer_sees_which_of_the_pcs_own_counters_are_blind() -> None:
    assert own_blind(ALL, ("3",)) == (HERE,)
    assert own_blind(ALL, ()) == (HERE, THERE)
    for session in (None, session_of(BUDI, PersonRole.OFFICER)):
        assert shown_to(session, ALL, ("3",)) == (HERE,)


@pytest.mark.parametrize(
    ("role", "shown"),
    [
        (PersonRole.SUPERVISOR, ALL),
        (PersonRole.LIST_MANAGER, (HERE, STALE)),
        (PersonRole.ADMINISTRATOR, (HERE, STALE)),
    ],
)
def test_who_keeps_something_going_sees_its_alarms(role: PersonRole, shown: tuple[object, ...]) -> None:
    assert shown_to(session_of(BUDI, role), ALL, ("3",)) == shown


def test_who_can_do_something_about_it_says_that_they_have_seen_it_and_one_is_enough() -> None:
    officer, sari, lia = (
        session_of(BUDI, role) for role in (PersonRole.OFFICER, PersonRole.SUPERVISOR, PersonRole.LIST_MANAGER)
    )
    assert [may_acknowledge(HERE, one) for one in (None, officer, lia, sari)] == [False, False, False, True]
    assert [may_acknowledge(STALE, one) for one in (None, officer, lia, sari)] == [False, False, True, True]
    assert not may_acknowledge(make_alarm(acknowledged_by=SITI), sari)


def test_each_kind_belongs_to_one_set_since_a_rule_ends_all_alarms_of_its_set_that_it_does_not_find() -> None:
    sets = [value for name, value in vars(alarms).items() if name.startswith("OF_") and isinstance(value, frozenset)]
    assert sorted(kind for one in sets for kind in one) == sorted(AlarmKind)


def test_the_guide_of_operations_says_what_each_kind_means() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text("utf-8")
    rows = re.findall(r"^\| ((?:`[A-Z…_]+`(?:, )?)+) \|", guide, re.MULTILINE)
    listed = {name.replace("…_", "CAMERA_") for row in rows for name in re.findall(r"`([A-Z…_]+)`", row)}
    assert set(AlarmKind) - listed == set()
