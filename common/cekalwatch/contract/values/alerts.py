"""An alert in the form for everybody who may see it, with subject and orders at the time when the server sent it;
and how alerts are selected and looked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Final, Protocol

from annotated_types import Interval, MaxLen

from cekalwatch.contract.values.adjudication import (
    OPEN_STATES,
    PENDING,
    UNSETTLED,
    AlertEventType,
    AlertState,
    Clearing,
    Escalation,
    Finding,
    FirstLook,
    Handling,
    Outcome,
)
from cekalwatch.contract.values.cameras import CameraReference
from cekalwatch.contract.values.exercises import ExerciseRecord, ExerciseResult
from cekalwatch.contract.values.orders import Direction, ShownOrder
from cekalwatch.contract.values.people import MAX_DISPLAY_NAME
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.contract.values.subjects import FaceFigures, ReferenceFace, Subject
from cekalwatch.contract.values.unusable_faces import UnusableNotice
from cekalwatch.contract.values.watchlist import Freshness, LookalikeJudgement

MAX_OTHERS_LOOKS: Final = 20
"""Most first looks of other people that are shown with an alert: an alert must fit into a message."""
MAX_CANDIDATE_KEY: Final = 200
"""Most characters of a subject's key, with a margin: longer keys do not exist."""
CandidateKey = Annotated[str, MaxLen(MAX_CANDIDATE_KEY)]
Score = Annotated[float, Interval(ge=-1.0001, le=1.0001)]
"""A comparison score, -1 to 1, rounded to 32 bits."""


@dataclass(frozen=True)
class JudgedLookalike:
    """Another subject on the list with a similar face, and the judgement on the two."""

    subject_id: str
    judgement: LookalikeJudgement | None
    """None: one that only a newer server knows."""


@dataclass(frozen=True)
class Candidate:
    """A subject above the threshold. Each one is judged separately."""

    subject_id: CandidateKey
    score: Score
    name: str = ""
    ruled_out: bool = False
    """Whether a person found that the traveller is not this subject."""
    lookalikes: tuple[JudgedLookalike, ...] = ()
    model_version: Annotated[str, MaxLen(200)] = ""
    """The model version of the score, if it is another than the alert's."""
    faces_since: int = 0
    """The version of the alert since which their two faces are these; 0: always."""

    def without_names(self, hidden: Collection[str]) -> Candidate:
        """Return it without the keys of look-alikes at whose faces the reader has still to look."""
        if not any(one.subject_id in hidden for one in self.lookalikes):
            return self
        blank = (replace(one, subject_id="") if one.subject_id in hidden else one for one in self.lookalikes)
        return replace(self, lookalikes=tuple(blank))


@dataclass(frozen=True)
class Sighting:
    """One sighting that joined the alert."""

    capture_id: str
    captured_at: datetime
    camera: CameraReference
    score: Score
    fused_crops: int
    passage: Annotated[str, MaxLen(MAX_CANDIDATE_KEY)] = ""
    """Key of the passage; empty from a server before 0.3.0."""
    late: bool = False
    """Whether it arrived so long after the capture that the traveller may be gone."""
    model_version: Annotated[str, MaxLen(200)] = ""
    """The model version of the score, if it is another than the alert's."""
    ask: Annotated[str, MaxLen(64)] = ""
    """A text that is new whenever the passage asks for somebody at its counter; empty while somebody deals with it."""
    turn: int = 0
    """The alert's turn when the passage came live; known to the server that stores it only. See `Handling.turn`."""


@dataclass(frozen=True, kw_only=True)
class MatchFacts:
    """What a match brings into its alert. The server stores each as a column of the same name."""

    threshold: float
    model_version: Annotated[str, MaxLen(200)]
    """What scores and threshold are bound to; templates of two are not compared either."""
    late: bool = False
    """Whether the newest sighting arrived so long after the capture that the traveller may be gone."""


@dataclass(frozen=True, kw_only=True)
class AlertRecord(MatchFacts):
    """What the server stores of an alert, and what every reader gets. Scores are comparison scores, -1 to 1."""

    version: int
    """Counts from 1 what a person must have seen before judging: people's steps, and new passages while open."""
    camera: CameraReference
    """That of the first sighting."""
    captured_at: datetime
    candidates: tuple[Candidate, ...]
    """Best first."""
    handling: Handling
    sightings: tuple[Sighting, ...] = ()
    """The newest ones, by capture time."""
    current: Sighting | None = None
    """The newest sighting that was not late: where the traveller is now; None when all were late."""
    probe_capture_id: str = ""
    """The capture whose picture is the probe; empty when no picture is stored."""

    @property
    def last_seen(self) -> Sighting | None:
        """The newest live sighting, else the newest one; None only without sightings."""
        return self.current or (self.sightings[-1] if self.sightings else None)

    @property
    def place(self) -> CameraReference:
        """Where the traveller is, or was last."""
        return self.last_seen.camera if self.last_seen else self.camera


