"""Stores the state of the synchronisation, the last seen state of each order, and the record of runs.

Each method is one transaction. Methods of a run take its lease: they renew it, and raise SYNC_TAKEN_OVER when another
server has it. An imported record is stored before its import is remembered: if a run is killed between the two, the
next run finds the record unchanged. That the source has the record is remembered before. Methods block.

What somebody else changed counts for nothing: an order is imported again, and ends by no row of theirs; a run whose
state was changed fails, and the next one begins from the start.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy
from sqlalchemy import Row, bindparam, func, insert
from sqlmodel import Session, SQLModel, and_, col, delete, or_, select, update

from cekalwatch.contract.values.imports import SyncRun
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.syncs import BegunRun, KnownOrder, LeftOrder, PageEnd, SeenOrder, SyncLease, SyncState
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.store import commit_audited, write_audit
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import (
    LeaseLostError,
    fenced,
    guard_of,
    one_checked,
    plain_with_valid_mac,
    replace_row,
    with_valid_mac,
)
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.queries import pieces
from cekalwatch.server.storage.row_codec import utc_text
from cekalwatch.server.storage.sync.tables import (
    STATE,
    SyncOrderRow,
    SyncRunRow,
    SyncScheduleRow,
    SyncStateRow,
    new_state,
    run_of,
    run_row,
    state_of,
)
from cekalwatch.server.storage.watchlist.changes import count_change, lock_watchlist, note_success
from cekalwatch.server.storage.watchlist.tables import BanOrderRow

LEASE = timedelta(seconds=8)
"""Time after which another server takes over a silent run; the program of a run renews its lease."""

AT_ONCE = 500
"""Orders in one statement."""


@dataclass(frozen=True)
class SyncFence:
    """The fence behind which a run imports: its lease."""

    lease: SyncLease

    def check(self, session: Session) -> None:
        """Raise LeaseLostError when another server has taken over the synchronisation."""
        held = select(SyncScheduleRow.id).where(col(SyncScheduleRow.lease) == self.lease.key)
        if session.exec(held.with_for_update(read=True)).first() is None:
            raise LeaseLostError("another server has taken over the synchronisation")


class SyncStore:
    """The synchronisation's part of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def state(self) -> SyncState:
        """Return the state of the synchronisation: that before the first run, if somebody else changed it."""
        with self._database.session() as session:
            try:
                row = one_checked(session, SyncStateRow, STATE)
            except ChangedRowError:
                row = None
            return state_of(row or new_state(0), session.exec(select(SyncScheduleRow.next_run_at)).one())

    def begin(
        self,
        source: str,
        now: datetime,
        *,
        if_due: bool = False,
        latest: datetime | None = None,
        hastened: bool = False,
        from_start: bool = False,
        entry: AuditEntry | None = None,
    ) -> BegunRun | None:
        """Begin a run with its lease; with `if_due`, return None if no run is due or another one is in progress.

        `latest`: the latest possible time of the next run; a later stored time, or a lease that is too long, was
        written while a clock was ahead. `hastened`: a run is due now. With another source than before, or with
        `from_start`, the run reads from the beginning. Raises SYNC_RUNNING.
        """
        with self._database.session() as session:
            _lock(session)
            turn = session.exec(select(SyncScheduleRow)).one()
            if turn.lease and turn.lease_until and now < turn.lease_until <= now + 2 * LEASE:
                if if_due:
                    return None
                raise CekalwatchError(Code.SYNC_RUNNING)
            if if_due and not hastened and turn.next_run_at and now < turn.next_run_at <= (latest or turn.next_run_at):
                return None
            row = _state_or_new(session)
            if from_start or row.source != source:
                row.source, row.cursor, row.reading_open = source, "", False
            running = select(SyncRunRow).where(col(SyncRunRow.outcome) == SyncOutcome.RUNNING)
            for one in with_valid_mac(session, session.exec(running)):
                one.outcome, one.ended_at = SyncOutcome.BROKEN_OFF, now
            resumed = row.reading_open and bool(row.cursor)
            newest = session.exec(select(func.max(SyncRunRow.run_id))).one() or 0
            whole = row.reading_whole if resumed else not row.cursor
            run = SyncRun(newest + 1, source, now, whole=whole, resumed=resumed)
            session.add(run_row(run))
            turn.lease, turn.lease_until = secrets.token_hex(16), now + LEASE
            session.flush()
            begun = BegunRun(SyncLease(run.run_id, turn.lease), run, state_of(row, turn.next_run_at))
            if entry:
                write_audit(session, entry)
            session.commit()
            return begun

    def open_reading(self, lease: SyncLease, now: datetime, run: SyncRun, expected: int) -> SyncState:
        """Begin another reading, whole or not by `run`, of that many records, 0 if the source does not state it."""
        with self._held(lease, now, run) as session:
            row = _state(session)
            row.reading, row.reading_open, row.reading_whole = row.reading + 1, True, run.whole
            row.reading_expected, row.reading_items, row.reading_refused, row.keyless = expected, 0, 0, False
            if run.whole:
                row.cursor = ""
            row.reading_from = row.cursor
            _mark(session, _ORDERS.c.gone, gone=False)
            session.commit()
            return state_of(row)

    def known(self, order_ids: Sequence[str]) -> dict[str, KnownOrder]:
        """Return the stored state of each of these orders."""
        with self._database.session() as session:
            ended = {
                key: bool(withdrawn)
                for some in pieces(order_ids, AT_ONCE)
                for key, withdrawn in session.exec(
                    select(BanOrderRow.order_id, BanOrderRow.withdrawn_at).where(col(BanOrderRow.order_id).in_(some))
                )
            }
            rows = {
                row.order_id: row
                for some in pieces(order_ids, AT_ONCE)
                for row in _sound(session, _select(_ORDERS.c.order_id.in_(some)))
            }
        return {
            key: KnownOrder(
                fingerprint=rows[key].fingerprint if key in rows else "",
                problem=rows[key].problem if key in rows else "",
                seen_reading=rows[key].seen_reading if key in rows else 0,
                stored=key in ended,
                held=key in ended and not ended[key],
                erased=key in rows and rows[key].erased,
                remembered=key in rows,
            )
            for key in order_ids
        }

    def keys_of(self, subject_id: str) -> set[str]:
        """Return the keys of the source's orders that the watchlist has of this subject."""
        query = select(BanOrderRow.order_id).join(SyncOrderRow, col(SyncOrderRow.order_id) == col(BanOrderRow.order_id))
        with self._database.session() as session:
            return set(session.exec(query.where(col(BanOrderRow.subject_id) == subject_id)))

    def advance(
        self,
        lease: SyncLease,
        now: datetime,
        run: SyncRun,
        *,
        reading: int,
        seen: Sequence[SeenOrder] = (),
        unchanged: Sequence[str] = (),
        gone: Sequence[str] = (),
        page: PageEnd | None = None,
    ) -> None:
        """Store the seen orders and the position of the run; with `page`, the next reading continues after it."""
        with self._held(lease, now, run) as session:
            guard = guard_of(session)
            for some in pieces(unchanged, AT_ONCE):
                _mark(session, _ORDERS.c.order_id.in_(some), seen_reading=reading, gone=False)
            latest = {one.order_id: one for one in seen}
            for some in pieces(list(latest), AT_ONCE):
                session.exec(delete(SyncOrderRow).where(col(SyncOrderRow.order_id).in_(some)))
                fresh = {"seen_reading": reading, "gone": False, "erased": False}
                rows = [guard.signed(SyncOrderRow, latest[key].__dict__ | fresh) for key in some]
                session.connection().execute(insert(SyncOrderRow), rows)
            for some in pieces(gone, AT_ONCE):
                _mark(session, _ORDERS.c.order_id.in_(some), gone=True)
            if page:
                row = _state(session)
                row.cursor = page.cursor
                row.reading_items += page.items
                row.reading_refused += page.refused
                row.keyless = row.keyless or page.keyless
            session.commit()

    def left(self, reading: int, *, whole: bool) -> list[LeftOrder]:
        """Return the orders that have left the source: by the tombstones of the reading, and by absence if `whole`."""
        gone = _ORDERS.c.gone
        chosen = or_(gone, _ORDERS.c.seen_reading != reading) if whole else gone
        query = (
            _select(chosen)
            .add_columns(col(BanOrderRow.order_id).label("held"))
            .join(BanOrderRow, _HELD, isouter=True)
            .order_by(_ORDERS.c.order_id)
        )
        with self._database.session() as session:
            return [LeftOrder(row.order_id, row.held is not None) for row in _sound(session, query)]

    def held(self) -> int:
        """Count the orders stored from the source."""
        with self._database.session() as session:
            return sum(1 for _ in _sound(session, _select().join(BanOrderRow, _HELD)))

    def withdraw(
        self,
        lease: SyncLease,
        now: datetime,
        run: SyncRun,
        left: Sequence[LeftOrder],
        note: Callable[[list[str]], AuditEntry],
    ) -> None:
        """End the orders that have left, at most AT_ONCE, with the audit entry that `note` makes of their keys."""
        keys, held = [one.order_id for one in left], [one.order_id for one in left if one.held]
        with self._held(lease, now, run) as session:
            session.exec(delete(SyncOrderRow).where(col(SyncOrderRow.order_id).in_(keys)))
            if held:
                lock_watchlist(session)
                rows = session.exec(select(BanOrderRow).where(col(BanOrderRow.order_id).in_(held))).all()
                count_change(session, [row.subject_id for row in rows])
                # A changed row does no harm: it is ignored.
                for row in with_valid_mac(session, rows):
                    row.withdrawn_at = utc_text(now)
                session.flush()
                write_audit(session, note(held))
            session.commit()

    def finish(
        self,
        lease: SyncLease,
        run: SyncRun,
        *,
        entry: AuditEntry,
        next_run_at: datetime,
        keep_since: datetime,
        from_start: bool = False,
    ) -> None:
        """Store the result of the run, release the lease, and delete the runs that began before `keep_since`.

        DONE makes the source fresh. DONE and SHRUNK close the reading; with `from_start` the next run reads all.
        While a record must be tried again, the next run begins where this reading began, since no later delta has it.
        """
        ended_at = run.ended_at or run.started_at
        with self._held(lease, ended_at, run) as session:
            row, turn = _state_or_new(session), session.exec(select(SyncScheduleRow)).one()
            turn.lease, turn.lease_until, turn.next_run_at = "", None, next_run_at
            if run.outcome in {SyncOutcome.DONE, SyncOutcome.SHRUNK}:
                shrunk = run.outcome is SyncOutcome.SHRUNK
                row.waiting_run_id = run.run_id if shrunk else 0
                row.waiting_missing, row.waiting_held, row.accepted = run.missing, run.held, 0
                row.reading_open = False
                if row.keyless or session.exec(_TRIED_AGAIN).first():
                    row.cursor = row.reading_from
                from_start = from_start or shrunk
            if from_start:
                row.cursor, row.reading_open = "", False
            session.exec(delete(SyncRunRow).where(col(SyncRunRow.started_at) < keep_since))
            if run.outcome is SyncOutcome.DONE:
                note_success(session, run.source, ended_at)
            commit_audited(session, entry)

    def accept(self, run_id: int, note: Callable[[SyncState], AuditEntry]) -> None:
        """Allow the next run to end as many orders as that run found missing; raises SHRINK_NOT_WAITING."""
        with self._database.session() as session:
            _lock(session)
            row = _state(session)
            if not row.waiting_run_id or row.waiting_run_id != run_id:
                raise CekalwatchError(Code.SHRINK_NOT_WAITING)
            row.accepted = row.waiting_missing
            commit_audited(session, note(state_of(row)))

    def read_again(self, subject_ids: Collection[str], now: datetime) -> bool:
        """Let a run begin at once that reads all, and imports the orders of these subjects; False while one runs."""
        of_them = select(BanOrderRow.order_id).where(col(BanOrderRow.subject_id).in_(subject_ids))
        with self._database.session() as session:
            _lock(session)
            turn = session.exec(select(SyncScheduleRow)).one()
            if turn.lease and turn.lease_until and now < turn.lease_until <= now + 2 * LEASE:
                return False
            row, turn.next_run_at = _state_or_new(session), None
            row.cursor, row.reading_open = "", False
            _mark(session, _ORDERS.c.order_id.in_(of_them), fingerprint="")
            session.commit()
            return True

    def renew(self, lease: SyncLease, now: datetime) -> bool:
        """Renew the lease of a run that waits for its source; return whether it still had it."""
        with self._database.session() as session:
            mine = col(SyncScheduleRow.lease) == lease.key
            renewed = session.exec(update(SyncScheduleRow).where(mine).values(lease_until=now + LEASE)).rowcount
            session.commit()
        return renewed > 0

    def refused(self) -> int:
        """Count the source's orders whose last record could not be used."""
        query = select(func.count()).select_from(SyncOrderRow).where(col(SyncOrderRow.problem) != "")
        with self._database.session() as session:
            return session.exec(query).one()

    def runs(self, limit: int, before: int | None = None) -> list[SyncRun]:
        """Return the newest runs, those before the run `before` if given."""
        query = select(SyncRunRow).order_by(col(SyncRunRow.run_id).desc()).limit(limit)
        if before is not None:
            query = query.where(col(SyncRunRow.run_id) < before)
        with self._database.session() as session:
            return [run_of(row) for row in with_valid_mac(session, session.exec(query))]

    def ended(self) -> dict[SyncOutcome, tuple[int, datetime]]:
        """Return how many stored runs had that outcome, and when the last of them ended."""
        outcome, ended_at = col(SyncRunRow.outcome), col(SyncRunRow.ended_at)
        query = select(outcome, func.count(), func.max(ended_at)).where(ended_at.is_not(None)).group_by(outcome)
        with self._database.session() as session:
            return {SyncOutcome(one): (count, last) for one, count, last in session.exec(query) if last}

    @contextmanager
    def _held(self, lease: SyncLease, now: datetime, run: SyncRun) -> Iterator[Session]:
        """Yield a session that has renewed the lease and written the run's state."""
        mine = col(SyncScheduleRow.lease) == lease.key
        # It needs no other fence: it holds the lease itself until it commits, and may release it.
        with fenced(None), self._database.session() as session:
            if not session.exec(update(SyncScheduleRow).where(mine).values(lease_until=now + LEASE)).rowcount:
                raise CekalwatchError(Code.SYNC_TAKEN_OVER)
            replace_row(session, run_row(run))
            yield session


