"""Keeps sessions, so that several servers share them. Each method is one transaction; methods block."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, delete, select

from cekalwatch.contract.values.people import PersonRole, TwoPersonAction
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.people import JointAct
from cekalwatch.server.storage.audit.store import commit_audited, write_audit
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import checked
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.people.store import Account, account_of, lock_people
from cekalwatch.server.storage.people.tables import PersonRow, PersonSessionRow
from cekalwatch.server.storage.row_codec import RowCodec


@dataclass(frozen=True)
class Countersignature:
    """The act that a second person signs for, and the first person's session."""

    act: JointAct
    first_session: str
    """SHA-256 of the token of the first person's session."""


@dataclass(frozen=True)
class NewSession:
    """A session as it begins."""

    token_sha256: str
    purpose: str
    person_id: UUID
    by_password: bool
    device_binding: str
    certificate: str
    began_at: datetime
    expires_at: datetime
    signs: Countersignature | None = None
    """Of a second person; None for a session."""


@dataclass(frozen=True)
class KeptSession:
    """A stored session, with the person's present record."""

    account: Account
    by_password: bool
    device_binding: str
    certificate: str
    used_at: datetime
    expires_at: datetime
    purpose: str
    signs: Countersignature | None = None


_NEW = RowCodec(NewSession, PersonSessionRow, {"began_at": "used_at"}, {"signs"})
_KEPT = RowCodec(KeptSession, PersonSessionRow, given={"account", "signs"})


class SessionStore:
    """Sessions in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, new: NewSession, entry: AuditEntry) -> None:
        """Store a new session; expired ones are removed."""
        with self._database.session() as session:
            session.exec(delete(PersonSessionRow).where(col(PersonSessionRow.expires_at) <= new.began_at))
            session.add(session_row(new))
            commit_audited(session, entry)

    def find(self, token_sha256: str, *purposes: str) -> KeptSession | None:
        """Return the session of that token with one of these purposes, if it is stored, and neither it nor its person
        was changed."""
        query = (
            select(PersonSessionRow, PersonRow)
            .join(PersonRow)
            .where(col(PersonSessionRow.token_sha256) == token_sha256, col(PersonSessionRow.purpose).in_(purposes))
        )
        with self._database.session() as session:
            return next(_kept(session, session.exec(query)), None)

    def devices(
        self, purpose: str, roles: Collection[PersonRole], used_since: datetime, now: datetime
    ) -> dict[str, frozenset[UUID]]:
        """Return who with one of the roles has a session, valid at `now`, by the binding of their device."""
        query = (
            select(PersonSessionRow, PersonRow)
            .join(PersonRow)
            .where(
                col(PersonSessionRow.purpose) == purpose,
                col(PersonSessionRow.expires_at) > now,
                col(PersonSessionRow.used_at) >= used_since,
                col(PersonRow.disabled).is_(False),
            )
        )
        with self._database.session() as session:
            found = list(_kept(session, session.exec(query)))
        at_device: dict[str, frozenset[UUID]] = {}
        for one in found:
            if one.account.person.roles & frozenset(roles):
                there = at_device.get(one.device_binding, frozenset())
                at_device[one.device_binding] = there | {one.account.person.person_id}
        return at_device

    def of(self, purpose: str, people: Collection[str]) -> list[KeptSession]:
        """Return the stored sessions of those of `people` who are not disabled, whatever the time."""
        query = (
            select(PersonSessionRow, PersonRow)
            .join(PersonRow)
            .where(
                col(PersonSessionRow.purpose) == purpose,
                col(PersonSessionRow.person_id).in_(people),
                col(PersonRow.disabled).is_(False),
            )
        )
        with self._database.session() as session:
            return list(_kept(session, session.exec(query)))

    def touch(self, token_sha256: str, now: datetime) -> None:
        """Note that a session is in use."""
        with self._database.session() as session:
            lock_people(session)
            if row := session.get(PersonSessionRow, token_sha256):
                checked(session, row).used_at = now
                session.commit()

    def remove(self, token_sha256: str, entry: AuditEntry | None = None, used_at: datetime | None = None) -> bool:
        """End a session, and return whether this call did: of several at the same time, one gets true.

        With `used_at`, only if it was not used since.
        """
        with self._database.session() as session:
            query = delete(PersonSessionRow).where(col(PersonSessionRow.token_sha256) == token_sha256)
            if used_at is not None:
                query = query.where(col(PersonSessionRow.used_at) == used_at)
            removed = session.exec(query).rowcount > 0
            if removed and entry:
                write_audit(session, entry)
            session.commit()
            return removed


def session_row(new: NewSession) -> PersonSessionRow:
    """Return the row of a session, or of a second person's word."""
    signs = new.signs
    return _NEW.write(
        new,
        action=signs.act.action if signs else None,
        argument_sha256=signs.act.argument_sha256 if signs else None,
        first_session=signs.first_session if signs else None,
    )


def _signs(row: PersonSessionRow) -> Countersignature | None:
    if row.action is None or row.argument_sha256 is None or row.first_session is None:
        return None
    return Countersignature(JointAct(TwoPersonAction(row.action), row.argument_sha256), row.first_session)


def _kept(session: Session, found: Iterable[tuple[PersonSessionRow, PersonRow]]) -> Iterator[KeptSession]:
    """Yield the sessions that are as they were written, of people who are."""
    for row, person in found:
        try:
            account = account_of(checked(session, person))
            checked(session, row)
        except ChangedRowError:
            continue
        yield _KEPT.read(row, account=account, signs=_signs(row))
