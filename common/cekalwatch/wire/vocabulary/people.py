"""The roles of people, and what each is there for. The table of rights (`server/auth/rights.py`) is made of these."""

from __future__ import annotations

from enum import StrEnum


class PersonRole(StrEnum):
    """What a person may be there for; one can have several."""

    OFFICER = "OFFICER"
    """Sees the alerts of a site, and adjudicates them."""
    SUPERVISOR = "SUPERVISOR"
    """Sees the alerts of a site, and is the second of most actions that need two people."""
    LIST_MANAGER = "LIST_MANAGER"
    """Keeps the watchlist."""
    ADMINISTRATOR = "ADMINISTRATOR"
    """Keeps the system going; sees no traveller and no subject."""
    AUDITOR = "AUDITOR"
    """Sees the alerts of a site and the audit trail, and changes nothing."""


JUDGES = frozenset({PersonRole.OFFICER})
"""Who may judge alerts at the counter."""
CONFIRMS = frozenset({PersonRole.SUPERVISOR})
"""Who may confirm alerts, and clear what could not be determined."""
HANDLES_ALERTS = JUDGES | CONFIRMS
"""Who may do anything with alerts."""
SEES_ALERTS = HANDLES_ALERTS | {PersonRole.AUDITOR}
SEES_SHIFT_REPORT = CONFIRMS | {PersonRole.AUDITOR}
