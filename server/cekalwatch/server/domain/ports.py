"""Ports with their own servers, and their reports of alerts to the centre.

A port reports the events of its own log, in order, and each with its alert as it stands there. The centre stores them,
and decides nothing about them; but what it has stored of an alert, no later report changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cekalwatch.contract.values.adjudication import UNDECIDED, UNDO_FOR, UNSETTLED, AlertState, Outcome
from cekalwatch.contract.values.federation import PortStatus
from cekalwatch.server.domain.alerts.alert import MAX_SIGHTINGS, Alert, AlertEvent
from cekalwatch.server.foundation.clock import lately

FOLLOWS_WITHIN = timedelta(seconds=15)
"""After this time without a report from a server of the centre, a port no longer follows: that server died."""

HEARD_WITHIN = timedelta(seconds=30)
"""A port that is silent for longer was connected to a server of the centre that died."""


@dataclass(frozen=True, order=True)
class Port:
    """A port, by the certificate of its server."""

    site: str
    name: str

    def __str__(self) -> str:
        return f"{self.site}/{self.name}"


@dataclass(frozen=True)
class PortReport:
    """An event of a port's log with its alert's present state there, and the names of the people who work on it."""

    previous: int
    """The event reported before."""
    event: AlertEvent
    alert: Alert
    people: Mapping[str, str]


@dataclass(frozen=True)
class RefusedReport:
    """A report that contradicts what its port reported of the alert before."""

    report: PortReport
    facts: tuple[str, ...]
    """The names of the facts that it would change."""


@dataclass(frozen=True)
class PortAlert:
    """An alert of a port, as it reported it last."""

    port: Port
    alert: Alert
    people: Mapping[str, str]
    reported_at: datetime


@dataclass(frozen=True)
class PortProgram:
    """A program of a port that calls."""

    port: Port
    """By its certificate, which one program has."""
    run_id: str
    """A key made at its start."""
    model_version: str = ""
    version: str = ""
    certificate: str = ""
    """Issuer and serial number of its certificate, as `CertificateKey.text`; empty in plaintext."""


@dataclass(frozen=True)
class Following(PortProgram):
    """How a port follows the centre's list."""

    server: str = ""
    """The centre's server at which it follows; empty while it does not."""
    since: datetime | None = None
    """When it began to follow, or ended."""
    heard_at: datetime | None = None
    """When it was last known to follow."""

    def goes_on(self, now: datetime) -> bool:
        """Whether it follows now: at a server of the centre that lives."""
        return bool(self.server and self.heard_at and lately(self.heard_at, now, FOLLOWS_WITHIN))


@dataclass(frozen=True)
class PortState:
    """The state of a port, as the centre knows it."""

    port: Port
    server: str = ""
    """The centre's server at which it is connected; empty while it is not."""
    heard_at: datetime | None = None
    waiting: int = 0
    """Events that it had not reported when it was heard of last."""
    version: str = ""
    sequence: int = 0
    """The newest event that is stored."""
    unsettled: int = 0
    """Its unsettled alerts."""
    list_at: datetime | None = None
    """When its list was brought up to date last, as it said when it was last heard of; None when it has not said."""
    following: Following | None = None
    """None when it never followed the list."""

    def status(self, now: datetime) -> PortStatus:
        """Return the state of the port, as people see it."""
        following = self.following
        connected = bool(self.server and self.heard_at and lately(self.heard_at, now, HEARD_WITHIN))
        return PortStatus(
            site=self.port.site,
            name=self.port.name,
            connected=connected,
            last_heard_at=self.heard_at,
            acknowledged_sequence=self.sequence,
            events_waiting=self.waiting,
            server_version=self.version,
            server=self.server if connected else "",
            unsettled_alerts=self.unsettled,
            follows_list=bool(following and following.goes_on(now)),
            follows_since=following.since if following else None,
            list_at=self.list_at,
            model_version=following.model_version if following else "",
        )


_SETTLING = (AlertState.CONFIRMED, AlertState.CLEARED, AlertState.CLOSED)
"""In the order in which an alert goes through them; it may leave some out, and never comes back."""