@dataclass(frozen=True, kw_only=True)
class Alert(AlertRecord):
    """A possible match, as the server shows it."""

    alert_id: str
    state: AlertState | None
    """None: one that only a newer server knows."""
    subject: Subject
    """The candidate that is asked about, or was last."""
    orders: tuple[ShownOrder, ...]
    raised_at: datetime
    score: float
    orders_ended_at: datetime | None = None
    """Time since which no order of it is in force: it can only be cleared, or, as a hit, be followed up and closed."""
    first_look: FirstLook | None = None
    """Whether who is shown it must look first; None: nobody must."""
    asked_key: Annotated[str, MaxLen(64)] = ""
    """Another text for each candidate that is asked about, and says nothing of them; empty from old servers."""
    undo_until: datetime | None = None
    """Until when whoever judged it may undo that; None once something came of the judgement, and from old servers.

    Of one that a supervisor must settle, it is set until it is announced to them: nothing rings for that before.
    """

    exercise: ExerciseResult | None = None
    """Of an exercise that is over: what it was for the reader; None of anything else."""
    exercise_record: ExerciseRecord | None = None
    """How the reader judged exercises so far; only with a result of their own."""
    call: Annotated[str, MaxLen(64)] = ""
    """A text that is new whenever the alert is announced to the supervisors or the site; empty once somebody has dealt
    with it since."""

    def told_to(self, people: Collection[str]) -> Alert:
        """Return an exercise that is over, as one of `people` may see it. Nobody is named.

        Who judged it sees their own result. What others found is not shown (domain rule 16).
        """
        own = tuple(replace(one, subject_id="") for one in self.handling.looks if one.person.person_id in people)
        return replace(
            self.unnamed,
            model_version="",
            candidates=(),
            handling=Handling(looks=own),
            first_look=None,
            exercise=self.exercise if own else ExerciseResult.ENDED,
            exercise_record=self.exercise_record if own else None,
        )

    def seen_by(self, person_id: str) -> Alert:
        """Return what a person who may judge is shown of it (domain rule 15): all, once they have looked.

        A candidate at whose face they have not looked, and whom nobody has ruled out, stays without key, name and
        score: it may be the next that they look at.
        """
        if self.exercise:
            return self.told_to((person_id,))
        if self.first_look is not FirstLook.TAKEN:
            return self
        seen = self.handling.seen_by(person_id)
        if self.subject.subject_id not in seen:
            return self.before_look
        hidden = {one.subject_id for one in self.candidates if not one.ruled_out} - seen
        own = [one for one in self.handling.looks if one.person.person_id == person_id]
        others = [one for one in self.handling.looks if one.person.person_id != person_id]
        return replace(
            self,
            candidates=tuple(
                Candidate("", 0.0) if one.subject_id in hidden else one.without_names(hidden) for one in self.candidates
            ),
            handling=replace(self.handling, looks=(*own, *others[-MAX_OTHERS_LOOKS:])),
        )

    @property
    def before_look(self) -> Alert:
        """What is shown of it before the first look: faces, place and time, who holds it or took it over, how far it
        has gone up.
        """
        handling = self.handling
        return replace(
            self,
            state=None if self.state in PENDING else self.state,
            subject=Subject("", ""),
            orders=(),
            candidates=(),
            sightings=tuple(replace(one, score=0.0, model_version="") for one in self.sightings),
            score=0.0,
            threshold=0.0,
            model_version="",
            handling=Handling(
                claim=handling.claim,
                findings=tuple(
                    Finding(one.outcome, one.reason, "", one.person, one.found_at)
                    for one in handling.findings
                    if one.outcome is Outcome.TAKEN_OVER
                ),
                escalation=handling.escalation,
                unclaimed_since=handling.unclaimed_since,
                escalated_at=handling.escalated_at,
            ),
            current=replace(self.current, score=0.0, model_version="") if self.current else None,
            agencies_owed=(),
            first_look=FirstLook.NEEDED,
            # Of one that is held it would say that a candidate was ruled out.
            undo_until=self.undo_until if self.state in PENDING else None,
        )

    @property
    def without_looks(self) -> Alert:
        """The alert without what people found at first sight, for those who judge nothing of it."""
        handling = replace(self.handling, looks=())
        return replace(self, first_look=None, asked_key="", undo_until=None, handling=handling)

    @property
    def nameless(self) -> bool:
        """Whether nothing but faces, place and time is shown: before the first look, and of an exercise always."""
        return self.look_needed or self.exercise is not None

    @property
    def look_needed(self) -> bool:
        """Whether who is shown it must look at the two faces first."""
        return self.first_look is FirstLook.NEEDED

    @property
    def unnamed(self) -> Alert:
        """The alert for a device without a person: that there is one, where and when, and nothing of people.

        It rings as the alert itself does. A notifier before 0.3.0, whose stream never names its person, shows the
        pictures with it, and all else once the alert is claimed or listed.
        """
        return replace(
            self,
            subject=Subject("", ""),
            orders=(),
            candidates=(),
            sightings=tuple(map(_place_of, self.sightings)),
            score=0.0,
            threshold=0.0,
            handling=Handling(escalation=self.handling.escalation),
            asked_key="",
            current=_place_of(self.current) if self.current else None,
            agencies_owed=(),
        )

    @property
    def named(self) -> bool:
        """Whether it says whom it asks about: the server does not say so to a device without a person."""
        return bool(self.subject.subject_id or self.asked_key)

    @property
    def seen(self) -> tuple[Sighting, ...]:
        """The sightings that are shown, and `current`, which may be older than they are."""
        older = (self.current,) if self.current and self.current not in self.sightings else ()
        return (*older, *self.sightings)

    @property
    def last_seen_at(self) -> datetime:
        """When that was."""
        return self.last_seen.captured_at if self.last_seen else self.captured_at

    @property
    def seen_live(self) -> bool:
        """Whether the traveller was seen live; a server before 0.3.0 says only whether it came late."""
        return self.current is not None or not self.late

    agencies_owed: tuple[str, ...] = ()
    """Agencies that must still be told of a hit, or, once its orders have ended, of the release; by the orders' or the
    follow-ups' spelling."""

    @property
    def open(self) -> bool:
        """Whether somebody must still act on it."""
        return self.state in OPEN_STATES or self.look_needed

    @property
    def settled_at(self) -> datetime | None:
        """When it was settled what it is; None before, and where that is not told."""
        found = self.handling.findings
        return found[-1].found_at if found and not self.unsettled else None

    @property
    def unsettled(self) -> bool:
        """Whether it is not settled yet what it is."""
        return self.state in UNSETTLED or self.look_needed

    @property
    def pending(self) -> bool:
        """Whether an officer has judged it, and a supervisor must settle it. Who must look first is not told how."""
        return self.state in PENDING or (self.state is None and self.look_needed)

    @property
    def hit(self) -> bool:
        """Whether Cekal Online lists the traveller: the alert was confirmed, and may already be closed."""
        return self.state is AlertState.CONFIRMED or (self.state is AlertState.CLOSED and bool(self.handling.reference))

    @property
    def told_enough(self) -> bool:
        """Whether no agency must be told any more before a hit is closed; servers before 0.3.0 ask for one at least."""
        ended = self.orders_ended_at is not None
        return not self.agencies_owed and (ended or bool(self.handling.follow_ups))

    @property
    def agencies(self) -> tuple[str, ...]:
        """The agencies to offer for a follow-up: those that are owed one, and otherwise those of its orders."""
        return self.agencies_owed or tuple(dict.fromkeys(one.requesting_agency for one in self.orders))

    @property
    def clearing(self) -> Clearing | None:
        """Why it was cleared, closed or not; None while it is not, and of a hit."""
        return None if self.open else self.handling.clearing

    @property
    def only_to_be_cleared(self) -> bool:
        """Whether it is unsettled, and no order of it is in force any more."""
        return self.orders_ended_at is not None and self.state in UNSETTLED

    @property
    def ground_gone(self) -> bool:
        """Whether it is a confirmed hit, and no order is in force any more by which the traveller could be held."""
        return self.orders_ended_at is not None and self.state is AlertState.CONFIRMED

    @property
    def candidate_place(self) -> int:
        """The place of the candidate that is asked about among all that are judged, from 1."""
        return 1 + sum(one.ruled_out for one in self.candidates if one.subject_id != self.subject.subject_id)

    @property
    def escalated(self) -> bool:
        """Whether it was escalated to the supervisors, because nobody claimed it in time."""
        return self.handling.escalation > Escalation.COUNTER

    @property
    def asks(self) -> Mapping[str, CameraReference]:
        """What asks for somebody at a counter, with the camera: passages with which nobody deals."""
        waits = self.state is AlertState.NEW and self.orders_ended_at is None
        older = {one.camera.camera_id: one.camera for one in self.seen if waits and not one.passage}
        return {one.ask: one.camera for one in self.seen if one.ask} or older  # of a server before 0.3.0

    @property
    def taken_up_at(self) -> str:
        """The counter where the traveller was when somebody took the alert up; empty while nobody has."""
        return next((one.camera.counter for one in reversed(self.seen) if not (one.ask or one.late)), "")

    @property
    def pictures_key(self) -> str:
        """A text that changes with the alert's pictures; empty when it has no probe any more."""
        return f"{self.probe_capture_id}/{self.asked}" if self.probe_capture_id else ""

    @property
    def asked(self) -> str:
        """A text that changes with the candidate that is asked about."""
        return self.asked_key or self.subject.subject_id


