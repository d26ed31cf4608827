"""Follows the bound groups of the directory: who left them loses the role at the next look (ADR 103).

The directory takes away, and gives back what two people have recorded; by itself it gives only `GIVEN_BY_GROUPS`. While
it does not answer everything stays as it is, until the outage is longer than the settings allow. It blocks.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
import uuid6

from cekalwatch.extensions.ldap.directory import Answer, DirectoryError
from cekalwatch.extensions.ldap.domain import GIVEN_BY_GROUPS, GroupBinding, Member, as_groups_give, as_groups_say
from cekalwatch.extensions.ldap.store import GroupStore
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.domain.people import Person
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.people.store import Account, KeptPassword, NameTakenError, PeopleStore

MAX_ADDED = 200
"""People whom one look adds; the next ones come with the next looks."""

log = structlog.get_logger()


class NoDirectory:
    """In place of one that the settings no longer name: what it would say is not known."""

    def ask(self, groups: Collection[str]) -> Answer:
        """Raise DirectoryError."""
        raise DirectoryError(f"the settings have no [directory], and {len(groups)} groups are bound")


class Directory(Protocol):
    """Says who is in groups."""

    def ask(self, groups: Collection[str]) -> Answer:
        """Return the members; raises DirectoryError."""


@dataclass(frozen=True)
class DirectoryOutage:
    """The directory does not answer."""

    reason: str
    since: datetime
    """When it answered last."""
    until: datetime
    """When roles that groups decide end."""


class GroupFollower:
    """Brings people's roles to what the directory says, in the name of `actor`."""

    def __init__(
        self, directory: Directory, lasts: timedelta, groups: GroupStore, people: PeopleStore, clock: Clock,
        actor: Actor,
    ) -> None:  # fmt: skip
        """`lasts`: how long roles stay while the directory does not answer."""
        self._directory, self._lasts = directory, lasts
        self._groups, self._people = groups, people
        self._clock, self._actor = clock, actor
        self.outage: DirectoryOutage | None = None
        self.missing: frozenset[str] = frozenset()
        """Bound groups that the directory does not have, as it said last."""

    def look(self) -> None:
        """Ask the directory, and change the roles that count. Raises StorageError, ChangedRowError."""
        bindings = self._groups.bindings()
        if not bindings:
            self.outage, self.missing = None, frozenset()
            return
        try:
            answer = self._directory.ask({one.group for one in bindings})
        except DirectoryError as error:
            self._away(bindings, str(error))
            return
        self._apply(bindings, answer.members)
        self._groups.heard(self._clock.now())
        if self.outage:
            log.info("directory_answers_again")
        if new := answer.missing - self.missing:
            log.warning("directory_groups_missing", groups=len(new))
        self.outage, self.missing = None, answer.missing

    def _away(self, bindings: Collection[GroupBinding], reason: str) -> None:
        now = self._clock.now()
        heard = self._groups.heard_at() or now
        if self.outage is None or self.outage.reason != reason:
            log.warning("directory_away", reason=reason)
        self.outage = DirectoryOutage(reason, heard, heard + self._lasts)
        if now >= self.outage.until:
            self._apply(bindings, (), why="OUTAGE")

    def _apply(self, bindings: Collection[GroupBinding], members: Collection[Member], why: str = "DIRECTORY") -> None:
        found = self._groups.entries(members)
        for seen in self._groups.people():
            member = found.get(seen.person_id)
            groups = member.groups if member else frozenset()
            whole = as_groups_give(seen, bindings, groups)
            wanted = as_groups_say(whole, bindings, groups)
            if wanted != seen:
                gives = not (whole.roles <= seen.recorded.roles and whole.sites <= seen.recorded.sites)
                self._groups.withhold(seen, wanted, self._entry(Action.PERSON_CHANGED, wanted, why, gives=gives))
                log.info("roles_follow_groups", person=str(seen.person_id), roles=" ".join(sorted(wanted.roles)))
        known = {one.entry for one in found.values()}
        strangers = [one for one in members if one.entry not in known]
        for member in strangers[:MAX_ADDED]:
            self._add(member, bindings)

    def _add(self, member: Member, bindings: Collection[GroupBinding]) -> None:
        """Add a person whom a group makes an officer; they sign in through the identity provider."""
        given = [one for one in bindings if one.group in member.groups and one.role in GIVEN_BY_GROUPS]
        if not given:
            return
        sites = frozenset[str]().union(*(one.sites for one in given))
        roles = frozenset(one.role for one in given)
        person = Person(uuid6.uuid7(), member.sign_in_name, member.display_name, roles, sites)
        entry = self._entry(Action.PERSON_ADDED, person, "DIRECTORY", gives=True)
        try:
            # A new role that groups decide waits until they were asked, which they were just now.
            self._people.add(Account(person, KeptPassword(None, must_change=False)), entry)
        except NameTakenError:
            return  # an administrator was faster, or it looks like somebody's name
        held = self._people.person(person.person_id)
        if held and held != person:
            self._groups.withhold(held, person, self._entry(Action.PERSON_CHANGED, person, "DIRECTORY", gives=False))

    def _entry(self, action: Action, person: Person, why: str, *, gives: bool) -> AuditEntry:
        details = {"roles": " ".join(sorted(person.roles)), "withheld": " ".join(sorted(person.withheld.roles))}
        sites = " ".join(sorted(person.sites))
        details |= {"sites": sites if len(sites) <= 200 else f"{len(person.sites)}", "change": why}
        details |= {"gives": "yes"} if gives else {}
        objects = (ObjectKind.PERSON.key(person.person_id),)
        return AuditEntry(self._clock.now(), self._actor, action, objects, details=details)
