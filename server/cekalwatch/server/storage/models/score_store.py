"""Stores the numbers of passages by best score, camera and day. Methods block.

Rows have a MAC, since thresholds depend on them. A changed row does not count, and the next counts of its camera and
day replace it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from sqlmodel import Session, col, delete, select

from cekalwatch.server.learning.score_counts import CountKey, ScoreCounts
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import checked, in_order, replace_row
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.models.tables import ScoreCountRow
from cekalwatch.server.storage.watchlist.changes import lock_watchlist


class ScoreStore:
    """The counts of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, counts: Iterable[ScoreCounts]) -> None:
        """Add to what was counted before, by this server or another; whole numbers only."""
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
            return [_counts(row) for row in in_order(session, session.exec(query))]

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
    below = [int(one) for one in counts.below]
    fresh = ScoreCountRow(
        day=key.day,
        camera_id=key.camera_id,
        model_version=key.model_version,
        templates=key.templates,
        site=key.site,
        below=below,
        reached=counts.reached,
    )
    if row is None:
        session.add(fresh)
    else:
        replace_row(session, fresh)
    session.flush()


def _counts(row: ScoreCountRow, site: str | None = None) -> ScoreCounts:
    key = CountKey(row.day, row.camera_id, row.model_version, row.templates, row.site if site is None else site)
    return ScoreCounts(key, np.array(row.below, dtype=np.float64), row.reached)
