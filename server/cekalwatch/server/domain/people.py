"""The people who work with the system, and what each is there for. How they sign in is not known here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from cekalwatch.wire.vocabulary.people import PersonRole

SIGN_IN_NAME_PATTERN = r"[a-z0-9][a-z0-9._@-]{1,63}"
MAX_DISPLAY_NAME = 100

_SIGN_IN_NAME = re.compile(SIGN_IN_NAME_PATTERN)
_SITE = re.compile(r"[a-z0-9-]{1,64}")


class PersonError(ValueError):
    """What should describe a person does not; the message says what is wrong."""


@dataclass(frozen=True)
class Person:
    """A person who may sign in. Construction raises PersonError."""

    person_id: UUID
    sign_in_name: str
    """Lower case, of `SIGN_IN_NAME_PATTERN`; the personnel number will do."""
    display_name: str
    """For screens, 1 to 100 printable characters; it goes into no log and no audit trail."""
    roles: frozenset[PersonRole]
    sites: frozenset[str]
    """Keys of the sites where the person works: a device of another site is none of theirs."""
    disabled: bool = False

    def __post_init__(self) -> None:
        if not _SIGN_IN_NAME.fullmatch(self.sign_in_name):
            raise PersonError("a sign-in name has 2 to 64 of a-z, 0-9 and . _ @ -, and begins with a letter or digit")
        if not 1 <= len(self.display_name) <= MAX_DISPLAY_NAME or not self.display_name.isprintable():
            raise PersonError(f"a display name has 1 to {MAX_DISPLAY_NAME} printable characters")
        if not self.roles:
            raise PersonError("a person needs at least one role")
        if not self.sites or not all(map(_SITE.fullmatch, self.sites)):
            raise PersonError("a person needs at least one site; its key has 1 to 64 characters of a-z, 0-9 and -")

    def works_at(self, site: str) -> bool:
        """Whether `site` is one of the person's."""
        return site in self.sites
