"""Alerts: possible matches of a traveller with a subject, until people confirm or clear them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.handling import Handling
from cekalwatch.server.domain.orders import alerts_on
from cekalwatch.wire.vocabulary.adjudication import (
    FOR_SUPERVISORS,
    OPEN_STATES,
    AlertEventType,
    AlertState,
    Escalation,
)
from cekalwatch.wire.vocabulary.orders import Direction, OrderKind


@dataclass(frozen=True)
class Candidate:
    """A subject near the probe; the comparison score is a cosine, -1 to 1."""

    subject_id: str
    score: float


@dataclass(frozen=True)
class Match:
    """A capture whose passage matches a subject with an order in force; it becomes an alert, or joins one."""

    capture: Capture
    candidates: tuple[Candidate, ...]
    """Best first; the first is the subject that alerts."""
    order_ids: tuple[str, ...]
    """The subject's orders that are in force and watched by the camera's direction."""
    fused_crops: int
    threshold: float
    model_version: str
    late: bool = False
    """Whether it arrived so long after the capture that the traveller may be gone."""

    @property
    def subject_id(self) -> str:
        """The subject that alerts."""
        return self.candidates[0].subject_id

    @property
    def score(self) -> float:
        """That subject's comparison score."""
        return self.candidates[0].score


@dataclass(frozen=True)
class Sighting:
    """One capture that belongs to an alert."""

    capture_id: UUID
    captured_at: datetime
    camera: Camera
    score: float
    fused_crops: int


@dataclass(frozen=True)
class Alert:
    """A possible match. `camera` and `captured_at` are those of its first sighting."""

    alert_id: UUID
    version: int
    """Counts what a person must have seen before they judge, from 1: steps of people, further passages while open."""
    subject_id: str
    order_ids: tuple[str, ...]
    camera: Camera
    captured_at: datetime
    last_seen_at: datetime
    score: float
    threshold: float
    candidates: tuple[Candidate, ...]
    model_version: str
    handling: Handling
    late: bool = False
    """Whether a sighting was late; see `Match`."""
    sightings: tuple[Sighting, ...] = ()
    """The newest ones, by capture time."""
    cameras: frozenset[Camera] = frozenset()
    """Every camera that saw the traveller."""

    @property
    def state(self) -> AlertState:
        """Its state."""
        return self.handling.state

    @property
    def raised_at(self) -> datetime:
        """When it was raised."""
        return self.handling.raised_at

    def watched_for(self, kind: OrderKind) -> bool:
        """Whether orders of `kind` alert at a camera that saw the traveller (rule 2)."""
        return alerts_on(kind) in {self.camera.direction, *(camera.direction for camera in self.cameras)}

    @property
    def went_to_supervisors(self) -> bool:
        """Whether it has ever gone to the supervisors: unclaimed, or by the finding of its officer."""
        return self.handling.escalation >= Escalation.SUPERVISOR or any(
            finding.outcome in FOR_SUPERVISORS for finding in self.handling.findings
        )

    @property
    def open(self) -> bool:
        """Whether something is left to find out or to do; other alerts get no new pictures."""
        return self.state in OPEN_STATES

    def takes(self, match: Match, window: timedelta) -> bool:
        """Whether `match` joins this alert by subject, site and time; domain rule 3."""
        return (
            self.open
            and self.subject_id == match.subject_id
            and self.camera.site == match.capture.camera.site
            and abs(match.capture.captured_at - self.last_seen_at) <= window
        )

    def with_match(self, match: Match, *, further: bool) -> Alert:
        """Return the alert after `match` joined, of a `further` passage or of one that is in it already.

        The better score counts, with its candidates.
        """
        better = match.score > self.score
        return replace(
            self,
            version=self.version + (further and self.open),
            score=max(self.score, match.score),
            candidates=match.candidates if better else self.candidates,
            order_ids=tuple(dict.fromkeys((*self.order_ids, *match.order_ids))),
            last_seen_at=max(self.last_seen_at, match.capture.captured_at),
            late=self.late or match.late,
        )


@dataclass(frozen=True)
class AlertEvent:
    """An entry of the durable event log."""

    sequence: int
    type: AlertEventType
    occurred_at: datetime
    alert_id: UUID
    capture_id: UUID | None = None
    """The capture that caused it; None if a person or the clock did."""


@dataclass(frozen=True)
class AlertFilter:
    """Which alerts to select, by camera; an empty field selects all. `AlertStore.list_alerts` selects the same."""

    site: str = ""
    counters: frozenset[str] = frozenset()
    direction: Direction | None = None
    supervises: bool = False
    """Whether a supervisor looks: what went to the site's supervisors is selected at whatever counter it was."""

    def wants_alert(self, alert: Alert) -> bool:
        """Whether an alert is selected; one that escalated to the whole site is selected at each of its counters."""
        everywhere = alert.handling.escalation is Escalation.SITE or (self.supervises and alert.went_to_supervisors)
        if everywhere and (not self.site or alert.camera.site == self.site):
            return True
        return any(map(self.wants, alert.cameras))

    def wants(self, camera: Camera) -> bool:
        """Whether what happens at `camera` is selected."""
        return (
            (not self.site or camera.site == self.site)
            and (not self.counters or camera.counter in self.counters)
            and (self.direction is None or camera.direction is self.direction)
        )
