"""Reports of ports, and their alerts for supervisors at the centre."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from cekalwatch.contract.calls import ports as calls
from cekalwatch.contract.codec.federation import CENTRE_MESSAGE, REPORTED_ALERT
from cekalwatch.contract.values.alerts import AlertPictures
from cekalwatch.contract.values.federation import PortStatus, PortStep, ReportedAlert, ReportStart
from cekalwatch.contract.values.rights import Reach
from cekalwatch.server.alerts.details import AlertDetails, AlertDetailsReader
from cekalwatch.server.alerts.report_receiver import Inbound, ReportReceiver
from cekalwatch.server.audit.alert_entries import shown_objects
from cekalwatch.server.audit.entry import OK, Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.domain.ports import Port, PortAlert
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api import alert_requests as read
from cekalwatch.server.grpc_api.alert_answers import alert_with_images
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.messages import KEY, page, page_size
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.grpc_api.servicers import port_reports
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.ports.store import PortStore
from cekalwatch.v1 import port_pb2
from cekalwatch.v1 import port_service_pb2 as pb
from cekalwatch.wire.identity import DeviceRole

DEFAULT_PAGE = 20


@dataclass(frozen=True)
class PortCalls:
    """Serves ports, and people who view all of them."""

    reception: ReportReceiver
    store: PortStore
    details: AlertDetailsReader
    trail: AuditTrail
    clock: Clock
    home_site: str
    """The centre's own: from devices there, all ports are seen."""

    def served(self) -> tuple[Served, ...]:
        """Return the calls."""
        return (
            Served(calls.REPORT_ALERTS, self._take_reports),
            serve(calls.LIST_PORTS, self._list),
            serve(calls.LIST_PORT_ALERTS, self._alerts),
            serve(calls.GET_PORT_ALERT, self._alert),
        )

    async def _take_reports(
        self, requests: AsyncIterator[pb.ReportAlertsRequest], _: Context
    ) -> AsyncIterator[pb.ReportAlertsResponse]:
        """Accept a port's events, and acknowledge the stored ones."""
        who = current_caller().identity
        if who.role is not DeviceRole.PORT:  # in plaintext nobody says which port they are
            raise CekalwatchError(Code.METHOD_NOT_ALLOWED, str(who.role))
        port, terms = Port(who.site, who.name), self.reception.terms
        try:
            async with asyncio.timeout(terms.handshake_s):
                hello = port_reports.hello(await anext(aiter(requests)))
        except StopAsyncIteration:
            raise CekalwatchError(Code.HELLO_EXPECTED) from None
        except TimeoutError:
            raise CekalwatchError(Code.HELLO_TIMEOUT) from None
        position = None if hello.pictures_only else await self.reception.position(port)
        yield CENTRE_MESSAGE.write(ReportStart(position, terms.heartbeat_period_s, terms.window))

        async def inbound() -> AsyncIterator[Inbound]:
            async for request in requests:
                yield port_reports.message(request, port, self.clock.now())

        async with aclosing(self.reception.run(port, hello, inbound())) as outbound:
            async for message in outbound:
                yield CENTRE_MESSAGE.write(message)

    def _list(self, _: pb.ListPortsRequest) -> tuple[PortStatus, ...]:
        site, now = self._seen_site(""), self.clock.now()
        return tuple(one.status(now) for one in self.store.states() if site in {"", one.port.site})

    async def _alerts(self, request: pb.ListPortAlertsRequest) -> pb.ListPortAlertsResponse:
        """Return a page of the alerts of ports, newest first."""
        site = self._seen_site(read.site(request.site))
        before, states = read.alert_page_token(request.page_token), read.states(request.states)
        limit = page_size(request.page_size, default=DEFAULT_PAGE)
        found = await asyncio.to_thread(self.store.alerts, site, before, limit, states)
        details = await asyncio.to_thread(lambda: [self._details_of(one) for one in found])
        page = port_alert_page([reported_alert(one, its) for one, its in zip(found, details, strict=True)], limit)
        shown = shown_objects(one.alert for one in found[: len(page.alerts)])
        await self.trail.note(current_caller().actor, Action.ALERTS_LISTED, shown, port_alerts=len(page.alerts))
        return page

    async def _alert(self, request: pb.GetPortAlertRequest) -> pb.GetPortAlertResponse:
        """Return one alert of a port; with its pictures, the port is asked for the probe."""
        port, alert_id = named_port(request.site, request.port), read.alert_id(request.alert_id)
        actor = current_caller().actor
        told: dict[str, int | str] = {"port": str(port), "pictures": int(request.include_images)}
        try:
            if self._seen_site("") not in {"", port.site}:
                raise CekalwatchError(Code.ALERT_NOT_FOUND)  # treated as if there were none
            found = await asyncio.to_thread(self.store.get, port, alert_id)
        except CekalwatchError as error:
            await self._note_view(actor, [ObjectKind.ALERT.key(alert_id)], error.code, told)
            raise
        details = await asyncio.to_thread(self._details_of, found)
        steps = await asyncio.to_thread(self.store.steps, port, alert_id)
        # Recorded before the port is asked, which records it too.
        await self._note_view(actor, shown_objects([found.alert]), OK, told)
        pictures = None
        if request.include_images:
            probe = await self.reception.picture(port, alert_id, actor) if found.alert.probe_capture_id else b""
            pictures = await asyncio.to_thread(self.details.pictures_of, found.alert, probe)
        return port_alert_answer(found, details, steps, pictures)

    async def _note_view(
        self, actor: Actor, objects: Iterable[str], outcome: str, told: Mapping[str, int | str]
    ) -> None:
        entry = AuditEntry(self.clock.now(), actor, Action.ALERT_VIEWED, tuple(objects), outcome, told)
        await self.trail.enter(entry)

    def _details_of(self, found: PortAlert) -> AlertDetails:
        """Return an alert with subject and orders of the centre's list, and the port's people; it blocks."""
        return self.details.of(found.alert, found.people)

    def _seen_site(self, wanted: str) -> str:
        """Return the site whose ports are seen, empty for all; SITE_NOT_ALLOWED when `wanted` is another."""
        caller = current_caller()
        everywhere = caller.reach is Reach.SERVER or caller.identity.site == self.home_site
        return wanted if everywhere else caller.narrow_site(wanted)


