"""Stores the state of the synchronisation, the last seen state of each order, and the record of runs.

Each method is one transaction. Methods of a run take its lease: they renew it, and raise SYNC_TAKEN_OVER when another
server has it. An imported record is stored before its import is remembered: if a run is killed between the two, the
next run finds the record unchanged. That the source has the record is remembered before. Methods block.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import func, insert
from sqlmodel import Session, and_, col, delete, or_, select, update

from cekalwatch.contract.values.imports import SyncRun
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.syncs import BegunRun, KnownOrder, LeftOrder, PageEnd, SeenOrder, SyncLease, SyncState
from cekalwatch.server.storage.audit.store import write_audit
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import LeaseLostError, fenced, in_order
from cekalwatch.server.storage.sync.tables import SyncOrderRow, SyncRunRow, SyncStateRow, run_of, run_values, state_of
from cekalwatch.server.storage.watchlist.changes import count_change, lock_watchlist, note_success
from cekalwatch.server.storage.watchlist.rows import utc_text
from cekalwatch.server.storage.watchlist.tables import BanOrderRow

LEASE = timedelta(seconds=8)
"""Time after which another server takes over a silent run; the program of a run renews its lease."""

AT_ONCE = 500
"""Orders in one statement."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class SyncFence:
    """The fence behind which a run imports: its lease."""

    lease: SyncLease

    def check(self, session: Session) -> None:
        """Raise LeaseLostError when another server has taken over the synchronisation."""
        held = select(SyncStateRow.id).where(col(SyncStateRow.lease) == self.lease.key)
        if session.exec(held.with_for_update(read=True)).first() is None:
            raise LeaseLostError("another server has taken over the synchronisation")


