"""AlertService: the streams and calls of the notifier agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import replace
from types import MappingProxyType
from uuid import UUID

from cekalwatch.contract.codec.alerts import SEARCH, STREAM
from cekalwatch.contract.engine.scalars import Reading
from cekalwatch.contract.values.alerts import AlertFilter, KeepAlive, Subscribed
from cekalwatch.contract.values.people import CONFIRMS
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.program.traces import TRACES
from cekalwatch.server.alerts.adjudication import Adjudicator
from cekalwatch.server.alerts.details import AlertDetailsReader
from cekalwatch.server.alerts.fanout import Acknowledgements, Fanout, WaitingAlerts
from cekalwatch.server.alerts.unusable_notices import UnusableNotices
from cekalwatch.server.audit.alert_entries import shown_objects
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, ObjectKind
from cekalwatch.server.auth.rights import Caller
from cekalwatch.server.auth.sessions import DevicesOfRole
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.presence import AgentPresence
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api import alert_answers as answers
from cekalwatch.server.grpc_api import alert_requests as read
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.messages import page_size
from cekalwatch.server.grpc_api.servicers.adjudication import AdjudicationMethods
from cekalwatch.server.grpc_api.servicers.faces import AlertFaceMethods, Thumbnails
from cekalwatch.server.storage.alerts.handling_store import HandlingStore
from cekalwatch.server.storage.audit.trail import AuditTrail, DeliveryTrail
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.v1 import alert_service_pb2 as pb
from cekalwatch.v1 import alert_service_pb2_grpc
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.trace_context import TRACE_METADATA, trace_context

DEFAULT_PAGE = 20
MAX_LEFT_OUT = 4
"""Signs of life in a row that a stream may leave out, since events say as much: but for its readiness."""


class SignsOfLife:
    """Which signs of life a stream sends: events say as much, but for the readiness."""

    def __init__(self, readiness: Readiness) -> None:
        """`readiness` is what the stream has said already."""
        self._said, self._spoken, self._left_out = readiness, False, 0

    def spoke(self) -> None:
        """Note that an event is sent."""
        self._spoken = True

    def due(self, readiness: Readiness) -> bool:
        """Return whether one is to be sent, where one could be."""
        due = not self._spoken or readiness != self._said or self._left_out == MAX_LEFT_OUT
        self._said, self._spoken, self._left_out = readiness, False, 0 if due else self._left_out + 1
        return due


class AlertServicer(AdjudicationMethods, AlertFaceMethods, alert_service_pb2_grpc.AlertServiceServicer):
    """Serves notifier agents; `AdjudicationMethods` has the calls of people."""

    def __init__(
        self,
        fanout: Fanout,
        acknowledgements: Acknowledgements,
        details: AlertDetailsReader,
        supervised: DevicesOfRole,
        attended: DevicesOfRole,
        freshness: FreshnessGauge,
        presence: Presence,
        trail: AuditTrail,
        deliveries: DeliveryTrail,
        clock: Clock,
        keep_alive_period_s: float,
        adjudicator: Adjudicator,
        handling: HandlingStore,
        home_site: str,
        waiting: WaitingAlerts,
        cameras: Sequence[Camera],
        is_of_port: Callable[[UUID], bool],
        readiness: Callable[[AlertFilter], Readiness],
        unusable: UnusableNotices,
        thumbnails: Thumbnails,
    ) -> None:
        AdjudicationMethods.__init__(self, adjudicator, handling, details, clock, home_site, is_of_port)
        AlertFaceMethods.__init__(self, details, trail, thumbnails)
        self._fanout = fanout
        self._waiting = waiting
        self._unusable = unusable
        self._cameras = cameras
        self._acknowledgements = acknowledgements
        self._supervised = supervised
        self._attended = attended
        self._freshness = freshness
        self._presence = presence
        self._trail = trail
        self._deliveries = deliveries
        self._keep_alive_period_s = keep_alive_period_s
        self._readiness = readiness

    async def SubscribeAlerts(
        self,
        request: pb.SubscribeAlertsRequest,
        context: Context,
    ) -> AsyncIterator[pb.SubscribeAlertsResponse]:
        """Send what happens to alerts, until the server stops, from the position that is asked for."""
        agent_id = read.agent_id(request.agent_id)
        subscriber = current_caller()
        subscriber.speak_as(agent_id)
        asked = read.alert_filter(request.filter)
        place = subscriber.narrow(asked)
        wanted = self._wanted(subscriber, place)
        self._refuse_unknown(place)
        after, newest = await self._start(agent_id, subscriber, request)
        agent, named, judges = _agent(agent_id), subscriber.is_told_names, subscriber.judges
        opened_by = subscriber.actor if subscriber.session else agent
        await self._trail.note(opened_by, Action.SUBSCRIPTION_OPENED, after_event=after)

        def wants(alert: Alert) -> bool:
            return alert.wanted_by(wanted())

        rings = subscriber.identity.role is not DeviceRole.CONSOLE and not request.rings_nowhere
        watches = self._watches(subscriber, asked)
        with self._presence.agent_connected(agent_id, watches) if rings else nullcontext():
            waiting_count = await self._waiting.count(wanted())
            readiness = self._readiness(place)
            yield STREAM.write(Subscribed(after, newest, self._freshness.now(), waiting_count, readiness))
            if request.WhichOneof("start") is None:
                async with aclosing(self._fanout.waiting(after, wants, self._clock)) as waiting:
                    async for details in waiting:
                        await self._deliveries.note(agent, details.alert, named=named)
                        yield STREAM.write(details.seen_by(judges) if named else details.unnamed)
            told, signs = self._unusable.newest, SignsOfLife(readiness)
            events = self._fanout.follow(after, wants, self._keep_alive_period_s)
            async with aclosing(events):
                async for item in events:
                    if item is None:
                        if signs.due(readiness := self._readiness(place)):
                            now, freshness = self._clock.now(), self._freshness.now()
                            waiting_count = await self._waiting.count(wanted())
                            yield STREAM.write(KeepAlive(now, self._fanout.head, freshness, waiting_count, readiness))
                        notices, told = self._unusable.after(told)
                        for camera, notice in notices:
                            if place.wants(camera):
                                yield STREAM.write(notice)
                    else:
                        signs.spoke()
                        await self._deliveries.note(agent, item.details.alert, item.event.sequence, named=named)
                        event, now = item.event, self._clock.now()
                        trace = TRACES.within(event.trace)
                        TRACES.record("alert.deliver", trace, event.trace, event.occurred_at, now, agent=agent_id)
                        yield answers.event_message(item, judges) if named else answers.unnamed_event_message(item)

    def _watches(self, subscriber: Caller, asked: AlertFilter) -> Callable[[], AgentPresence]:
        wanted = subscriber.narrow(asked)

        def watches() -> AgentPresence:
            supervisors = self._supervised.people_at(subscriber.device)
            officers = self._attended.people_at(subscriber.device)
            people = frozenset(map(str, supervisors | officers))
            place = wanted.site, wanted.counters, wanted.direction
            return AgentPresence(*place, supervises=bool(supervisors), officer=bool(officers), people=people)

        return watches

    def _wanted(self, subscriber: Caller, place: AlertFilter) -> Callable[[], AlertFilter]:
        """Return which alerts a subscriber gets, as long as they ask: it changes with the person at the PC."""
        supervised = replace(place, supervises=True)
        return lambda: supervised if subscriber.device in self._supervised else place

    def _refuse_unknown(self, wanted: AlertFilter) -> None:
        """Refuse a counter without a camera: its PC would wait for ever and seem to work."""
        near = [one for one in self._cameras if replace(wanted, counters=frozenset()).wants(one)]
        known = {one.counter for one in near}
        if unknown := wanted.counters - known:
            error = CekalwatchError(Code.COUNTER_UNKNOWN, str(len(unknown)))
            told = {"counters": ", ".join(sorted(unknown)), "known": ", ".join(sorted(known)) or "–"}
            error.told = MappingProxyType(told)
            raise error

    async def _start(self, agent_id: str, subscriber: Caller, request: pb.SubscribeAlertsRequest) -> tuple[int, int]:
        """Return the event after which the stream begins, and the newest of the log."""
        site = subscriber.device.site
        own = await self._fanout.acknowledged_position(agent_id, site)
        # Not the head: what another server committed before this call is history here too, and an agent that has shown
        # it must not take this log for another one.
        newest = await self._fanout.newest_position()
        if own is None:
            # Stored at once, so that events before its first acknowledgement are not lost when the stream breaks.
            own = await self._acknowledgements.take(agent_id, newest, site)
        match request.WhichOneof("start"):
            case "after_sequence":
                start = await self._fanout.start_after(read.sequence(request.after_sequence))
            case "now":
                start = newest
            case "from_start":
                start = await self._fanout.oldest_position()
            case _:
                start = await self._fanout.start_after(own)
        if start < own and not subscriber.sees_history and own <= newest:
            raise CekalwatchError(Code.SIGN_IN_NEEDED, "history")
        return start, newest

    async def AcknowledgeAlerts(
        self, request: pb.AcknowledgeAlertsRequest, context: Context
    ) -> pb.AcknowledgeAlertsResponse:
        """Move an agent's position in the event log forward."""
        agent_id = read.agent_id(request.agent_id)
        caller = current_caller()
        caller.speak_as(agent_id)
        told = {str(key): value for key, value in context.invocation_metadata() or ()}
        with TRACES.span("alert.acknowledged", trace_context(str(told.get(TRACE_METADATA, ""))), agent=agent_id):
            sequence = read.sequence(request.sequence)
            position = await self._acknowledgements.take(agent_id, sequence, caller.device.site)
        return pb.AcknowledgeAlertsResponse(acknowledged_sequence=position)

    async def ListAlerts(self, request: pb.ListAlertsRequest, context: Context) -> pb.ListAlertsResponse:
        """Return a page of alerts, newest first."""
        caller = current_caller()
        supervises = _supervises(caller)
        wanted = replace(caller.narrow(read.alert_filter(request.filter)), supervises=supervises)
        before = read.alert_page_token(request.page_token)
        limit = page_size(request.page_size, default=DEFAULT_PAGE)
        if supervises:
            # Later escalations to supervisors come in the stream, so nothing is missed between list and stream.
            await asyncio.to_thread(self._supervised.follow)
        search = SEARCH.read(request, Reading.STRICT)
        judge = next(iter(caller.judges), None)
        found = await asyncio.to_thread(self._details.page, wanted, before, limit, search, judge)
        page = answers.alert_page(found, limit, caller.judges)
        given = found[: len(page.alerts)]
        shown = shown_objects(details.alert for details in given)
        await self._trail.note(current_caller().actor, Action.ALERTS_LISTED, shown, alerts=len(given))
        return page

    async def ListChangedAlerts(
        self, request: pb.ListChangedAlertsRequest, context: Context
    ) -> pb.ListChangedAlertsResponse:
        """Return the results of alerts after a position in the log."""
        caller = current_caller()
        wanted = replace(caller.narrow(read.alert_filter(request.filter)), supervises=_supervises(caller))
        after, heard = read.sequence(request.after_sequence), read.sequence(request.heard_sequence)
        found, reached = await self._fanout.changed_after(after, heard, lambda alert: alert.wanted_by(wanted))
        changes, given = answers.changed_alerts(found, reached, self._fanout.head, caller.judges)
        if given:
            shown = shown_objects(item.details.alert for item in given)
            await self._trail.note(caller.actor, Action.ALERTS_LISTED, shown, alerts=len(given), after_event=after)
        return changes

    async def GetAlert(self, request: pb.GetAlertRequest, context: Context) -> pb.GetAlertResponse:
        """Return one alert, with its pictures if they are asked for, or as a record for the office's file."""
        alert_id = read.alert_id(request.alert_id)
        pictures = int(request.include_images)
        action = Action.ALERT_RECORD_TAKEN if request.taken else Action.ALERT_VIEWED
        try:
            details = await asyncio.to_thread(self._details.get, alert_id)
            if not current_caller().sees(details.alert.camera.site):
                raise CekalwatchError(Code.ALERT_NOT_FOUND)  # treated as if there were none
            if request.taken and not details.alert.handling.confirmed_once:
                raise CekalwatchError(Code.ALERT_STATE_WRONG, details.alert.state)
        except CekalwatchError as error:
            asked = ObjectKind.ALERT.key(alert_id)
            await self._trail.note(current_caller().actor, action, [asked], error.code, pictures=pictures)
            raise
        shown = shown_objects([details.alert])
        noted = self._trail.note(current_caller().actor, action, shown, pictures=pictures)
        seen = details.seen_by(current_caller().judges)
        if not request.include_images:
            await noted
            return answers.alert_with_images(seen, None)
        _, images = await asyncio.gather(noted, asyncio.to_thread(self._details.pictures, alert_id))
        return answers.alert_with_images(seen, images)


def _supervises(caller: Caller) -> bool:
    return bool(caller.session and caller.session.person.roles & CONFIRMS)


def _agent(agent_id: str) -> Actor:
    """Return the device of the agent that calls; in plaintext it is known by the key that it subscribes with."""
    who = current_caller()
    return Actor(ActorKind.AGENT, agent_id) if who.on_this_machine else who.device.actor
