"""What is a fault of the server, and which faults send its clients to another one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cekalwatch.contract.values.loops import LoopStatus
from cekalwatch.contract.values.status import SigningStatus
from cekalwatch.server.audit.checkpoint_ledger import HistoryChange
from cekalwatch.server.health.state.health import FAILING_AFTER_S, Health, ServerFault
from cekalwatch.server.storage.availability import AwayReason, DatabaseAway
from tests.support.scenarios.people import HandClock

WELL = Health(lambda: None, timedelta(hours=1), HandClock(), SigningStatus, loops=lambda: ())
CHANGED = SigningStatus(change=HistoryChange.ENTRY_GONE)
FAILING = LoopStatus("escalate", 3, FAILING_AFTER_S, "OSError")


def test_a_server_without_a_fault_is_sound() -> None:
    assert (WELL.faults, WELL.sound, WELL.database_well) == ((), True, True)
    assert replace(WELL, loops=lambda: (replace(FAILING, failing_s=FAILING_AFTER_S - 1),)).faults == ()


@pytest.mark.parametrize(
    ("fault", "health", "sound"),
    [
        (ServerFault.DATABASE_AWAY, replace(WELL, database=lambda: DatabaseAway(AwayReason.LOST, 1.0)), False),
        (ServerFault.DATABASE_AWAY, replace(WELL, takes_alerts=lambda: False), True),
        (ServerFault.LOOP_FAILING, replace(WELL, loops=lambda: (FAILING,)), False),
        (ServerFault.AUDIT_HISTORY_CHANGED, replace(WELL, signing=lambda: CHANGED), False),
        (ServerFault.GALLERY_EMPTY, replace(WELL, blind=lambda: True), True),
        (ServerFault.STOPPING, replace(WELL, stopping=lambda: True), True),
    ],
)
def test_each_fault_is_named_and_some_send_clients_away(fault: ServerFault, health: Health, sound: bool) -> None:
    assert (health.faults, health.sound) == ((fault,), sound)
    assert health.database_well is (fault is not ServerFault.DATABASE_AWAY)
