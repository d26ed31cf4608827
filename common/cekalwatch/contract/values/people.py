"""People who may sign in, their sessions, their roles and what each may do, and the provider where they sign in.

The rights (`rights.py`) name the sets of roles only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final
from urllib.parse import urlsplit

from annotated_types import MaxLen

from cekalwatch.contract.values.keys import AS_IT_CAME

MAX_SIGN_IN_NAME: Final = 64
MAX_DISPLAY_NAME: Final = 100
MAX_SITES: Final = 100
"""Sites of one person."""
MAX_SITE_NAME: Final = 64


class PersonRole(StrEnum):
    """The role of a person; one can have several."""

    OFFICER = "OFFICER"
    """Sees the alerts of a site, and adjudicates them."""
    SUPERVISOR = "SUPERVISOR"
    """Sees the alerts of a site, and is the second of most actions that need two people."""
    LIST_MANAGER = "LIST_MANAGER"
    """Maintains the watchlist."""
    ADMINISTRATOR = "ADMINISTRATOR"
    """Operates the system; sees no traveller and no subject."""
    AUDITOR = "AUDITOR"
    """Sees the alerts of a site and the audit trail, and changes nothing."""


CONFIRMS = frozenset({PersonRole.SUPERVISOR})
"""Roles that may confirm alerts, and clear undetermined ones."""
HANDLES_ALERTS = CONFIRMS | {PersonRole.OFFICER}
"""Roles that may handle alerts, and judge them at the counter: a supervisor where no officer is there."""
SEES_ALERTS = HANDLES_ALERTS | {PersonRole.AUDITOR}
SEES_SHIFT_REPORT = CONFIRMS | {PersonRole.AUDITOR}
SEES_AUDIT_TRAIL = frozenset({PersonRole.AUDITOR})
KEEPS_WATCHLIST = frozenset({PersonRole.LIST_MANAGER})
"""Roles that may import, synchronise and view the watchlist."""
ACCEPTS_SHRUNKEN_LIST = KEEPS_WATCHLIST | CONFIRMS
KEEPS_SYSTEM = frozenset({PersonRole.ADMINISTRATOR, PersonRole.SUPERVISOR})
"""Roles that may see the server's status, and be one of the two who change the threshold."""
KEEPS_PEOPLE = frozenset({PersonRole.ADMINISTRATOR})
"""Roles that may add people, and change their roles and sites, together with a second person where they give rights."""
NEVER_TOGETHER = frozenset({PersonRole.ADMINISTRATOR, PersonRole.AUDITOR})
"""Roles that nobody has both of: an auditor looks at what administrators did."""
KEEPS_DEVICES = frozenset({PersonRole.ADMINISTRATOR})
"""Roles that may invite devices, revoke their certificates, and set policies of cameras."""


class TwoPersonAction(StrEnum):
    """An action that needs two people."""

    CONFIRM_ALERT = "CONFIRM_ALERT"
    CHANGE_THRESHOLD = "CHANGE_THRESHOLD"
    ACCEPT_SHRUNKEN_LIST = "ACCEPT_SHRUNKEN_LIST"
    EXPORT_AUDIT = "EXPORT_AUDIT"
    ACCEPT_AUDIT_HISTORY = "ACCEPT_AUDIT_HISTORY"
    ACCEPT_ROWS = "ACCEPT_ROWS"
    CHANGE_LAW = "CHANGE_LAW"
    CHANGE_PEOPLE = "CHANGE_PEOPLE"
    AMEND_ORDER = "AMEND_ORDER"
    CHANGE_FIRST_LOOKS = "CHANGE_FIRST_LOOKS"
    SET_EXERCISES = "SET_EXERCISES"
    SET_GATES = "SET_GATES"
    CHANGE_CAMERAS = "CHANGE_CAMERAS"


