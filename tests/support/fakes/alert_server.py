"""A real gRPC server with AlertService as the contract has it, over an event log in memory: for tests of notifiers."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, NoReturn, Self, cast

import grpc
from google.protobuf import any_pb2, timestamp_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from cekalwatch.contract.codec.alerts import ALERT
from cekalwatch.program.session_file import SessionFile
from cekalwatch.v1 import adjudication_pb2, alert_pb2, alert_service_pb2, camera_pb2, readiness_pb2, watchlist_pb2
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceServicer, add_AlertServiceServicer_to_server
from cekalwatch.wire.options import SERVER_OPTIONS
from cekalwatch.wire.tokens import SESSION_METADATA
from tests.support.builders.jpegs import plain_jpeg

EPOCH = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
WAIT_S = 90.0
"""Generous: a program that starts on a busy machine may need a minute."""
JPEG = plain_jpeg()
NOBODY = SessionFile(Path(os.devnull))
"""Nobody is signed in."""


def timestamp(moment: datetime) -> timestamp_pb2.Timestamp:
    message = timestamp_pb2.Timestamp()
    message.FromDatetime(moment)
    return message


def alert_message(
    name: str = "BUDI SANTOSO",
    *,
    subject_id: str = "S-001",
    site: str = "batam-center",
    counter: str = "3",
    direction: camera_pb2.Direction.ValueType = camera_pb2.DIRECTION_DEPARTURE,
    score: float = 0.62,
    raised: datetime = EPOCH,
    alert_id: str = "",
) -> alert_pb2.Alert:
    camera = camera_pb2.Camera(camera_id=f"cam-{counter}", site=site, counter=counter, direction=direction)
    order = watchlist_pb2.BanOrder(
        order_id=f"O-{subject_id}",
        subject_id=subject_id,
        kind=watchlist_pb2.ORDER_KIND_CEGAH,
        decree_number="KEP-118/D/Dip.4/02/2026",
        decree_date="2026-02-10",
        requesting_agency="Kejaksaan Agung",
        valid_from="2026-02-10",
        valid_until="2026-08-09",
        status=watchlist_pb2.ORDER_STATUS_ACTIVE,
    )
    sighting = alert_pb2.Sighting(
        capture_id=str(uuid.uuid4()),
        capture_time=timestamp(raised - timedelta(milliseconds=300)),
        camera=camera,
        score=score,
        fused_crops=3,
        passage=f"cam-{counter}/run/1",
        ask=f"cam-{counter}/run/1",
    )
    return alert_pb2.Alert(
        alert_id=alert_id or str(uuid.uuid4()),
        state=adjudication_pb2.ALERT_STATE_NEW,
        version=1,
        subject=watchlist_pb2.Subject(
            subject_id=subject_id, name=name, nationality="IDN", date_of_birth="1979-04-12", nik="2171011204790003"
        ),
        orders=[order],
        camera=camera,
        capture_time=timestamp(raised - timedelta(milliseconds=300)),
        raised_time=timestamp(raised),
        score=score,
        threshold=0.48,
        candidates=[alert_pb2.Candidate(subject_id=subject_id, name=name, score=score)],
        sightings=[sighting],
        current=sighting,
        model_version="standard-1",
        probe_capture_id=str(uuid.uuid4()),
    )


def attend(alert: alert_pb2.Alert) -> None:
    """Let nothing of it ask for somebody any more."""
    for sighting in (alert.current, *alert.sightings):
        sighting.ask = ""


@dataclass
class EventLog:
    """What a server's database holds; survives the server. One lock guards it all."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    events: list[alert_pb2.AlertEvent] = field(default_factory=list)
    alerts: dict[str, alert_pb2.Alert] = field(default_factory=dict)
    images: dict[str, alert_pb2.AlertImages] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)
    waiting: list[alert_pb2.Alert] = field(default_factory=list)
    """What agents that go on where they stopped are told first."""
    held_after: int = 0
    """Events up to this sequence are no longer held."""
    sessions: set[str] | None = None
    """Tokens of people who are told names, and what came before an agent's own position; None: everybody is."""

    @property
    def head(self) -> int:
        return self.events[-1].sequence if self.events else self.held_after

    def raise_alert(self, alert: alert_pb2.Alert | None = None, *, with_images: bool = True) -> alert_pb2.AlertEvent:
        alert = alert or alert_message()
        with self.changed:
            self.alerts[alert.alert_id] = alert
            if with_images:
                reference = watchlist_pb2.ReferenceFace(reference_id="r1", jpeg=JPEG)
                self.images[alert.alert_id] = alert_pb2.AlertImages(probe_jpeg=JPEG, references=[reference])
            return self._append(alert, alert_pb2.ALERT_EVENT_TYPE_RAISED)

    def sight(self, alert_id: str, score: float, counter: str = "", *, late: bool = False) -> alert_pb2.AlertEvent:
        """Let the traveller pass once more, some seconds after the last time."""
        with self.changed:
            alert = self.alerts[alert_id]
            alert.version += 1
            alert.score = max(alert.score, score)
            sighting = alert_pb2.Sighting(capture_id=str(uuid.uuid4()), camera=alert.camera, score=score, late=late)
            sighting.camera.counter = counter or alert.camera.counter
            sighting.passage = f"cam-{sighting.camera.counter}/run/{len(alert.sightings) + 1}"
            sighting.ask = "" if late else sighting.passage
            sighting.capture_time.FromSeconds(alert.sightings[-1].capture_time.seconds + 5)
            alert.sightings.append(sighting)
            alert.late = late
            if not late:
                alert.current.CopyFrom(sighting)
            return self._append(alert, alert_pb2.ALERT_EVENT_TYPE_SIGHTED)

    def clear(self, alert_id: str) -> alert_pb2.AlertEvent:
        """Let an officer find that it is somebody else; the pictures stay, as they do at a server for a while."""
        with self.changed:
            alert = self.alerts[alert_id]
            alert.version += 1
            alert.state = adjudication_pb2.ALERT_STATE_CLEARED
            return self._append(alert, alert_pb2.ALERT_EVENT_TYPE_ADJUDICATED)

    def go_up(self, alert_id: str) -> alert_pb2.AlertEvent:
        with self.changed:
            alert = self.alerts[alert_id]
            alert.version += 1
            alert.handling.escalation = adjudication_pb2.ESCALATION_SUPERVISOR
            alert.handling.escalations += 1
            return self._append(alert, alert_pb2.ALERT_EVENT_TYPE_ESCALATED)

    def forget_events_up_to(self, sequence: int) -> None:
        with self.changed:
            self.held_after = sequence
            self.events = [event for event in self.events if event.sequence > sequence]

    def wait_until(self, condition: Callable[[EventLog], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self), WAIT_S), "the notifier did not get there in time"

    def _append(self, alert: alert_pb2.Alert, kind: alert_pb2.AlertEventType.ValueType) -> alert_pb2.AlertEvent:
        event = alert_pb2.AlertEvent(
            sequence=self.head + 1, type=kind, event_time=timestamp(EPOCH), capture_id=str(uuid.uuid4())
        )
        event.alert.CopyFrom(alert)
        self.events.append(event)
        self.changed.notify_all()
        return event


