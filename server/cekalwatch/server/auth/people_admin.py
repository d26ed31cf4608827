"""Changes of people's records by an administrator; the audit trail records each one. Blocks."""

from __future__ import annotations

import secrets
from dataclasses import replace

import uuid6

from cekalwatch.contract.values.people import NEVER_TOGETHER, PasswordPart, PersonRole, TwoPersonAction
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.auth.signing_in.passwords import Passwords, first_password, password_part
from cekalwatch.server.domain.people import Person, PersonError, TwoPeople
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.foundation.refusals import RefusedError
from cekalwatch.server.storage.people.store import (
    Account,
    KeptPassword,
    NameTakenError,
    PeopleStore,
    PersonChangedError,
    SecondPart,
)

Rights = tuple[frozenset[PersonRole], frozenset[str]]
"""A person's roles and sites."""


class PeopleAdmin:
    """Changes records for `actor`. Methods raise RefusedError, also for an unknown name."""

    def __init__(
        self,
        store: PeopleStore,
        passwords: Passwords,
        clock: Clock,
        actor: Actor,
        by: Person | None = None,
        people: TwoPeople | None = None,
    ) -> None:
        """`by`: the administrator, who can change only records of their own sites; `people`: with the second person.

        None for a command on the server's machine, which can change all records, and gives rights alone: it is where
        a site gets its first two people, and its account has the keys.
        """
        self._store = store
        self._passwords = passwords
        self._clock = clock
        self._actor = actor
        self._by = by
        self._people = people

    def add(
        self,
        name: str,
        display_name: str,
        roles: frozenset[PersonRole],
        sites: frozenset[str],
        *,
        with_password: bool = True,
    ) -> str | None:
        """Add a person, and return the first password, if any; with a second person, its first part."""
        self._refuse_other_sites(sites)
        _refuse_together(roles)
        self._require_second()
        try:
            person = Person(uuid6.uuid7(), name, display_name, roles, sites)
            first, kept = self._first_password() if with_password else (None, KeptPassword(None, must_change=False))
            self._store.add(Account(person, kept), self._given(person, Action.PERSON_ADDED, **_facts(person)))
        except PersonError as error:
            raise RefusedError(Code.PERSON_INVALID, f"This person cannot be added: {error}") from None
        except NameTakenError as error:
            raise _taken(error) from None
        return first

    def change(
        self, name: str, roles: frozenset[PersonRole], sites: frozenset[str], seen: Rights | None = None
    ) -> Person:
        """Give the person these roles, and these sites if any; they apply from the next call on.

        `seen`: the roles and sites on which the decision was based; if they have changed since, nothing is done.
        """
        person = self.account(name).person.recorded
        if seen and (person.roles, person.sites) != seen:
            raise _changed()
        self._refuse_other_sites(sites)
        _refuse_together(roles)
        try:
            changed = replace(person, roles=roles, sites=sites or person.sites)
        except PersonError as error:
            raise RefusedError(Code.PERSON_INVALID, f"This cannot be: {error}") from None
        gains = not (changed.roles <= person.roles and changed.sites <= person.sites)
        self._keep(person, changed, gains=gains, change="ROLES", **_facts(changed))
        return changed

    def rename(self, name: str, new: str) -> None:
        """Give the person another sign-in name, for one that their provider writes otherwise."""
        person = self.account(name).person.recorded
        try:
            self._keep(person, replace(person, sign_in_name=new), gains=True, change="RENAMED")
        except PersonError as error:
            raise RefusedError(Code.PERSON_INVALID, f"This cannot be: {error}") from None
        except NameTakenError as error:
            raise _taken(error) from None

    def disable(self, name: str) -> None:
        """Disable the person; their sessions end."""
        person = self.account(name).person
        self._keep(person, replace(person, disabled=True), gains=False, change="DISABLED")

    def enable(self, name: str) -> None:
        """Enable the person again."""
        person = self.account(name).person
        self._keep(person, replace(person, disabled=False), gains=person.disabled, change="ENABLED")

    def reset(self, name: str) -> str:
        """Give the person a first password, and return it as `add` does; their sessions and a lock end."""
        person = self.account(name).person
        self._require_second()
        first, kept = self._first_password()
        entry = self._given(person, Action.PERSON_CHANGED, change="PASSWORD_RESET")
        self._store.set_password(person.person_id, kept, entry)
        self._store.forgive(name)
        return first

    def unlock(self, name: str) -> bool:
        """Reset the count of the name's wrong passwords; return whether there were any."""
        person = self.account(name).person
        return self._store.forgive(name, self._entry(person, Action.PERSON_CHANGED, change="UNLOCKED"))

    def take_parts(self) -> list[PasswordPart]:
        """Return the second parts of the first passwords for which the caller has signed, and give none again."""
        if self._by is None:
            return []

        def entry(person: Person) -> AuditEntry:
            return self._entry(person, Action.PERSON_CHANGED, change="PART_TAKEN")

        return [
            PasswordPart(person.sign_in_name, person.display_name, password_part(self._store.part_mac(part)))
            for person, part in self._store.take_parts(self._by.person_id, entry)
        ]

    def all(self) -> list[Account]:
        """Return all people, by sign-in name."""
        return self._store.all()

    def account(self, name: str) -> Account:
        """Return the record to change, with the person as the store has them, roles withheld by groups and all."""
        account = self._store.account(name)
        if account is None:
            raise RefusedError(Code.PERSON_UNKNOWN, f"There is nobody with the sign-in name {name}; see: people list")
        if account.person.person_id in {one.person_id for one in (self._by, self._second) if one}:
            raise RefusedError(Code.OWN_RECORD, "Nobody changes their own record, nor signs for that")
        self._refuse_other_sites(account.person.recorded.sites)
        return account

    def _keep(self, person: Person, changed: Person, *, gains: bool, **details: str) -> None:
        """Store the changes of a person, unless somebody was faster: a disabled person stays disabled.

        `gains`: the person may do more than before, which takes two people.
        """
        if gains:
            self._require_second()
        entry = (self._given if gains else self._entry)(person, Action.PERSON_CHANGED, **details)
        try:
            self._store.change(changed, entry, person)
        except PersonChangedError:
            raise _changed() from None

    def _refuse_other_sites(self, sites: frozenset[str]) -> None:
        if self._by and not sites <= self._by.sites:
            raise RefusedError(Code.PERSON_SITE_NOT_ALLOWED, "An administrator keeps people of their own sites")

    @property
    def _second(self) -> Person | None:
        return self._people.second if self._people else None

    def _require_second(self) -> None:
        """Raise SECOND_PERSON_NEEDED where one person alone would give rights."""
        if self._by and not self._people:
            raise RefusedError(Code.SECOND_PERSON_NEEDED, "Two people give rights")
        if self._people and self._people.action is not TwoPersonAction.CHANGE_PEOPLE:
            raise ValueError(f"these people may do {self._people.action}")

    def _first_password(self) -> tuple[str, KeptPassword]:
        """Return what the caller is told of a new first password, and how it is kept."""
        second = self._second
        if second is None:
            first = first_password()
            return first, KeptPassword(self._passwords.hash(first), must_change=True)
        part = SecondPart(second.person_id, secrets.token_hex(16))
        first = password_part(secrets.token_bytes(32))
        whole = f"{first}-{password_part(self._store.part_mac(part))}"
        return first, KeptPassword(self._passwords.hash(whole), must_change=True, second_part=part)

    def _given(self, person: Person, action: Action, **details: str) -> AuditEntry:
        """Return the entry of something that gives rights, with the second person who signed for it."""
        entry = self._entry(person, action, gives="yes", **details)
        if second := self._second:
            return replace(entry, objects=(*entry.objects, ObjectKind.PERSON.key(second.person_id)))
        return entry

    def _entry(self, person: Person, action: Action, **details: str) -> AuditEntry:
        return AuditEntry(
            self._clock.now(), self._actor, action, (ObjectKind.PERSON.key(person.person_id),), details=details
        )


def _taken(error: NameTakenError) -> RefusedError:
    return RefusedError(Code.SIGN_IN_NAME_TAKEN, f"Somebody has the sign-in name {error}, or one that looks like it")


def _changed() -> RefusedError:
    return RefusedError(Code.PERSON_CHANGED, "Somebody has changed this person meanwhile: look at them again")


def _refuse_together(roles: frozenset[PersonRole]) -> None:
    if roles >= NEVER_TOGETHER:
        raise RefusedError(Code.PERSON_INVALID, "This cannot be: nobody is administrator and auditor")


def _facts(person: Person) -> dict[str, str]:
    """Return the recorded facts of a person's rights; many sites are recorded by their number."""
    sites = " ".join(sorted(person.sites))
    return {"roles": " ".join(sorted(person.roles)), "sites": sites if len(sites) <= 200 else f"{len(person.sites)}"}