TWO_PERSON_ACTIONS: Mapping[TwoPersonAction, tuple[PersonRole, PersonRole]] = MappingProxyType(
    {
        TwoPersonAction.CONFIRM_ALERT: (PersonRole.OFFICER, PersonRole.SUPERVISOR),
        TwoPersonAction.CHANGE_THRESHOLD: (PersonRole.ADMINISTRATOR, PersonRole.SUPERVISOR),
        TwoPersonAction.ACCEPT_SHRUNKEN_LIST: (PersonRole.LIST_MANAGER, PersonRole.SUPERVISOR),
        TwoPersonAction.EXPORT_AUDIT: (PersonRole.AUDITOR, PersonRole.ADMINISTRATOR),
        TwoPersonAction.ACCEPT_AUDIT_HISTORY: (PersonRole.AUDITOR, PersonRole.ADMINISTRATOR),
        TwoPersonAction.ACCEPT_ROWS: (PersonRole.AUDITOR, PersonRole.ADMINISTRATOR),
        TwoPersonAction.CHANGE_LAW: (PersonRole.LIST_MANAGER, PersonRole.SUPERVISOR),
        TwoPersonAction.CHANGE_PEOPLE: (PersonRole.ADMINISTRATOR, PersonRole.SUPERVISOR),
        TwoPersonAction.AMEND_ORDER: (PersonRole.LIST_MANAGER, PersonRole.SUPERVISOR),
        TwoPersonAction.CHANGE_FIRST_LOOKS: (PersonRole.ADMINISTRATOR, PersonRole.SUPERVISOR),
        TwoPersonAction.SET_EXERCISES: (PersonRole.ADMINISTRATOR, PersonRole.SUPERVISOR),
        TwoPersonAction.SET_GATES: (PersonRole.SUPERVISOR, PersonRole.ADMINISTRATOR),
        TwoPersonAction.CHANGE_CAMERAS: (PersonRole.ADMINISTRATOR, PersonRole.SUPERVISOR),
    }
)
"""The roles of the two people, one each, in any order."""
SIGNS_AS_SECOND = KEEPS_SYSTEM | KEEPS_WATCHLIST | SEES_AUDIT_TRAIL
"""Roles that may be one of two people in a step of the console."""


def acts_as(role: PersonRole, roles: frozenset[PersonRole]) -> bool:
    """Whether a person with `roles` may do the work of `role`: a supervisor does an officer's where none is there."""
    return bool(roles & (HANDLES_ALERTS if role is PersonRole.OFFICER else {role}))


@dataclass(frozen=True)
class PersonReference:
    """A person who acted; the name is empty if the person is no longer known."""

    person_id: str
    display_name: Annotated[str, MaxLen(200)] = ""


@dataclass(frozen=True)
class PersonSession:
    """The session of a signed-in person, as the programs of an office know it."""

    person_id: str
    display_name: str
    roles: frozenset[PersonRole]
    expires_at: datetime
    idle_timeout: timedelta | None = None
    """The time without a call after which it ends; None if it does not."""
    password_change_needed: bool = False
    sites: tuple[str, ...] = ()
    """Keys of the sites where the person works."""
    by_provider: bool = False
    """Whether the person signed in through the identity provider."""

    @property
    def works(self) -> bool:
        """Whether the person may do anything with alerts."""
        return bool(self.roles & HANDLES_ALERTS)

    @property
    def supervises(self) -> bool:
        """Whether the person may confirm."""
        return bool(self.roles & CONFIRMS)

    @property
    def sees_figures(self) -> bool:
        """Whether the person may see the statistics of a shift."""
        return bool(self.roles & SEES_SHIFT_REPORT)


@dataclass(frozen=True)
class PersonRecord:
    """A person who may sign in, as an administrator sees them."""

    person_id: str
    sign_in_name: str
    display_name: str
    roles: frozenset[PersonRole]
    sites: tuple[str, ...]
    disabled: bool
    first_password: bool
    """Whether the first password is still to be changed."""
    with_password: bool
    withheld_roles: frozenset[PersonRole] = frozenset()
    """Those of `roles` that do not count, since the office's directory does not have the person in a group for them."""


@dataclass(frozen=True)
class PasswordPart:
    """The second part of a person's first password, for the second of the two people who gave it."""

    sign_in_name: str
    display_name: str
    part: str = field(repr=False)


Address = Annotated[str, AS_IT_CAME, MaxLen(4096)]


@dataclass(frozen=True)
class ProviderFacts:
    """An OpenID Connect provider; see `IdentityProvider` of the contract."""

    issuer: Address
    client_id: Address
    scope: Address
    authorization_endpoint: Address = ""
    """Empty if it was not requested."""
    end_session_endpoint: Address = ""
    """Empty when there is none, or it was not requested."""
    states_issuer: bool = False
    """Whether it sends its name as `iss` to the browser's return address (RFC 9207)."""
    native: bool = False
    """Whether the client id is that of the programs on officers' PCs (RFC 8252)."""

    @property
    def host(self) -> str:
        """The part of it that people see: the name of its machine."""
        return urlsplit(self.issuer).hostname or self.issuer
