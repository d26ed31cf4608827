"""Alerts: possible matches of a traveller with a subject, until people confirm or clear them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from cekalwatch.contract.values.adjudication import (
    CLEARING,
    FOR_SUPERVISORS,
    OPEN_STATES,
    UNDECIDED,
    UNSETTLED,
    AlertEventType,
    AlertState,
    Escalation,
    Outcome,
    Reason,
    disproves,
)
from cekalwatch.contract.values.alerts import AlertFilter, AlertRecord, LoggedEvent, Sighting
from cekalwatch.contract.values.cameras import CameraReference
from cekalwatch.contract.values.exercises import ExerciseResult
from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.server.domain.alerts.adjudication import Finding, Look
from cekalwatch.server.domain.alerts.handling import Circumstances, Handling
from cekalwatch.server.domain.alerts.match import Candidate, Match, Told
from cekalwatch.server.domain.exercises import result_of
from cekalwatch.server.domain.orders.law import alerts_on

ANSWERED_FOR = timedelta(hours=1)
"""After a judgement that somebody is another person, they alert again."""
MAX_SIGHTINGS = 20
"""Sightings that are read with an alert: the newest ones."""


@dataclass(frozen=True, kw_only=True)
class Alert(AlertRecord):
    """A possible match, as it is stored and decided on. No names are in it: `alerts/shown.py` adds them for readers."""

    alert_id: UUID
    subject_id: str
    """The candidate that is asked about, or was last."""
    last_seen_at: datetime
    candidates: tuple[Candidate, ...]
    handling: Handling
    cameras: frozenset[CameraReference] = frozenset()
    """Every camera that saw the traveller."""
    exercise_id: UUID | None = None
    """The exercise that it is; None of a real alert."""

    @property
    def state(self) -> AlertState:
        """Its state."""
        return self.handling.state

    @property
    def exercise(self) -> ExerciseResult | None:
        """Of an exercise that is over: its result; None of anything else (domain rule 16)."""
        if self.exercise_id is None or self.open:
            return None
        return result_of(self.handling.looks[-1].finding if self.handling.looks else None)

    def looked(self, look: Look, circumstances: Circumstances) -> Handling:
        """Return its handling with a person's first look, which ends an exercise."""
        handling = self.handling.looked(look, circumstances)
        if self.exercise_id is None or handling == self.handling:
            return handling
        return replace(handling, state=AlertState.CLOSED, claim=None)

    @property
    def raised_at(self) -> datetime:
        """When it was raised."""
        return self.handling.raised_at

    def shown(self, sighting: Sighting) -> Sighting:
        """Return a sighting with what it asks; it names the model of its score only if that is another than the
        alert's."""
        model_version = "" if sighting.model_version == self.model_version else sighting.model_version
        return replace(sighting, model_version=model_version, ask=self._ask(sighting))

    def _ask(self, sighting: Sighting) -> str:
        """Return what a sighting asks (rule 7): its passage, if it was live; where none was, the alert that waits."""
        if sighting.late and (self.current or self.state is not AlertState.NEW):
            return ""
        passage = sighting.camera.counter if sighting.late else sighting.passage
        return self._asked_anew(passage) if sighting.turn >= self.handling.attended else ""

    @property
    def call(self) -> str:
        """What its announcement to supervisors and site asks; empty once somebody has dealt with it since."""
        handling = self.handling
        waits = handling.called and handling.called >= handling.attended
        return self._asked_anew(str(handling.escalations)) if waits else ""

    def _asked_anew(self, what: str) -> str:
        """Return a text that is another in each turn, and says nothing else; empty while nobody is asked."""
        if not self.open or self.handling.orders_ended_at:
            return ""
        return hashlib.sha256(f"{self.alert_id} {self.handling.turn} {what}".encode()).hexdigest()[:16]

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
    def present(self) -> Candidate:
        """The candidate that is asked about, or was last."""
        return next(one for one in self.candidates if one.subject_id == self.subject_id)

    @property
    def order_ids(self) -> tuple[str, ...]:
        """The present candidate's orders."""
        return self.present.order_ids

    def orders_of(self, subject_id: str) -> tuple[str, ...]:
        """Return the orders with which a candidate alerted; none for any other subject."""
        return next((one.order_ids for one in self.candidates if one.subject_id == subject_id), ())

    @property
    def score(self) -> float:
        """The present candidate's best comparison score."""
        return self.present.score

    @property
    def left(self) -> tuple[Candidate, ...]:
        """The candidates that are not ruled out, best first."""
        return tuple(one for one in self.candidates if not one.ruled_out)

    @property
    def open(self) -> bool:
        """Whether something is left to find out or to do; other alerts get no new pictures."""
        return self.state in OPEN_STATES

    @property
    def undecided(self) -> bool:
        """Whether it is not settled yet, so that it may ask about another candidate."""
        return self.state in UNSETTLED

    @property
    def asks_looks(self) -> bool:
        """Whether who may judge it has to look at two faces first: there is something to judge, and the picture."""
        return self.handling.asks_looks and bool(self.probe_capture_id)

    def stands(self, in_force: frozenset[str]) -> bool:
        """Whether it still has an order, if these of its candidates have one in force: a hit needs one of its own."""
        return self.subject_id in in_force if self.state is AlertState.CONFIRMED else bool(in_force)

    def answers(self, met: Candidate, seen_at: datetime) -> bool:
        """Whether a match with a candidate belongs to it (rule 3): every one while it is open.

        Afterwards only what was disproved stays answered, for ANSWERED_FOR however often the person is seen.
        """
        candidate = next((one for one in self.candidates if one.subject_id == met.subject_id), None)
        if candidate is None:
            return False
        if self.open:
            return True
        lately = abs(seen_at - self.handling.waits_since) <= ANSWERED_FOR
        return lately and candidate.disproved and not candidate.renewed_by(met)

    def has(self, subject_id: str) -> bool:
        """Whether a subject is among its candidates, ruled out or not."""
        return any(one.subject_id == subject_id for one in self.candidates)

    def wanted_by(self, wanted: AlertFilter) -> bool:
        """Whether a filter selects it; one that escalated to the whole site is selected at each of its counters.

        `AlertStore.list_alerts` selects the same.
        """
        everywhere = self.handling.escalation is Escalation.SITE or (wanted.supervises and self.went_to_supervisors)
        if everywhere and (not wanted.site or self.camera.site == wanted.site):
            return True
        return any(map(wanted.wants, self.cameras))

    def with_match(self, match: Match, new: tuple[Candidate, ...] = (), *, further: bool) -> Alert:
        """Return the alert after `match` joined it; `further`: the match is of a new passage.

        The better score of each candidate counts. The version grows when people must see the change (rule 4). While
        nobody has claimed it, it asks about the best candidate first. A further passage restores candidates that were
        ruled out, but not disproved: a traveller who was gone is here again.
        """
        known = (_met(one, match, undecided=self.undecided, further=further) for one in self.candidates)
        candidates = tuple(sorted((*known, *new), key=lambda one: -one.score))
        wanted = "" if self.state is AlertState.NEW else self.subject_id
        subject_id = self._asked(self.state, candidates, wanted)
        changed = further or bool(new) or subject_id != self.subject_id or _left(candidates) > _left(self.candidates)
        return replace(
            self,
            version=self.version + (changed and self.open),
            subject_id=subject_id,
            candidates=candidates,
            last_seen_at=max(self.last_seen_at, match.capture.captured_at),
            late=match.late if match.capture.captured_at >= self.last_seen_at else self.late,
        )

    def with_handling(self, handling: Handling) -> Alert:
        """Return the alert after steps of people: whom they ruled out is not asked about again, but the next is."""
        found = handling.findings[len(self.handling.findings) :]
        about = {one.subject_id or self.subject_id: one for one in found}
        candidates = tuple(_found(one, about.get(one.subject_id)) for one in self.candidates)
        kept = next((key for key, finding in about.items() if finding.outcome not in CLEARING), self.subject_id)
        subject_id = self._asked(handling.state, candidates, kept)
        return replace(self, handling=handling, candidates=candidates, subject_id=subject_id)

    def with_orders(self, in_force: frozenset[str]) -> Alert:
        """Return the alert's state if only these of its candidates have an order in force (rule 1).

        Until somebody has judged the one that is asked about, it asks about one with an order instead.
        """
        candidates = tuple(
            one if one.ruled_out else replace(one, lapsed=one.subject_id not in in_force) for one in self.candidates
        )
        return replace(self, candidates=candidates, subject_id=self._asked(self.state, candidates, self.subject_id))

    def is_as_told(self, told: Mapping[str, Told]) -> bool:
        """Whether the list tells of its candidates what it told when that was compared last, as far as it was."""
        return all(one.told in {Told(), told.get(one.subject_id, one.told)} for one in self.left)

    def with_told(self, told: Mapping[str, Told], version: int) -> Alert:
        """Return the alert with what the list tells now, which people see as its `version`."""
        new = version > self.version

        def now(one: Candidate) -> Candidate:
            found = told.get(one.subject_id, one.told)
            others = new and found.photographs != one.told.photographs
            return replace(one, told=found, faces_since=version if others else one.faces_since)

        return replace(self, candidates=tuple(map(now, self.candidates)))

    def _asked(self, state: AlertState, candidates: tuple[Candidate, ...], wanted: str) -> str:
        """Return the candidate to ask about: `wanted` if possible, else the best possible one, else the last one.

        Nobody is asked about whose orders have ended while somebody else is left: an ended duplicate would hide the
        active record of one person. What is referred or undetermined speaks of who was judged.
        """
        left = [one for one in candidates if not one.ruled_out]
        if state in UNDECIDED:
            left = [one for one in left if not one.lapsed] or left
        keys = [one.subject_id for one in left]
        return wanted if wanted in keys else next(iter(keys), self.subject_id)


