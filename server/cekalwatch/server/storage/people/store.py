"""Stores the people who sign in, and counts wrong passwords. Each method is one transaction with its audit entry.

Methods block: call them from a worker thread.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlmodel import Session, col, delete, func, select, update

from cekalwatch.contract.values.people import NEVER_TOGETHER, PersonRole
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.names import named, people_in
from cekalwatch.server.domain.people import (
    NOTHING_WITHHELD,
    LockOut,
    Person,
    SignInTries,
    TryAllowance,
    Withheld,
    looks,
    typed,
)
from cekalwatch.server.storage.audit.store import commit_audited, write_audit
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import checked, guard_of, with_valid_mac
from cekalwatch.server.storage.people.tables import (
    DeviceTriesRow,
    PersonRow,
    PersonSessionRow,
    SignInFailureRow,
    SignInKeyRow,
)
from cekalwatch.server.storage.settings import read_setting

V = TypeVar("V")
GROUP_BINDINGS = "group_bindings"
"""The setting of which groups of the directory two people have bound to roles."""
TAG_DIGITS = 6
"""Of 4 bits: see `SignInFailureRow`."""


@dataclass(frozen=True)
class KeptPassword:
    """The stored form of a person's password."""

    hash: str | None
    """None for who signs in through the identity provider."""
    must_change: bool
    second_part: SecondPart | None = None
    """Of a first password that two people gave, until it is taken."""


@dataclass(frozen=True)
class SecondPart:
    """The second part of a first password: a MAC of the database makes it of a random number, so it is not kept."""

    taken_by: UUID
    """The second of the two people, who alone may take it."""
    number: str
    """Hexadecimal."""


@dataclass(frozen=True)
class Account:
    """A person with the stored form of the password."""

    person: Person
    password: KeptPassword


@dataclass(frozen=True)
class BoundRole:
    """A role that a group is bound to; the extension of the directory knows the rest of a binding."""

    role: PersonRole


@dataclass(frozen=True)
class BoundRoles:
    """Of all bindings."""

    bindings: tuple[BoundRole, ...] = ()


class PersonChangedError(Exception):
    """Somebody else has changed the person in the meantime."""


class NameTakenError(Exception):
    """Somebody has this sign-in name already, or one that looks like it: the name."""