_ORDERS = SQLModel.metadata.tables["sync_order"]
_HELD = and_(col(BanOrderRow.order_id) == _ORDERS.c.order_id, col(BanOrderRow.withdrawn_at) == "")
_WRITE_AGAIN = sqlalchemy.update(_ORDERS).where(_ORDERS.c.order_id == bindparam("key"))
_CHANGE = ("fingerprint", "seen_reading", "gone", "row_version", "mac")

_TRIED_AGAIN = select(SyncOrderRow.order_id).where(col(SyncOrderRow.fingerprint) == "").limit(1)


def _lock(session: Session) -> None:
    """Take the write lock before anything is read, so that two runs cannot begin at once."""
    session.exec(update(SyncScheduleRow).values(lease=SyncScheduleRow.lease))


def _state(session: Session) -> SyncStateRow:
    """Return the state of the run in progress. Raises STORAGE_UNAVAILABLE if somebody else changed it."""
    with suppress(ChangedRowError):
        if row := one_checked(session, SyncStateRow, STATE):
            return row
    raise CekalwatchError(Code.STORAGE_UNAVAILABLE, "the state of the synchronisation is not as it was written")


def _state_or_new(session: Session) -> SyncStateRow:
    """Return the state; before the first run, or if somebody else changed it, a new one, which reads from the start."""
    with suppress(ChangedRowError):
        if row := one_checked(session, SyncStateRow, STATE):
            return row
    replace_row(session, new_state(max((row.seen_reading for row in _sound(session, _select())), default=0)))
    session.flush()
    return session.get_one(SyncStateRow, STATE)


def _select(*chosen: sqlalchemy.ColumnElement[bool]) -> sqlalchemy.Select[Any]:
    return sqlalchemy.select(*_ORDERS.columns).where(*chosen)


def _sound(session: Session, query: sqlalchemy.Select[Any]) -> Iterator[Row[Any]]:
    """Yield the plain rows of orders that are as they were written."""
    return plain_with_valid_mac(session, SyncOrderRow, session.execute(query))


def _mark(session: Session, chosen: sqlalchemy.ColumnElement[bool], **fresh: object) -> None:
    """Write these columns of orders again; a row that somebody else changed stays as it is."""
    guard, names = guard_of(session), _ORDERS.columns.keys()
    rows = [
        guard.signed(SyncOrderRow, dict(zip(names, row, strict=True)) | fresh, row.row_version)
        for row in _sound(session, _select(chosen).with_for_update())
    ]
    if rows:
        changes = [{"key": row["order_id"], **{name: row[name] for name in _CHANGE}} for row in rows]
        session.connection().execute(_WRITE_AGAIN, changes)
