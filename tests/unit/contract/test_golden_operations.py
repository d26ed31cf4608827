"""What operators and officers are told of the system is written byte for byte as it was, and read as it was written."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from google.protobuf.message import Message

from cekalwatch.contract.codec.alarms import ALARM, NEWS
from cekalwatch.contract.codec.status import THRESHOLD_OUTLOOK
from cekalwatch.contract.engine.scalars import Reading
from cekalwatch.contract.values.alarms import AlarmKind, OpenAlarms
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.contract.values.thresholds import (
    NO_PROMISE,
    Threshold,
    ThresholdOutlook,
    ThresholdPoint,
    ThresholdPromise,
    ThresholdSource,
)
from cekalwatch.server.domain.alarms import AlarmCondition, StoredAlarm
from cekalwatch.v1 import trouble_pb2, trouble_service_pb2

GOLDEN = json.loads(Path(__file__).with_name("golden_operations.json").read_text(encoding="utf-8"))
NOON = datetime(2026, 11, 29, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)
SITI = PersonReference("00000000-0000-0000-0000-000000000005", "Siti Rahma")
ALARM_ID = UUID("0198a4b0-aaaa-7bbb-8ccc-dddddddddddd")
CLOCK_WRONG = AlarmCondition(AlarmKind.CAMERA_CLOCK_WRONG, "dep-1", "batam-center", "D1", {"offset_s": "-12", "a": "b"})
STALE = AlarmCondition(AlarmKind.SOURCE_STALE, "folder:/srv/list")
SEEN: Final[dict[str, Any]] = {
    "began_at": NOON,
    "ended_at": NOON + HOUR,
    "acknowledged_at": NOON + HOUR / 2,
    "acknowledged_by": SITI,
}
OPEN = StoredAlarm(ALARM_ID, CLOCK_WRONG, began_at=NOON).shown
OVER = StoredAlarm(ALARM_ID, STALE, 7, **SEEN).shown

PROMISE = ThresholdPromise("volunteers", passages=1200, needed=5000, counted=900, low=0.25, high=0.5)
OWN_PROMISE = ThresholdPromise("", passages=7, needed=5000, counted=3, low=0.0, high=0.0)
BY_PEOPLE = Threshold(0.4375, ThresholdSource.PEOPLE, 0.001, extrapolated=True, promise=PROMISE)
LEARNED = Threshold(0.5, ThresholdSource.LEARNED, 0.0005, extrapolated=False, promise=OWN_PROMISE)
POINTS = (
    ThresholdPoint(0.2, 0.1, 0.05, 0.2, extrapolated=True, fnir=None),
    ThresholdPoint(0.5, 0.01, 0.005, 0.02, extrapolated=False, fnir=0.0),
)
OUTLOOK = ThresholdOutlook(
    model_version="light-1",
    templates=812,
    wanted_fpir=0.001,
    decision=BY_PEOPLE,
    promise=PROMISE,
    without_people=LEARNED,
    min_threshold=0.2,
    max_threshold=0.8,
    learned_offset=-0.015625,
    photographs=40,
    points=POINTS,
    set_at=NOON,
    set_by=("Siti", "Budi"),
)
LEARNED_OUTLOOK = ThresholdOutlook(
    "light-1", 0, 0.001, LEARNED, OWN_PROMISE, LEARNED, 0.2, 0.8, learned_offset=0.0, photographs=0, points=()
)

Codecs = Any
"""A Codec or a OneOf."""
WRITTEN: dict[str, tuple[Codecs, Any]] = {
    "trouble, open": (ALARM, OPEN),
    "trouble, over": (ALARM, OVER),
    "watched: open": (NEWS, OpenAlarms((OVER, OPEN))),
    "watched: nothing is wrong": (NEWS, OpenAlarms(())),
    "watched: changed": (NEWS, OVER),
    "threshold": (THRESHOLD_OUTLOOK, OUTLOOK),
    "threshold of the pack": (THRESHOLD_OUTLOOK, LEARNED_OUTLOOK),
}


def test_every_message_has_its_golden_bytes() -> None:
    assert WRITTEN.keys() == GOLDEN.keys()


@pytest.mark.parametrize("name", WRITTEN)
def test_a_message_is_written_as_it_was(name: str) -> None:
    codec, value = WRITTEN[name]
    assert codec.write(value).SerializeToString(deterministic=True).hex() == GOLDEN[name]


@pytest.mark.parametrize("reading", Reading)
@pytest.mark.parametrize("name", WRITTEN)
def test_a_message_is_read_as_what_was_written(name: str, reading: Reading) -> None:
    codec, value = WRITTEN[name]
    message: Message = type(codec.write(value)).FromString(bytes.fromhex(GOLDEN[name]))
    found = codec.read(message, reading)
    # Figures on the wire have fewer digits than ours.
    assert (type(found), codec.write(found)) == (type(value), message)
    if not name.startswith("threshold"):
        assert found == value


def test_an_alarm_of_a_newer_server_is_read_without_its_kind_and_its_texts_are_made_safe() -> None:
    message = trouble_pb2.Trouble.FromString(bytes.fromhex(GOLDEN["trouble, over"]))
    message.kind, message.about, message.site = 999, "dep\u202e-1\n", "  x "  # type: ignore[assignment]  # a newer kind
    message.acknowledged_by.display_name = "Si\u0007ti"
    message.details["rea\nson"] = "a\tb"
    found = ALARM.read(message)
    siti = PersonReference(SITI.person_id, "Siti")
    details = {"rea son": "a b"}
    assert found == replace(OVER, kind=None, about="dep-1", site="x", acknowledged_by=siti, details=details)
    assert found.seen_by == "Siti"
    message.acknowledged_by.display_name = ""
    assert ALARM.read(message).seen_by == SITI.person_id
    assert ALARM.read(trouble_pb2.Trouble(kind=trouble_pb2.TROUBLE_KIND_UNSPECIFIED)).kind is None


def test_a_clock_and_what_only_a_newer_server_says_are_no_news_of_alarms() -> None:
    told = trouble_service_pb2.WatchTroublesResponse()
    assert NEWS.read(told) is None
    told.server_time.FromDatetime(NOON)
    assert NEWS.read(told) is None


def test_a_threshold_is_read_as_it_was_written_and_its_promise_is_beside_it() -> None:
    found = THRESHOLD_OUTLOOK.read(THRESHOLD_OUTLOOK.write(OUTLOOK))
    assert (found.decision.value, found.decision.source) == (0.4375, ThresholdSource.PEOPLE)
    assert found.decision.extrapolated
    assert (found.promise, found.decision.promise) == (PROMISE, NO_PROMISE)
    assert [point.fnir for point in found.points] == [None, 0.0]
    assert (found.set_at, found.set_by) == (NOON, ("Siti", "Budi"))
    assert (found.model_version, found.photographs, found.learned_offset) == ("light-1", 40, -0.015625)


def test_a_threshold_of_a_newer_server_has_no_source() -> None:
    message = THRESHOLD_OUTLOOK.write(OUTLOOK)
    message.threshold.source = 999  # type: ignore[assignment]  # a newer source
    message.ClearField("promise")
    message.set_by[0] = "Si\u0007ti"
    found = THRESHOLD_OUTLOOK.read(message)
    assert (found.decision.source, found.promise, found.set_by) == (None, NO_PROMISE, ("Siti", "Budi"))