class PeopleStore:
    """People in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, account: Account, entry: AuditEntry) -> None:
        """Keep a new person; raises NameTakenError."""
        person, password = account.person, account.password
        with self._database.session() as session:
            lock_people(session)
            _require_free(session, person)
            row = PersonRow(
                person_id=str(person.person_id),
                sign_in_name=person.sign_in_name,
                display_name=person.display_name,
                roles=_list([]),
                sites=_list([]),
                disabled=person.disabled,
                password_hash=password.hash,
                must_change_password=password.must_change,
                second_part=_written(password.second_part),
            )
            _record(session, row, person)
            session.add(row)
            commit_audited(session, entry)

    def account(self, sign_in_name: str) -> Account | None:
        """Return the person of that name as people type it; None also if the record was changed."""
        with self._database.session() as session:
            same = func.lower(PersonRow.sign_in_name) == typed(sign_in_name)
            found = session.exec(select(PersonRow).where(same))
            return next(map(account_of, with_valid_mac(session, found)), None)

    def provided(self, provider: str, account: str, name: str) -> Account | None:
        """Return whose account of a provider that is; who has none yet, and exactly that name, is bound to it."""
        with self._database.session() as session:
            lock_people(session)
            bound, free = accounts_of(with_valid_mac(session, session.exec(select(PersonRow)).all()), provider)
            row = bound.get(account)
            if row is None and (row := next((one for one in free if one.sign_in_name == name), None)):
                bind(row, provider, account)
            found = account_of(row) if row else None
            session.commit()
            return found

    def person(self, person_id: UUID) -> Person | None:
        """Return the person of that key, as `account` does."""
        with self._database.session() as session:
            found = session.exec(select(PersonRow).where(PersonRow.person_id == str(person_id)))
            return next((account_of(row).person for row in with_valid_mac(session, found)), None)

    def display_names(self, people: Iterable[str]) -> dict[str, str]:
        """Return the names for the screen of those of `people` who are known, by key."""
        keys = set(people)
        if not keys:
            return {}
        query = select(PersonRow.person_id, PersonRow.display_name).where(col(PersonRow.person_id).in_(keys))
        with self._database.session() as session:
            return dict(session.exec(query).all())

    def named(self, value: V) -> V:
        """Return a value of the contract, or a tuple of values, with the names of the people in it."""
        return named(value, self.display_names(people_in(value)))

    def called(self, name: str) -> frozenset[UUID]:
        """Return who signs in with that name, or has it in the name for the screen, in any case."""
        wanted = name.casefold()
        with self._database.session() as session:
            query = select(PersonRow.person_id, PersonRow.sign_in_name, PersonRow.display_name)
            return frozenset(
                UUID(person_id)
                for person_id, sign_in_name, shown in session.exec(query)
                if typed(sign_in_name) == wanted or wanted in shown.casefold()
            )

    def all(self) -> list[Account]:
        """Return all people with unchanged records, by sign-in name."""
        with self._database.session() as session:
            rows = session.exec(select(PersonRow).order_by(PersonRow.sign_in_name))
            return list(map(account_of, with_valid_mac(session, rows)))

    def change(self, person: Person, entry: AuditEntry, seen: Person | None = None) -> None:
        """Store the changes of a person's record; the sessions of a disabled person end.

        Raises PersonChangedError when the record has changed since the person was `seen`.
        """
        with self._database.session() as session:
            row = held_person(session, person.person_id)
            if seen and account_of(row).person.recorded != seen.recorded:
                raise PersonChangedError(person.person_id)
            if person.sign_in_name != row.sign_in_name:
                _require_free(session, person)
                row.sign_in_name = person.sign_in_name
            _record(session, row, person)
            row.disabled = person.disabled
            if person.disabled:
                row.provided = None
                end_sessions(session, person.person_id)
            commit_audited(session, entry)

    def set_password(
        self, person_id: UUID, password: KeptPassword, entry: AuditEntry, *, but_session: str | None = None
    ) -> None:
        """Keep another password, and end the person's sessions except the one with the token of that SHA-256."""
        with self._database.session() as session:
            row = held_person(session, person_id)
            row.password_hash, row.must_change_password = password.hash, password.must_change
            row.second_part = _written(password.second_part)
            end_sessions(session, person_id, but_session)
            commit_audited(session, entry)

    def part_mac(self, part: SecondPart) -> bytes:
        """Return the 32 bytes of which the letters of a second part are made; nobody without the keys knows them."""
        with self._database.session() as session:
            return guard_of(session).keyring.row_mac(f"second part {_written(part)}".encode())

    def take_parts(self, by: UUID, entry: Callable[[Person], AuditEntry]) -> list[tuple[Person, SecondPart]]:
        """Return the second parts that the person may take, by sign-in name, with an entry each; none comes twice."""
        with self._database.session() as session:
            lock_people(session)
            rows = session.exec(
                select(PersonRow)
                .where(col(PersonRow.second_part).startswith(f"{by} "))
                .order_by(PersonRow.sign_in_name)
            )
            found = []
            for row in with_valid_mac(session, rows.all()):
                account = account_of(row)
                if part := account.password.second_part:
                    found.append((account.person, part))
                    row.second_part = None
                    write_audit(session, entry(account.person))
            session.commit()
            return found

    def renew_hash(self, person_id: UUID, before: str | None, renewed: str) -> None:
        """Keep another hash of the same password, unless it was changed since it had the hash `before`."""
        with self._database.session() as session:
            row = held_person(session, person_id)
            if row.password_hash == before:
                row.password_hash = renewed
                session.commit()

    def begin_try(self, sign_in_name: str, now: datetime, rule: LockOut) -> SignInTries | None:
        """Count an attempt as wrong before it is checked; None when the name is locked and must not be checked.

        So simultaneous attempts, or a server that dies in between, allow no uncounted guesses. A right password resets
        the count.
        """
        with self._database.session() as session:
            tag = _locked_tag(session, sign_in_name)
            row = session.get(SignInFailureRow, tag)
            before = SignInTries(row.failures, row.failed_at, row.locked_until) if row else None
            if before and before.locked(now):
                return None
            tries = SignInTries.next(before, now, rule)
            session.merge(SignInFailureRow(name_tag=tag, **tries.__dict__))
            # Outdated counts are removed, so that invented names do not fill the database.
            session.exec(delete(SignInFailureRow).where(col(SignInFailureRow.failed_at) < now - rule.forgotten_after))
            session.commit()
            return tries

    def begin_try_at(self, binding: str, now: datetime, allowance: TryAllowance, share: int) -> bool:
        """Count an attempt at a device as wrong before it is checked; return whether it has one left, on all servers.

        `share`: the number of devices for which it counts. `take_back` removes the attempt after a right password.
        """
        with self._database.session() as session:
            lock_people(session)
            row = session.get(DeviceTriesRow, binding)
            until = allowance.after(row.spent_until if row else None, now, share)
            if until is None:
                return False
            session.merge(DeviceTriesRow(binding=binding, spent_until=until))
            session.exec(delete(DeviceTriesRow).where(col(DeviceTriesRow.spent_until) < now))
            session.commit()
            return True

    def take_back(self, binding: str, allowance: TryAllowance, share: int) -> None:
        """Count one try at a device less: it was right."""
        with self._database.session() as session:
            lock_people(session)
            if row := session.get(DeviceTriesRow, binding):
                row.spent_until -= allowance.each / share
                session.add(row)
                session.commit()

    def forgive(self, sign_in_name: str, entry: AuditEntry | None = None) -> bool:
        """Forget a name's wrong passwords; return whether there were any."""
        with self._database.session() as session:
            tag = _locked_tag(session, sign_in_name)
            found = session.exec(delete(SignInFailureRow).where(col(SignInFailureRow.name_tag) == tag)).rowcount > 0
            if entry:
                write_audit(session, entry)
            session.commit()
            return found


