"""A centre with a list, and a port with a server of its own that follows it, both in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from cekalwatch.server.app import Server
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.sync.store import SyncStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.v1 import alert_service_pb2, operations_service_pb2
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.ports.line import CutLine, line_to
from tests.support.builders.keys import keyring
from tests.support.scenarios.server import CaptureClient, face, settings
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import SITE, Site

PORT_SITE = "sekupang"


@dataclass
class Port:
    """The server of a port, while it runs."""

    settings: ServerSettings
    channel: grpc.aio.Channel

    def __post_init__(self) -> None:
        self.database = Database(self.settings.database_address)
        self.watchlist = WatchlistStore(self.database, keyring(self.database, self.settings.master_key_source))
        self.syncs = SyncStore(self.database)
        self._tracks = 0

    async def alerts(self) -> int:
        """Count the port's alerts."""
        stub: Any = AlertServiceStub(self.channel)
        return len((await stub.ListAlerts(alert_service_pb2.ListAlertsRequest())).alerts)

    async def searches(self, subjects: int) -> None:
        """Wait until the port searches so many people: its gallery follows its list a moment later."""
        stub: Any = OperationsServiceStub(self.channel)

        async def so_many() -> bool:
            status = await stub.GetStatus(operations_service_pb2.GetStatusRequest())
            return bool(status.gallery.subjects == subjects)

        await becomes(so_many)

    async def pass_by(self) -> None:
        """Let the person of the portrait pass the departure camera."""
        self._tracks += 1
        camera = await CaptureClient.open(self.channel)
        assert (await camera.receipt(face(track=str(self._tracks))))[0] == "ACCEPTED"
        camera.call.cancel()

    def orders(self) -> dict[str, bool]:
        """Whether each order that is held stands, by key."""
        return {
            one.order_id: one.withdrawn_at is None
            for file in self.watchlist.list_subjects("", 1000)
            for one in file.orders
        }


@dataclass
class Centre:
    """The centre; its server runs for as long as `open`."""

    site: Site
    folder: Path

    def __post_init__(self) -> None:
        self.settings = self.site.settings(
            sites=({"site": SITE}, {"site": PORT_SITE}), keep_alive_period_seconds=0.5, threads=1
        )

    def begin_anew(self) -> None:
        """Forget the database."""
        for file in self.site.folder.glob("cekalwatch.sqlite3*"):
            file.unlink()
        for file in (self.settings.audit_ledger_file, self.settings.audit_key_file, self.settings.seen_versions_file):
            file.unlink(missing_ok=True)

    @contextmanager
    def opened(self) -> Iterator[WatchlistStore]:
        """The centre's list in its database, as an import changes it."""
        database = Database(self.settings.database_address)
        database.upgrade()
        yield WatchlistStore(database, keyring(database, self.settings.master_key_source))
        database.close()

    def trail(self) -> list[str]:
        """What the centre's audit trail says was done."""
        database = Database(self.settings.database_address)
        found = [link.action for link in AuditStore(database).links()]
        database.close()
        return found

    def port_settings(self, address: str, name: str = "main", **overrides: Any) -> ServerSettings:
        """Settings of a port's server that follows the centre at `address`."""
        files = self.site.device(DeviceRole.PORT, name, PORT_SITE)
        source = {"kind": "centre", "addresses": (address,), "tls_dir": files.folder}
        camera = {"camera_id": "dep-1", "site": PORT_SITE, "counter": "D1", "direction": "DEPARTURE"}
        usual: dict[str, Any] = {
            "sites": ({"site": PORT_SITE},),
            "cameras": (camera,),
            "watchlist": {"source": source, "sync": {"retry_first_seconds": 0.5, "retry_max_seconds": 1}},
            "threads": 1,
            "grouping_window_seconds": 0,
        }
        return settings(self.folder / name, **usual | overrides)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[CutLine]:
        """Serve, and open the line that leads to it."""
        async with Server(self.settings) as server, line_to(server.port) as line:
            yield line


@asynccontextmanager
async def port_running(chosen: ServerSettings) -> AsyncIterator[Port]:
    """Run a port's server."""
    async with Server(chosen) as server, Dialer(f"127.0.0.1:{server.port}", None).aio_channel() as channel:
        port = Port(chosen, channel)
        try:
            yield port
        finally:
            port.database.close()
