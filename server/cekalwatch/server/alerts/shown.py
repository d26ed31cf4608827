"""An alert as people and other servers see it: names, orders and look-alikes are added to what is stored. And an alert
of another server, as it is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import TypeVar
from uuid import UUID

from cekalwatch.contract.values.adjudication import UNDO_FOR, AlertState, FirstLook
from cekalwatch.contract.values.alerts import Alert as ShownAlert
from cekalwatch.contract.values.alerts import AlertRecord, JudgedLookalike
from cekalwatch.contract.values.exercises import ExerciseRecord
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.server.domain.alerts.adjudication import Finding, FollowUp
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.alerts.handling import Claim, Handling
from cekalwatch.server.domain.alerts.match import Candidate
from cekalwatch.server.domain.names import named
from cekalwatch.server.domain.orders.ban_order import JudgedOrder

T = TypeVar("T")


def shown_alert(
    alert: Alert,
    subject: Subject,
    orders: Sequence[JudgedOrder],
    names: Mapping[str, str],
    lookalikes: Mapping[str, Sequence[JudgedLookalike]],
    people: Mapping[str, str],
    agencies_owed: tuple[str, ...] = (),
    asked_key: str = "",
    *,
    exercise_record: ExerciseRecord | None = None,
    asks_looks: bool = False,
) -> ShownAlert:
    """Return an alert with the subject about whom it asks, and the subject's orders that alert.

    `names` and `lookalikes` are those of candidates, by the subject's key. `people` has the names of the people who
    work on it, without deleted people. `exercise_record`: that of who judged an exercise. `asks_looks`: who may judge
    it has to look at the faces first.
    """
    handling, judged = alert.handling, alert.handling.undoable
    stored = {one.name: getattr(alert, one.name) for one in fields(AlertRecord)}
    changed = {
        "candidates": tuple(
            replace(one, name=names.get(one.subject_id, ""), lookalikes=tuple(lookalikes.get(one.subject_id, ())))
            for one in alert.candidates
        ),
        "handling": shown_handling(handling, people),
        "sightings": tuple(alert.shown(one) for one in alert.sightings),
        "current": alert.shown(alert.current) if alert.current else None,
    }
    return ShownAlert(
        **stored | changed,
        alert_id=str(alert.alert_id),
        state=alert.state,
        subject=subject,
        orders=tuple(one.shown for one in orders),
        raised_at=alert.raised_at,
        score=alert.score,
        orders_ended_at=handling.orders_ended_at,
        agencies_owed=agencies_owed,
        first_look=FirstLook.TAKEN if asks_looks else None,
        asked_key=asked_key,
        exercise=alert.exercise,
        undo_until=judged.found_at + UNDO_FOR if judged else None,
        exercise_record=exercise_record,
        call=alert.call,
    )


def shown_handling(handling: Handling, people: Mapping[str, str]) -> Handling:
    """Return the steps that people took with an alert; `people` has their names."""
    unclaimed_since = handling.waits_since if handling.state is AlertState.NEW else None
    return named(replace(handling, unclaimed_since=unclaimed_since), people)


def stored_alert(told: ShownAlert) -> Alert:
    """Return another server's alert as it is stored, without names; its keys and enums are checked already.

    Raises REASON_INVALID or NOTE_INVALID where people found or wrote what they may not.
    """
    asked, orders = told.subject.subject_id, tuple(one.order_id for one in told.orders)
    stored = {one.name: getattr(told, one.name) for one in fields(AlertRecord)}
    changed = {
        "candidates": tuple(
            Candidate(**vars(one), order_ids=orders if one.subject_id == asked else ()) for one in told.candidates
        ),
        "handling": _stored_handling(told),
    }
    return Alert(
        **stored | changed,
        alert_id=UUID(told.alert_id),
        subject_id=asked,
        last_seen_at=max((told.captured_at, *(one.captured_at for one in told.sightings))),
        cameras=frozenset((told.camera, *(one.camera for one in told.sightings))),
    )


def _stored_handling(told: ShownAlert) -> Handling:
    handling = named(replace(told.handling, looks=()), {})
    changed = {
        "claim": Claim(**vars(handling.claim)) if handling.claim else None,
        "findings": tuple(Finding(**vars(one)) for one in handling.findings),
        "follow_ups": tuple(FollowUp(**vars(one)) for one in handling.follow_ups),
        "unclaimed_since": None,
    }
    return Handling(
        **vars(handling) | changed,
        raised_at=told.raised_at,
        state=known(told.state),
        stands_since=handling.unclaimed_since,
        orders_ended_at=told.orders_ended_at,
        attended=1,  # its own port's people are asked, and nobody here
    )


def known(found: T | None) -> T:
    """Return the value; raises ValueError when only a newer server knows it, or it is missing."""
    if found is None:
        raise ValueError("a part that is not known")
    return found
