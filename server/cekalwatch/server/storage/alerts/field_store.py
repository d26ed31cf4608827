"""What the field says about recognition: alerts with their verdicts, and how many passages there were. Methods block.

Nothing that it reads is sealed or personal: scores, outcomes with reasons, cameras, times, numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, Insert, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from cekalwatch.server.domain.alerts.false_alerts import (
    AlertVerdict,
    FieldAlert,
    JudgedSighting,
    PassageCount,
    verdict_of,
)
from cekalwatch.server.storage.alerts.tables import AlertRow, FindingRow, PassageCountRow, SightingRow
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import in_order
from cekalwatch.server.storage.watchlist.tables import SubjectRow
from cekalwatch.wire.vocabulary.adjudication import UNSETTLED, Outcome, Reason
from cekalwatch.wire.vocabulary.orders import Direction


class FieldStore:
    """Counts passages, and reads what became of alerts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, counts: Iterable[PassageCount]) -> None:
        """Add to what was counted before, by this server or another."""
        with self._database.session() as session:
            insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
            for count in counts:
                session.exec(_added(insert(PassageCountRow), count))
            session.commit()

    def passages(self, since: datetime, until: datetime, site: str | None) -> list[PassageCount]:
        """Return the counts of the hours that begin from `since` on and before `until`; of every site when None."""
        query = select(PassageCountRow).where(
            col(PassageCountRow.hour) >= since, col(PassageCountRow.hour) < until, *_at(PassageCountRow.site, site)
        )
        with self._database.session() as session:
            return [
                PassageCount(row.camera_id, row.site, Direction(row.direction), row.hour, row.passages)
                for row in session.exec(query)
            ]

    def listed(self) -> int:
        """Return how many people are on the list now, whatever the status of their orders."""
        with self._database.session() as session:
            return session.exec(select(func.count()).select_from(SubjectRow)).one()

    def alerts(self, since: datetime, until: datetime, site: str | None) -> list[FieldAlert]:
        """Return the alerts on captures from `since` on and before `until`; of every site when None."""
        wanted = (col(AlertRow.captured_at) >= since, col(AlertRow.captured_at) < until, *_at(AlertRow.site, site))
        sightings = (
            select(
                SightingRow.alert_id,
                func.max(SightingRow.score).label("score"),
                func.count(func.distinct(SightingRow.passage)).label("passages"),
            )
            .group_by(col(SightingRow.alert_id))
            .subquery()
        )
        alerts = (
            select(AlertRow, sightings.c.score, sightings.c.passages)
            .join(sightings, sightings.c.alert_id == AlertRow.alert_id)
            .where(*wanted)
            .order_by(col(AlertRow.alert_id))
        )
        found = (
            select(FindingRow.alert_id, FindingRow.outcome, FindingRow.reason)
            .join(AlertRow, col(AlertRow.alert_id) == col(FindingRow.alert_id))
            .where(*wanted)
            .order_by(col(FindingRow.alert_id), col(FindingRow.number))
        )
        with self._database.session() as session:
            findings: defaultdict[str, list[tuple[Outcome, Reason]]] = defaultdict(list)
            for alert_id, outcome, reason in session.exec(found):
                findings[alert_id].append((Outcome(outcome), Reason(reason)))
            return [
                FieldAlert(
                    camera_id=row.camera_id,
                    site=row.site,
                    direction=Direction(row.direction),
                    captured_at=row.captured_at,
                    score=score,
                    threshold=row.threshold,
                    model_version=row.model_version,
                    passages=passages,
                    verdict=AlertVerdict.OPEN if row.state in UNSETTLED else verdict_of(findings[row.alert_id]),
                )
                for row, score, passages in session.exec(alerts)
            ]

    def judged(self, since: datetime, model_version: str) -> list[JudgedSighting]:
        """Return the passages of alerts raised from `since` on that people have settled, each with its best score.

        What does not stand as it was written is left out, for thresholds rest on this.
        """
        wanted = (
            col(AlertRow.raised_at) >= since,
            col(AlertRow.model_version) == model_version,
            col(AlertRow.state).not_in(UNSETTLED),
        )
        sighted = select(SightingRow).join(AlertRow, col(AlertRow.alert_id) == col(SightingRow.alert_id)).where(*wanted)
        found = select(FindingRow).join(AlertRow, col(AlertRow.alert_id) == col(FindingRow.alert_id)).where(*wanted)
        with self._database.session() as session:
            alerts = {row.alert_id for row in in_order(session, session.exec(select(AlertRow).where(*wanted)))}
            findings: defaultdict[str, list[tuple[Outcome, Reason]]] = defaultdict(list)
            for finding in in_order(session, session.exec(found)):
                findings[finding.alert_id].append((Outcome(finding.outcome), Reason(finding.reason)))
            best: dict[tuple[str, str], SightingRow] = {}
            for row in in_order(session, session.exec(sighted)):
                known = best.get((row.alert_id, row.passage))
                if row.alert_id in alerts and (known is None or row.score > known.score):
                    best[row.alert_id, row.passage] = row
        verdicts = {alert_id: verdict_of(findings[alert_id]) for alert_id in alerts}
        return [
            JudgedSighting(row.camera_id, row.site, row.captured_at, row.score, verdicts[row.alert_id])
            for row in best.values()
            if verdicts[row.alert_id] is not AlertVerdict.OPEN
        ]


def _added(insert: postgresql.Insert | sqlite.Insert, count: PassageCount) -> Insert:
    return insert.values(**asdict(count)).on_conflict_do_update(
        index_elements=["hour", "camera_id"], set_={"passages": PassageCountRow.passages + count.passages}
    )


def _at(column: str, site: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if site is None else (col(column) == site,)