def _left(candidates: tuple[Candidate, ...]) -> int:
    return sum(not one.ruled_out for one in candidates)


def _met(candidate: Candidate, match: Match, *, undecided: bool, further: bool) -> Candidate:
    met = match.candidate(candidate.subject_id)
    if met is None:
        return candidate
    if undecided and candidate.renewed_by(met):
        candidate = replace(candidate, ruled_out=False, disproved=False, unlisted=False)
    better = met if met.score > candidate.score else candidate
    return replace(
        candidate,
        score=better.score,
        cosine=better.cosine,
        order_ids=tuple(dict.fromkeys((*candidate.order_ids, *met.order_ids))),
        ruled_out=candidate.ruled_out and (candidate.disproved or not (undecided and further)),
        lapsed=False,
    )


def _found(candidate: Candidate, finding: Finding | None) -> Candidate:
    if finding and finding.outcome is Outcome.UNDONE:
        return replace(candidate, ruled_out=False, disproved=False, unlisted=False)
    if finding is None or finding.outcome not in CLEARING:
        return candidate
    disproved = candidate.disproved or disproves(finding.outcome, finding.reason)
    unlisted = finding.reason is Reason.NOT_LISTED_IN_CEKAL_ONLINE and (candidate.unlisted or not candidate.disproved)
    return replace(candidate, ruled_out=True, disproved=disproved, unlisted=unlisted)


@dataclass(frozen=True)
class AlertEvent(LoggedEvent):
    """An entry of the durable event log, with the key of its alert."""

    type: AlertEventType
    occurred_at: datetime = field()
    alert_id: UUID = field(kw_only=True)
