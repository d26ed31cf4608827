"""Two PCs of one name at two sites: what one of them acknowledges is not passed over at the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from cekalwatch.v1 import alert_service_pb2 as messages
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