def _place_of(sighting: Sighting) -> Sighting:
    return replace(sighting, score=0.0, fused_crops=0)


@dataclass(frozen=True)
class AlertPictures:
    """JPEGs to compare; `probe` is empty when no picture is stored."""

    probe: bytes
    references: tuple[ReferenceFace, ...] = ()
    """With their pictures, best first."""

    @property
    def before_look(self) -> AlertPictures:
        """The faces alone: keys and measurements of photographs say whose they are."""
        return AlertPictures(
            self.probe, tuple(ReferenceFace("", "", FaceFigures(), jpeg=one.jpeg) for one in self.references)
        )

    @property
    def reference_jpegs(self) -> tuple[bytes, ...]:
        """The pictures of the references that have one."""
        return tuple(one.jpeg for one in self.references if one.jpeg)


@dataclass(frozen=True)
class AlertFaces:
    """Two small JPEGs of an alert, for a list."""

    alert_id: str
    probe: bytes
    reference: bytes
    """The best photograph of whom it asks about; empty without one."""


@dataclass(frozen=True)
class Subscribed:
    """The subscription is open; events after `after_sequence` follow, and `head_sequence` is the newest event."""

    after_sequence: int
    head_sequence: int
    freshness: Freshness
    waiting_alerts: int = 0
    """Number of waiting alerts, by the server: without a signed-in person, a PC may not list them."""
    readiness: Readiness | None = None
    """Whether a listed traveller would ring where the subscriber watches; None from a server before 0.3.0."""


