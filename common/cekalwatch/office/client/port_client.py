"""The calls that people at a centre make about ports and their alerts. Errors stay grpc.RpcError."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from cekalwatch.contract.codec.alerts import PICTURES, STATES
from cekalwatch.contract.codec.federation import PORT_STATUS, REPORTED_ALERT
from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.contract.values.alerts import AlertPictures
from cekalwatch.contract.values.federation import PortStatus, ReportedAlert
from cekalwatch.office.client.service_client import ServiceClient
from cekalwatch.v1 import port_service_pb2 as pb
from cekalwatch.v1.port_service_pb2_grpc import PortServiceStub


class PortClient(ServiceClient[PortServiceStub]):
    """The calls of the signed-in person. A picture comes from the port, which may take some time."""

    stub = PortServiceStub

    def ports(self) -> list[PortStatus]:
        """Return the ports that ever reported or followed the list, by site and name."""
        return list(PORT_STATUS.read_all(self._call(lambda stub: stub.ListPorts, pb.ListPortsRequest()).ports))

    def alerts(
        self, site: str, states: Collection[AlertState], size: int, token: str = ""
    ) -> tuple[list[ReportedAlert], str]:
        """Return at most `size` alerts of ports at `site` (empty: all), newest first, and the token of the next page.

        `states`: where they stand; none: anywhere.
        """
        request = pb.ListPortAlertsRequest(
            site=site, states=sorted(map(STATES.number, states)), page_size=size, page_token=token
        )
        answer = self._call(lambda stub: stub.ListPortAlerts, request)
        return list(REPORTED_ALERT.read_all(answer.alerts)), str(answer.next_page_token)

    def alert(self, site: str, port: str, alert_id: str) -> ReportedAlert:
        """Return one alert, without its pictures."""
        return REPORTED_ALERT.read(self._one(site, port, alert_id).alert)

    def pictures(self, site: str, port: str, alert_id: str) -> AlertPictures:
        """Return the pictures of one alert; the port is asked for the probe. Both sides record it."""
        return PICTURES.read(self._one(site, port, alert_id, include_images=True).images)

    def _one(self, site: str, port: str, alert_id: str, **fields: bool) -> Any:  # noqa: ANN401  # the stubs' answer
        request = pb.GetPortAlertRequest(site=site, port=port, alert_id=alert_id, **fields)
        return self._call(lambda stub: stub.GetPortAlert, request)
