"""The demonstration compares what the officer's console showed with the server's log, while both still grow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from cekalwatch.v1 import alert_pb2
from deploy.demo.office.notifier import Notifier
from deploy.demo.play import log_and_passages
from deploy.demo.stack import Stack

MOMENT = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)


class Office:
    """A log and a console; while somebody reads the log, another event comes and is shown."""

    def __init__(self) -> None:
        self.log: list[alert_pb2.AlertEvent] = []
        self.events: list[dict[str, object]] = []
        self.comes(28)

    def comes(self, sequence: int) -> None:
        event = alert_pb2.AlertEvent(sequence=sequence, capture_id=f"C-{sequence}")
        event.alert.alert_id = "A-1"
        event.alert.subject.subject_id = "S-1"
        event.alert.sightings.add(capture_id=f"C-{sequence}").capture_time.FromDatetime(MOMENT)
        self.log.append(event)
        self.events = [
            *self.events,
            {"sequence": sequence, "subject_id": None, "notified_time": MOMENT.isoformat()},
        ]

    def event_log(self) -> list[alert_pb2.AlertEvent]:
        read = list(self.log)
        self.comes(29)
        return read


def test_an_event_that_comes_while_the_log_is_read_does_no_harm() -> None:
    office = Office()
    log, passages = log_and_passages(cast("Stack", office), cast("Notifier", office))
    assert [event.sequence for event in log] == [28]
    assert [(one.sequence, one.subject_id) for one in passages] == [(28, "S-1")], "the console names nobody"
