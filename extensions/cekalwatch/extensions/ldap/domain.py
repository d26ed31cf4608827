"""Groups of a directory that decide whether a role counts, and what that means for one person. Pure.

Two people bind a group to a role once. From then on the role counts for members of the group only, at the binding's
sites. A group gives a role by itself only where `GIVEN_BY_GROUPS` names it: the other ones are given by two people as
ever, and count while the group has the person too (ADR 103).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.domain.people import MAX_SITE_KEYS, SITE_PATTERN, Person, PersonError, Withheld

GIVEN_BY_GROUPS: Final = frozenset({PersonRole.OFFICER})
"""Roles that membership alone gives. Who signs, keeps or audits needs two people of this server besides."""
MAX_GROUP: Final = 500
"""Characters of a group's name."""
MAX_BINDINGS: Final = 100


@dataclass(frozen=True)
class GroupBinding:
    """A group whose members have a role at some sites. Construction raises PersonError."""

    group: str
    """Its distinguished name in the directory."""
    role: PersonRole
    sites: frozenset[str]

    def __post_init__(self) -> None:
        if not 1 <= len(self.group) <= MAX_GROUP or not self.group.isprintable():
            raise PersonError(f"a group's name has 1 to {MAX_GROUP} printable characters")
        if not 1 <= len(self.sites) <= MAX_SITE_KEYS or not all(map(SITE_PATTERN.fullmatch, self.sites)):
            raise PersonError("a binding needs 1 to 100 sites; a key has 1 to 64 characters of a-z, 0-9 and -")


@dataclass(frozen=True)
class GroupBindings:
    """All bindings, by group and role."""

    bindings: tuple[GroupBinding, ...] = ()


@dataclass(frozen=True)
class Member:
    """A person in the directory who is in bound groups, and may sign in there."""

    entry: str
    """What the directory never gives to another entry."""
    sign_in_name: str
    display_name: str
    groups: frozenset[str]
    """The bound groups that have the person."""


def as_groups_say(person: Person, bindings: Iterable[GroupBinding], groups: Collection[str]) -> Person:
    """Return a person with the roles and sites that count for who is in these groups: never more than recorded.

    A role that no group is bound to counts at all recorded sites. Sites count where one role counts there.
    """
    whole, bound = person.recorded, tuple(bindings)
    held: dict[PersonRole, frozenset[str]] = {}
    for role in whole.roles:
        of_role = [one for one in bound if one.role is role]
        there = {site for one in of_role if one.group in groups for site in one.sites}
        held[role] = whole.sites & there if of_role else whole.sites
    lost = frozenset(role for role, sites in held.items() if not sites)
    left = frozenset[str]().union(*held.values())
    return whole.without(Withheld(lost, whole.sites - left if left else frozenset()))


def as_groups_give(person: Person, bindings: Iterable[GroupBinding], groups: Collection[str]) -> Person:
    """Return a person with what membership gives by itself: an officer's role and sites, to who has no other role."""
    whole = person.recorded
    given = [one for one in bindings if one.group in groups and one.role in GIVEN_BY_GROUPS]
    if not given or not whole.roles <= GIVEN_BY_GROUPS:
        return whole
    sites = whole.sites.union(*(one.sites for one in given))
    return replace(whole, roles=whole.roles | {one.role for one in given}, sites=sites)
