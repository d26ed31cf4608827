from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from datetime import datetime, timedelta
from io import FileIO
from pathlib import Path
from typing import cast

import pytest
import structlog

from cekalwatch.contract.values.adjudication import AlertEventType
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.unusable_faces import UnusableNotice, UnusableReason
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.console.jsonl import JsonLines
from cekalwatch.notifier.console.picture_folder import PictureFolder
from cekalwatch.notifier.delivery.ringing import Station
from cekalwatch.office.connection import Cause, Disconnected
from cekalwatch.program.errors import ProgramError
from tests.support.builders.notifier_alarms import COVERED, make_alarm
from tests.support.builders.notifier_alerts import FRESH, SITI, make_alert, make_pictures, make_shown
from tests.support.fakes.alert_server import EPOCH, JPEG

PROGRAM = Station("pc-1")
ALERT_ID = "0197a1b2-0000-7000-8000-000000000001"


@pytest.fixture
def pictures(tmp_path: Path) -> PictureFolder:
    return PictureFolder(tmp_path, lambda _: make_pictures(JPEG, JPEG), timedelta(minutes=10))


class Short(io.RawIOBase):
    """A pipe that takes a few bytes at a time."""

    def __init__(self) -> None:
        self.taken = b""

    def write(self, data: object, /) -> int:
        assert isinstance(data, memoryview)
        self.taken += bytes(data[:7])
        return min(7, len(data))


def test_line_has_keys_times_and_scores_and_no_name(pictures: PictureFolder, tmp_path: Path) -> None:
    pipe = Short()
    notified = EPOCH + timedelta(milliseconds=250)
    shown = make_shown(make_alert(alert_id=ALERT_ID), sequence=7, notified_at=notified, new=True)
    screen = JsonLines(pipe, pictures, PROGRAM)
    screen.prepare(shown.alert)
    screen.show(shown)
    assert pipe.taken.endswith(b"}\n")
    assert json.loads(pipe.taken) == {
        "sequence": 7,
        "event_type": "RAISED",
        "relisted": False,
        "rings": True,
        "alert_id": ALERT_ID,
        "look_needed": False,
        "subject_id": "S-001",
        "capture_time": "2026-03-02T01:29:59.700000+00:00",
        "raised_time": "2026-03-02T01:30:00.000000+00:00",
        "notified_time": "2026-03-02T01:30:00.250000+00:00",
        "score": 0.62,
        "threshold": 0.48,
        "model_version": make_alert().model_version,
        "direction": "DEPARTURE",
        "counter": "3",
        "site": "batam-center",
        "camera_id": "cam-3",
        "seen_time": "2026-03-02T01:29:59.700000+00:00",
        "late": False,
        "state": "NEW",
        "cleared_for": None,
        "exercise": None,
        "agencies_owed": [],
        "reference_owed_time": None,
        "orders": [
            {
                "order_id": "O-S-001",
                "kind": "CEGAH",
                "status": "ACTIVE",
                "ground": None,
                "person_status": None,
                "revoked_time": None,
                "revocation_ground": None,
                "revocation_reference": "",
            }
        ],
        "orders_ended_time": None,
        "candidates": 1,
        "sightings": 1,
        "probe_image": str(tmp_path / ALERT_ID / "probe.jpg"),
        "reference_images": [str(tmp_path / ALERT_ID / "ref1.jpg")],
    }


def test_line_names_the_place_of_the_newest_live_sighting_and_says_when_that_was(pictures: PictureFolder) -> None:
    alert = make_alert()
    (first,) = alert.sightings
    there = replace(first, camera=replace(first.camera, counter="5", camera_id="cam-5"), captured_at=EPOCH)
    alert = replace(alert, sightings=(first, there, replace(first, late=True)), current=there, late=True)
    pipe = Short()
    JsonLines(pipe, pictures, PROGRAM).show(make_shown(alert, event=AlertEventType.SIGHTED))
    line = json.loads(pipe.taken)
    assert (line["counter"], line["camera_id"]) == ("5", "cam-5")
    assert (line["seen_time"], line["late"]) == ("2026-03-02T01:30:00.000000+00:00", True)


