"""People look at alarms, and say that they have seen one, without a desktop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import Exit
from cekalwatch.server.audit.entry import Action
from cekalwatch.wire.identity import DeviceRole
from tests.integration.alerts.test_alerts_command import Terminal
from tests.support.scenarios.alarms import Watcher, beat
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.server import CaptureClient


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    office = port_office(tmp_path / "site", {"siti": (PersonRole.SUPERVISOR,), "budi": ()})
    async with office.open():
        yield office


@pytest.mark.slow
async def test_a_supervisor_lists_alarms_and_says_that_one_was_seen(office: PortOffice, tmp_path: Path):
    pc, other = (Terminal(office, tmp_path, name) for name in ("pc-s", "pc-b"))
    camera = office.site.device(DeviceRole.CAMERA, "dep-1")
    async with office.site.dialer(office.address, camera).aio_channel() as channel:
        stream = await CaptureClient.open(channel)
        await stream.call.write(beat("COVERED"))
        async with (
            office.site.dialer(office.address, pc.files).aio_channel() as of_pc,
            Watcher(of_pc).watching() as watcher,
        ):
            await watcher.until(lambda one: "CAMERA_COVERED dep-1" in one.kinds)
            key = watcher.the("CAMERA_COVERED dep-1").trouble_id[-6:]
        assert (await other.run("sign-in", typed=f"budi\n{PASSWORD}\n")).returncode == Exit.OK
        assert (await other.run("problems", "list")).returncode == Exit.REFUSED, "officers see their own counters"
        assert (await pc.run("sign-in", typed=f"siti\n{PASSWORD}\n")).returncode == Exit.OK
        assert "Counter D1 (dep-1)  the camera is covered" in " ".join(
            (await pc.run("problems", "list")).stdout.split("\n")
        )
        assert (await pc.run("problems", "seen", "zzzz")).returncode == Exit.USAGE
        assert "acknowledged by Petugas siti" in (await pc.run("problems", "seen", key)).stdout
        assert "Petugas siti" in (await pc.run("problems", "list", "--days", "2")).stdout
        by_its_old_name = await pc.run("troubles", "list")
        assert "Petugas siti" in by_its_old_name.stdout
        assert "Warning: `troubles` is `problems` now" in by_its_old_name.stderr
    assert len(office.trail(Action.TROUBLE_ACKNOWLEDGED)) == 1