def named_port(site: str, name: str) -> Port:
    """Read which port is meant; raises ALERT_NOT_FOUND, since none has a key of another form."""
    if not (KEY.fullmatch(site) and KEY.fullmatch(name)):
        raise CekalwatchError(Code.ALERT_NOT_FOUND)
    return Port(site, name)


def reported_alert(found: PortAlert, details: AlertDetails, steps: Sequence[PortStep] = ()) -> port_pb2.PortAlert:
    """Write an alert of a port, with subject and orders of the centre's list."""
    port = found.port
    return REPORTED_ALERT.write(ReportedAlert(port.site, port.name, details.whole, found.reported_at, tuple(steps)))


def port_alert_page(messages: Sequence[port_pb2.PortAlert], limit: int) -> pb.ListPortAlertsResponse:
    """Write a page of alerts, as far as they fit into a message."""
    alerts, more = page(messages, len(messages), limit)
    token = alerts[-1].alert.alert_id if more else ""
    return pb.ListPortAlertsResponse(alerts=alerts, next_page_token=token)


def port_alert_answer(
    found: PortAlert, details: AlertDetails, steps: Sequence[PortStep], pictures: AlertPictures | None
) -> pb.GetPortAlertResponse:
    """Write one alert, with as many of its pictures as fit into the message."""
    answer = pb.GetPortAlertResponse(alert=reported_alert(found, details, steps))
    if pictures:
        answer.images.CopyFrom(alert_with_images(details.whole, pictures).images)
    return answer
