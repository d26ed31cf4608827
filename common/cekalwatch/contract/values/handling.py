"""What people have done with an alert, as everybody who sees the alert is told it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from annotated_types import MaxLen

from cekalwatch.contract.values.adjudication import OFFICERS_OUTCOMES, Escalation, Outcome, Reason
from cekalwatch.contract.values.people import PersonReference


@dataclass(frozen=True)
class Claim:
    """A lease on an alert, until `expires_at`."""

    holder: PersonReference
    agent_id: str
    """The PC at which the holder has it."""
    expires_at: datetime


@dataclass(frozen=True)
class Finding:
    """An outcome, by whom and why."""

    outcome: Outcome | None
    reason: Reason | None
    """None: what only a newer server knows."""
    note: str
    person: PersonReference
    found_at: datetime
    subject_id: Annotated[str, MaxLen(200)] = ""
    """Key of the candidate that it speaks of."""


@dataclass(frozen=True)
class FollowUp:
    """One contact with the agency that asked for the ban."""

    agency: str
    contact: str
    """Who was spoken to, and how."""
    result: str
    contacted_at: datetime
    person: PersonReference | None = None
    """Who recorded it, and when; None where it is about to be recorded."""
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class Handling:
    """What people have done with an alert."""

    claim: Claim | None = None
    findings: tuple[Finding, ...] = ()
    reference: Annotated[str, MaxLen(200)] = ""
    """Reference number of Cekal Online, once confirmed."""
    follow_ups: tuple[FollowUp, ...] = ()
    escalation: Escalation = Escalation.COUNTER
    unclaimed_since: datetime | None = None
    escalated_at: datetime | None = None
    """When it last went up, or was announced again to those it has gone to."""
    escalations: int = 0
    """How often that was."""

    @property
    def officer(self) -> PersonReference | None:
        """Who judged it at the counter, of several candidates the last one."""
        return next((one.person for one in reversed(self.findings) if one.outcome in OFFICERS_OUTCOMES), None)
