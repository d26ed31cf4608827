"""An alert on the screens of one PC: its meaning for this PC, the margin of its score, and the next steps.

The server decides again which steps a person can take, and which claims are theirs. These pure functions are here so
that a screen offers what can succeed, and says why the rest cannot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from cekalwatch.contract.values.adjudication import (
    JUDGEMENTS,
    OWED_STEPS,
    REASONS,
    STEP_OUTCOMES,
    SUPERVISORS_STEPS,
    AlertEventType,
    AlertState,
    Reason,
    Step,
    step_states,
)
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.contract.values.people import PersonSession

CLEARLY_ABOVE = 0.05
FAR_ABOVE = 0.15
"""How far above the threshold a comparison score is for the next level. Levels order alerts by how much they stand out;
they say nothing about the chance that it is the same person."""


class ScoreLevel(StrEnum):
    """The distance of a comparison score above its threshold, lowest first."""

    JUST = "JUST"
    CLEARLY = "CLEARLY"
    FAR = "FAR"


def score_level(alert: Alert) -> ScoreLevel:
    """Return the distance of the score above the threshold."""
    above = alert.score - alert.threshold
    if above >= FAR_ABOVE:
        return ScoreLevel.FAR
    return ScoreLevel.CLEARLY if above >= CLEARLY_ABOVE else ScoreLevel.JUST


@dataclass(frozen=True)
class SeenVersion:
    """A version of an alert as somebody saw it: what later versions are compared with. It has keys only."""

    version: int
    state: AlertState | None
    captures: tuple[str, ...]
    candidates: tuple[str, ...]
    findings: int

    @classmethod
    def of(cls, alert: Alert) -> Self:
        """Return this version of an alert."""
        return cls(
            alert.version,
            alert.state,
            tuple(one.capture_id for one in alert.sightings),
            tuple(one.subject_id for one in alert.candidates),
            len(alert.handling.findings),
        )


class PicturesMissing(StrEnum):
    """Why a screen has no pictures of an alert."""

    LOADING = "LOADING"
    NOT_LOADED = "NOT_LOADED"
    """The server did not send them."""
    DAMAGED = "DAMAGED"
    """It has none, or one that is no plain JPEG."""
    NOT_KEPT = "NOT_KEPT"
    """The alert was settled, and the server has deleted them."""


@dataclass(frozen=True)
class ShownAlert:
    """An alert on screen. `sequence` is None for a listed or waiting alert, which is not an event."""

    alert: Alert
    notified_at: datetime
    sequence: int | None = None
    event_type: AlertEventType | None = None
    news: frozenset[str] = frozenset()
    """What asks for somebody (`Sighting.ask`, `Alert.call`) and was not shown here since the program began."""

    @property
    def relisted(self) -> bool:
        """Whether it was listed again after a restart."""
        return self.sequence is None


RENEW_CLAIMS_EVERY = timedelta(seconds=30)
"""A third of the server's default lease: two renewals may fail before the claim expires."""


class Hindrance(StrEnum):
    """Why a step that belongs to the alert's state cannot be taken here and now."""

    SIGN_IN = "SIGN_IN"
    """Nobody has signed in."""
    ROLE = "ROLE"
    """The person's roles do not allow it."""
    HELD = "HELD"
    """Another person holds the alert, or the same one at another PC."""
    SUPERVISOR = "SUPERVISOR"
    """A supervisor has to do it."""
    SECOND_PERSON = "SECOND_PERSON"
    """The person judged it; another one has to confirm."""
    FOLLOW_UP = "FOLLOW_UP"
    """A contact with each agency has to be recorded first."""
    REFERENCE = "REFERENCE"
    """The reference number of Cekal Online is owed."""


