"""The people who work with the system, and the actions that need two of them. It does not know how they sign in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Self
from uuid import UUID

from cekalwatch.contract.values.people import (
    CONFIRMS,
    HANDLES_ALERTS,
    MAX_DISPLAY_NAME,
    TWO_PERSON_ACTIONS,
    PersonReference,
    PersonRole,
    TwoPersonAction,
    acts_as,
)
from cekalwatch.server.foundation.errors import CekalwatchError, Code

SIGN_IN_NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._@-]{1,63}"

SIGN_IN_NAME = re.compile(SIGN_IN_NAME_PATTERN)
SITE_PATTERN = re.compile(r"[a-z0-9-]{1,64}")
MAX_SITE_KEYS = 100
_LOOKS = str.maketrans({"0": "o", "1": "l", "i": "l", "u": "v", **dict.fromkeys("._@-")})


class PersonError(ValueError):
    """The description of a person is not valid; the message says why."""


def typed(name: str) -> str:
    """Return a name as people type it, who do not mind capitals. Only ASCII's count: `ſiti` is not `siti`."""
    return name.lower() if name.isascii() else name


def looks(name: str) -> str:
    """Return the same for sign-in names that a reader can take for each other."""
    return name.lower().translate(_LOOKS).replace("rn", "m").replace("vv", "w")


@dataclass(frozen=True)
class Withheld:
    """Roles and sites of a person's record that do not count now, since the person is not in the groups for them."""

    roles: frozenset[PersonRole] = frozenset()
    sites: frozenset[str] = frozenset()


NOTHING_WITHHELD = Withheld()


@dataclass(frozen=True)
class Person:
    """A person who may sign in. Construction raises PersonError."""

    person_id: UUID
    sign_in_name: str
    """Of `SIGN_IN_NAME_PATTERN`, as the identity provider writes it; the personnel number will do."""
    display_name: str
    """For screens, 1 to 100 printable characters; it goes into no log and no audit trail."""
    roles: frozenset[PersonRole]
    """Those that count now; empty where groups withhold all of them."""
    sites: frozenset[str]
    """Keys of the sites where the person works: they cannot use a device of another site."""
    disabled: bool = False
    withheld: Withheld = NOTHING_WITHHELD

    def __post_init__(self) -> None:
        if not SIGN_IN_NAME.fullmatch(self.sign_in_name):
            raise PersonError(
                "a sign-in name has 2 to 64 of A-Z, a-z, 0-9 and . _ @ -, and begins with a letter or digit"
            )
        if not 1 <= len(self.display_name) <= MAX_DISPLAY_NAME or not self.display_name.isprintable():
            raise PersonError(f"a display name has 1 to {MAX_DISPLAY_NAME} printable characters")
        if not self.roles | self.withheld.roles:
            raise PersonError("a person needs at least one role")
        if not self.sites or not all(map(SITE_PATTERN.fullmatch, self.sites)):
            raise PersonError("a person needs at least one site; its key has 1 to 64 characters of a-z, 0-9 and -")

    @property
    def reference(self) -> PersonReference:
        """The person in values of the contract, without the name: names are added for readers (`domain/names.py`)."""
        return PersonReference(str(self.person_id))

    @property
    def barred(self) -> bool:
        """Whether the person may do nothing: disabled, or without a role that counts."""
        return self.disabled or not self.roles

    @property
    def recorded(self) -> Self:
        """The person with every recorded role and site, whatever groups withhold."""
        held = self.withheld
        return replace(self, roles=self.roles | held.roles, sites=self.sites | held.sites, withheld=NOTHING_WITHHELD)

    def without(self, withheld: Withheld) -> Self:
        """Return a recorded person of whom these roles and sites do not count; what is not recorded is left out."""
        held = Withheld(withheld.roles & self.roles, withheld.sites & self.sites)
        return replace(self, roles=self.roles - held.roles, sites=self.sites - held.sites, withheld=held)

    def works_at(self, site: str) -> bool:
        """Whether `site` is one of the person's."""
        return site in self.sites


@dataclass(frozen=True)
class JointAct:
    """An act of two people: the action and its arguments."""

    action: TwoPersonAction
    argument_sha256: str
    """Digest of all arguments, hexadecimal: an approval for one argument is not valid for another."""

    @classmethod
    def of(cls, action: TwoPersonAction, argument: bytes) -> Self:
        """Return the act of doing `action` with `argument`, in whatever form the caller has it each time."""
        return cls(action, hashlib.sha256(argument).hexdigest())


