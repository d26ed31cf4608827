"""The streams and calls of the notifier agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, replace
from types import MappingProxyType
from uuid import UUID

from cekalwatch.contract.calls import alerts as calls
from cekalwatch.contract.codec.alerts import SEARCH, STREAM
from cekalwatch.contract.engine.scalars import Reading
from cekalwatch.contract.values.alerts import AlertFaces, AlertFilter, KeepAlive, Subscribed
from cekalwatch.contract.values.people import CONFIRMS
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.program.traces import TRACES
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
from cekalwatch.server.grpc_api.messages import page_size, require
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.grpc_api.servicers.faces import MAX_FACES, Thumbnails
from cekalwatch.server.storage.audit.trail import AuditTrail, DeliveryTrail
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.v1 import alert_service_pb2 as pb
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


@dataclass(frozen=True)
class AlertCalls:
    """Serves notifier agents, and whoever looks at alerts."""

    fanout: Fanout
    acknowledgements: Acknowledgements
    details: AlertDetailsReader
    supervised: DevicesOfRole
    attended: DevicesOfRole
    freshness: FreshnessGauge
    presence: Presence
    trail: AuditTrail
    deliveries: DeliveryTrail
    clock: Clock
    keep_alive_period_s: float
    waiting: WaitingAlerts
    cameras: Sequence[Camera]
    readiness: Callable[[AlertFilter], Readiness]
    unusable: UnusableNotices
    thumbnails: Thumbnails

    def served(self) -> tuple[Served, ...]:
        """Return the calls."""
        return (
            Served(calls.SUBSCRIBE_ALERTS, self._subscribe),
            Served(calls.ACKNOWLEDGE_ALERTS, self._acknowledge),
            serve(calls.LIST_ALERTS, self._list),
            serve(calls.LIST_CHANGED_ALERTS, self._changed),
            serve(calls.GET_ALERT, self._alert),
            serve(calls.LIST_ALERT_FACES, self._faces),
        )

    async def _subscribe(
        self, request: pb.SubscribeAlertsRequest, _: Context
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
        await self.trail.note(opened_by, Action.SUBSCRIPTION_OPENED, after_event=after)

        def wants(alert: Alert) -> bool:
            return alert.wanted_by(wanted())

        rings = subscriber.identity.role is not DeviceRole.CONSOLE and not request.rings_nowhere
        watches = self._watches(subscriber, asked)
        with self.presence.agent_connected(agent_id, watches) if rings else nullcontext():
            waiting_count = await self.waiting.count(wanted())
            readiness = self.readiness(place)
            yield STREAM.write(Subscribed(after, newest, self.freshness.now(), waiting_count, readiness))
            if request.WhichOneof("start") is None:
                async with aclosing(self.fanout.waiting(after, wants, self.clock)) as waiting:
                    async for details in waiting:
                        await self.deliveries.note(agent, details.alert, named=named)
                        yield STREAM.write(details.seen_by(judges) if named else details.unnamed)
            told, signs = self.unusable.newest, SignsOfLife(readiness)
            events = self.fanout.follow(after, wants, self.keep_alive_period_s)
            async with aclosing(events):
                async for item in events:
                    if item is None:
                        if signs.due(readiness := self.readiness(place)):
                            now, freshness = self.clock.now(), self.freshness.now()
                            waiting_count = await self.waiting.count(wanted())
                            yield STREAM.write(KeepAlive(now, self.fanout.head, freshness, waiting_count, readiness))
                        notices, told = self.unusable.after(told)
                        for camera, notice in notices:
                            if place.wants(camera):
                                yield STREAM.write(notice)
                    else:
                        signs.spoke()
                        await self.deliveries.note(agent, item.details.alert, item.event.sequence, named=named)
                        event, now = item.event, self.clock.now()
                        trace = TRACES.within(event.trace)
                        TRACES.record("alert.deliver", trace, event.trace, event.occurred_at, now, agent=agent_id)
                        yield answers.event_message(item, judges) if named else answers.unnamed_event_message(item)

    def _watches(self, subscriber: Caller, asked: AlertFilter) -> Callable[[], AgentPresence]:
        wanted = subscriber.narrow(asked)

        def watches() -> AgentPresence:
            supervisors = self.supervised.people_at(subscriber.device)
            officers = self.attended.people_at(subscriber.device)
            people = frozenset(map(str, supervisors | officers))
            place = wanted.site, wanted.counters, wanted.direction
            return AgentPresence(*place, supervises=bool(supervisors), officer=bool(officers), people=people)

        return watches

    def _wanted(self, subscriber: Caller, place: AlertFilter) -> Callable[[], AlertFilter]:
        """Return which alerts a subscriber gets, as long as they ask: it changes with the person at the PC."""
        supervised = replace(place, supervises=True)
        return lambda: supervised if subscriber.device in self.supervised else place

    def _refuse_unknown(self, wanted: AlertFilter) -> None:
        """Refuse a counter without a camera: its PC would wait for ever and seem to work."""
        near = [one for one in self.cameras if replace(wanted, counters=frozenset()).wants(one)]
        known = {one.counter for one in near}
        if unknown := wanted.counters - known:
            error = CekalwatchError(Code.COUNTER_UNKNOWN, str(len(unknown)))
            told = {"counters": ", ".join(sorted(unknown)), "known": ", ".join(sorted(known)) or "–"}
            error.told = MappingProxyType(told)
            raise error

    async def _start(self, agent_id: str, subscriber: Caller, request: pb.SubscribeAlertsRequest) -> tuple[int, int]:
        """Return the event after which the stream begins, and the newest of the log."""
        site = subscriber.device.site
        own = await self.fanout.acknowledged_position(agent_id, site)
        # Not the head: what another server committed before this call is history here too, and an agent that has shown
        # it must not take this log for another one.
        newest = await self.fanout.newest_position()
        if own is None:
            # Stored at once, so that events before its first acknowledgement are not lost when the stream breaks.
            own = await self.acknowledgements.take(agent_id, newest, site)
        match request.WhichOneof("start"):
            case "after_sequence":
                start = await self.fanout.start_after(read.sequence(request.after_sequence))
            case "now":
                start = newest
            case "from_start":
                start = await self.fanout.oldest_position()
            case _:
                start = await self.fanout.start_after(own)
        if start < own and not subscriber.sees_history and own <= newest:
            raise CekalwatchError(Code.SIGN_IN_NEEDED, "history")
        return start, newest

    async def _acknowledge(
        self, request: pb.AcknowledgeAlertsRequest, context: Context
    ) -> pb.AcknowledgeAlertsResponse:
        """Move an agent's position in the event log forward."""
        agent_id = read.agent_id(request.agent_id)
        caller = current_caller()
        caller.speak_as(agent_id)
        told = {str(key): value for key, value in context.invocation_metadata() or ()}
        with TRACES.span("alert.acknowledged", trace_context(str(told.get(TRACE_METADATA, ""))), agent=agent_id):
            sequence = read.sequence(request.sequence)
            position = await self.acknowledgements.take(agent_id, sequence, caller.device.site)
        return pb.AcknowledgeAlertsResponse(acknowledged_sequence=position)

    async def _list(self, request: pb.ListAlertsRequest) -> pb.ListAlertsResponse:
        """Return a page of alerts, newest first."""
        caller = current_caller()
        supervises = _supervises(caller)
        wanted = replace(caller.narrow(read.alert_filter(request.filter)), supervises=supervises)
        before = read.alert_page_token(request.page_token)
        limit = page_size(request.page_size, default=DEFAULT_PAGE)
        if supervises:
            # Later escalations to supervisors come in the stream, so nothing is missed between list and stream.
            await asyncio.to_thread(self.supervised.follow)
        search = SEARCH.read(request, Reading.STRICT)
        judge = next(iter(caller.judges), None)
        found = await asyncio.to_thread(self.details.page, wanted, before, limit, search, judge)
        page = answers.alert_page(found, limit, caller.judges)
        given = found[: len(page.alerts)]
        shown = shown_objects(details.alert for details in given)
        await self.trail.note(current_caller().actor, Action.ALERTS_LISTED, shown, alerts=len(given))
        return page

    async def _changed(self, request: pb.ListChangedAlertsRequest) -> pb.ListChangedAlertsResponse:
        """Return the results of alerts after a position in the log."""
        caller = current_caller()
        wanted = replace(caller.narrow(read.alert_filter(request.filter)), supervises=_supervises(caller))
        after, heard = read.sequence(request.after_sequence), read.sequence(request.heard_sequence)
        found, reached = await self.fanout.changed_after(after, heard, lambda alert: alert.wanted_by(wanted))
        changes, given = answers.changed_alerts(found, reached, self.fanout.head, caller.judges)
        if given:
            shown = shown_objects(item.details.alert for item in given)
            await self.trail.note(caller.actor, Action.ALERTS_LISTED, shown, alerts=len(given), after_event=after)
        return changes

    async def _alert(self, request: pb.GetAlertRequest) -> pb.GetAlertResponse:
        """Return one alert, with its pictures if they are asked for, or as a record for the office's file."""
        alert_id = read.alert_id(request.alert_id)
        pictures = int(request.include_images)
        action = Action.ALERT_RECORD_TAKEN if request.taken else Action.ALERT_VIEWED
        try:
            details = await asyncio.to_thread(self.details.get, alert_id)
            if not current_caller().sees(details.alert.camera.site):
                raise CekalwatchError(Code.ALERT_NOT_FOUND)  # treated as if there were none
            if request.taken and not details.alert.handling.confirmed_once:
                raise CekalwatchError(Code.ALERT_STATE_WRONG, details.alert.state)
        except CekalwatchError as error:
            asked = ObjectKind.ALERT.key(alert_id)
            await self.trail.note(current_caller().actor, action, [asked], error.code, pictures=pictures)
            raise
        shown = shown_objects([details.alert])
        noted = self.trail.note(current_caller().actor, action, shown, pictures=pictures)
        seen = details.seen_by(current_caller().judges)
        if not request.include_images:
            await noted
            return answers.alert_with_images(seen, None)
        _, images = await asyncio.gather(noted, asyncio.to_thread(self.details.pictures, alert_id))
        return answers.alert_with_images(seen, images)

    async def _faces(self, request: pb.ListAlertFacesRequest) -> tuple[AlertFaces, ...]:
        """Return the two faces of each alert that the caller may see."""
        require(len(request.alert_ids) <= MAX_FACES, "alert_ids")
        wanted, caller = [read.alert_id(one) for one in request.alert_ids], current_caller()
        found = await asyncio.to_thread(self._small_faces, list(dict.fromkeys(wanted)), caller)
        shown = shown_objects(alert for alert, _ in found)
        pictures = sum(bool(jpeg) for _, faces in found for jpeg in (faces.probe, faces.reference))
        if found:
            await self.trail.note(caller.actor, Action.FACES_LISTED, shown, pictures=pictures)
        return tuple(faces for _, faces in found)

    def _small_faces(self, wanted: Sequence[UUID], caller: Caller) -> list[tuple[Alert, AlertFaces]]:
        alerts = [one.alert for one in self.details.several(wanted) if caller.sees(one.alert.camera.site)]
        found = []
        for alert in alerts:
            probe, reference = map(self.thumbnails.of, self.details.faces(alert))
            if probe:
                found.append((alert, AlertFaces(str(alert.alert_id), probe, reference)))
        return found


def _supervises(caller: Caller) -> bool:
    return bool(caller.session and caller.session.person.roles & CONFIRMS)


def _agent(agent_id: str) -> Actor:
    """Return the device of the agent that calls; in plaintext it is known by the key that it subscribes with."""
    who = current_caller()
    return Actor(ActorKind.AGENT, agent_id) if who.on_this_machine else who.device.actor