def test_alert_that_is_listed_again_has_no_sequence(pictures: PictureFolder) -> None:
    pipe = Short()
    JsonLines(pipe, pictures, PROGRAM).show(make_shown(make_alert(), sequence=None, event=None))
    line = json.loads(pipe.taken)
    assert (line["relisted"], line["sequence"], line["event_type"], line["probe_image"]) == (True, None, None, None)


def test_every_line_is_one_line(pictures: PictureFolder) -> None:
    pipe = Short()
    screen = JsonLines(pipe, pictures, PROGRAM)
    for sequence, kind in enumerate(AlertEventType, start=1):
        screen.show(make_shown(make_alert("two\nlines"), sequence=sequence, event=kind))
    lines = pipe.taken.splitlines()
    assert [json.loads(line)["event_type"] for line in lines] == list(AlertEventType)
    assert datetime.fromisoformat(json.loads(lines[0])["notified_time"]) == EPOCH


def test_reader_that_has_gone_ends_the_program_with_a_sentence(pictures: PictureFolder) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with FileIO(writer, "wb") as pipe, pytest.raises(ProgramError, match="program that read the alerts has ended"):
        JsonLines(pipe, pictures, PROGRAM).show(make_shown(make_alert()))


def test_changes_of_the_connection_are_logged_once_and_nothing_is_printed(pictures: PictureFolder) -> None:
    pipe = Short()
    with structlog.testing.capture_logs() as logged:
        screen = JsonLines(pipe, pictures, PROGRAM)
        for cause in (Cause.UNREACHABLE, Cause.UNREACHABLE, Cause.SILENT):
            screen.disconnected(Disconnected(cause))
        for _ in range(2):
            screen.connected(FRESH, 0)
        for _ in range(2):
            screen.connected(Freshness(EPOCH, stale=True, active_subjects=1), 0)
    events = [entry["event"] for entry in logged]
    assert events == ["disconnected", "disconnected", "connected", "watchlist_stale"]
    assert pipe.taken == b""


def test_an_alarm_has_a_line_when_it_begins_when_it_is_seen_and_when_it_is_over(pictures: PictureFolder) -> None:
    pipe = io.BytesIO()
    screen = JsonLines(cast("io.RawIOBase", pipe), pictures, Station("pc-1", AlertFilter(counters=frozenset({"3"}))))
    other = make_alarm(counter="4")
    for present in ((COVERED, other), (COVERED,), (replace(COVERED, acknowledged_by=SITI),), ()):
        screen.alarms(present)
    lines = [json.loads(line) for line in pipe.getvalue().splitlines()]
    assert lines[0] == {
        "event_type": "TROUBLE",
        "trouble_id": "t-1",
        "kind": "CAMERA_COVERED",
        "about": "dep-3",
        "site": "batam-center",
        "counter": "3",
        "begin_time": "2026-03-02T01:30:00.000000+00:00",
        "end_time": None,
        "acknowledged": False,
        "details": {},
    }
    assert [(line["acknowledged"], line["end_time"] is None) for line in lines] == [
        (False, True),
        (True, True),
        (True, False),
    ]
    assert b"Siti" not in pipe.getvalue()


def test_travellers_without_a_usable_face_are_a_line_with_their_number_and_the_reason(pictures: PictureFolder) -> None:
    pipe = Short()
    screen = JsonLines(pipe, pictures, PROGRAM)
    screen.passed_unusable(UnusableNotice("batam-center", "D1", 3, UnusableReason.TURNED, EPOCH))
    assert json.loads(pipe.taken) == {
        "event_type": "UNUSABLE_FACE",
        "site": "batam-center",
        "counter": "D1",
        "passages": 3,
        "reason": "TURNED",
        "seen_time": EPOCH.isoformat(timespec="microseconds"),
    }