@dataclass(frozen=True)
class Options:
    """The steps that belong to an alert's state, in the order in which they are offered; None: it can be taken."""

    steps: Mapping[Step, Hindrance | None]

    def can(self, step: Step) -> bool:
        """Whether the step can be taken now, by the person alone or with a supervisor."""
        return step in self.steps and (self.steps[step] is None or self.beside(step))

    def beside(self, step: Step) -> bool:
        """Whether the step also needs a supervisor who signs in for it."""
        return step is Step.CONFIRM and self.steps.get(step) in {Hindrance.SUPERVISOR, Hindrance.SECOND_PERSON}


def options(alert: Alert, session: PersonSession | None, agent_id: str) -> Options:
    """Return what `session`'s person can do with the alert on the PC `agent_id`."""
    return Options(
        {step: _hindrance(step, alert, session, agent_id) for step in Step if _belongs(step, alert, session, agent_id)}
    )


def reasons(step: Step, alert: Alert) -> tuple[Reason, ...]:
    """Return the reasons to offer for a step: an order in force has not ended, and the server says so."""
    in_force = any(one.status is OrderStatus.ACTIVE for one in alert.orders)
    return tuple(one for one in REASONS[STEP_OUTCOMES[step]] if not (in_force and one is Reason.ORDER_ENDED))


def _belongs(step: Step, alert: Alert, session: PersonSession | None, agent_id: str) -> bool:
    ended = alert.orders_ended_at is not None
    # A judgement of an alert that nobody holds claims it first, and so does a first look.
    if step in JUDGEMENTS and (alert.look_needed or (alert.state is AlertState.NEW and not ended)):
        return True
    if step in OWED_STEPS and alert.handling.reference_owed_since is None:
        return False
    if step is Step.TAKE_OVER and (held_here(alert, session, agent_id) or not (session and session.supervises)):
        return False  # officers need not know of it
    return alert.state in step_states(step, orders_ended=ended)


def held_here(alert: Alert, session: PersonSession | None, agent_id: str) -> bool:
    """Whether the person holds the alert, at this PC."""
    claim = alert.handling.claim
    return bool(session and claim and claim.holder.person_id == session.person_id and held_at(alert, agent_id))


def held_at(alert: Alert, agent_id: str) -> bool:
    """Whether somebody holds the alert at this PC."""
    claim = alert.handling.claim
    return alert.state is AlertState.CLAIMED and claim is not None and claim.agent_id == agent_id


def claims_to_renew(alerts: Iterable[ShownAlert], session: PersonSession | None, agent_id: str) -> tuple[str, ...]:
    """Return the alerts that the person has claimed at this PC; the server says when a claim has ended.

    A claim is a lease: when the PC dies, or its person is away and the screen locks, nobody renews it, and the alert
    waits for others again.
    """
    return tuple(shown.alert.alert_id for shown in alerts if held_here(shown.alert, session, agent_id))


def _hindrance(step: Step, alert: Alert, session: PersonSession | None, agent_id: str) -> Hindrance | None:
    if session is None or session.password_change_needed:
        return Hindrance.SIGN_IN
    if not session.works:
        return Hindrance.ROLE
    if step in SUPERVISORS_STEPS and not session.supervises:
        return Hindrance.SUPERVISOR
    if step is Step.TAKE_OVER or (alert.look_needed and step in JUDGEMENTS):
        return None
    if alert.state is AlertState.CLAIMED and not held_here(alert, session, agent_id):
        return Hindrance.HELD
    officer = alert.handling.officer
    if step is Step.CONFIRM and officer and officer.person_id == session.person_id:
        return Hindrance.SECOND_PERSON
    if step is Step.CLEAR and alert.state is AlertState.CANNOT_DETERMINE and not session.supervises:
        return Hindrance.SUPERVISOR
    if step is Step.CLOSE and alert.handling.reference_owed_since:
        return Hindrance.REFERENCE
    if step is Step.CLOSE and alert.state is AlertState.CONFIRMED and not alert.told_enough:
        return Hindrance.FOLLOW_UP
    return None
