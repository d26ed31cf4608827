"""Who has signed in on this PC, as the notifier knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class PersonRole(StrEnum):
    """What a person is there for; one can have several."""

    OFFICER = "OFFICER"
    SUPERVISOR = "SUPERVISOR"
    LIST_MANAGER = "LIST_MANAGER"
    ADMINISTRATOR = "ADMINISTRATOR"
    AUDITOR = "AUDITOR"


@dataclass(frozen=True)
class Session:
    """A person's session on this PC."""

    person_id: str
    display_name: str
    roles: frozenset[PersonRole]
    expires_at: datetime
    idle_timeout: timedelta | None = None
    password_change_needed: bool = False

    @property
    def works(self) -> bool:
        """Whether the person may do anything with alerts."""
        return bool(self.roles & {PersonRole.OFFICER, PersonRole.SUPERVISOR})

    @property
    def judges(self) -> bool:
        """Whether the person may judge alerts."""
        return PersonRole.OFFICER in self.roles

    @property
    def supervises(self) -> bool:
        """Whether the person may confirm."""
        return PersonRole.SUPERVISOR in self.roles

    @property
    def sees_figures(self) -> bool:
        """Whether the person may see a shift's figures."""
        return bool(self.roles & {PersonRole.SUPERVISOR, PersonRole.AUDITOR})
