"""Alarms as the notifier holds them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cekalwatch.contract.values.alarms import Alarm, AlarmKind
from tests.support.fakes.alert_server import EPOCH

COVERED = Alarm("t-1", AlarmKind.CAMERA_COVERED, "dep-3", "batam-center", "3", began_at=EPOCH)


def make_alarm(kind: AlarmKind = AlarmKind.CAMERA_COVERED, counter: str = "3", **facts: Any) -> Alarm:
    """An alarm of the camera at `counter`."""
    usual = {"alarm_id": f"t-{kind}-{counter}", "kind": kind, "about": f"dep-{counter}", "counter": counter}
    return replace(COVERED, **usual | facts)


def of_source(kind: AlarmKind = AlarmKind.SOURCE_STALE, **details: str) -> Alarm:
    """An alarm of a source."""
    return make_alarm(kind, "", about="folder:/srv/cekal", site="", details=details)
