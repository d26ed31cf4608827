"""The notifier's output for programs: only JSON objects on standard output, one per line.

Nobody looks up at a line in a pipe: unless `--rings` says that somebody does, this is no counter's PC (ADR 72).

Writing the line is the showing. It carries keys, times and scores, but no name; before a first look
only those of place and time, with `"look_needed": true`. An alert that is listed again after a
restart, or waited for an agent that was away, has `"relisted": true` and neither sequence nor event type; `"rings"`
says whether a screen would ring. The pictures that it names are there for the time of `picture_lifetime_seconds`.

A problem of a camera or a source has `"event_type": "TROUBLE"` and no alert; it comes when it begins or changes, and
with `end_time` when it is over. Travellers without a usable face have `"event_type": "UNUSABLE_FACE"`, their number and
a reason. A last line without its line end was cut off by the death of the process; its alert is listed again.
"""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from io import RawIOBase
from pathlib import Path

import structlog

from cekalwatch.contract.values.alarms import Alarm, Alarms
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.orders import ShownOrder
from cekalwatch.contract.values.readiness import Readiness, ReadinessFault
from cekalwatch.contract.values.unusable_faces import UnusableNotice
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.console.picture_folder import ImagePaths, PictureFolder
from cekalwatch.notifier.delivery.ringing import Station, rings
from cekalwatch.office.alerts import ShownAlert
from cekalwatch.office.connection import Cause, Disconnected, LostPosition
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.platform.streams import reader_is_gone


class JsonLines:
    """A screen that is a pipe. Everything else goes to the log, once for each change."""

    def __init__(self, output: RawIOBase, pictures: PictureFolder | None, station: Station) -> None:
        """`output` is unbuffered: a line that was shown has left this process."""
        self._output, self._pictures, self._station = output, pictures, station
        self._writing = threading.Lock()
        self._alarms: dict[str, Alarm] = {}
        self._link: Cause | str = ""
        self._stale = False
        self._fault: ReadinessFault | None = None
        self._log = structlog.get_logger()

    def prepare(self, alert: Alert) -> None:
        """Have its pictures as files, if there is a folder for them."""
        if self._pictures:
            self._pictures.fetch(alert)

    def show(self, *shown: ShownAlert) -> None:
        """Write a line for each; raises ProgramError when nobody reads any more."""
        for one in shown:
            self._write(self._fields(one))

    def alarms(self, present: Alarms) -> None:
        """Write a line for each alarm that began, changed or ended; raises ProgramError as `show` does."""
        before, counters = self._alarms, self._station.wanted.counters
        self._alarms = {one.alarm_id: one for one in present if not counters or one.counter in counters}
        for key, one in self._alarms.items():
            if before.get(key) != one:
                self._write(_alarm_fields(one))
        for key in before.keys() - self._alarms.keys():
            self._write(_alarm_fields(before[key], over_at=datetime.now(UTC)))

    def _write(self, fields: dict[str, object]) -> None:
        line = memoryview(json.dumps(fields, separators=(",", ":")).encode() + b"\n")
        with self._writing:  # alerts and alarms arrive on separate threads
            try:
                while line:
                    line = line[self._output.write(line) or 0 :]
            except OSError as error:
                if reader_is_gone(error):
                    raise ProgramError("The program that read the alerts has ended") from None
                raise

    def connected(
        self,
        freshness: Freshness,
        waiting: int,  # noqa: ARG002  # a program counts what it reads
        readiness: Readiness | None = None,
    ) -> None:
        """Log the connection, whether a listed traveller would ring, and a watchlist that is stale."""
        if self._link != "connected":
            self._link = "connected"
            self._log.info("connected", active_subjects=freshness.active_subjects)
        fault = readiness.fault if readiness else None
        if fault is not self._fault:
            self._fault = fault
            self._log.warning("not_watching", fault=fault.value) if fault else self._log.info("watching")
        if freshness.stale != self._stale:
            self._stale = freshness.stale
            self._log.warning("watchlist_stale" if freshness.stale else "watchlist_fresh_again")

    def disconnected(self, ended: Disconnected) -> None:
        """Log that the connection is lost; raises ProgramError when the server does not serve this PC."""
        if ended.refusal:
            raise ProgramError(f"The server refuses the subscription: {ended.refusal.code}", Exit.CONFIG)
        if self._link != ended.cause:
            self._link = ended.cause
            self._log.warning("disconnected", cause=ended.cause.value)

    def started_over(self, lost: LostPosition) -> None:
        """Log that events may be missing, or that the log is another one."""
        self._log.warning("started_over", reason=lost.value)

    def passed_unusable(self, notice: UnusableNotice) -> None:
        """Write a line; raises ProgramError as `show` does."""
        self._write(
            {
                "event_type": "UNUSABLE_FACE",
                "site": notice.site,
                "counter": notice.counter,
                "passages": notice.passages,
                "reason": notice.reason,
                "seen_time": _iso(notice.last_seen_at),
            }
        )

    def _fields(self, shown: ShownAlert) -> dict[str, object]:
        alert, place, seen = shown.alert, shown.alert.place, shown.alert.last_seen
        images = self._pictures.paths(alert.alert_id) if self._pictures else ImagePaths()
        return {
            "sequence": shown.sequence,
            "event_type": None if shown.relisted else shown.event_type or "CHANGED",
            "relisted": shown.relisted,
            "rings": rings(shown, self._station),
            "alert_id": alert.alert_id,
            "look_needed": alert.look_needed,
            "exercise": alert.exercise,
            "subject_id": alert.subject.subject_id or None,
            "capture_time": _iso(alert.captured_at),
            "raised_time": _iso(alert.raised_at),
            "notified_time": _iso(shown.notified_at),
            "score": None if alert.nameless else round(alert.score, 4),
            "threshold": None if alert.nameless else round(alert.threshold, 4),
            "model_version": alert.model_version or None,
            "direction": place.direction,
            "counter": place.counter,
            "site": place.site,
            "camera_id": place.camera_id,
            "seen_time": _iso(seen.captured_at if seen else alert.captured_at),
            "late": alert.late,
            "state": alert.state,
            "cleared_for": alert.clearing,
            "agencies_owed": list(alert.agencies_owed),
            "reference_owed_time": _iso(owed) if (owed := alert.handling.reference_owed_since) else None,
            "orders": list(map(_order_fields, alert.orders)),
            "orders_ended_time": _iso(alert.orders_ended_at) if alert.orders_ended_at else None,
            "candidates": len(alert.candidates),
            "sightings": len(alert.sightings),
            "probe_image": _text(images.probe),
            "reference_images": [str(path) for path in images.references],
        }


def _order_fields(order: ShownOrder) -> dict[str, object]:
    return {
        "order_id": order.order_id,
        "kind": order.kind,
        "status": order.status,
        "ground": order.ground,
        "person_status": order.person_status,
        "revoked_time": _iso(order.revoked_at) if order.revoked_at else None,
        "revocation_ground": order.revocation_ground,
        "revocation_reference": order.revocation_reference,
    }


def _alarm_fields(alarm: Alarm, over_at: datetime | None = None) -> dict[str, object]:
    return {
        "event_type": "TROUBLE",
        "trouble_id": alarm.alarm_id,
        "kind": alarm.kind or "UNKNOWN",
        "about": alarm.about,
        "site": alarm.site,
        "counter": alarm.counter,
        "begin_time": _iso(alarm.began_at),
        "end_time": _iso(over_at) if over_at else None,
        "acknowledged": bool(alarm.seen_by),
        "details": dict(alarm.details),
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _text(path: Path | None) -> str | None:
    return str(path) if path else None