def role_needed(roles: Collection[PersonRole], detail: str = "") -> CekalwatchError:
    """Return the refusal of somebody without one of these roles; it says who can do it."""
    error = CekalwatchError(Code.PERSON_ROLE_NEEDED, detail)
    error.told = MappingProxyType({"roles": ",".join(sorted(roles))})
    return error


@dataclass(frozen=True)
class TwoPeople:
    """Two people who do `action` together.

    Construction raises SAME_PERSON_TWICE, PERSON_ROLE_NEEDED when they do not have the action's two roles, and
    SIGN_IN_REFUSED when one is barred, so code that takes this value cannot forget the check.
    """

    action: TwoPersonAction
    first: Person
    second: Person

    def __post_init__(self) -> None:
        if self.first.person_id == self.second.person_id:
            raise CekalwatchError(Code.SAME_PERSON_TWICE, self.action)
        one, other = TWO_PERSON_ACTIONS[self.action]
        if not any(
            acts_as(one, a.roles) and acts_as(other, b.roles)
            for a, b in ((self.first, self.second), (self.second, self.first))
        ):
            beside = {b for a, b in ((one, other), (other, one)) if acts_as(a, self.first.roles)}
            raise role_needed(beside or {one, other}, self.action)
        if self.first.barred or self.second.barred:
            raise CekalwatchError(Code.SIGN_IN_REFUSED, self.action)

    @property
    def without_officer(self) -> bool:
        """Whether neither is an officer: a supervisor does an officer's part."""
        return PersonRole.OFFICER not in self.first.roles | self.second.roles


def unattended(
    people: Iterable[Person], changed: UUID, roles: Collection[PersonRole], sites: Collection[str]
) -> frozenset[str]:
    """Return the sites where nobody may judge alerts any more, or confirm them, once one has these roles and sites."""
    before = {one.person_id: (one.roles, one.sites) for one in people if not one.disabled}

    after = before | {changed: (roles, sites)}

    return frozenset(
        site
        for need in (HANDLES_ALERTS, CONFIRMS)
        for site in {site for some, at in before.values() if need.intersection(some) for site in at}
        if not any(need.intersection(some) and site in at for some, at in after.values())
    )


@dataclass(frozen=True)
class LockOut:
    """The figures of the lock-out."""

    free_tries: int = 5
    """Wrong passwords in a row until the name is locked."""
    first: timedelta = timedelta(seconds=30)
    """Duration of the first lock; each further wrong password doubles it."""
    longest: timedelta = timedelta(minutes=15)
    forgotten_after: timedelta = timedelta(hours=24)
    """The time without a wrong password after which the count restarts."""

    def after(self, failures: int) -> timedelta | None:
        """Return the duration of the lock after that number of wrong passwords; None without a lock."""
        if failures < self.free_tries:
            return None
        # Beyond 2^20 it is the longest anyhow, and a timedelta would overflow.
        return min(self.first * (1 << min(failures - self.free_tries, 20)), self.longest)


@dataclass(frozen=True)
class TryAllowance:
    """How many wrong passwords a device may send for any names; the allowance returns with time."""

    at_once: int = 30
    """A web console, at which a whole office signs in, has `MANY_PEOPLE` times as many."""
    each: timedelta = timedelta(minutes=2)
    """The time after which one more is allowed."""

    def after(self, spent_until: datetime | None, now: datetime, share: int) -> datetime | None:
        """Return until when an attempt now counts, after earlier ones that count until `spent_until`; None: refused.

        `share` is the number of devices for which this one counts.
        """
        each = self.each / share
        until = max(spent_until or now, now) + each
        return until if until - now <= each * self.at_once * share else None


MANY_PEOPLE = 10
"""Number of devices for whose attempts a web console counts."""


@dataclass(frozen=True)
class SignInTries:
    """The counts of one name."""

    failures: int
    failed_at: datetime
    locked_until: datetime | None

    def locked(self, now: datetime) -> bool:
        """Whether the name may not be tried now."""
        return self.locked_until is not None and now < self.locked_until

    @classmethod
    def next(cls, before: SignInTries | None, now: datetime, rule: LockOut) -> SignInTries:
        """Return the count with one more wrong password."""
        forgotten = before is None or now - before.failed_at >= rule.forgotten_after
        failures = 1 if forgotten or before is None else before.failures + 1
        pause = rule.after(failures)
        return cls(failures, now, now + pause if pause else None)
