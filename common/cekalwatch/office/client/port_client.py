"""The calls that people at a centre make about the alerts of ports. Errors stay grpc.RpcError."""

from __future__ import annotations

from collections.abc import Collection

from cekalwatch.contract.calls import ports
from cekalwatch.contract.codec.alerts import PICTURES, STATES
from cekalwatch.contract.codec.federation import REPORTED_ALERT
from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.contract.values.alerts import AlertPictures
from cekalwatch.contract.values.federation import ReportedAlert
from cekalwatch.office.client.service_client import ServiceClient


class PortClient(ServiceClient):
    """The calls of the signed-in person. A picture comes from the port, which may take some time."""

    def alerts(
        self, site: str, states: Collection[AlertState], size: int, token: str = ""
    ) -> tuple[tuple[ReportedAlert, ...], str]:
        """Return at most `size` alerts of ports at `site` (empty: all), newest first, and the token of the next page.

        `states`: where they stand; none: anywhere.
        """
        numbers = sorted(map(STATES.number, states))
        return self.ask(ports.LIST_PORT_ALERTS(site=site, states=numbers, page_size=size, page_token=token))

    def alert(self, site: str, port: str, alert_id: str) -> ReportedAlert:
        """Return one alert, without its pictures."""
        return REPORTED_ALERT.read(self.ask(ports.GET_PORT_ALERT(site=site, port=port, alert_id=alert_id)).alert)

    def pictures(self, site: str, port: str, alert_id: str) -> AlertPictures:
        """Return the pictures of one alert; the port is asked for the probe. Both sides record it."""
        asked = ports.GET_PORT_ALERT(site=site, port=port, alert_id=alert_id, include_images=True)
        return PICTURES.read(self.ask(asked).images)
