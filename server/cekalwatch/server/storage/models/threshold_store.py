"""Stores set and learned thresholds, and the counts of passages by best score on which they are based.

Rows have a MAC. A changed count is ignored, and the next counts of its camera and day replace it. Methods block.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from sqlmodel import Session, col, delete, select

from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.learning.learned_threshold import LearnedOffset, LearnedThreshold, SiteFindings
from cekalwatch.server.learning.score_counts import CountKey, ScoreCounts
from cekalwatch.server.storage.audit.store import commit_audited, write_audit
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import checked, one_checked, replace_row, with_valid_mac
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.models.tables import LearnedThresholdRow, ScoreCountRow, ThresholdRow
from cekalwatch.server.storage.row_codec import RowCodec
from cekalwatch.server.storage.watchlist.changes import lock_watchlist

_KEYS = RowCodec(CountKey, ScoreCountRow)


class ScoreStore:
    """The counts of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, counts: Iterable[ScoreCounts]) -> None:
        """Add to earlier counts, of this server or another; whole numbers only."""
        with self._database.session() as session:
            lock_watchlist(session)
            for one in counts:
                _add(session, one)
            session.commit()

    def since(self, day: str, model_version: str) -> list[ScoreCounts]:
        """Return the counts of one model version from that local day (ISO 8601) on."""
        query = select(ScoreCountRow).where(
            col(ScoreCountRow.day) >= day, col(ScoreCountRow.model_version) == model_version
        )
        with self._database.session() as session:
            return [_counts(row) for row in with_valid_mac(session, session.exec(query))]

    def forget_before(self, day: str) -> int:
        """Remove the counts of earlier days, and return how many rows that were."""
        with self._database.session() as session:
            removed = session.exec(delete(ScoreCountRow).where(col(ScoreCountRow.day) < day)).rowcount
            session.commit()
        return removed


def _add(session: Session, counts: ScoreCounts) -> None:
    key = counts.key
    row = session.get(ScoreCountRow, (key.day, key.camera_id, key.model_version, key.templates))
    if row is not None:
        try:
            counts += _counts(checked(session, row), key.site)
        except ChangedRowError:
            session.expunge(row)
    fresh = _KEYS.write(key, below=[int(one) for one in counts.below], reached=counts.reached)
    if row is None:
        session.add(fresh)
    else:
        replace_row(session, fresh)
    session.flush()


def _counts(row: ScoreCountRow, site: str | None = None) -> ScoreCounts:
    key = _KEYS.read(row)
    key = key if site is None else replace(key, site=site)
    return ScoreCounts(key, np.array(row.below, dtype=np.float64), row.reached)


class ThresholdStore:
    """The threshold in the database, which all its servers follow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, model_version: str) -> float | None:
        """Return the threshold that was set for that model version; None when there is none.

        Raises ChangedRowError when its row was changed.
        """
        row = self._row()
        return row.value if row and row.model_version == model_version else None

    def left(self, model_version: str) -> float | None:
        """Return the threshold that was set for other scores than those of that model version; None when there is none.

        Raises ChangedRowError when its row was changed.
        """
        row = self._row()
        return row.value if row and row.model_version != model_version else None

    def _row(self) -> ThresholdRow | None:
        with self._database.session() as session:
            return one_checked(session, ThresholdRow, 1)

    def set(self, value: float | None, model_version: str, entry: AuditEntry) -> None:
        """Store another threshold, or none; one for another model version is removed."""
        with self._database.session() as session:
            lock_watchlist(session)
            replace_row(session, ThresholdRow(value=value, model_version=model_version))
            commit_audited(session, entry)

    def learned(self, model_version: str) -> LearnedThreshold | None:
        """Return the learned threshold of that model version; None when there is none.

        Raises ChangedRowError when its row was changed.
        """
        with self._database.session() as session:
            return _learned(session, model_version)

    def learned_before(self, model_version: str) -> LearnedThreshold | None:
        """Return what was learned for other scores than those of that model version, until something is for these.

        Raises ChangedRowError when its row was changed.
        """
        with self._database.session() as session:
            row = one_checked(session, LearnedThresholdRow, 1)
            return None if row is None or row.model_version == model_version else _of(row)

    def learn(self, known: LearnedThreshold | None, learned: LearnedThreshold, entry: AuditEntry | None) -> bool:
        """Store `learned` in place of `known`, with an entry in the audit trail if it must be recorded.

        Store nothing and return False if the present value is not `known`: another server was faster, or two people
        have deleted it. Raises ChangedRowError when the present row was changed.
        """
        with self._database.session() as session:
            lock_watchlist(session)
            if _learned(session, learned.model_version) != known:
                return False
            _keep(session, learned, entry)
        return True

    def forget_learned(self, learned: LearnedThreshold, entry: AuditEntry) -> None:
        """Store `learned` in place of any earlier value."""
        with self._database.session() as session:
            lock_watchlist(session)
            _keep(session, learned, entry)

    def accept(self, learned: LearnedThreshold, entry: AuditEntry) -> None:
        """Store `learned` in place of any earlier value, and remove a threshold that people set."""
        with self._database.session() as session:
            lock_watchlist(session)
            replace_row(session, ThresholdRow(value=None, model_version=learned.model_version))
            _keep(session, learned, entry)


def _learned(session: Session, model_version: str) -> LearnedThreshold | None:
    row = one_checked(session, LearnedThresholdRow, 1)
    if row is None or row.model_version != model_version:
        return None
    return _of(row)


def _of(row: LearnedThresholdRow) -> LearnedThreshold:
    offset = LearnedOffset(row.step, row.day, row.moved, float(row.state.get("accepted", 0.0)))
    return LearnedThreshold(row.model_version, offset, row.forgotten_through, SiteFindings.from_json(row.state))


def _keep(session: Session, learned: LearnedThreshold, entry: AuditEntry | None) -> None:
    row = LearnedThresholdRow(
        model_version=learned.model_version,
        step=learned.offset.value,
        day=learned.offset.day,
        moved=learned.offset.moved,
        forgotten_through=learned.forgotten_through,
        state={**learned.findings.to_json(), "accepted": learned.offset.accepted},
    )
    replace_row(session, row)
    session.flush()
    if entry:
        write_audit(session, entry)
    session.commit()
