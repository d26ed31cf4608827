"""Which claims must be renewed now, so that an alert stays with the person who works on it. Pure.

A claim is a lease: when this PC dies, or its person has been away for long enough for the screen to lock, nobody renews
it, and the alert waits for others again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from cekalwatch.notifier.model.alert import Shown
from cekalwatch.notifier.model.person import Session
from cekalwatch.notifier.model.steps import held_here

RENEW_EVERY = timedelta(seconds=30)
"""A third of the server's default lease: two renewals may fail before the claim runs out."""


def to_renew(alerts: Iterable[Shown], session: Session | None, agent_id: str, now: datetime) -> tuple[str, ...]:
    """Return the alerts that the person holds at this PC, and whose claim has not run out."""
    return tuple(
        shown.notice.alert_id
        for shown in alerts
        if held_here(shown.notice, session, agent_id)
        and shown.notice.handling.claim
        and shown.notice.handling.claim.expires_at > now
    )
