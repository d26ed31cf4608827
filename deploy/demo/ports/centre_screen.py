"""What a supervisor at the centre sees of ports with servers of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cekalwatch.v1 import port_pb2, port_service_pb2
from cekalwatch.v1.port_service_pb2_grpc import PortServiceStub
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tokens import bearer
from deploy.demo.stack import CALL_SECONDS, Stack


@dataclass(frozen=True)
class CentreScreen:
    """The screen of the PC `agent_id`, at which a supervisor has signed in."""

    centre: Stack
    agent_id: str

    def alerts(self, site: str) -> list[port_pb2.PortAlert]:
        """Return the alerts of the port at `site`, newest first."""
        request = port_service_pb2.ListPortAlertsRequest(site=site)
        with self._asking() as (stub, how):
            return list(stub.ListPortAlerts(request, **how).alerts)

    def has_picture(self, one: port_pb2.PortAlert) -> bool:
        """Open an alert; whether its picture came, for which its port is asked."""
        request = port_service_pb2.GetPortAlertRequest(
            site=one.site, port=one.port, alert_id=one.alert.alert_id, include_images=True
        )
        with self._asking() as (stub, how):
            return bool(stub.GetPortAlert(request, **how).images.probe_jpeg)

    @contextmanager
    def _asking(self) -> Iterator[tuple[PortServiceStub, dict[str, Any]]]:
        """Yield the service, and what each call of this person needs."""
        how = {"metadata": bearer(self.centre.token(self.agent_id)), "timeout": CALL_SECONDS}
        with self.centre.dialer(DeviceRole.NOTIFIER, self.agent_id).channel() as channel:
            yield PortServiceStub(channel), how
