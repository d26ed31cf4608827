"""A centre in this process, whose supervisors look at the alerts of ports that have servers of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action, Link
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import operations_service_pb2, port_pb2
from cekalwatch.v1 import port_service_pb2 as messages
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.v1.port_service_pb2_grpc import PortServiceStub
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tokens import bearer
from tests.support.builders.keys import key_store
from tests.support.scenarios.people import Office, person
from tests.support.scenarios.port_office import PortOffice, sign_in
from tests.support.scenarios.server import LateClock, list_astronaut
from tests.support.scenarios.site_pki import SITE, Site

CENTRE = "jakarta"
"""Key of the centre's own site."""
WAIT_S = 60.0
PORT_NAME = "server"


@dataclass
class Centre:
    """The centre, which serves the port's site beside its own; it can be opened again on the same database."""

    folder: Path
    overrides: dict[str, Any] = field(default_factory=dict)
    """Further settings of the server."""
    site: Site = field(init=False)
    settings: ServerSettings = field(init=False)
    clock: LateClock = field(default_factory=LateClock)
    address: str = ""

    def __post_init__(self) -> None:
        self.site = Site(self.folder)
        self.settings = self.site.settings(cameras=(), sites=[{"site": CENTRE}, {"site": SITE}], **self.overrides)
        list_astronaut(self.settings)
        self.database = Database(self.settings.database_address)
        self.database.upgrade()
        key_store(self.database, self.settings.master_key_source)
        self.office = Office(self.database)
        self.office.hire(person("rina", PersonRole.SUPERVISOR, sites=(CENTRE, SITE)))
        self.site.device(DeviceRole.PORT, PORT_NAME)

    @property
    def tcp_port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Supervisor]:
        """Serve, and sign the supervisor in at a PC of the centre."""
        async with Server(self.settings, self.clock) as server:
            self.address = f"127.0.0.1:{server.port}"
            async with self.supervisor(CENTRE) as supervisor:
                yield supervisor

    @asynccontextmanager
    async def supervisor(self, site: str) -> AsyncIterator[Supervisor]:
        """Sign the supervisor in at a PC of `site`."""
        files = self.site.device(DeviceRole.NOTIFIER, "pc-rina", site)
        async with self.site.dialer(self.address, files).aio_channel() as channel:
            yield Supervisor(channel, await sign_in(channel, "rina"))

    async def status(self) -> operations_service_pb2.GetStatusResponse:
        return await status_of(self.site, self.address)

    def trail(self, *actions: Action) -> list[Link]:
        return self.office.trail(*actions)


async def status_of(site: Site, address: str) -> operations_service_pb2.GetStatusResponse:
    """Return the status of the server there, which belongs to `site`."""
    files = site.device(DeviceRole.DIAGNOSTICS, "laptop")
    async with site.dialer(address, files).aio_channel() as channel:
        stub: Any = OperationsServiceStub(channel)
        answer: operations_service_pb2.GetStatusResponse = await stub.GetStatus(
            operations_service_pb2.GetStatusRequest()
        )
        return answer


@dataclass
class Supervisor:
    """A supervisor who has signed in."""

    channel: grpc.aio.Channel
    token: str

    async def call(self, name: str, **fields: Any) -> Any:
        """Call a method of PortService as the person."""
        stub = PortServiceStub(self.channel)
        request = getattr(messages, f"{name}Request")(**fields)
        return await getattr(stub, name)(request, metadata=bearer(self.token), timeout=WAIT_S)

    async def alerts(self, **fields: Any) -> list[port_pb2.PortAlert]:
        return list((await self.call("ListPortAlerts", page_size=100, **fields)).alerts)

    async def alert(self, alert_id: str, *, images: bool = False) -> messages.GetPortAlertResponse:
        fields = {"site": SITE, "port": PORT_NAME, "alert_id": alert_id, "include_images": images}
        return await self.call("GetPortAlert", **fields)  # type: ignore[no-any-return]

    async def ports(self) -> list[port_pb2.PortStatus]:
        return list((await self.call("ListPorts")).ports)

    async def until(self, alert_id: str, so: Callable[[port_pb2.PortAlert], bool]) -> port_pb2.PortAlert:
        """Ask until the centre knows the alert, and it stands so."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for one in await self.alerts():
                    if one.alert.alert_id == alert_id and so(one):
                        return (await self.alert(alert_id)).alert
                await asyncio.sleep(0.1)


def port_of(folder: Path, centre: Centre, *addresses: str, **overrides: Any) -> PortOffice:
    """Return a port with a server of its own, whose centre is at these addresses."""
    site = Site(folder)
    files = centre.site.device(DeviceRole.PORT, PORT_NAME)
    source = {"kind": "centre", "addresses": list(addresses), "tls_dir": files.folder}
    chosen = {"watchlist": {"source": source}, "grouping_window_seconds": 0} | overrides
    office = PortOffice(site, site.settings(**chosen))
    office.hire("budi")
    office.hire("sari", PersonRole.SUPERVISOR)
    return office
