"""Stores which groups of the directory give roles, and whose roles do not count. Methods block."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlmodel import Session, select

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.extensions.ldap.domain import GroupBinding, GroupBindings, Member
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.people import NOTHING_WITHHELD, Person, Withheld, typed
from cekalwatch.server.storage.audit.store import commit_audited
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import one_checked, replace_row, with_valid_mac
from cekalwatch.server.storage.people.store import (
    GROUP_BINDINGS,
    account_of,
    accounts_of,
    bind,
    end_sessions,
    held_person,
    lock_people,
    withhold,
)
from cekalwatch.server.storage.people.tables import DirectoryRow, PersonRow
from cekalwatch.server.storage.settings import read_setting, write_setting

DIRECTORY: Final = "directory"
"""Under which a person's entry is kept, beside their accounts at identity providers."""


class GroupStore:
    """The bound groups of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def bindings(self) -> tuple[GroupBinding, ...]:
        """Return the bindings, by group and role. Raises ChangedRowError, also when their row was removed."""
        with self._database.session() as session:
            return _bindings(session)

    def bind(self, binding: GroupBinding, entry: AuditEntry) -> None:
        """Bind a group to a role, or replace the sites of that binding."""
        with self._database.session() as session:
            lock_people(session)
            others = [one for one in _bindings(session) if (one.group, one.role) != (binding.group, binding.role)]
            _write(session, [*others, binding])
            if one_checked(session, DirectoryRow, 1) is None:
                replace_row(session, DirectoryRow(heard_at=entry.at))
            commit_audited(session, entry)

    def unbind(self, group: str, role: PersonRole, entry: AuditEntry) -> bool:
        """Forget a binding, and return whether there was one. Nobody gains by it.

        When no group is bound to the role any more, what was withheld because of it leaves the records for good; an
        account whose only role it was is disabled.
        """
        with self._database.session() as session:
            lock_people(session)
            before = _bindings(session)
            left = [one for one in before if (one.group, one.role) != (group, role)]
            if len(left) == len(before):
                return False
            _write(session, left)
            if all(one.role is not role for one in left):
                for person in with_valid_mac(session, session.exec(select(PersonRow)).all()):
                    _keep_what_counts(session, person, role)
            commit_audited(session, entry)
            return True

    def heard_at(self) -> datetime | None:
        """Return when the directory answered last; None before the first binding."""
        with self._database.session() as session:
            row = one_checked(session, DirectoryRow, 1)
        return row.heard_at if row else None

    def heard(self, at: datetime) -> None:
        """Note that the directory answered."""
        with self._database.session() as session:
            lock_people(session)
            replace_row(session, DirectoryRow(heard_at=at))
            session.commit()

    def entries(self, members: Collection[Member]) -> dict[UUID, Member]:
        """Return whose entries these are; who has none yet is bound to the only one of their name.

        The directory does not mind capitals in names, so neither is it here.
        """
        names = Counter(typed(one.sign_in_name) for one in members)
        with self._database.session() as session:
            lock_people(session)
            bound, free = accounts_of(with_valid_mac(session, session.exec(select(PersonRow)).all()), DIRECTORY)
            named, found = {typed(row.sign_in_name): row for row in free}, {}
            for one in members:
                row, name = bound.get(one.entry), typed(one.sign_in_name)
                if row is None and names[name] == 1 and (row := named.get(name)):
                    bind(row, DIRECTORY, one.entry)
                if row:
                    found[UUID(row.person_id)] = one
            session.commit()
            return found

    def people(self) -> list[Person]:
        """Return everybody whose row is as it was written, by sign-in name."""
        with self._database.session() as session:
            rows = session.exec(select(PersonRow).order_by(PersonRow.sign_in_name))
            return [account_of(row).person for row in with_valid_mac(session, rows)]

    def withhold(self, seen: Person, wanted: Person, entry: AuditEntry) -> bool:
        """Let only the roles and sites of `wanted` count, and end the sessions of people whose groups grant no role.

        Return False, and do nothing, when the person has changed since they were `seen`.
        """
        with self._database.session() as session:
            row = held_person(session, seen.person_id)
            if account_of(row).person != seen:
                return False
            whole = wanted.recorded
            row.roles, row.sites = (json.dumps(sorted(values)) for values in (whole.roles, whole.sites))
            withhold(row, wanted.withheld)
            if wanted.barred:
                end_sessions(session, seen.person_id)
            commit_audited(session, entry)
            return True


def _bindings(session: Session) -> tuple[GroupBinding, ...]:
    return read_setting(session, GROUP_BINDINGS, GroupBindings).bindings


def _write(session: Session, bindings: Iterable[GroupBinding]) -> None:
    in_turn = tuple(sorted(bindings, key=lambda one: (one.group, one.role)))
    write_setting(session, GROUP_BINDINGS, GroupBindings(in_turn))


def _keep_what_counts(session: Session, row: PersonRow, role: PersonRole) -> None:
    """Make what is withheld of a role, or because of it, permanent."""
    person = account_of(row).person
    if role in person.withheld.roles:
        left = person.recorded.roles - {role}
        row.disabled = row.disabled or not left
        if left:
            row.roles = json.dumps(sorted(left))
            withhold(row, Withheld(person.withheld.roles - {role}, person.withheld.sites))
        else:
            withhold(row, NOTHING_WITHHELD)
            end_sessions(session, person.person_id)
    elif role in person.roles and person.withheld.sites:
        row.sites = json.dumps(sorted(person.sites))
        withhold(row, Withheld(person.withheld.roles))
