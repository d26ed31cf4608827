"""Follows the position of a camera that can be turned, decides which of its keys may send, and turns it on its tour.

One monitor serves a camera with all its keys: each key belongs to a preset. Nothing is sent while the position of the
camera is unknown (rule 2).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Final

import structlog

from cekalwatch.camera.clock import Clock, set_within
from cekalwatch.camera.ptz.onvif import OnvifCamera, Preset, PtzStatus, find_preset, opened
from cekalwatch.camera.ptz.soap import OnvifError
from cekalwatch.camera.ptz.tour import ManualTurn, Tour, TourStop, read_turn
from cekalwatch.camera.settings import Turnable
from cekalwatch.camera.view.monitor import PresetStatus
from cekalwatch.wire.backoff import Backoff

PERIOD_S: Final = 0.5
"""The period of questions for the camera's position."""
ANSWER_HOLDS_S: Final = 3.0
"""The greatest age of its last answer: a camera that has not answered for longer may look anywhere."""
PRESETS_EVERY_S: Final = 60.0
"""How often its presets are read: technicians store them anew."""

log = structlog.get_logger()


class PtzMonitor:
    """Of one camera. `run` belongs to the event loop; `preset_status` may be called on any thread."""

    def __init__(
        self,
        keys: Mapping[str, Turnable],
        password: str,
        clock: Clock,
        *,
        turns_folder: Path,
        under_way: Callable[[str], bool] = lambda _: False,
        zone: tzinfo | None = None,
        period_s: float = PERIOD_S,
        backoff: Backoff | None = None,
    ) -> None:
        """`keys`: the camera keys of this camera with their presets, at least one, in the order of the tour.

        `turns_folder`: folder of people's orders (manual_turn). `under_way`: whether a traveller passes at a camera key
        now. `zone`: time zone of the tour's hours; None is the machine's.
        """
        self._keys = dict(keys)
        self._device = next(iter(keys.values()))
        self.mount = self._device.mount
        self._password = password
        self._clock = clock
        self._turns_folder = turns_folder
        self._under_way = under_way
        self._zone = zone
        self._period_s = period_s
        self._backoff = backoff or Backoff(first_s=1.0, most_s=60.0)
        stops = [TourStop(key, one, one.stay_seconds) for key, one in keys.items() if one.stay_seconds is not None]
        self._tour = Tour(stops) if stops else None
        self._left_for: ManualTurn | None = None
        """The person's order for which the tour is left."""
        self._presets: dict[str, Preset] = {}
        """Those of the keys that the camera has."""
        self._stored: list[Preset] = []
        self._presets_read_s = -math.inf
        self._sent: tuple[Preset, float] | None = None
        """The preset to which this program has sent the camera since it was connected, and when."""
        self._there_s: dict[str, float] = {}
        """Since when the camera rests at the preset of a key."""
        self._at_stop_s = 0.0
        """When the camera was last at the present stop of the tour, or was sent there."""
        self._missed: set[str] = set()
        """Keys whose preset the camera did not reach in time."""
        self._answered_s = -math.inf
        self._statuses = dict.fromkeys(keys, PresetStatus.NOT_ASKED)

    def preset_status(self, camera_id: str) -> PresetStatus:
        """Return whether the camera is at the preset of this key."""
        status = self._statuses[camera_id]
        if status is not PresetStatus.NOT_ASKED and self._clock.monotonic_s() - self._answered_s > ANSWER_HOLDS_S:
            return PresetStatus.UNKNOWN
        return status

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the camera until `stop`; whatever fails is tried again."""
        while not stop.is_set():
            try:
                async with opened(self._device, self._password) as camera:
                    await self._follow(camera, stop)
            except OnvifError as error:
                await self._pause(str(error), stop)
            except Exception:  # if the monitor ended, its keys would stay silent
                log.exception("mount_failed", mount=self.mount)
                await self._pause("an unexpected error", stop)

    async def _pause(self, problem: str, stop: asyncio.Event) -> None:
        delay_s = self._backoff.next_delay_s()
        log.warning("mount_lost", mount=self.mount, problem=problem, retry_in_s=round(delay_s, 1))
        # At once: it may move from now on, and has to settle anew.
        self._there_s.clear()
        for key in self._keys:
            self._set(key, PresetStatus.UNKNOWN)
        await set_within(stop, delay_s)

    async def _follow(self, camera: OnvifCamera, stop: asyncio.Event) -> None:
        # It may have been without power, and look anywhere, so earlier commands no longer count.
        self._sent, self._presets_read_s = None, -math.inf
        while True:
            if self._clock.monotonic_s() - self._presets_read_s >= PRESETS_EVERY_S:
                await self._read_presets(camera)
            asked_s = self._clock.monotonic_s()
            self._note(await camera.status(), asked_s)
            await self._turn_if_due(camera)
            if await set_within(stop, self._period_s):
                return

    async def _read_presets(self, camera: OnvifCamera) -> None:
        first = self._presets_read_s == -math.inf
        self._stored = await camera.presets()
        self._presets_read_s = self._clock.monotonic_s()
        found = {key: find_preset(self._stored, one.preset) for key, one in self._keys.items()}
        for key, preset in found.items():
            if preset is None:
                log.warning("preset_missing", camera_id=key, preset=self._keys[key].preset)
        self._presets = {key: preset for key, preset in found.items() if preset}
        if first:
            log.info("mount_connected", mount=self.mount, presets=len(self._stored))
            self._backoff.reset()

    def _note(self, now: PtzStatus, now_s: float) -> None:
        """Process the camera's answer to a question of that moment; a late answer describes the past."""
        self._answered_s = now_s
        for key in self._keys:
            status = self._status_of(key, now, now_s)
            if status is PresetStatus.AT_PRESET:
                self._missed.discard(key)
                since_s = self._there_s.setdefault(key, now_s)
                if now_s - since_s < self._keys[key].settle_seconds:
                    status = PresetStatus.AWAY
            else:
                self._there_s.pop(key, None)
                if status is PresetStatus.AWAY and key in self._missed:
                    status = PresetStatus.NOT_REACHED
            self._set(key, status)

    def _status_of(self, key: str, now: PtzStatus, now_s: float) -> PresetStatus:
        preset, turnable = self._presets.get(key), self._keys[key]
        if preset is None:
            return PresetStatus.UNKNOWN
        status = preset_status(now, preset, self._presets.values())
        if status is not PresetStatus.UNKNOWN or not turnable.trust_preset_without_feedback or self._sent is None:
            return status
        sent_to, sent_s = self._sent
        is_there = sent_to.token == preset.token and now_s - sent_s >= turnable.turn_seconds
        return PresetStatus.AT_PRESET if is_there else PresetStatus.AWAY

    def _set(self, key: str, status: PresetStatus) -> None:
        if status is not self._statuses[key]:
            log.info("mount_turned", camera_id=key, preset_status=status.name.lower())
            self._statuses[key] = status

    async def _turn_if_due(self, camera: OnvifCamera) -> None:
        """Turn the camera to where a person or its tour wants it, if it is not there."""
        manual = await asyncio.to_thread(read_turn, self._turns_folder, self.mount)
        if self._tour is None:
            if manual and any(one.trust_preset_without_feedback for one in self._keys.values()):
                await self._turn(camera, find_preset(self._stored, manual.preset))
        elif manual and manual.holds(self._clock.now()):
            self._leave_tour(manual)
            self._tour.interrupt()
            await self._turn(camera, find_preset(self._stored, manual.preset))
        else:
            self._leave_tour(None)
            await self._go_on(camera, self._tour)

    def _leave_tour(self, manual: ManualTurn | None) -> None:
        if manual == self._left_for:
            return
        self._left_for = manual
        if manual:
            until = manual.until.isoformat(timespec="seconds") if manual.until else ""
            log.info("tour_left", mount=self.mount, preset=manual.preset, until=until)
        else:
            log.info("tour_taken_up", mount=self.mount)

    async def _go_on(self, camera: OnvifCamera, tour: Tour) -> None:
        now_s = self._answered_s
        here = [key for key, status in self._statuses.items() if status is PresetStatus.AT_PRESET]
        stop = tour.stop_at(
            now_s,
            self._clock.now().astimezone(self._zone).time(),
            under_way=any(self._under_way(key) for key in here),
        )
        if stop is None:
            return
        key, preset, status = stop.camera_id, self._presets.get(stop.camera_id), self._statuses[stop.camera_id]
        if preset is None:
            tour.pass_over()
        elif status is PresetStatus.UNKNOWN and not stop.turnable.trust_preset_without_feedback:
            return  # nothing would be sent wherever it turned to
        elif status is PresetStatus.AT_PRESET:
            tour.arrived(now_s)
            self._at_stop_s = now_s
        elif (
            key not in self._there_s
            and not await self._turn(camera, preset)
            and now_s - self._at_stop_s > stop.turnable.turn_seconds
        ):
            log.warning("preset_not_reached", camera_id=key, preset=stop.turnable.preset)
            self._missed.add(key)
            self._sent = None  # so that it is sent there again
            tour.pass_over()

    async def _turn(self, camera: OnvifCamera, preset: Preset | None) -> bool:
        """Send the camera to a preset unless it was sent there or rests there; return whether it was sent now."""
        if preset is None or (self._sent and self._sent[0].token == preset.token):
            return False
        if not any(self._presets[key].token == preset.token for key in self._there_s):
            # Before it moves: what is seen from now on belongs to no counter.
            self._there_s.clear()
            for key, status in self._statuses.items():
                if status is PresetStatus.AT_PRESET:
                    self._set(key, PresetStatus.AWAY)
            log.info("mount_sent", mount=self.mount, preset=preset.name or preset.token)
            await camera.turn_to(preset)
        self._at_stop_s = self._clock.monotonic_s()
        self._sent = (preset, self._at_stop_s)
        return True


async def arrive(camera: OnvifCamera, preset: Preset, period_s: float = PERIOD_S) -> PresetStatus:
    """Turn to a preset; return AT_PRESET when it rests there, UNKNOWN when it does not tell. Raises OnvifError."""
    await camera.turn_to(preset)
    while True:
        status = preset_status(await camera.status(), preset)
        if status is not PresetStatus.AWAY:
            return status
        await asyncio.sleep(period_s)


def preset_status(now: PtzStatus, preset: Preset, watched: Iterable[Preset] = ()) -> PresetStatus:
    """Return whether a camera that looks like this `now` is at `preset`.

    UNKNOWN also if another `watched` preset has the same position: some cameras always report zeros.
    """
    if now.moves:
        return PresetStatus.AWAY
    if now.position is None or preset.position is None:
        return PresetStatus.UNKNOWN
    others = [other.position for other in watched if other.token != preset.token and other.position]
    if any(preset.position.is_near(other) for other in others):
        return PresetStatus.UNKNOWN
    return PresetStatus.AT_PRESET if now.position.is_near(preset.position) else PresetStatus.AWAY
