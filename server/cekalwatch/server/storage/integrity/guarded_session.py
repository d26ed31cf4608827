"""Sessions that sign what they write, and commit behind a fence.

A row that somebody else changed is not signed when it is changed again. A fence is a condition for the commit of a
transaction: a server that was paused or disconnected does not know that another one has taken over its work. So each
of its transactions checks the condition in the database, and keeps it true until the transaction ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

import sqlalchemy
from sqlalchemy.engine import Connection, Engine, Row
from sqlalchemy.orm import ORMExecuteState, object_session
from sqlalchemy.orm.attributes import flag_modified
from sqlmodel import Session

from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.integrity.guard import RowGuard
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError, RowKey, SignedRow, form_of


class LeaseLostError(StorageError):
    """Another server has taken over this work; nothing of the transaction was written."""


class Fence(Protocol):
    """The check at the end of a transaction."""

    def check(self, session: Session) -> None:
        """Raise LeaseLostError when it is no longer true; otherwise nobody can change it until the session ends."""


_CURRENT: ContextVar[Fence | None] = ContextVar("fence", default=None)


@contextmanager
def fenced(fence: Fence | None) -> Iterator[None]:
    """Let all sessions that begin in this block, on this thread, commit behind `fence`; None means no fence."""
    token = _CURRENT.set(fence)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current_fence() -> Fence | None:
    """Return the fence behind which the caller works."""
    return _CURRENT.get()


Signed = TypeVar("Signed", bound=SignedRow)


class GuardedSession(Session):
    """A session on a database with signed rows. Objects keep their values after a commit."""

    def __init__(
        self,
        bind: Engine | Connection,
        guard: RowGuard | None,
        fence: Fence | None = None,
        committing: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """Without a guard, which means before the keys are open, signed rows can be neither written nor used.

        On a shared connection, nothing can be written.
        With a fence, a commit raises LeaseLostError unless the fence holds. Each commit runs within `committing()`.
        """
        super().__init__(bind, expire_on_commit=False)
        self._only_reads = isinstance(bind, Connection)
        self.fence = fence
        self._committing = committing
        self._guard = guard
        self.sound: dict[int, SignedRow] = {}
        """Rows that this session has checked or signed, by identity; it keeps them, so that no other object gets the
        same identity. A row that is read again from the database is removed."""
        self.replaced: dict[int, SignedRow] = {}
        """Rows that it writes completely, whatever their old contents."""

    def commit(self) -> None:
        """Write the changes, and commit. Raises RuntimeError if it may only read."""
        if self._only_reads:
            raise RuntimeError("a session that reads together with others would write")
        self.flush()
        with self._committing():
            super().commit()

    @property
    def guard(self) -> RowGuard:
        """The guard of the rows. Raises RuntimeError before the keys are open."""
        if self._guard is None:
            raise RuntimeError("signed rows are used, and the keys of the database are not open")
        return self._guard

    def checked(self, row: Signed) -> Signed:
        """Return a row that the session has read, if it is as it was written. Raises ChangedRowError."""
        if id(row) not in self.sound:
            self.guard.check(row)
            self.sound[id(row)] = row
        return row


def guard_of(session: Session) -> RowGuard:
    """Return the guard of the rows of a session."""
    return _guarded(session).guard


def checked(session: Session, row: Signed) -> Signed:
    """Return a row that the session has read, if it is as it was written. Raises ChangedRowError."""
    return _guarded(session).checked(row)


def with_valid_mac(session: Session, rows: Iterable[Signed]) -> Iterator[Signed]:
    """Yield the rows that are as they were written; the others are refused and recorded."""
    check = _guarded(session).checked
    for row in rows:
        try:
            check(row)
        except ChangedRowError:
            continue
        yield row


def plain_with_valid_mac(session: Session, model: type[Signed], rows: Iterable[Row[Any]]) -> Iterator[Row[Any]]:
    """Do the same for plain rows of all columns, in the table's order: objects take three times as long to make."""
    check = guard_of(session).check_plain
    for row in rows:
        try:
            check(model, row)
        except ChangedRowError:
            continue
        yield row


def one_checked(session: Session, model: type[Signed], key: object) -> Signed | None:
    """Return the row with that primary key, which nobody may remove, or None if it never existed.

    Raises ChangedRowError, also for a removed row.
    """
    row = session.get(model, key)
    if row is not None:
        return checked(session, row)
    guard_of(session).require_absent(_key(model, key))
    return None


def replace_row(session: Session, row: SignedRow) -> None:
    """Write all columns of a row. This replaces a row whose MAC does not match."""
    held = session.merge(row)
    _guarded(session).replaced[id(held)] = held


def put_row(session: Session, row: Signed, found: Signed | None) -> None:
    """Write a row in place of the one `found` with its key, whatever its contents; None means that there is none."""
    if found is None:
        session.add(row)
    else:
        replace_row(session, row)


def sign_as_it_stands(session: Session, row: SignedRow) -> None:
    """Sign a row with its present values, whoever wrote them."""
    _guarded(session).replaced[id(row)] = row
    flag_modified(row, "mac")


def _key(model: type[SignedRow], key: object) -> RowKey:
    return str(model.__tablename__), str(key)


def _guarded(session: Session) -> GuardedSession:
    if not isinstance(session, GuardedSession):
        raise TypeError("sessions come from the database")
    return session


@sqlalchemy.event.listens_for(GuardedSession, "before_flush")
def _sign(session: GuardedSession, *_: object) -> None:
    for row in (*session.new, *(one for one in session.dirty if session.is_modified(one))):
        if isinstance(row, SignedRow):
            session.guard.sign(row, _version_before(session, row))
            session.sound[id(row)] = row


@sqlalchemy.event.listens_for(SignedRow, "expire", propagate=True)
@sqlalchemy.event.listens_for(SignedRow, "refresh", propagate=True)
def _note_read_again(row: SignedRow, *_: object) -> None:
    session = object_session(row)
    if isinstance(session, GuardedSession):
        session.sound.pop(id(row), None)


@sqlalchemy.event.listens_for(GuardedSession, "before_commit")
def _check_fence(session: GuardedSession) -> None:
    if session.fence:
        session.flush()  # which may wait for others; the fence's own lock is held for a moment only
        session.fence.check(session)


def _version_before(session: GuardedSession, row: SignedRow) -> int:
    """Return the version of a row when it was read; 0 if it is new. Raises ChangedRowError for a changed row."""
    state, form = sqlalchemy.inspect(row), form_of(type(row))
    if not state.persistent:
        return 0
    if id(row) in session.replaced:
        return max(session.guard.versions.of(form.key(row)), 1)
    read = state.committed_state
    if id(row) not in session.sound:
        session.guard.require_signed(row, form.values(row, read), read.get("mac", row.mac))
    return int(read.get("row_version", row.row_version))


@sqlalchemy.event.listens_for(GuardedSession, "do_orm_execute")
def _refuse_statements(state: ORMExecuteState) -> None:
    """Refuse statements that would change signed rows and not sign them."""
    mapper = state.bind_mapper
    if (state.is_update or state.is_insert) and mapper is not None and issubclass(mapper.class_, SignedRow):
        raise RuntimeError(f"{mapper.class_.__name__}: signed rows are changed one by one")
