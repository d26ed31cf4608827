"""A face crop from a camera, one that broke a bound, and the camera's clock, which gives the time of a crop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from cekalwatch.contract.values.captures import is_wrong
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.foundation.errors import Code

UNKNOWN_EXERCISE: Final = UUID(int=0)
"""Stands for the exercise of a token that no server signed: no exercise is awaited under it."""


@dataclass(frozen=True)
class Capture:
    """A validated capture. Landmarks are five (x, y) in crop pixels: eyes, nose, mouth corners, each from the left."""

    capture_id: str
    camera: Camera
    passage: str
    """Key of the passage: camera, run of its client, and track."""
    captured_at: datetime
    jpeg: bytes
    landmarks: tuple[tuple[float, float], ...]
    quality: float
    """The client's quality figure for the whole crop, 0 to 1."""
    fit: bool = False
    """Whether the face is fit for an alert, by what the client measured (`vision/fitness.py`)."""
    trace: str = ""
    """Its trace context (`program/traces.py`); empty if it is not traced."""
    exercise_id: UUID | None = None
    """The exercise that it belongs to (rule 16), `UNKNOWN_EXERCISE` of an invalid token; None of a traveller."""
    empty: bool = False
    """Whether it has no face, and only shows that captures get through: it is searched, and belongs to no passage."""


@dataclass(frozen=True)
class Rejected:
    """A face that broke a bound of the contract; its id is cut to a receipt's maximum length."""

    capture_id: str
    reason: Code


WINDOW = timedelta(seconds=15)
"""The lead is the largest that was seen in one to two of these."""
MAX_DELAY = timedelta(seconds=20)
"""No message is on its way for longer: a lead that falls by more means that the clock was set back."""
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
"""No capture is older; what would be cannot be placed in time."""


class CameraClock:
    """Follows the clock of one stream's client: its offset, and the times of captures (domain rule 14).

    A message says the client's time when it was written. It was written before it arrived, so the difference to the
    server's time is the clock's lead less the delay: the largest difference of many messages comes nearest. A clock
    that is set forward is noticed with the next message, and so is one that is set back: by more than MAX_DELAY from
    the difference, by less from the client's uptime, which no setting changes. Without that it takes the window.
    """

    def __init__(self) -> None:
        self._begun_at: datetime | None = None
        self._before = self._since = timedelta()
        self._shown_at_zero: timedelta | None = None
        """What the client's clock shows, from EARLIEST on, less the uptime: only setting the clock changes it."""

    @property
    def ahead(self) -> timedelta | None:
        """By how much it is ahead of the server's (negative: behind); None when the client has not said its time."""
        return None if self._begun_at is None else max(self._before, self._since)

    def note(self, client_time: datetime | None, now: datetime, uptime: timedelta | None = None) -> None:
        """Record the time in a message that has just arrived; None when it has none. `uptime` counts from any
        beginning."""
        if client_time is None:
            return
        if uptime is not None:
            self._follow_setting(client_time - EARLIEST - uptime)
        lead, known = client_time - now, self.ahead
        if (
            self._begun_at is None
            or known is None
            or lead < known - MAX_DELAY
            or not timedelta() <= now - self._begun_at < 2 * WINDOW
        ):
            self._begun_at, self._before, self._since = now, lead, lead
        elif now - self._begun_at >= WINDOW:
            self._begun_at, self._before, self._since = now, self._since, lead
        else:
            self._since = max(self._since, lead)

    def _follow_setting(self, shown_at_zero: timedelta) -> None:
        by = shown_at_zero - self._shown_at_zero if self._shown_at_zero is not None else timedelta()
        self._shown_at_zero = shown_at_zero
        # After a machine's sleep its clock seems to be set forward, since its uptime did not advance.
        if -MAX_DELAY <= by < timedelta():
            self._before, self._since = self._before + by, self._since + by

    def place(self, taken_at: datetime, now: datetime, ahead: timedelta | None = None) -> datetime | None:
        """Return when a capture was taken by the server's clock; None when it cannot be placed in time.

        `taken_at` is by the client's clock; `ahead` is given when that was another clock than the present one, as of an
        earlier run. A lead that does not count as wrong is left alone: it is known less well than the clock is right.
        Nothing is taken after it arrived: what would be is placed at `now`.
        """
        lead = ahead if ahead is not None else self.ahead or timedelta()
        try:
            moment = taken_at - lead if is_wrong(lead) else taken_at
        except OverflowError:
            return None
        return min(moment, now) if moment >= EARLIEST else None
