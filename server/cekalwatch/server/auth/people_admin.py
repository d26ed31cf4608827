"""Changes of people's records by an administrator; the audit trail records each one. Blocks."""

from __future__ import annotations

from dataclasses import replace

import uuid6

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.auth.signing_in.passwords import Passwords, first_password
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import Code
from cekalwatch.server.domain.people import Person, PersonError
from cekalwatch.server.refusals import RefusedError
from cekalwatch.server.storage.people.store import (
    Account,
    KeptPassword,
    NameTakenError,
    PeopleStore,
    PersonChangedError,
)

Rights = tuple[frozenset[PersonRole], frozenset[str]]
"""A person's roles and sites."""


class PeopleAdmin:
    """Changes records for `actor`. Methods raise RefusedError, also for an unknown name."""

    def __init__(
        self, store: PeopleStore, passwords: Passwords, clock: Clock, actor: Actor, by: Person | None = None
    ) -> None:
        """`by`: the administrator, who can change only records of their own sites.

        None for a command on the server's machine, which can change all records.
        """
        self._store = store
        self._passwords = passwords
        self._clock = clock
        self._actor = actor
        self._by = by

    def add(
        self,
        name: str,
        display_name: str,
        roles: frozenset[PersonRole],
        sites: frozenset[str],
        *,
        with_password: bool = True,
    ) -> str | None:
        """Add a person, and return the first password, if any."""
        self._refuse_other_sites(sites)
        try:
            person = Person(uuid6.uuid7(), name, display_name, roles, sites)
            first, kept = self._first_password() if with_password else (None, KeptPassword(None, must_change=False))
            self._store.add(Account(person, kept), self._entry(person, Action.PERSON_ADDED, **_facts(person)))
        except PersonError as error:
            raise RefusedError(Code.PERSON_INVALID, f"This person cannot be added: {error}") from None
        except NameTakenError:
            raise RefusedError(
                Code.SIGN_IN_NAME_TAKEN, f"There is somebody with the sign-in name {name} already"
            ) from None
        return first

    def change(
        self, name: str, roles: frozenset[PersonRole], sites: frozenset[str], seen: Rights | None = None
    ) -> Person:
        """Give the person these roles, and these sites if any; they apply from the next call on.

        `seen`: the roles and sites on which the decision was based; if they have changed since, nothing is done.
        """
        person = self.account(name).person
        if seen and (person.roles, person.sites) != seen:
            raise _changed()
        self._refuse_other_sites(sites)
        try:
            changed = replace(person, roles=roles, sites=sites or person.sites)
        except PersonError as error:
            raise RefusedError(Code.PERSON_INVALID, f"This cannot be: {error}") from None
        self._keep(person, changed, change="ROLES", **_facts(changed))
        return changed

    def disable(self, name: str) -> None:
        """Disable the person; their sessions end."""
        person = self.account(name).person
        self._keep(person, replace(person, disabled=True), change="DISABLED")

    def enable(self, name: str) -> None:
        """Enable the person again."""
        person = self.account(name).person
        self._keep(person, replace(person, disabled=False), change="ENABLED")

    def reset(self, name: str) -> str:
        """Give the person a first password, and return it; their sessions and a lock end."""
        person = self.account(name).person
        first, kept = self._first_password()
        entry = self._entry(person, Action.PERSON_CHANGED, change="PASSWORD_RESET")
        self._store.set_password(person.person_id, kept, entry)
        self._store.forgive(name)
        return first

    def unlock(self, name: str) -> bool:
        """Reset the count of the name's wrong passwords; return whether there were any."""
        person = self.account(name).person
        return self._store.forgive(name, self._entry(person, Action.PERSON_CHANGED, change="UNLOCKED"))

    def all(self) -> list[Account]:
        """Return all people, by sign-in name."""
        return self._store.all()

    def account(self, name: str) -> Account:
        """Return the record to change."""
        account = self._store.account(name)
        if account is None:
            raise RefusedError(Code.PERSON_UNKNOWN, f"There is nobody with the sign-in name {name}; see: people list")
        if self._by and self._by.person_id == account.person.person_id:
            raise RefusedError(Code.OWN_RECORD, "Nobody changes their own record: ask another administrator")
        self._refuse_other_sites(account.person.sites)
        return account

    def _keep(self, person: Person, changed: Person, **details: str) -> None:
        """Store the changes of a person, unless somebody was faster: a disabled person stays disabled."""
        try:
            self._store.change(changed, self._entry(person, Action.PERSON_CHANGED, **details), person)
        except PersonChangedError:
            raise _changed() from None

    def _refuse_other_sites(self, sites: frozenset[str]) -> None:
        if self._by and not sites <= self._by.sites:
            raise RefusedError(Code.PERSON_SITE_NOT_ALLOWED, "An administrator keeps people of their own sites")

    def _first_password(self) -> tuple[str, KeptPassword]:
        first = first_password()
        return first, KeptPassword(self._passwords.hash(first), must_change=True)

    def _entry(self, person: Person, action: Action, **details: str) -> AuditEntry:
        return AuditEntry(
            self._clock.now(), self._actor, action, (ObjectKind.PERSON.key(person.person_id),), details=details
        )


def _changed() -> RefusedError:
    return RefusedError(Code.PERSON_CHANGED, "Somebody has changed this person meanwhile: look at them again")


def _facts(person: Person) -> dict[str, str]:
    """Return the recorded facts of a person's rights; many sites are recorded by their number."""
    sites = " ".join(sorted(person.sites))
    return {"roles": " ".join(sorted(person.roles)), "sites": sites if len(sites) <= 200 else f"{len(person.sites)}"}
