"""What nobody may do alone: the actions that need two people, and which roles these must have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.people import Person
from cekalwatch.wire.vocabulary.people import PersonRole


class TwoPersonAction(StrEnum):
    """An action that needs two people."""

    CONFIRM_ALERT = "CONFIRM_ALERT"
    CHANGE_THRESHOLD = "CHANGE_THRESHOLD"
    ACCEPT_SHRUNKEN_LIST = "ACCEPT_SHRUNKEN_LIST"
    EXPORT_AUDIT = "EXPORT_AUDIT"


Pair = tuple[PersonRole, PersonRole]

TWO_PERSON_ACTIONS: Mapping[TwoPersonAction, Pair] = MappingProxyType(
    {
        TwoPersonAction.CONFIRM_ALERT: (PersonRole.OFFICER, PersonRole.SUPERVISOR),
        TwoPersonAction.CHANGE_THRESHOLD: (PersonRole.ADMINISTRATOR, PersonRole.SUPERVISOR),
        TwoPersonAction.ACCEPT_SHRUNKEN_LIST: (PersonRole.LIST_MANAGER, PersonRole.SUPERVISOR),
        TwoPersonAction.EXPORT_AUDIT: (PersonRole.AUDITOR, PersonRole.ADMINISTRATOR),
    }
)
"""The roles of the two: one has the one, and the other the other, whoever comes first."""


@dataclass(frozen=True)
class TwoPeople:
    """Two people who do `action` together.

    Construction raises SAME_PERSON_TWICE, PERSON_ROLE_NEEDED when they do not have the action's two roles, and
    SIGN_IN_REFUSED when one is disabled. So whoever asks for this value cannot forget the check.
    """

    action: TwoPersonAction
    first: Person
    second: Person

    def __post_init__(self) -> None:
        if self.first.person_id == self.second.person_id:
            raise CekalwatchError(Code.SAME_PERSON_TWICE, self.action)
        one, other = TWO_PERSON_ACTIONS[self.action]
        if not any(
            one in a.roles and other in b.roles for a, b in ((self.first, self.second), (self.second, self.first))
        ):
            raise CekalwatchError(Code.PERSON_ROLE_NEEDED, self.action)
        if self.first.disabled or self.second.disabled:
            raise CekalwatchError(Code.SIGN_IN_REFUSED, self.action)
