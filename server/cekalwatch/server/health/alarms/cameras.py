"""Alarm conditions of cameras: from the streams of this server, and from what the other servers have heard.

The server that a camera streams to judges it. This module knows no transport.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cekalwatch.contract.values.alarms import IN_THE_PICTURE, OF_CAMERAS, OF_VIEWS, AlarmKind
from cekalwatch.contract.values.cameras import SpoolState, ViewState
from cekalwatch.contract.values.captures import is_wrong
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.domain.alarms import AlarmCondition
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.presence import CameraPresence, Rejection
from cekalwatch.server.foundation.clock import Clock, lately
from cekalwatch.server.health.alarms.board import Findings, condition
from cekalwatch.server.storage.alarms import AlarmStore

RECONNECTS_WITHIN = timedelta(seconds=3)
"""How long a camera may take to connect again before it counts as down."""
STARTS_WITHIN = timedelta(seconds=20)
"""After the server's start: cameras pause for up to 15 s between two attempts."""
SILENT_PERIODS = 1.5
"""Heartbeat periods without a message after which a camera counts as down."""
TELL_OTHERS = timedelta(seconds=3)
"""The period of this server's reports of its cameras to the other servers."""
DROPPED_LASTS = timedelta(minutes=1)
"""How long a lost crop counts as a condition."""
REJECTED_LASTS = timedelta(minutes=2)
"""How long a refusal counts as a condition when the camera does not try again."""
_UNSEEN = frozenset({ViewState.UNSPECIFIED, ViewState.TURNED_AWAY})
"""The picture is not judged: no alarm about it begins or ends."""
_SPOOL_FAILS = frozenset({SpoolState.DISK_FULL, SpoolState.READ_ONLY, SpoolState.FAILED})


@dataclass(frozen=True)
class CameraLimits:
    """When a camera counts as slow or silent."""

    heartbeat_period: timedelta
    least_fps: float

    @property
    def silent_after(self) -> timedelta:
        """Without a message for this long a camera is down."""
        return self.heartbeat_period * SILENT_PERIODS