def accounts_of(rows: Iterable[PersonRow], provider: str) -> tuple[dict[str, PersonRow], list[PersonRow]]:
    """Return the rows of people with an account of that provider, by account, and of those without one.

    A name that the provider gives to another account later is nobody's here. Who is disabled has none any more: two
    people enable them again, and their next account may be another.
    """
    held = [(row, json.loads(row.provided or "{}").get(provider)) for row in rows]
    return {account: row for row, account in held if account}, [row for row, account in held if not account]


def bind(row: PersonRow, provider: str, account: str) -> None:
    """Write that the person has this account of the provider, unless they are disabled."""
    if row.disabled:
        return
    row.provided = json.dumps(json.loads(row.provided or "{}") | {provider: account}, sort_keys=True)


def _require_free(session: Session, person: Person) -> None:
    """Raise NameTakenError when somebody else has the person's name, or one that looks like it."""
    for person_id, held in session.exec(select(PersonRow.person_id, PersonRow.sign_in_name)):
        if person_id != str(person.person_id) and looks(held) == looks(person.sign_in_name):
            raise NameTakenError(held)


def account_of(row: PersonRow) -> Account:
    """Return the person of a row, without what groups withhold, and the stored form of the password."""
    whole = Person(
        person_id=UUID(row.person_id),
        sign_in_name=row.sign_in_name,
        display_name=row.display_name,
        roles=_apart(frozenset(map(PersonRole, json.loads(row.roles)))),
        sites=frozenset(json.loads(row.sites)),
        disabled=row.disabled,
    )
    person = whole.without(withheld_in(row)) if row.withheld else whole
    return Account(person, KeptPassword(row.password_hash, row.must_change_password, _part(row.second_part)))


def withheld_in(row: PersonRow) -> Withheld:
    """Return what groups withhold of a row's roles and sites."""
    if not row.withheld:
        return NOTHING_WITHHELD
    held = json.loads(row.withheld)
    return Withheld(frozenset(map(PersonRole, held["roles"])), frozenset(held["sites"]))


def withhold(row: PersonRow, withheld: Withheld) -> None:
    """Write what does not count of a row."""
    nothing = withheld == NOTHING_WITHHELD
    row.withheld = None if nothing else json.dumps({"roles": sorted(withheld.roles), "sites": sorted(withheld.sites)})


def _record(session: Session, row: PersonRow, person: Person) -> None:
    """Write roles and sites. A new role that groups are bound to does not count before the directory was asked."""
    whole, before = person.recorded, frozenset(json.loads(row.roles))
    asked = {one.role for one in read_setting(session, GROUP_BINDINGS, BoundRoles).bindings}
    held, unheard = withheld_in(row), (whole.roles - before) & asked
    row.roles, row.sites = _list(whole.roles), _list(whole.sites)
    withhold(row, whole.without(Withheld(held.roles | unheard, held.sites)).withheld)


def _apart(roles: frozenset[PersonRole]) -> frozenset[PersonRole]:
    """Return the roles that count: who was given both of `NEVER_TOGETHER` by an earlier version is no auditor."""
    return roles - {PersonRole.AUDITOR} if roles >= NEVER_TOGETHER else roles


def _part(written: str | None) -> SecondPart | None:
    if not written:
        return None
    by, number = written.split()
    return SecondPart(UUID(by), number)


def _written(part: SecondPart | None) -> str | None:
    return f"{part.taken_by} {part.number}" if part else None


def held_person(session: Session, person_id: UUID) -> PersonRow:
    """Return the row of a known person, locked until the transaction ends. Raises ChangedRowError."""
    lock_people(session)
    return checked(session, session.get_one(PersonRow, str(person_id)))


def end_sessions(session: Session, person_id: UUID, but: str | None = None) -> None:
    """End the sessions of a person, except the one with the token of that SHA-256."""
    query = delete(PersonSessionRow).where(col(PersonSessionRow.person_id) == str(person_id))
    session.exec(query.where(col(PersonSessionRow.token_sha256) != but) if but else query)


def lock_people(session: Session) -> None:
    """Lock people and counts of attempts until the transaction ends; the first step of each change.

    It takes SQLite's write lock before anything is read, so that two changes of a row cannot overlap.
    """
    session.exec(update(SignInKeyRow).values(id=SignInKeyRow.id))


def _locked_tag(session: Session, sign_in_name: str) -> str:
    """Return the name's tag, and keep others from counting until the transaction ends."""
    lock_people(session)
    key = session.exec(select(SignInKeyRow.key)).one()
    return hmac.new(key, typed(sign_in_name).encode(), hashlib.sha256).hexdigest()[:TAG_DIGITS]


def _list(values: Iterable[str]) -> str:
    return json.dumps(sorted(values))
