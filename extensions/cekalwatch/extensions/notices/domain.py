"""Notices of events to other systems of the office. They contain keys, codes and times, and no person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class NoticeKind(StrEnum):
    """What notices are about."""

    ALERTS = "alerts"
    """Each event of an alert."""
    TROUBLES = "troubles"
    """Begin and end of alarms."""
    CHECKPOINTS = "checkpoints"
    """Each signed checkpoint of the audit trail."""


@dataclass(frozen=True)
class Notice:
    """One notice."""

    source: str
    """Identifies the event: no target gets it twice."""
    type: str
    """Such as "alert.raised"."""
    at: datetime
    """When it happened; aware."""
    data: Mapping[str, object]

    def body(self) -> str:
        """Return it as JSON, in the form of Standard Webhooks."""
        facts = {"type": self.type, "timestamp": stamp(self.at), "data": dict(self.data)}
        return json.dumps(facts, separators=(",", ":"))


def stamp(moment: datetime) -> str:
    """Return an aware moment as notices write it (RFC 3339, UTC)."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
