"""What a server refuses of a request about alerts: the code, and the field that it names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from cekalwatch.contract.codec.alerts import SEARCH
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.adjudication import AlertState, Outcome, Reason
from cekalwatch.contract.values.alerts import AlertFilter, AlertSearch
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.server.domain.alerts.adjudication import FollowUp
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api import alert_requests as read_alerts
from cekalwatch.v1 import adjudication_pb2
from cekalwatch.v1 import alert_service_pb2 as pb
from tests.support.builders.alerts import NOON
from tests.support.fakes.alert_server import timestamp

BUDI = PersonReference(str(UUID(int=11)))
NOW = timestamp(NOON)
BEFORE_OUR_CENTURY = timestamp(datetime(1999, 12, 31, tzinfo=UTC))
ABSURD = timestamp(NOON)
ABSURD.seconds = 2**60


def read_filter(**facts: Any) -> AlertFilter:
    return read_alerts.alert_filter(pb.AlertFilter(**facts))


def read_search(**facts: Any) -> AlertSearch:
    return SEARCH.read(pb.ListAlertsRequest(**facts), Reading.STRICT)


def read_judgement(**facts: Any) -> Any:
    usual: dict[str, Any] = {"outcome": adjudication_pb2.OUTCOME_REFERRED, "reason": adjudication_pb2.REASON_OTHER}
    return read_alerts.adjudication(pb.AdjudicateAlertRequest(**usual | facts))


def read_clearing(**facts: Any) -> Any:
    return read_alerts.clearing(pb.ClearAlertRequest(**facts))


def read_follow_up(**facts: Any) -> FollowUp:
    usual: dict[str, Any] = {"agency": "Kejaksaan Agung", "contact": "piket", "result": "datang", "contact_time": NOW}
    return read_alerts.follow_up(adjudication_pb2.FollowUp(**usual | facts), BUDI, NOON)


def read_shift(**facts: Any) -> tuple[datetime, datetime]:
    return read_alerts.span(pb.GetShiftReportRequest(**facts), NOON)


Refusal = tuple[Callable[..., Any], dict[str, Any], Code, str]
REFUSALS: list[Refusal] = [
    (read_filter, {"site": "Batam"}, Code.ARGUMENT_INVALID, "site"),
    (read_filter, {"site": "b" * 65}, Code.ARGUMENT_INVALID, "site"),
    (read_filter, {"counters": [str(one) for one in range(65)]}, Code.ARGUMENT_INVALID, "counters"),
    (read_filter, {"counters": ["x" * 65]}, Code.ARGUMENT_INVALID, "counters"),
    (read_filter, {"counters": ["a\nb"]}, Code.ARGUMENT_INVALID, "counters"),
    (read_filter, {"direction": 77}, Code.ARGUMENT_INVALID, "direction"),
    (read_search, {"states": [77]}, Code.ARGUMENT_INVALID, "states"),
    (read_search, {"states": [0]}, Code.ARGUMENT_INVALID, "states"),
    (read_search, {"states": [1] * 8}, Code.ARGUMENT_INVALID, "states"),
    (read_search, {"raised_from": ABSURD}, Code.ARGUMENT_INVALID, "raised_from"),
    (read_search, {"raised_from": BEFORE_OUR_CENTURY}, Code.ARGUMENT_INVALID, "raised_from"),
    (read_search, {"raised_before": BEFORE_OUR_CENTURY}, Code.ARGUMENT_INVALID, "raised_before"),
    (read_search, {"subject_id": "x" * 65}, Code.ARGUMENT_INVALID, "subject_id"),
    (read_search, {"counter": "a\x1bb"}, Code.ARGUMENT_INVALID, "counter"),
    (read_search, {"handled_by": "x" * 101}, Code.ARGUMENT_INVALID, "handled_by"),
    (read_judgement, {"outcome": 0}, Code.OUTCOME_NOT_ALLOWED, "0"),
    (read_judgement, {"outcome": 77}, Code.OUTCOME_NOT_ALLOWED, "77"),
    (read_judgement, {"reason": 0}, Code.REASON_INVALID, "0"),
    (read_judgement, {"reason": 77}, Code.REASON_INVALID, "77"),
    (read_judgement, {"candidate_subject_id": "x" * 201}, Code.ARGUMENT_INVALID, "candidate_subject_id"),
    (read_judgement, {"candidate_subject_id": "a\nb"}, Code.ARGUMENT_INVALID, "candidate_subject_id"),
    (read_clearing, {"reason": 77}, Code.REASON_INVALID, "77"),
    (read_follow_up, {"contact_time": None}, Code.ARGUMENT_INVALID, "contact_time"),
    (read_follow_up, {"contact_time": ABSURD}, Code.ARGUMENT_INVALID, "contact_time"),
    (read_follow_up, {"contact_time": BEFORE_OUR_CENTURY}, Code.ARGUMENT_INVALID, "contact_time"),
    (read_follow_up, {"contact_time": timestamp(NOON + timedelta(minutes=6))}, Code.CONTACT_TIME_AHEAD, ""),
    (read_follow_up, {"agency": "  "}, Code.NOTE_INVALID, ""),
    (read_follow_up, {"result": "x" * 1001}, Code.NOTE_INVALID, ""),
    (read_follow_up, {"contact": "a\x07b"}, Code.NOTE_INVALID, ""),
    (read_shift, {}, Code.ARGUMENT_INVALID, "start_time"),
    (read_shift, {"start_time": ABSURD}, Code.ARGUMENT_INVALID, "start_time"),
    (read_shift, {"start_time": NOW, "end_time": BEFORE_OUR_CENTURY}, Code.ARGUMENT_INVALID, "end_time"),
    (read_shift, {"start_time": timestamp(NOON - timedelta(days=32))}, Code.ARGUMENT_INVALID, "end_time"),
    (read_shift, {"start_time": timestamp(NOON + timedelta(seconds=1))}, Code.ARGUMENT_INVALID, "end_time"),
    (lambda: read_alerts.agent_id("PC 1"), {}, Code.ARGUMENT_INVALID, "agent_id"),
    (lambda: read_alerts.agent_id(""), {}, Code.ARGUMENT_INVALID, "agent_id"),
    (lambda: read_alerts.sequence(-1), {}, Code.ARGUMENT_INVALID, "sequence"),
    (lambda: read_alerts.sequence(2**62 + 1), {}, Code.ARGUMENT_INVALID, "sequence"),
    (lambda: read_alerts.alert_id("none"), {}, Code.ALERT_NOT_FOUND, ""),
    (lambda: read_alerts.alert_page_token("none"), {}, Code.PAGE_TOKEN_INVALID, ""),
    (lambda: read_alerts.reference("x" * 101), {}, Code.REFERENCE_INVALID, ""),
]


@pytest.mark.parametrize(
    "refusal", REFUSALS, ids=[f"{number}-{one[2]}-{one[3]}" for number, one in enumerate(REFUSALS)]
)
def test_what_is_out_of_its_bounds_is_refused(refusal: Refusal) -> None:
    read, facts, code, field = refusal
    with pytest.raises((CekalwatchError, Refused)) as caught:
        read(**facts)
    error = caught.value
    if isinstance(error, CekalwatchError):
        assert (error.code, error.detail) == (code, field)
    else:  # the interceptor answers it so
        assert isinstance(error, Refused)
        assert (Code.ARGUMENT_INVALID, error.field) == (code, field)


def test_what_is_within_its_bounds_is_read() -> None:
    counters = [f"{one:>064}" for one in range(64)]
    found = read_filter(site="b" * 64, counters=counters, direction=2)
    assert found == AlertFilter("b" * 64, frozenset(counters), Direction.ARRIVAL)
    assert read_filter() == AlertFilter()
    search = read_search(
        states=[1, 7], raised_from=NOW, raised_before=NOW, subject_id="x" * 64, counter="D1", handled_by="x" * 100
    )
    states = frozenset({AlertState.NEW, AlertState.CLOSED})
    assert search == AlertSearch(states, NOON, NOON, "D1", "x" * 64, "x" * 100)
    judged = read_judgement(note="n", version=3, candidate_subject_id="x" * 200)
    assert (judged.outcome, judged.reason, judged.note) == (Outcome.REFERRED, Reason.OTHER, "n")
    assert (judged.version, judged.subject_id) == (3, "x" * 200)
    cleared = read_clearing(reason=adjudication_pb2.REASON_ORDER_ENDED, note="n", version=3)
    assert (cleared.outcome, cleared.reason, cleared.version) == (Outcome.CLEARED, Reason.ORDER_ENDED, 3)
    contact = read_follow_up(contact="line one\nline two", contact_time=timestamp(NOON + timedelta(minutes=5)))
    assert (contact.contact, contact.person, contact.recorded_at) == ("line one\nline two", BUDI, NOON)
    assert read_shift(start_time=timestamp(NOON - timedelta(days=31))) == (NOON - timedelta(days=31), NOON)
    # Other forms of an alert's key are taken, as they ever were.
    assert read_alerts.alert_id("01980000000070008000000000000001") == UUID(int=0x01980000000070008000000000000001)
