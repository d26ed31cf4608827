"""Who has signed in on this PC, as the notifier knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cekalwatch.contract.values.people import CONFIRMS, HANDLES_ALERTS, JUDGES, SEES_SHIFT_REPORT, PersonRole


@dataclass(frozen=True)
class Session:
    """A person's session on this PC."""

    person_id: str
    display_name: str
    roles: frozenset[PersonRole]
    expires_at: datetime
    idle_timeout: timedelta | None = None
    password_change_needed: bool = False
    sites: tuple[str, ...] = ()
    """Keys of the sites where the person works."""

    @property
    def works(self) -> bool:
        """Whether the person may do anything with alerts."""
        return bool(self.roles & HANDLES_ALERTS)

    @property
    def judges(self) -> bool:
        """Whether the person may judge alerts."""
        return bool(self.roles & JUDGES)

    @property
    def supervises(self) -> bool:
        """Whether the person may confirm."""
        return bool(self.roles & CONFIRMS)

    @property
    def sees_figures(self) -> bool:
        """Whether the person may see a shift's figures."""
        return bool(self.roles & SEES_SHIFT_REPORT)