def contradictions(held: Alert, told: Alert) -> tuple[str, ...]:
    """Return the names of the facts that `told`, a later report of the alert `held`, would change though none may.

    An alert stays where and when it was raised. People's findings and contacts are added to, candidates, orders and
    sightings too; a score rises, and the traveller is elsewhere, only with a new sighting; and only a new finding
    settles an alert, rules a candidate out, or lets one that was judged ask about another candidate.
    """
    old, new = held.handling, told.handling
    further = {one.capture_id for one in told.sightings} - {one.capture_id for one in held.sightings}
    # A late sighting may be older than all that are shown.
    may_join = bool(further) or len(held.sightings) >= MAX_SIGHTINGS
    judged = len(new.findings) > len(old.findings)
    holds = {
        "camera": held.camera == told.camera,
        "capture_time": held.captured_at == told.captured_at,
        "raised_time": held.raised_at == told.raised_at,
        "version": held.version <= told.version,
        "candidates": _candidates_go_on(held, told, may_join=may_join, judged=judged),
        "subject": judged or held.state in UNDECIDED or held.subject_id == told.subject_id,
        "orders": set(held.orders_of(told.subject_id)) <= set(told.order_ids),
        "score": all(_score_goes_on(held, told, one.subject_id, may_join=may_join) for one in held.candidates),
        "threshold": may_join or (held.threshold, held.model_version) == (told.threshold, told.model_version),
        "sightings": _sightings_go_on(held, told)
        and (may_join or (held.late == told.late and held.current in {None, told.current})),
        "findings": new.findings[: len(old.findings)] == old.findings,
        "follow_ups": new.follow_ups[: len(old.follow_ups)] == old.follow_ups,
        "reference": old.reference in {"", new.reference},
        "escalation": (old.escalation, old.escalations) <= (new.escalation, new.escalations),
        "state": _state_goes_on(held, told, judged=judged),
    }
    return tuple(name for name, held_on in holds.items() if not held_on)


def later(held: Alert, told: Alert) -> Alert:
    """Return `told`, with the orders of candidates that it does not ask about: a report has those of one only."""
    orders = {one.subject_id: one.order_ids for one in held.candidates}
    candidates = (replace(one, order_ids=one.order_ids or orders.get(one.subject_id, ())) for one in told.candidates)
    return replace(told, candidates=tuple(candidates))


def _candidates_go_on(held: Alert, told: Alert, *, may_join: bool, judged: bool) -> bool:
    """Whether all are there still, and others only with a sighting; who is ruled out changes with a finding.

    A sighting restores who was ruled out.
    """
    after = {one.subject_id: one.ruled_out for one in told.candidates}
    if not after.keys() >= {one.subject_id for one in held.candidates}:
        return False
    if not may_join and len(told.candidates) != len(held.candidates):
        return False
    same = all(after[one.subject_id] in {one.ruled_out, one.ruled_out and not may_join} for one in held.candidates)
    return judged or same


def _score_goes_on(held: Alert, told: Alert, subject_id: str, *, may_join: bool) -> bool:
    """Whether the score is the same, or changed with a sighting: better, or of another model."""
    before, after = _score(held, subject_id), _score(told, subject_id)
    if before is None or after is None:  # a candidate that is missing is another contradiction
        return True
    return before == after or (may_join and (before[0] != after[0] or before[1] < after[1]))


def _score(alert: Alert, subject_id: str) -> tuple[str, float] | None:
    """Return the model version and the score of a candidate."""
    met = next((one for one in alert.candidates if one.subject_id == subject_id), None)
    return (met.model_version or alert.model_version, met.score) if met else None


def _sightings_go_on(held: Alert, told: Alert) -> bool:
    """Whether the sightings that both show are the same, and none is missing unless newer ones took its place."""
    after = {one.capture_id: (one.captured_at, one.camera, one.score) for one in told.sightings}
    known = [after.get(one.capture_id) for one in held.sightings]
    same = all(
        found in {None, (one.captured_at, one.camera, one.score)}
        for found, one in zip(known, held.sightings, strict=True)
    )
    return same and (None not in known or len(told.sightings) >= MAX_SIGHTINGS)


def _is_undone(held: Alert, told: Alert) -> bool:
    """Whether whoever judged an alert undid that in time."""
    old, new = held.handling.undoable, told.handling.findings[len(held.handling.findings) :]
    undoing = new[0] if new else None
    return bool(
        old
        and undoing
        and (undoing.outcome, undoing.person) == (Outcome.UNDONE, old.person)
        and undoing.found_at - old.found_at <= UNDO_FOR
    )


def _state_goes_on(held: Alert, told: Alert, *, judged: bool) -> bool:
    before, after = held.state, told.state
    if before in UNSETTLED or (before is AlertState.CLEARED and _is_undone(held, told)):
        return after in UNSETTLED or judged
    if after in UNSETTLED or _SETTLING.index(after) < _SETTLING.index(before):
        return False
    taken_back = before is AlertState.CONFIRMED and after is AlertState.CLEARED
    return judged or not taken_back