class CameraAlarms:
    """The rule for all cameras; `look` blocks, and one thread calls it."""

    def __init__(
        self,
        cameras: Iterable[Camera],
        presence: Presence,
        store: AlarmStore,
        clock: Clock,
        terms: CameraLimits,
    ) -> None:
        self._cameras = {camera.camera_id: camera for camera in cameras}
        self._presence = presence
        self._store = store
        self._clock = clock
        self._terms = terms
        self._started_at = clock.now()
        self._told_at: datetime | None = None
        self._told: frozenset[str] = frozenset()
        self.unheard: frozenset[str] = frozenset(self._cameras)
        """Cameras that no server has heard since this one started, as of the last look."""

    def look(self) -> Findings:
        """Return the conditions of the cameras, and share this server's view of its cameras with the other servers."""
        now, known, refused = self._clock.now(), self._presence.cameras, self._presence.rejections
        self._tell_others(known, refused, now)
        told = self._store.told()
        rejections = self._rejections(known, {**told.rejected, **refused}, told.heard, now)
        conditions = [self._rejected(name, one) for name, one in rejections.items()]
        judged, unseen, ending = set(rejections), set[str](), self._presence.ending_decoders
        unheard = set[str]()
        for name, camera in self._cameras.items():
            one = known.get(name, CameraPresence())
            if name in rejections or self._is_elsewhere(one, told.heard.get(name), now):
                continue
            if name in ending:
                conditions.append(_condition(camera, AlarmKind.CAMERA_ENDING_DECODERS))
            if one.last_heard_at is None:
                unheard.add(name)
            found = self._conditions(camera, one, now)
            if found is not None:
                judged.add(name)
                if one.heartbeat and one.heartbeat.view_state in _UNSEEN:
                    unseen.add(name)
                conditions += found

        self.unheard = frozenset(unheard)

        def is_judged(kind: AlarmKind, about: str) -> bool:
            if kind in IN_THE_PICTURE and about in unseen:
                return False
            return kind in OF_CAMERAS and (about in judged or about not in self._cameras)

        return Findings(conditions, is_judged)

    def _tell_others(
        self, known: Mapping[str, CameraPresence], refused: Mapping[str, Rejection], now: datetime
    ) -> None:
        heard = {
            name: one.last_heard_at
            for name, one in known.items()
            if one.streams > 0 and one.last_heard_at and not self._silent(one, now)
        }
        lasting = {name: one for name, one in refused.items() if lately(one.at, now, REJECTED_LASTS)}
        names = frozenset({*heard, *lasting})
        if names and (not self._told_at or not lately(self._told_at, now, TELL_OTHERS) or not names <= self._told):
            self._store.tell(heard, lasting, now)
            self._told_at, self._told = now, names

    def _rejections(
        self,
        known: Mapping[str, CameraPresence],
        rejected: Mapping[str, Rejection],
        heard: Mapping[str, datetime],
        now: datetime,
    ) -> dict[str, Rejection]:
        """Return the refusals that still count: the camera has not connected since, here or elsewhere."""
        return {
            name: one
            for name, one in rejected.items()
            if lately(one.at, now, REJECTED_LASTS)
            and known.get(name, CameraPresence()).streams <= 0
            and (name not in heard or heard[name] <= one.at)
        }

    def _is_elsewhere(self, one: CameraPresence, heard_at: datetime | None, now: datetime) -> bool:
        """Whether another server has heard the camera a moment ago, after this one: then that one judges it."""
        if heard_at is None or not lately(heard_at, now, self._terms.silent_after + TELL_OTHERS):
            return False
        return one.last_heard_at is None or heard_at > one.last_heard_at

    def _silent(self, one: CameraPresence, now: datetime) -> bool:
        return one.last_heard_at is None or not lately(one.last_heard_at, now, self._terms.silent_after)

    def _conditions(self, camera: Camera, one: CameraPresence, now: datetime) -> list[AlarmCondition] | None:
        """Return the alarm conditions of a camera; None while they are unknown."""
        if one.streams <= 0:
            begun, patience = (one.gone_at, RECONNECTS_WITHIN) if one.gone_at else (self._started_at, STARTS_WITHIN)
            return None if lately(begun, now, patience) else [_condition(camera, AlarmKind.CAMERA_DOWN)]
        if self._silent(one, now):
            return [_condition(camera, AlarmKind.CAMERA_DOWN)]
        if one.heartbeat is None:
            return None
        beat, found = one.heartbeat, list[AlarmCondition]()
        if kind := OF_VIEWS.get(beat.view_state):
            found.append(_condition(camera, kind))
        slow = beat.view_state is not ViewState.NO_FRAMES and beat.frames_per_second < self._terms.least_fps
        if slow and one.heartbeats > 1:  # the first one covers no whole period
            found.append(_condition(camera, AlarmKind.CAMERA_SLOW, least_fps=f"{self._terms.least_fps:g}"))
        if beat.spool.state in _SPOOL_FAILS:
            found.append(_condition(camera, AlarmKind.SPOOL_FAILING, state=beat.spool.state))
        if one.dropped_at and lately(one.dropped_at, now, DROPPED_LASTS):
            found.append(_condition(camera, AlarmKind.CAMERA_DROPPING_CROPS))
        if one.clock_ahead is not None and is_wrong(one.clock_ahead):
            found.append(
                _condition(camera, AlarmKind.CAMERA_CLOCK_WRONG, offset_s=round(one.clock_ahead.total_seconds()))
            )
        return found

    def _rejected(self, name: str, rejection: Rejection) -> AlarmCondition:
        camera = self._cameras.get(name)
        if camera:
            return _condition(camera, AlarmKind.CAMERA_REJECTED, reason=rejection.reason)
        return condition(AlarmKind.CAMERA_REJECTED, name, rejection.site, reason=rejection.reason)


def _condition(camera: Camera, kind: AlarmKind, **details: str | float) -> AlarmCondition:
    return condition(kind, camera.camera_id, camera.site, camera.counter, **details)
