"""A codec converts by the types of a value's fields, is complete by construction, and reads strictly or leniently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import pytest
from annotated_types import Interval, MaxLen
from google.protobuf.message import Message

from cekalwatch.contract.engine.codec import Codec, Converter
from cekalwatch.contract.engine.one_of import OneOf
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.adjudication import Outcome, Reason
from cekalwatch.contract.values.cameras import Drops, SpoolStatus
from cekalwatch.contract.values.orders import Direction
from cekalwatch.v1 import (
    adjudication_pb2,
    alert_pb2,
    alert_service_pb2,
    audit_pb2,
    camera_pb2,
    capture_pb2,
    capture_service_pb2,
)

SPOOL = Codec(SpoolStatus, capture_pb2.SpoolStatus, names={"size": "bytes", "age_s": "age"})
DROPS = Codec(Drops, capture_pb2.DropCounts)


@dataclass(frozen=True)
class Place:
    """A camera."""

    camera_id: Annotated[str, MaxLen(8)]
    site: str
    counter: str
    direction: Direction | None


@dataclass(frozen=True)
class Seen:
    """A sighting."""

    capture_id: UUID
    captured_at: datetime
    camera: Place
    score: Annotated[float, Interval(ge=-1, le=1)]
    fused_crops: int = 1


SEEN = Codec(
    Seen, alert_pb2.Sighting, names={"captured_at": "capture_time"}, unread=("passage", "late", "model_version", "ask")
)
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
SIGHTING = Seen(UUID(int=7), NOON, Place("cam-1", "batam", "5", Direction.DEPARTURE), 0.5, 3)


def test_a_value_comes_back_as_it_was_written() -> None:
    written = SEEN.write(SIGHTING)
    assert written.capture_time.ToDatetime(UTC) == NOON
    assert written.camera.direction == camera_pb2.DIRECTION_DEPARTURE
    for reading in Reading:
        assert SEEN.read(alert_pb2.Sighting.FromString(written.SerializeToString()), reading) == SIGHTING


def test_seconds_are_durations_and_fields_may_have_another_name_in_the_message() -> None:
    written = SPOOL.write(SpoolStatus(depth=2, size=1024, age_s=1.5))
    assert (written.bytes, written.age.seconds, written.age.nanos) == (1024, 1, 500_000_000)
    assert SPOOL.read(written) == SpoolStatus(depth=2, size=1024, age_s=1.5)


def test_lenient_reading_cleans_text_and_leaves_out_what_only_a_newer_peer_knows() -> None:
    message = SEEN.write(SIGHTING)
    message.camera.counter = "5\x1b[2J\u202e"
    message.camera.direction = 77  # type: ignore[assignment]  # a newer member
    found = SEEN.read(message)
    assert found.camera.counter == "5[2J"
    assert found.camera.direction is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"camera_id": "nine-char"}, "camera_id"),
        ({"site": "a\nb"}, "site"),
        ({"counter": "x" * 65}, "counter"),
        ({"direction": 77}, "direction"),
    ],
)
def test_strict_reading_refuses_what_is_out_of_bounds_and_names_the_field(
    change: dict[str, object], field: str
) -> None:
    message = SEEN.write(SIGHTING)
    for name, content in change.items():
        setattr(message.camera, name, content)
    with pytest.raises(Refused) as refused:
        SEEN.read(message, Reading.STRICT)
    assert refused.value.field == field


@pytest.mark.parametrize("score", [1.5, -2, float("nan")])
def test_strict_reading_refuses_figures_out_of_their_bounds(score: float) -> None:
    message = SEEN.write(SIGHTING)
    message.score = score
    with pytest.raises(Refused, match="score"):
        SEEN.read(message, Reading.STRICT)


def test_strict_reading_refuses_a_message_without_a_moment_or_with_none() -> None:
    message = SEEN.write(SIGHTING)
    message.capture_time.seconds = 2**60
    with pytest.raises(Refused, match="capture_time"):
        SEEN.read(message, Reading.STRICT)
    message.ClearField("capture_time")
    with pytest.raises(Refused, match="capture_time"):
        SEEN.read(message, Reading.STRICT)


@dataclass(frozen=True)
class Wanted:
    """What is looked for."""

    counters: Annotated[frozenset[str], MaxLen(2)] = frozenset()
    site: str = ""
    direction: Direction | None = None


def test_a_collection_has_its_bound_and_is_written_in_order() -> None:
    codec = Codec(Wanted, alert_service_pb2.AlertFilter)
    assert list(codec.write(Wanted(frozenset("ba"))).counters) == ["a", "b"]
    with pytest.raises(Refused, match="counters"):
        codec.read(alert_service_pb2.AlertFilter(counters=["a", "b", "c"]), Reading.STRICT)


@dataclass(frozen=True)
class Found:
    """A finding; the message has a person and a moment too."""

    outcome: Outcome
    reason: Reason | None
    note: Annotated[str, MaxLen(3)]
    subject: str = "nobody"


def test_a_codec_says_which_fields_have_no_counterpart() -> None:
    with pytest.raises(TypeError, match="has no subject"):
        Codec(Found, adjudication_pb2.Finding).write(Found(Outcome.CLEARED, None, ""))
    with pytest.raises(TypeError, match="leaves out"):
        Codec(Found, adjudication_pb2.Finding, local=("subject",)).write(Found(Outcome.CLEARED, None, ""))


def test_lenient_reading_needs_a_default_for_a_member_that_it_does_not_know() -> None:
    codec = Codec(
        Found, adjudication_pb2.Finding, unread=("person", "find_time", "subject_id"), local=("subject",),
        special={"note": Converter(lambda content, _reading: content.upper(), str)},
    )  # fmt: skip
    found = codec.read(adjudication_pb2.Finding(outcome=adjudication_pb2.OUTCOME_CLEARED, note="abc"))
    assert found == Found(Outcome.CLEARED, None, "ABC")
    with pytest.raises(Refused, match="outcome"):
        codec.read(adjudication_pb2.Finding())


class Half(StrEnum):
    """An enum with a member that the contract lacks."""

    NEW = "NEW"
    UNHEARD_OF = "UNHEARD_OF"


@dataclass(frozen=True)
class State:
    """An alert, with nothing but its state."""

    state: Half


@dataclass(frozen=True)
class Entry:
    """An entry of the audit trail, with nothing but its details."""

    details: Mapping[str, str]


def others(message: type[Message], name: str) -> set[str]:
    """Return the names of all fields of a message but one."""
    return set(message.DESCRIPTOR.fields_by_name) - {name}


def test_an_enum_with_a_member_that_the_contract_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="ALERT_STATE_UNHEARD_OF"):
        Codec(State, alert_pb2.Alert, unread=others(alert_pb2.Alert, "state")).write(State(Half.NEW))


def test_texts_by_text_are_cleaned_too() -> None:
    codec = Codec(Entry, audit_pb2.AuditEntry, unread=others(audit_pb2.AuditEntry, "details"))
    found = codec.read(audit_pb2.AuditEntry(details={"a\x07": "b\x1b"}))
    assert found == Entry({"a": "b"})
    assert dict(codec.write(found).details) == {"a": "b"}


@dataclass(frozen=True)
class Beat:
    """A heartbeat, with nothing but its spool and the age of its outbox."""

    outbox_age: Annotated[float, Interval(ge=0, le=60)]
    spool: SpoolStatus = field(default=SpoolStatus(depth=7))


@dataclass(frozen=True)
class Bye:
    """A farewell."""

    reason: str


BEAT = Codec(
    Beat, capture_service_pb2.Heartbeat, parts=(SPOOL,),
    unread=set(capture_service_pb2.Heartbeat.DESCRIPTOR.fields_by_name) - {"outbox_age", "spool"},
)  # fmt: skip
STREAM: OneOf[Beat | Bye, capture_service_pb2.StreamFacesRequest] = OneOf(
    capture_service_pb2.StreamFacesRequest, {"heartbeat": BEAT, "goodbye": Codec(Bye, capture_service_pb2.Goodbye)}
)


def test_strict_reading_refuses_a_duration_out_of_its_bounds() -> None:
    assert BEAT.read(BEAT.write(Beat(60.0)), Reading.STRICT).outbox_age == 60
    with pytest.raises(Refused, match="outbox_age"):
        BEAT.read(BEAT.write(Beat(60.5)), Reading.STRICT)


def test_a_duration_that_is_missing_is_none_at_all() -> None:
    assert BEAT.read(capture_service_pb2.Heartbeat(), Reading.STRICT).outbox_age == 0


@pytest.mark.parametrize("reading", Reading)
def test_a_message_that_is_missing_is_the_default(reading: Reading) -> None:
    message = BEAT.write(Beat(1.0))
    message.ClearField("spool")
    assert BEAT.read(message, reading).spool == SpoolStatus(depth=7)


@pytest.mark.parametrize("value", [Beat(1.0, SpoolStatus(depth=2)), Bye("enough")])
def test_a_stream_carries_one_of_several_messages(value: Beat | Bye) -> None:
    message = STREAM.write(value)
    message.client_time.FromDatetime(NOON)
    assert STREAM.read(message, Reading.STRICT) == value


def test_a_stream_may_carry_nothing_or_what_only_a_newer_peer_knows() -> None:
    assert STREAM.read(capture_service_pb2.StreamFacesRequest()) is None
    newer = capture_service_pb2.StreamFacesRequest(hello=capture_service_pb2.Hello())
    assert STREAM.read(newer) is None


def test_what_a_stream_carries_is_refused_with_the_name_of_its_field() -> None:
    message = STREAM.write(Bye("two\nlines"))
    with pytest.raises(Refused, match="reason"):
        STREAM.read(message, Reading.STRICT)
    assert STREAM.read(message) == Bye("two lines")