class SyncStore:
    """The synchronisation's part of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def state(self) -> SyncState:
        """Return the state of the synchronisation."""
        with self._database.session() as session:
            return state_of(session.exec(select(SyncStateRow)).one())

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
            row = session.exec(select(SyncStateRow)).one()
            if row.lease and row.lease_until and now < row.lease_until <= now + 2 * LEASE:
                if if_due:
                    return None
                raise CekalwatchError(Code.SYNC_RUNNING)
            if if_due and not hastened and row.next_run_at and now < row.next_run_at <= (latest or row.next_run_at):
                return None
            if from_start or row.source != source:
                row.source, row.cursor, row.reading_open = source, "", False
            session.exec(
                update(SyncRunRow)
                .where(col(SyncRunRow.outcome) == SyncOutcome.RUNNING)
                .values(outcome=str(SyncOutcome.BROKEN_OFF), ended_at=now)
            )
            resumed = row.reading_open and bool(row.cursor)
            run = SyncRun(0, source, now, whole=row.reading_whole if resumed else not row.cursor, resumed=resumed)
            new = SyncRunRow(source=source, started_at=now, **run_values(run))
            session.add(new)
            row.lease, row.lease_until = secrets.token_hex(16), now + LEASE
            session.flush()
            begun = BegunRun(SyncLease(new.run_id or 0, row.lease), run_of(new), state_of(row))
            if entry:
                write_audit(session, entry)
            session.commit()
            return begun

    def open_reading(self, lease: SyncLease, now: datetime, run: SyncRun, expected: int) -> SyncState:
        """Begin another reading, whole or not by `run`, of that many records, 0 if the source does not state it."""
        with self._held(lease, now, run) as session:
            row = session.exec(select(SyncStateRow)).one()
            row.reading, row.reading_open, row.reading_whole = row.reading + 1, True, run.whole
            row.reading_expected, row.reading_items, row.reading_refused, row.keyless = expected, 0, 0, False
            if run.whole:
                row.cursor = ""
            row.reading_from = row.cursor
            session.exec(update(SyncOrderRow).where(col(SyncOrderRow.gone)).values(gone=False))
            session.commit()
            return state_of(row)

    def known(self, order_ids: Sequence[str]) -> dict[str, KnownOrder]:
        """Return the stored state of each of these orders."""
        with self._database.session() as session:
            ended = {
                key: bool(withdrawn)
                for some in _slices(order_ids)
                for key, withdrawn in session.exec(
                    select(BanOrderRow.order_id, BanOrderRow.withdrawn_at).where(col(BanOrderRow.order_id).in_(some))
                )
            }
            rows = {
                row.order_id: row
                for some in _slices(order_ids)
                for row in session.exec(select(SyncOrderRow).where(col(SyncOrderRow.order_id).in_(some)))
            }
        return {
            key: KnownOrder(
                *((rows[key].fingerprint, rows[key].problem, rows[key].seen_reading) if key in rows else ("", "", 0)),
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
            for some in _slices(unchanged):
                chosen = col(SyncOrderRow.order_id).in_(some)
                session.exec(update(SyncOrderRow).where(chosen).values(seen_reading=reading, gone=False))
            latest = {one.order_id: one for one in seen}
            for some in _slices(list(latest)):
                session.exec(delete(SyncOrderRow).where(col(SyncOrderRow.order_id).in_(some)))
                rows = [
                    latest[key].__dict__ | {"seen_reading": reading, "gone": False, "erased": False} for key in some
                ]
                session.connection().execute(insert(SyncOrderRow), rows)
            for some in _slices(gone):
                session.exec(update(SyncOrderRow).where(col(SyncOrderRow.order_id).in_(some)).values(gone=True))
            if page:
                row = session.exec(select(SyncStateRow)).one()
                row.cursor = page.cursor
                row.reading_items += page.items
                row.reading_refused += page.refused
                row.keyless = row.keyless or page.keyless
            session.commit()

    def left(self, reading: int, *, whole: bool) -> list[LeftOrder]:
        """Return the orders that have left the source: by the tombstones of the reading, and by absence if `whole`."""
        gone = col(SyncOrderRow.gone)
        chosen = or_(gone, col(SyncOrderRow.seen_reading) != reading) if whole else gone
        query = (
            select(SyncOrderRow.order_id, BanOrderRow.order_id)
            .join(BanOrderRow, _HELD, isouter=True)
            .where(chosen)
            .order_by(col(SyncOrderRow.order_id))
        )
        with self._database.session() as session:
            return [LeftOrder(key, held is not None) for key, held in session.exec(query)]

    def held(self) -> int:
        """Count the orders stored from the source."""
        with self._database.session() as session:
            return session.exec(select(func.count()).select_from(SyncOrderRow).join(BanOrderRow, _HELD)).one()

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
                for row in in_order(session, rows):
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
            row = session.exec(select(SyncStateRow)).one()
            row.lease, row.lease_until, row.next_run_at = "", None, next_run_at
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
            session.flush()
            write_audit(session, entry)
            session.commit()

    def accept(self, run_id: int, note: Callable[[SyncState], AuditEntry]) -> None:
        """Allow the next run to end as many orders as that run found missing; raises SHRINK_NOT_WAITING."""
        with self._database.session() as session:
            _lock(session)
            row = session.exec(select(SyncStateRow)).one()
            if not row.waiting_run_id or row.waiting_run_id != run_id:
                raise CekalwatchError(Code.SHRINK_NOT_WAITING)
            row.accepted = row.waiting_missing
            session.flush()
            write_audit(session, note(state_of(row)))
            session.commit()

    def renew(self, lease: SyncLease, now: datetime) -> bool:
        """Renew the lease of a run that waits for its source; return whether it still had it."""
        with self._database.session() as session:
            mine = col(SyncStateRow.lease) == lease.key
            renewed = session.exec(update(SyncStateRow).where(mine).values(lease_until=now + LEASE)).rowcount
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
            return [run_of(row) for row in session.exec(query)]

    def ended(self) -> dict[SyncOutcome, tuple[int, datetime]]:
        """Return how many stored runs had that outcome, and when the last of them ended."""
        outcome, ended_at = col(SyncRunRow.outcome), col(SyncRunRow.ended_at)
        query = select(outcome, func.count(), func.max(ended_at)).where(ended_at.is_not(None)).group_by(outcome)
        with self._database.session() as session:
            return {SyncOutcome(one): (count, last) for one, count, last in session.exec(query) if last}

    @contextmanager
    def _held(self, lease: SyncLease, now: datetime, run: SyncRun) -> Iterator[Session]:
        """Yield a session that has renewed the lease and written the run's state."""
        mine = col(SyncStateRow.lease) == lease.key
        # It needs no other fence: it holds the lease itself until it commits, and may release it.
        with fenced(None), self._database.session() as session:
            if not session.exec(update(SyncStateRow).where(mine).values(lease_until=now + LEASE)).rowcount:
                raise CekalwatchError(Code.SYNC_TAKEN_OVER)
            this = col(SyncRunRow.run_id) == lease.run_id
            session.exec(update(SyncRunRow).where(this).values(**run_values(run)))
            yield session


_HELD = and_(col(BanOrderRow.order_id) == col(SyncOrderRow.order_id), col(BanOrderRow.withdrawn_at) == "")


_TRIED_AGAIN = select(SyncOrderRow.order_id).where(col(SyncOrderRow.fingerprint) == "").limit(1)


def _lock(session: Session) -> None:
    """Take the write lock before anything is read, so that two runs cannot begin at once."""
    session.exec(update(SyncStateRow).values(reading=SyncStateRow.reading))


def _slices(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE))
