"""Retention times (domain rules 8 and 9), which the configuration sets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cekalwatch.server.domain.orders.ban_order import SubjectFile
from cekalwatch.server.domain.orders.law import Checkpoints


@dataclass(frozen=True)
class RetentionPolicy:
    """Retention times of events, images and records of alerts, of people no longer banned, and of notes of shifts."""

    events: timedelta = timedelta(days=365)
    cleared_images: timedelta = timedelta(hours=12)
    """After the alert was cleared."""
    confirmed_images: timedelta = timedelta(days=90)
    """After the alert was confirmed."""
    unsettled_images: timedelta = timedelta(days=90)
    """Time after an alert was raised, if nobody has settled it; the alert itself continues to wait."""
    records: timedelta = timedelta(days=730)
    """After the alert was raised, once it is cleared or closed."""
    ended_subjects: timedelta = timedelta(days=365)
    """After the last order of a subject ended."""
    shift_notes: timedelta = timedelta(days=7)
    """After they were written."""


def ended_by(file: SubjectFile, moment: datetime, checkpoints: Checkpoints) -> bool:
    """Whether every order of a subject had ended by `moment`, at every site, and was known by then, or the last one had
    moved to another subject.

    An order that breaks a rule was never in force: it counts from the day on which it was received. One that cannot be
    read may be in force. Orders of the same person under other keys that are urgent or without a decree count as if
    they stood alone: what binds them, or makes them INVALID, must not be forgotten while they run.
    """
    if file.unreadable or any(order.received_on > moment.date() for order in file.orders):
        return False
    if not file.orders:
        return file.orders_moved_at is not None and file.orders_moved_at <= moment
    bound = tuple(order for order in file.elsewhere if order.was_urgent or not order.has_decree)
    terms = (*checkpoints.terms(file), *checkpoints.terms(replace(file, orders=bound, elsewhere=())))
    return all(last < moment for _, last in terms)