_Servicer: Any = (
    AlertServiceServicer  # what is not here answers UNIMPLEMENTED, though the typing stubs call it abstract
)


class AlertServer(_Servicer):  # type: ignore[misc]
    """The server; `with AlertServer(log) as server:` listens on `server.address` until the end of the block."""

    def __init__(self, log: EventLog, port: int = 0, keep_alive_s: float = 0.2) -> None:
        self.log = log
        self.keep_alive_s = keep_alive_s
        self.subscriptions: list[alert_service_pb2.SubscribeAlertsRequest] = []
        self.freshness = watchlist_pb2.WatchlistFreshness(
            last_success_time=timestamp(EPOCH), stale=False, active_subjects=812
        )
        self.readiness: readiness_pb2.Readiness | None = readiness_pb2.Readiness()
        """What it says of readiness; None: nothing, like a server before 0.3.0."""
        self.failures: dict[str, grpc.StatusCode] = {}
        """Methods that answer with this code instead."""
        self.refusals: dict[str, tuple[str, dict[str, str]]] = {}
        """Methods that are refused with this reason of the error catalogue, and what is told with it."""
        self.with_token_only = False
        """Whether a subscription fails or is refused only with a person's token."""
        self.waiting_alerts = 0
        """How many alerts the server says wait."""
        self.mute = False
        """True: streams stay open and say nothing more, as if the machine behind them hung."""
        self._stopping = False
        self._server = grpc.server(ThreadPoolExecutor(max_workers=16), options=SERVER_OPTIONS)
        add_AlertServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        with self.log.changed:
            self._stopping = True
            self.log.changed.notify_all()
        self._server.stop(grace=0).wait()

    def SubscribeAlerts(  # noqa: N802  # the contract's names
        self, request: alert_service_pb2.SubscribeAlertsRequest, context: grpc.ServicerContext
    ) -> Iterator[alert_service_pb2.SubscribeAlertsResponse]:
        with self.log.changed:
            self.subscriptions.append(request)
            self.log.changed.notify_all()
        if _token(context) or not self.with_token_only:
            self._fail(context, "SubscribeAlerts")
        self._check_session(context)
        context.add_callback(self._wake)
        with self.log.changed:
            position, head = self._position(request, context), self.log.head
        yield alert_service_pb2.SubscribeAlertsResponse(
            subscribed=alert_service_pb2.Subscribed(
                after_sequence=position,
                head_sequence=head,
                freshness=self.freshness,
                waiting_alerts=self.waiting_alerts,
                readiness=self.readiness,
            )
        )
        if request.WhichOneof("start") is None:
            for alert in self.log.waiting:
                yield alert_service_pb2.SubscribeAlertsResponse(waiting_alert=self._told(alert, context))
        while context.is_active() and not self._stopping:
            with self.log.changed:
                fresh = [event for event in self.log.events if event.sequence > position]
                if not fresh or self.mute:
                    self.log.changed.wait(self.keep_alive_s)
            self._check_session(context)
            if self.mute:
                continue
            for event in fresh:
                position = event.sequence
                if _matches(request.filter, event.alert):
                    told = alert_pb2.AlertEvent()
                    told.CopyFrom(event)
                    told.alert.CopyFrom(self._told(event.alert, context))
                    yield alert_service_pb2.SubscribeAlertsResponse(event=told)
            if not fresh:
                yield alert_service_pb2.SubscribeAlertsResponse(
                    keep_alive=alert_service_pb2.KeepAlive(
                        server_time=timestamp(datetime.now(UTC)),
                        head_sequence=self.log.head,
                        freshness=self.freshness,
                        waiting_alerts=self.waiting_alerts,
                        readiness=self.readiness,
                    )
                )

    def AcknowledgeAlerts(  # noqa: N802
        self, request: alert_service_pb2.AcknowledgeAlertsRequest, context: grpc.ServicerContext
    ) -> alert_service_pb2.AcknowledgeAlertsResponse:
        self._fail(context, "AcknowledgeAlerts")
        with self.log.changed:
            position = max(self.log.acknowledged.get(request.agent_id, 0), request.sequence)
            self.log.acknowledged[request.agent_id] = position
            self.log.changed.notify_all()
        return alert_service_pb2.AcknowledgeAlertsResponse(acknowledged_sequence=position)

    def ListAlerts(  # noqa: N802
        self, request: alert_service_pb2.ListAlertsRequest, context: grpc.ServicerContext
    ) -> alert_service_pb2.ListAlertsResponse:
        self._fail(context, "ListAlerts")
        with self.log.changed:
            alerts = [
                alert
                for alert in self.log.alerts.values()
                if _matches(request.filter, alert)
                and (not request.states or alert.state in request.states)
                and alert.raised_time.ToNanoseconds() >= request.raised_from.ToNanoseconds()
            ]
        alerts.sort(key=lambda alert: alert.raised_time.ToNanoseconds(), reverse=True)
        begin = int(request.page_token or 0)
        end = begin + (request.page_size or 20)
        following = str(end) if end < len(alerts) else ""
        return alert_service_pb2.ListAlertsResponse(alerts=alerts[begin:end], next_page_token=following)

    def GetAlert(  # noqa: N802
        self, request: alert_service_pb2.GetAlertRequest, context: grpc.ServicerContext
    ) -> alert_service_pb2.GetAlertResponse:
        self._fail(context, "GetAlert with images" if request.include_images else "GetAlert")
        with self.log.changed:
            alert = self.log.alerts.get(request.alert_id)
            if alert is None:
                _abort(context, code_pb2.NOT_FOUND, "ALERT_NOT_FOUND")
            images = self.log.images.get(request.alert_id) if request.include_images else None
            return alert_service_pb2.GetAlertResponse(alert=alert, images=images)

    def ClearAlert(  # noqa: N802
        self, request: alert_service_pb2.ClearAlertRequest, context: grpc.ServicerContext
    ) -> alert_service_pb2.ClearAlertResponse:
        self._fail(context, "ClearAlert")
        with self.log.changed:
            alert = self.log.alerts[request.alert_id]
            alert.state = adjudication_pb2.ALERT_STATE_CLEARED
            alert.version += 1
            return alert_service_pb2.ClearAlertResponse(alert=alert)

    def _position(self, request: alert_service_pb2.SubscribeAlertsRequest, context: grpc.ServicerContext) -> int:
        match request.WhichOneof("start"):
            case "after_sequence":
                position = request.after_sequence
            case "now":
                return self.log.head
            case "from_start":
                position = self.log.held_after
            case _:
                position = self.log.acknowledged.get(request.agent_id, self.log.held_after)
        if position < self.log.acknowledged.get(request.agent_id, 0) <= self.log.head:
            self._require_session(context)
        if position < self.log.held_after:
            _abort(context, code_pb2.FAILED_PRECONDITION, "POSITION_TOO_OLD")
        if position > self.log.head:
            _abort(context, code_pb2.FAILED_PRECONDITION, "POSITION_UNKNOWN")
        return position

    def _told(self, alert: alert_pb2.Alert, context: grpc.ServicerContext) -> alert_pb2.Alert:
        """Return the alert as the caller is told of it."""
        if self.log.sessions is None or _token(context):
            return alert
        return ALERT.write(ALERT.read(alert).unnamed)

    def _check_session(self, context: grpc.ServicerContext) -> None:
        """End a stream with a person's token, if that is over."""
        if _token(context):
            self._require_session(context)

    def _require_session(self, context: grpc.ServicerContext) -> None:
        shown = _token(context)
        if self.log.sessions is not None and shown not in self.log.sessions:
            _abort(context, code_pb2.UNAUTHENTICATED, "SESSION_ENDED" if shown else "SIGN_IN_NEEDED")

    def _fail(self, context: grpc.ServicerContext, method: str) -> None:
        if refusal := self.refusals.get(method):
            _abort(context, code_pb2.PERMISSION_DENIED, *refusal)
        if code := self.failures.get(method):
            context.abort(code, "made to fail by the test")

    def _wake(self) -> None:
        with self.log.changed:
            self.log.changed.notify_all()


def _token(context: grpc.ServicerContext) -> str:
    return str(dict(context.invocation_metadata()).get(SESSION_METADATA, "")).removeprefix("Bearer ")


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for what another process or a thread of a library does, and which nothing announces."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def _matches(wanted: alert_service_pb2.AlertFilter, alert: alert_pb2.Alert) -> bool:
    counters = {alert.camera.counter, *(sighting.camera.counter for sighting in alert.sightings)}
    return (
        wanted.site in {"", alert.camera.site}
        and (not wanted.counters or bool(counters & set(wanted.counters)))
        and wanted.direction in {camera_pb2.DIRECTION_UNSPECIFIED, alert.camera.direction}
    )


def _abort(
    context: grpc.ServicerContext, code: int, reason: str, told: Mapping[str, str] = MappingProxyType({})
) -> NoReturn:
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="cekalwatch", metadata=told))
    status = status_pb2.Status(code=code, message=f"The server says {reason}.", details=[detail])
    context.abort_with_status(cast("grpc.Status", rpc_status.to_status(status)))
    raise AssertionError("abort raises")
