"""Messages about alerts are byte for byte what they were before the codecs: `messages.json` holds those of then.

`CEKALWATCH_WRITE_GOLDEN=1` writes the file anew, for a message that the contract gained.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
import pytest
from google.protobuf.message import Message

from cekalwatch.contract.codec.alerts import ALERT, SHIFT_REPORT, STREAM
from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Escalation, Outcome, Reason
from cekalwatch.contract.values.adjudication import FollowUp as OfficeFollowUp
from cekalwatch.contract.values.alerts import (
    AlertFilter,
    AlertPictures,
    AlertSearch,
    JudgedLookalike,
    KeepAlive,
    Sighting,
    Subscribed,
)
from cekalwatch.contract.values.orders import Direction, OrderKind
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.contract.values.readiness import Readiness, ReadinessFault
from cekalwatch.contract.values.reports import ShiftReport, Tally
from cekalwatch.contract.values.subjects import FaceFigures, ReferenceFace, TravelDocument
from cekalwatch.contract.values.unusable_faces import UnusableNotice, UnusableReason
from cekalwatch.contract.values.watchlist import Freshness, LookalikeJudgement, SourceFreshness
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.office.client.subscription import Start, SubscriptionClient
from cekalwatch.server.alerts.details import AlertDetails
from cekalwatch.server.alerts.fanout import DetailedEvent
from cekalwatch.server.alerts.shown import shown_alert
from cekalwatch.server.domain.alerts.adjudication import Finding, FollowUp
from cekalwatch.server.domain.alerts.alert import Alert, AlertEvent
from cekalwatch.server.domain.alerts.handling import Claim, Handling
from cekalwatch.server.domain.alerts.match import Candidate
from cekalwatch.server.domain.orders.ban_order import JudgedOrder, SubjectFile
from cekalwatch.server.domain.orders.law import judge
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.grpc_api import alert_answers as answers
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer
from tests.support.builders.alerts import ARRIVAL, DEPARTURE, NOON
from tests.support.builders.watchlist import WIB, order, subject
from tests.support.fakes.alert_server import NOBODY

GOLDEN = Path(__file__).with_name("messages.json")
BUDI, SITI, GONE = (PersonReference(str(UUID(int=number))) for number in (11, 12, 13))
PEOPLE = {BUDI.person_id: "Budi Santoso", SITI.person_id: "Siti Aminah"}
FIRST, SECOND = UUID(int=0x01980000000070008000000000000001), UUID(int=0x01980000000070008000000000000002)
LATER = NOON + timedelta(minutes=3, microseconds=250_000)

NEW = Alert(
    alert_id=FIRST,
    version=1,
    subject_id="S-1",
    camera=DEPARTURE,
    captured_at=NOON - timedelta(milliseconds=300),
    last_seen_at=NOON,
    threshold=0.48,
    candidates=(Candidate("S-1", 0.71, order_ids=("O-1",)),),
    model_version="standard-1",
    handling=Handling(raised_at=NOON),
)
"""As it comes, with nothing done."""
WORKED_ON = Alert(
    alert_id=SECOND,
    version=7,
    subject_id="S-1",
    camera=DEPARTURE,
    captured_at=NOON,
    last_seen_at=LATER,
    threshold=0.48,
    candidates=(
        Candidate("S-1", 0.75, order_ids=("O-1", "O-2")),
        Candidate("S-2", 0.5, order_ids=("O-3",), ruled_out=True, lapsed=True, disproved=True),
    ),
    model_version="standard-1",
    handling=Handling(
        raised_at=NOON,
        state=AlertState.CONFIRMED,
        stands_since=LATER,
        claim=Claim(BUDI, "pc-1", LATER),
        findings=(
            Finding(Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS, "", BUDI, NOON, "S-2"),
            Finding(Outcome.REFERRED, Reason.OTHER, "parut di dagu\nsama", BUDI, NOON, "S-1"),
            Finding(Outcome.CONFIRMED, Reason.LISTED_IN_CEKAL_ONLINE, "", GONE, LATER, "S-1"),
        ),
        reference="CO-2026/0117",
        follow_ups=(FollowUp("Kejaksaan Agung", "piket", "dua petugas datang", NOON, SITI, LATER),),
        escalation=Escalation.SITE,
        escalated_at=LATER,
        escalations=3,
        orders_ended_at=LATER,
    ),
    late=True,
    sightings=(Sighting(str(FIRST), NOON, DEPARTURE, 0.75, 2), Sighting(str(SECOND), LATER, ARRIVAL, 0.625, 5)),
    cameras=frozenset({DEPARTURE, ARRIVAL}),
    probe_capture_id=str(FIRST),
)
"""With everything that people can have done with it."""
UNCLAIMED = replace(WORKED_ON, handling=replace(WORKED_ON.handling, state=AlertState.NEW, claim=None))

FRESHNESS = Freshness.of((SourceFreshness("cekal", NOON, stale=False), SourceFreshness("", None, stale=True)), 812)
FRESH = Freshness.of((SourceFreshness("cekal", NOON, stale=False),), 5)
FIGURES = FaceFigures(120.5, -3.25, 4.5, 0.75, 0.5, 0.875, 1)
REFERENCES = (
    ReferenceFace("r-1", "ab" * 32, FIGURES, ("BLURRED",), "S-1"),
    ReferenceFace("r-2", "cd" * 32, FIGURES),
)
REPORT = ShiftReport(
    9, 4, 2, 3, 1, 12.5, 61.25, (Tally("dep-1", 3, 1), Tally("arr-1", 0, 1)), (Tally("CEGAH", 4, 2),), 3
)


def details(alert: Alert) -> AlertDetails:
    """The alert with a subject of whom everything is held."""
    listed = subject(
        "S-1",
        name="Contoh Satu",
        aliases=("Si Contoh", "C. Satu"),
        sex="M",
        place_of_birth="Batam",
        date_of_birth="1979-04-12",
        nik="3171234567890001",
        travel_documents=(TravelDocument("passport", "X123456", "IDN"), TravelDocument("laissez-passer", "7", "")),
        address="Jalan Contoh 1",
        occupation="wiraswasta",
    )
    orders = [
        order(reason="korupsi", revoked_at=None),
        order("O-2", kind=OrderKind.TANGKAL, urgent=True, decree_number="", decree_date=None, extends_order_id="O-1"),
        order("O-3", revoked_at=NOON, withdrawn_at=LATER),
    ]
    judged = [
        JudgedOrder(one, judge(one, SubjectFile(listed, tuple(orders), ()), NOON, WIB, Law()), one.valid_until)
        for one in orders
    ]
    alike = {
        "S-1": (
            JudgedLookalike("S-8", LookalikeJudgement.SAME_PERSON),
            JudgedLookalike("S-9", LookalikeJudgement.DIFFERENT_PEOPLE),
        ),
        "S-2": (JudgedLookalike("S-7", LookalikeJudgement.NOT_JUDGED),),
    }
    return AlertDetails(alert, shown_alert(alert, listed, judged, {"S-1": "Contoh Satu"}, alike, PEOPLE))


def event(alert: Alert, number: int, **facts: Any) -> DetailedEvent:
    logged = AlertEvent(number, AlertEventType.CONFIRMED, LATER, alert_id=alert.alert_id, **facts)
    return DetailedEvent(logged, details(alert))


PICTURES = AlertPictures(
    b"probe", tuple(replace(one, jpeg=b"reference " + one.reference_id.encode()) for one in REFERENCES)
)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
EVENTS = [event(NEW, 3), event(WORKED_ON, 4, capture_id=FIRST, trace=TRACE)]
ANSWERS: dict[str, Callable[[], Message]] = {
    "alert, new": lambda: ALERT.write(details(NEW).whole),
    "alert, worked on": lambda: ALERT.write(details(WORKED_ON).whole),
    "alert, unclaimed": lambda: ALERT.write(details(UNCLAIMED).whole),
    "subscribed": lambda: STREAM.write(Subscribed(7, 9, FRESHNESS, 3)),
    "keep alive": lambda: STREAM.write(KeepAlive(LATER, 9, FRESH, 0)),
    "keep alive, while a camera is away": lambda: STREAM.write(
        KeepAlive(LATER, 9, FRESH, 0, Readiness(ReadinessFault.CAMERA, ("D1", "D2"), 2.0))
    ),
    "event, of a person": lambda: answers.event_message(EVENTS[0]),
    "event, of a capture": lambda: answers.event_message(EVENTS[1]),
    "unusable notice": lambda: STREAM.write(
        UnusableNotice("batam-center", "D1", 3, UnusableReason.LOOKING_DOWN, LATER)
    ),
    "waiting alert": lambda: STREAM.write(details(NEW).whole),
    "page": lambda: answers.alert_page([details(WORKED_ON), details(NEW)], 2, ()),
    "last page": lambda: answers.alert_page([details(NEW)], 2, ()),
    "changes": lambda: answers.changed_alerts(EVENTS, 9, 12, ())[0],
    "last changes": lambda: answers.changed_alerts(EVENTS, 12, 12, ())[0],
    "alert without pictures": lambda: answers.alert_with_images(details(NEW).whole, None),
    "alert with pictures": lambda: answers.alert_with_images(details(WORKED_ON).whole, PICTURES),
    "shift report": lambda: SHIFT_REPORT.write(REPORT),
}
"""What the server writes."""


@dataclass
class Recorder(grpc.GenericRpcHandler):
    """Answers every call with an empty message, and keeps what was asked."""

    asked: dict[str, bytes] = field(default_factory=dict)
    name: str = ""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        if str(handler_call_details.method).endswith("/SubscribeAlerts"):
            return grpc.unary_stream_rpc_method_handler(lambda request, _context: iter([self._answer(request)]))
        return grpc.unary_unary_rpc_method_handler(lambda request, _context: self._answer(request))

    def _answer(self, request: bytes) -> bytes:
        self.asked[self.name] = request
        return b""


@pytest.fixture
def recorder() -> Iterator[tuple[Recorder, Dialer]]:
    found = Recorder()
    server = grpc.server(ThreadPoolExecutor(1), handlers=[found])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield found, Dialer(f"127.0.0.1:{port}", None)
    server.stop(grace=0).wait()


WANTED = AlertFilter("batam-center", frozenset({"D1", "D2"}), Direction.ARRIVAL)
SEARCH = AlertSearch(frozenset({AlertState.NEW, AlertState.CLOSED}), NOON, LATER, "D1", "S-1", "budi")
CONTACT = OfficeFollowUp("Kejaksaan Agung", "piket", "dua petugas datang", LATER)
CALLS: dict[str, Callable[[AlertClient], Any]] = {
    "ListAlerts": lambda client: client.page(SEARCH, 50, "token"),
    "ListAlerts, all": lambda client: client.page(AlertSearch(), 20),
    "ListChangedAlerts": lambda client: client.changed(7, 9),
    "GetAlert": lambda client: client.alert(str(FIRST)),
    "GetAlert, pictures": lambda client: client.pictures(str(FIRST)),
    "ListAlertFaces": lambda client: client.faces([str(FIRST)]),
    "ClaimAlert": lambda client: client.claim(str(FIRST)),
    "ReleaseAlert": lambda client: client.release(str(FIRST)),
    "AdjudicateAlert": lambda client: client.adjudicate(str(FIRST), 7, Outcome.REFERRED, Reason.OTHER, "parut"),
    "ConfirmAlert": lambda client: client.confirm(str(FIRST), 7, "CO-2026/0117", "note"),
    "ClearAlert": lambda client: client.clear(str(FIRST), 7, Reason.ORDER_ENDED, "note"),
    "RecordFollowUp": lambda client: client.record_follow_up(str(FIRST), 7, CONTACT),
    "CloseAlert": lambda client: client.close_alert(str(FIRST), 7),
    "GetShiftReport": lambda client: client.report(NOON, LATER),
    "GetShiftReport, to now": lambda client: client.report(NOON),
}
SUBSCRIPTIONS: dict[str, Callable[[SubscriptionClient], Any]] = {
    "SubscribeAlerts": lambda client: list(client.subscribe(Start.ACKNOWLEDGED, None)),
    "SubscribeAlerts, after": lambda client: list(client.subscribe(Start.ACKNOWLEDGED, 7)),
    "SubscribeAlerts, history": lambda client: list(client.subscribe(Start.BEGINNING, None)),
    "SubscribeAlerts, now": lambda client: list(client.subscribe(Start.NOW, None)),
    "AcknowledgeAlerts": lambda client: client.acknowledge(9),
}


def golden() -> dict[str, str]:
    return json.loads(GOLDEN.read_text("utf-8")) if GOLDEN.exists() else {}


def compare(name: str, written: bytes) -> None:
    """Compare a message with the golden one, or keep it as such."""
    if os.environ.get("CEKALWATCH_WRITE_GOLDEN"):
        known = golden() | {name: written.hex()}
        GOLDEN.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
    assert golden()[name] == written.hex()


@pytest.mark.parametrize("name", ANSWERS)
def test_what_a_server_writes_is_as_it_was(name: str) -> None:
    compare(f"server: {name}", ANSWERS[name]().SerializeToString(deterministic=True))


def test_what_a_client_asks_is_as_it_was(recorder: tuple[Recorder, Dialer]) -> None:
    asked, dialer = recorder
    client = AlertClient(Calls(dialer), "pc-1", WANTED, NOBODY)
    for name, call in CALLS.items():
        asked.name = name
        try:
            call(client)
        except ValueError:  # an empty answer holds no alert
            assert name not in {"ListAlerts", "SubscribeAlerts"}
    client.close()
    subscription = SubscriptionClient(dialer, "pc-1", WANTED, NOBODY)
    for name, subscribe in SUBSCRIPTIONS.items():
        asked.name = name
        subscribe(subscription)
    subscription.close()
    assert set(asked.asked) == {*CALLS, *SUBSCRIPTIONS}
    for name, request in asked.asked.items():
        compare(f"client: {name}", request)


def test_an_agent_with_no_filter_asks_for_all(recorder: tuple[Recorder, Dialer]) -> None:
    asked, dialer = recorder
    client = AlertClient(Calls(dialer), "pc-1", AlertFilter(), NOBODY)
    asked.name = "all"
    client.page(AlertSearch(raised_before=datetime(2026, 3, 1, tzinfo=UTC)), 1)
    client.close()
    compare("client: ListAlerts, no filter", asked.asked["all"])
