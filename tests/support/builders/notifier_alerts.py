"""Notices for tests of the notifier's screens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cekalwatch.contract.codec.alerts import ALERT
from cekalwatch.contract.values.adjudication import (
    AlertEventType,
    AlertState,
    Claim,
    Finding,
    Handling,
    Outcome,
    Reason,
)
from cekalwatch.contract.values.alerts import Alert, AlertPictures
from cekalwatch.contract.values.people import PersonReference, PersonRole, PersonSession
from cekalwatch.contract.values.subjects import FaceFigures, ReferenceFace
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.office.alerts import ShownAlert
from tests.support.fakes.alert_server import EPOCH, alert_message

FRESH = Freshness(EPOCH, stale=False, active_subjects=812)


def make_alert(name: str = "BUDI SANTOSO", *, minutes: int = 0, alert_id: str = "", score: float = 0.62) -> Alert:
    """Return an alert raised `minutes` after the tests' epoch."""
    return ALERT.read(alert_message(name, raised=EPOCH + timedelta(minutes=minutes), alert_id=alert_id, score=score))


def make_pictures(probe: bytes, *references: bytes) -> AlertPictures:
    """Return the pictures of an alert."""
    return AlertPictures(probe, tuple(ReferenceFace("r-1", "", FaceFigures(), jpeg=jpeg) for jpeg in references))


def make_shown(
    alert: Alert,
    *,
    sequence: int | None = 1,
    event: AlertEventType | None = AlertEventType.RAISED,
    notified_at: datetime | None = None,
    new: bool = False,
) -> ShownAlert:
    """Return the alert as it is shown at the moment of its raising; `new`: what asks was not shown before."""
    news = frozenset({*alert.asks, alert.call} - {""}) if new else frozenset[str]()
    return ShownAlert(alert, notified_at or alert.raised_at, sequence, event, news)


class SetClock:
    """A clock that a test sets."""

    def __init__(self, moment: datetime = EPOCH) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment.astimezone(UTC)

    def pass_time(self, **parts: float) -> None:
        self.moment += timedelta(**parts)


BUDI = PersonReference("0197a1b2-0000-7000-8000-00000000000b", "Budi")
SITI = PersonReference("0197a1b2-0000-7000-8000-00000000005c", "Siti")


def session_of(person: PersonReference, *roles: PersonRole) -> PersonSession:
    """Return the session of a person with `roles`, an officer's when none are given."""
    chosen = frozenset(roles or (PersonRole.OFFICER,))
    return PersonSession(person.person_id, person.display_name, chosen, EPOCH + timedelta(hours=8))


def held_by(person: PersonReference, alert: Alert | None = None, agent: str = "pc-1", seconds: float = 90) -> Alert:
    """Return the alert claimed by `person` at `agent`, from the tests' epoch on for `seconds`."""
    chosen = alert or make_alert()
    claim = Claim(person, agent, EPOCH + timedelta(seconds=seconds))
    handling = replace(chosen.handling, claim=claim)
    return attended(replace(chosen, state=AlertState.CLAIMED, version=chosen.version + 1, handling=handling))


def attended(alert: Alert) -> Alert:
    """Return the alert after somebody has dealt with all that asked for somebody."""
    current = replace(alert.current, ask="") if alert.current else None
    return replace(alert, sightings=tuple(replace(one, ask="") for one in alert.sightings), current=current, call="")


def judged_by(person: PersonReference, outcome: Outcome, reason: Reason, note: str = "") -> Alert:
    """Return an alert that `person` judged."""
    finding = Finding(outcome, reason, note, person, EPOCH)
    state = AlertState.CLEARED if outcome is Outcome.NOT_SAME_PERSON else AlertState(outcome)
    return attended(replace(make_alert(), state=state, version=3, handling=Handling(findings=(finding,))))
