"""Which steps a person can take with an alert now: a pure function of the alert, the person and this PC.

The server decides again. This is here so that a screen offers what can succeed, and says why the rest cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cekalwatch.notifier.model.alert import Alert
from cekalwatch.notifier.model.person import Session
from cekalwatch.wire.vocabulary.adjudication import JUDGEMENTS, STEP_STATES, AlertState, Step


class Hindrance(StrEnum):
    """Why a step that belongs to the alert's state cannot be taken here and now."""

    SIGN_IN = "SIGN_IN"
    """Nobody has signed in."""
    ROLE = "ROLE"
    """The person's roles do not allow it."""
    HELD = "HELD"
    """Another person holds the alert, or the same one at another PC."""
    OFFICER = "OFFICER"
    """An officer has to do it: who only supervises would be judge and witness."""
    SUPERVISOR = "SUPERVISOR"
    """A supervisor has to do it."""
    SECOND_PERSON = "SECOND_PERSON"
    """The person judged it; another one has to confirm."""
    FOLLOW_UP = "FOLLOW_UP"
    """A contact with the agency has to be written down first."""


@dataclass(frozen=True)
class Options:
    """The steps that belong to an alert's state, in the order in which they are offered; None: it can be taken."""

    steps: Mapping[Step, Hindrance | None]

    def can(self, step: Step) -> bool:
        """Whether the step can be taken now, by the person or with a supervisor beside them."""
        return step in self.steps and (self.steps[step] is None or self.beside(step))

    def beside(self, step: Step) -> bool:
        """Whether the step takes a supervisor who signs in for it, beside the person."""
        return step is Step.CONFIRM and self.steps.get(step) in {Hindrance.SUPERVISOR, Hindrance.SECOND_PERSON}


def options(notice: Alert, session: Session | None, agent_id: str, now: datetime) -> Options:
    """Return what `session`'s person can do with the alert on the PC `agent_id` at `now`."""
    state = standing(notice, now)
    return Options({step: _hindrance(step, notice, state, session, agent_id) for step in Step if _belongs(step, state)})


def _belongs(step: Step, state: AlertState | None) -> bool:
    # A judgement of an alert that nobody holds claims it first.
    return state in STEP_STATES[step] or (state is AlertState.NEW and step in JUDGEMENTS)


def standing(notice: Alert, now: datetime) -> AlertState | None:
    """Return where the alert stands at `now`: a claim that ran out is none, before the server says so."""
    claim = notice.handling.claim
    if notice.state is AlertState.CLAIMED and claim and claim.expires_at <= now:
        return AlertState.NEW
    return notice.state


def held_here(notice: Alert, session: Session | None, agent_id: str) -> bool:
    """Whether the person holds the alert, at this PC."""
    claim = notice.handling.claim
    return bool(
        session
        and notice.state is AlertState.CLAIMED
        and claim
        and (claim.holder.person_id, claim.agent_id) == (session.person_id, agent_id)
    )


def _hindrance(
    step: Step, notice: Alert, state: AlertState | None, session: Session | None, agent_id: str
) -> Hindrance | None:
    if session is None or session.password_change_needed:
        return Hindrance.SIGN_IN
    if not session.works:
        return Hindrance.ROLE
    if step in JUDGEMENTS and not session.judges:
        return Hindrance.OFFICER
    if state is AlertState.CLAIMED and not held_here(notice, session, agent_id):
        return Hindrance.HELD
    officer = notice.handling.officer
    if step is Step.CONFIRM and not session.supervises:
        return Hindrance.SUPERVISOR
    if step is Step.CONFIRM and officer and officer.person_id == session.person_id:
        return Hindrance.SECOND_PERSON
    if step is Step.CLEAR and state is AlertState.CANNOT_DETERMINE and not session.supervises:
        return Hindrance.SUPERVISOR
    if step is Step.CLOSE and state is AlertState.CONFIRMED and not notice.handling.follow_ups:
        return Hindrance.FOLLOW_UP
    return None
