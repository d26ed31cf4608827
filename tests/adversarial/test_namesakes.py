"""Positions in the event log: a PC passes nothing over that a namesake at another site acknowledged, or that somebody
who can write the database says it did.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cekalwatch.v1 import alert_service_pb2 as messages
from tests.support.scenarios.intruder import Intruder
from tests.support.scenarios.port_office import Seat, port_office


async def begin(seat: Seat) -> messages.Subscribed:
    """Subscribe from where this PC stood, and return where that is."""
    call = seat.subscribe()
    answer = await call.read()
    call.cancel()
    assert isinstance(answer, messages.SubscribeAlertsResponse)
    return answer.subscribed


@pytest.mark.slow
async def test_a_pc_skips_no_event_that_its_namesake_at_another_site_acknowledged(tmp_path: Path) -> None:
    sites = [{"site": "batam-center"}, {"site": "sekupang"}]
    office = port_office(tmp_path, {}, sites=sites)
    async with office.open():
        here, there = await office.pc("pc-1"), await office.pc("pc-1", "sekupang")
        before = (await begin(here)).after_sequence
        await office.raise_alert()
        newest = (await begin(there)).head_sequence
        assert newest > before
        await there.alerts.AcknowledgeAlerts(
            messages.AcknowledgeAlertsRequest(agent_id="pc-1", sequence=newest), timeout=30
        )
        assert (await begin(here)).after_sequence == before


@pytest.mark.slow
async def test_a_position_that_was_moved_by_hand_hides_no_alert_that_waits(tmp_path: Path) -> None:
    office = port_office(tmp_path, {"budi": ()})
    async with office.open():
        pc = await office.sign_in("budi")
        newest = (await begin(pc)).head_sequence
        alert_id = await office.raise_alert()
        moved = Intruder(office.settings).run("UPDATE agent SET acknowledged_sequence = acknowledged_sequence + 1")
        assert moved == 1
        told = await begin(pc)
        assert told.after_sequence == told.head_sequence == newest + 1
        assert told.waiting_alerts == 1
        listed = (await pc.call("ListAlerts")).alerts
        assert [one.alert_id for one in listed] == [alert_id], "what a window lists when it begins"