@dataclass(frozen=True)
class LoggedEvent:
    """An entry of the server's durable event log."""

    sequence: int
    type: AlertEventType | None
    """None for an event that only a newer server knows; the present version of the alert is shown."""
    occurred_at: datetime | None = None
    capture_id: str = ""
    """The capture that caused it; empty if a person or the clock did."""
    trace: str = ""
    """The trace context of that capture; empty if it is not traced."""


@dataclass(frozen=True)
class AlertEvent(LoggedEvent):
    """An event with its alert's present state."""

    alert: Alert = field(kw_only=True)


@dataclass(frozen=True)
class KeepAlive:
    """Nothing happened, and the connection lives."""

    server_time: datetime
    head_sequence: int
    freshness: Freshness
    waiting_alerts: int = 0
    """As in `Subscribed`."""
    readiness: Readiness | None = None
    """As in `Subscribed`."""


StreamMessage = Subscribed | Alert | AlertEvent | KeepAlive | UnusableNotice
"""What a subscription is told. An alert by itself waits for somebody still: those come before the events that the
agent missed, newest first."""


MAX_COUNTERS: Final = 64
OLDEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""No alert and no step is older: a request for an earlier moment is a mistake."""
SearchedMoment = Annotated[datetime, Interval(ge=OLDEST)]


class _Place(Protocol):
    """The site and counter of a camera."""

    @property
    def site(self) -> str: ...
    @property
    def counter(self) -> str: ...
    @property
    def direction(self) -> Direction | None: ...


@dataclass(frozen=True)
class AlertFilter:
    """Which alerts to select, by camera; an empty field selects all."""

    site: str = ""
    counters: Annotated[frozenset[str], MaxLen(MAX_COUNTERS)] = frozenset()
    direction: Direction | None = None
    supervises: bool = False
    """Whether a supervisor looks: what went to the site's supervisors is selected at whatever counter it was. The
    server decides it; nobody asks for it."""

    def wants(self, camera: _Place) -> bool:
        """Whether events at `camera` are selected."""
        return (
            (not self.site or camera.site == self.site)
            and (not self.counters or camera.counter in self.counters)
            and (self.direction is None or camera.direction is self.direction)
        )


@dataclass(frozen=True)
class AlertSearch:
    """A person's search among the alerts that a filter selects; an unset field selects all."""

    states: Annotated[frozenset[AlertState], MaxLen(len(AlertState))] = frozenset()
    raised_from: SearchedMoment | None = None
    raised_before: SearchedMoment | None = None
    """Not at that moment itself."""
    counter: str = ""
    """Where the traveller was seen, whomever the alert has escalated to."""
    subject_id: str = ""
    """ID of the subject that the alert asks about, or asked about last, or that a person has judged in it."""
    handled_by: Annotated[str, MaxLen(MAX_DISPLAY_NAME)] = ""
    """Sign-in name, or part of the name, of a person who claimed it, judged it or followed it up."""
    reference_owed: bool = False
    """Only hits whose reference number is owed."""
