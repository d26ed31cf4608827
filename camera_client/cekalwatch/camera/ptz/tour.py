"""The tour of a camera that can be turned: its next preset, and a person's order to leave the tour.

The order is one small file for each camera, with the preset and the duration. The command `turn` writes it, and the
program that watches the camera reads it. The tour knows no camera and no clock.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from urllib.parse import quote

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from cekalwatch.camera.settings import Turnable
from cekalwatch.program.errors import Exit, ProgramError

READABLE = 0o644
"""The service has a user of its own, and the person who turns the camera is another one."""


@dataclass(frozen=True)
class ManualTurn:
    """A person's order; the file's content."""

    preset: str
    """Name or token."""
    turned_at: AwareDatetime
    until: AwareDatetime | None
    """When the tour is taken up again; None: when a person says so."""

    def holds(self, now: datetime) -> bool:
        """Whether the tour is left at this moment."""
        return self.until is None or now < self.until


_FORM = TypeAdapter(ManualTurn)


def read_turn(folder: Path, mount: str) -> ManualTurn | None:
    """Return the order for a camera (HOST:PORT); None when there is none, or none that can be read."""
    try:
        return _FORM.validate_json(_file(folder, mount).read_bytes())
    except (OSError, ValidationError):
        return None


def write_turn(folder: Path, mount: str, turn: ManualTurn) -> None:
    """Store the order, for whoever runs the service to read. Raises ProgramError."""
    file = _file(folder, mount)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True)
            folder.chmod(0o755)
        draft.write_bytes(_FORM.dump_json(turn))
        draft.chmod(READABLE)
        draft.replace(file)
    except OSError as error:
        raise ProgramError(f"{file} cannot be written: {error.strerror}", Exit.CONFIG) from None


def remove_turn(folder: Path, mount: str) -> None:
    """Remove the order, if there is one. Raises ProgramError."""
    file = _file(folder, mount)
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise ProgramError(f"{file} cannot be removed: {error.strerror}", Exit.CONFIG) from None


def _file(folder: Path, mount: str) -> Path:
    return folder / f"{quote(mount, safe='')}.json"


@dataclass(frozen=True)
class TourStop:
    """A preset of the tour, and the camera key that watches there."""

    camera_id: str
    turnable: Turnable
    stay_s: float


class Tour:
    """Owned by one task; every moment is in seconds of one clock that never goes back."""

    def __init__(self, stops: Sequence[TourStop]) -> None:
        """`stops`: in their order, at least one."""
        self._stops = tuple(stops)
        self._current: TourStop | None = None
        self._arrived_s: float | None = None
        self._due_s: float | None = None
        """Since when it should leave."""
        self._passed_over = False

    def stop_at(self, now_s: float, time_of_day: time, *, under_way: bool) -> TourStop | None:
        """Return the preset where the camera should be; None before the first counter of the tour is open.

        `under_way`: whether a traveller is passing at the present stop.
        """
        is_open = [stop.turnable.open_at(time_of_day) for stop in self._stops]
        following = self._following(is_open)
        if following is None:
            self._due_s = None
            self._passed_over = False
        elif self._leaves(now_s, under_way=under_way, is_open=is_open):
            self._current, self._arrived_s, self._due_s, self._passed_over = following, None, None, False
        return self._current

    def arrived(self, now_s: float) -> None:
        """Note that the camera is at the present stop."""
        if self._arrived_s is None:
            self._arrived_s = now_s

    def pass_over(self) -> None:
        """Leave the present stop at once: the camera does not get there."""
        self._passed_over = True

    def interrupt(self) -> None:
        """Note that a person has turned the camera elsewhere: the stay at the present stop begins anew afterwards."""
        self._arrived_s = self._due_s = None

    def _following(self, is_open: Sequence[bool]) -> TourStop | None:
        """Return the next open stop after the present one; None when no other is open."""
        first = self._stops.index(self._current) + 1 if self._current else 0
        places = [place % len(self._stops) for place in range(first, first + len(self._stops))]
        return next((self._stops[i] for i in places if is_open[i] and self._stops[i] is not self._current), None)

    def _leaves(self, now_s: float, *, under_way: bool, is_open: Sequence[bool]) -> bool:
        current = self._current
        if current is None or self._passed_over:
            return True
        here_is_open = is_open[self._stops.index(current)]
        if self._arrived_s is None:
            return not here_is_open
        if here_is_open and now_s - self._arrived_s < current.stay_s:
            self._due_s = None
            return False
        self._due_s = now_s if self._due_s is None else self._due_s
        return not under_way or now_s - self._due_s >= current.turnable.wait_seconds
