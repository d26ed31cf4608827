"""What the audit trail tells of a span of time in which personal data may have been disclosed: counts, no names."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cekalwatch.server.audit.entry import OK, Action, Link, ObjectKind

NOTICE_WITHIN = timedelta(hours=72)
"""UU 27/2022 art. 46 (1): three times 24 hours."""

DISCLOSING = frozenset(
    {
        Action.ALERTS_LISTED,
        Action.ALERT_VIEWED,
        Action.ALERT_RECORD_TAKEN,
        Action.ALERT_DELIVERED,
        Action.FACES_LISTED,
        Action.SUBJECTS_LISTED,
        Action.SUBJECT_VIEWED,
        Action.LIST_READ,
        Action.CAMERA_PICTURE_VIEWED,
        Action.CAMERA_WATCHED,
        Action.REPORT_TAKEN,
        Action.AUDIT_SEARCHED,
        Action.AUDIT_EXPORTED,
        Action.BACKUP_MADE,
        Action.BACKUP_RESTORED,
        Action.DATABASE_MOVED,
    }
)
"""What gives personal data to somebody."""
SUSPICIOUS = frozenset(
    {
        Action.SIGN_IN_REFUSED,
        Action.SIGN_IN_LOCKED,
        Action.SESSION_REFUSED,
        Action.ROWS_REFUSED,
        Action.CERTIFICATES_REVOKED,
        Action.PORT_CONTRADICTED,
        Action.PERSON_ADDED,
        Action.PERSON_CHANGED,
        Action.AUDIT_HISTORY_ACCEPTED,
    }
)
"""Entries of the audit trail that often accompany a breach."""


@dataclass
class Counted:
    """Entries of one action."""

    entries: int = 0
    refused: int = 0
    """Those that ended with an error."""
    first: str = ""
    """The moment of the first entry, in the trail's form."""
    last: str = ""
    actors: set[str] = field(default_factory=set)
    """Who did it, each once."""


@dataclass(frozen=True)
class Breach:
    """What happened between two moments."""

    since: datetime
    until: datetime
    known_at: datetime
    """When the office learnt of it: the time to give notice runs from here."""
    disclosing: dict[Action, Counted]
    suspicious: dict[Action, Counted]
    subjects: int
    """People of the list about whom something was given to somebody."""
    alerts: int
    damaged: int
    """Entries whose hash does not match: the trail itself may have been changed."""

    @property
    def notice_until(self) -> datetime:
        """When the notice is due."""
        return self.known_at + NOTICE_WITHIN


def breach(links: Iterable[Link], since: datetime, until: datetime, known_at: datetime) -> Breach:
    """Count what entries of the trail tell."""
    counted: defaultdict[Action, Counted] = defaultdict(Counted)
    objects: set[str] = set()
    damaged = 0
    for link in links:
        damaged += not link.holds
        if link.action not in DISCLOSING | SUSPICIOUS:
            continue
        action = Action(link.action)
        one = counted[action]
        one.entries += 1
        one.refused += link.outcome != OK
        one.first, one.last = one.first or link.at, link.at
        one.actors.add(link.actor)
        if action in DISCLOSING:
            objects.update(_objects(link.objects))
    return Breach(
        since,
        until,
        known_at,
        {action: one for action, one in counted.items() if action in DISCLOSING},
        {action: one for action, one in counted.items() if action in SUSPICIOUS},
        _count(objects, ObjectKind.SUBJECT),
        _count(objects, ObjectKind.ALERT),
        damaged,
    )


def _objects(text: str) -> list[str]:
    try:
        return [one for one in json.loads(text) if isinstance(one, str)]
    except (ValueError, TypeError):  # a damaged entry, counted as such
        return []


def _count(objects: Iterable[str], kind: ObjectKind) -> int:
    return sum(one.startswith(kind.key("")) for one in objects)
