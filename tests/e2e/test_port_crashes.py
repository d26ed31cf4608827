"""A port and its centre as processes that die: what the port reports is there in order, none twice and none lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.v1 import alert_pb2
from deploy.demo.programs import Program, wait_until
from deploy.demo.stack import kept_port
from tests.support.scenarios.centre import CENTRE, PORT_NAME, Centre, port_of
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.site_pki import SITE, Site

START_S = 60.0


@dataclass
class Killable:
    """A server as a process, which is started again after it was killed."""

    name: str
    site: Site
    address: str
    config_file: Path
    opened: ExitStack
    program: Program | None = None

    def start(self) -> None:
        arguments = ["-m", "cekalwatch.server", "serve", "--config", str(self.config_file)]
        program = Program(self.name, arguments, self.site.folder / "logs")
        self.program = self.opened.enter_context(program)
        with self.site.dialer(self.address, self.site.diagnostics().files).channel() as channel:
            health = health_pb2_grpc.HealthStub(channel)

            def serving() -> bool:
                try:
                    answer = health.Check(health_pb2.HealthCheckRequest(), timeout=5)
                except grpc.RpcError:
                    return False
                return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

            wait_until(serving, START_S, "Serving", program)

    def kill(self) -> None:
        assert self.program is not None
        self.program.kill()


def config(settings: ServerSettings, address: str, tables: str) -> Path:
    """Write the settings of a process that serves at `address`."""
    names = {
        "data_dir",
        "models_dir",
        "model_pack",
        "threshold",
        "escalate_after_seconds",
        "grouping_window_seconds",
        "inference",
    }
    plain = settings.model_dump(mode="json", include=names) | {"listen": address, "threads": 1}
    file = settings.data_dir / "server.toml"
    # JSON's strings and numbers are TOML's as well.
    file.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in plain.items()) + tables)
    return file


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def both(folder: Path, opened: ExitStack) -> tuple[Centre, Killable, PortOffice, Killable]:
    """Start a centre and a port."""
    centre = Centre(folder / "centre")
    centre.address, port_address = (f"127.0.0.1:{opened.enter_context(kept_port())}" for _ in range(2))
    port = port_of(folder / "port", centre, centre.address)
    port.address = port_address
    sites = "".join(f'\n[[sites]]\nsite = "{site}"\n' for site in (CENTRE, SITE))
    files = centre.site.folder / "devices" / f"{SITE}-port-{PORT_NAME}"
    source = f'\n[watchlist.source]\nkind = "centre"\naddresses = ["{centre.address}"]\ntls_dir = "{files}"\n'
    for camera in port.settings.cameras:
        source += f'\n[[cameras]]\ncamera_id = "{camera.camera_id}"\nsite = "{camera.site}"\n'
        source += f'counter = "{camera.counter}"\ndirection = "{camera.direction}"\n'
    above = Killable("centre", centre.site, centre.address, config(centre.settings, centre.address, sites), opened)
    below = Killable("port", port.site, port_address, config(port.settings, port_address, source), opened)
    above.start()
    below.start()
    return centre, above, port, below


@pytest.mark.slow
@pytest.mark.usefixtures("forked_programs")
async def test_neither_a_killed_port_nor_a_killed_centre_loses_or_repeats_an_event(
    tmp_path: Path, opened: ExitStack
) -> None:
    centre, above, port, below = await asyncio.to_thread(both, tmp_path, opened)
    raised = [await port.raise_alert("1")]
    above.kill()
    raised.append(await port.raise_alert("2"))
    below.kill()
    await asyncio.to_thread(below.start)
    raised.append(await port.raise_alert("3"))
    await asyncio.to_thread(above.start)
    async with centre.supervisor(CENTRE) as rina:
        for alert_id in raised:
            told = await rina.until(alert_id, lambda _: True)
            assert [step.type for step in told.steps] == [alert_pb2.ALERT_EVENT_TYPE_RAISED]
        assert [one.alert.alert_id for one in await rina.alerts()] == raised[::-1]
        (state,) = await rina.ports()
        assert state.acknowledged_sequence == len(raised)
    centre.database.close()
    port.database.close()
