"""Field data about recognition: alerts with their verdicts, and numbers of passages. Methods block.

It reads nothing sealed or personal: only scores, outcomes with reasons, cameras, times, numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Insert, Row, case, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from cekalwatch.contract.values.adjudication import OFFICERS_OUTCOMES, UNSETTLED, Escalation, Outcome, Reason, standing
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.unusable_faces import UnusableReason
from cekalwatch.server.domain.alerts.field_sums import (
    AlertVerdict,
    FieldAlert,
    JudgedSighting,
    PassageCount,
    UnusableCount,
    verdict_of,
)
from cekalwatch.server.storage.alerts.tables import (
    REAL,
    AlertEventRow,
    AlertRow,
    EventLogRow,
    FindingRow,
    LookRow,
    PassageCountRow,
    SightingRow,
    UnusableCountRow,
)
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import with_valid_mac
from cekalwatch.server.storage.watchlist.reading import readable
from cekalwatch.server.storage.watchlist.tables import SubjectRow

_FACTS = (
    AlertRow.alert_id,
    AlertRow.state,
    AlertRow.camera_id,
    AlertRow.site,
    AlertRow.counter,
    AlertRow.direction,
    AlertRow.captured_at,
    AlertRow.raised_at,
    AlertRow.first_claimed_at,
    AlertRow.threshold,
    AlertRow.model_version,
    AlertRow.escalation,
    AlertRow.candidates,
)
"""Columns without which whole rows would take several times as long to read."""


@dataclass(frozen=True)
class FieldChanges:
    """The alerts that changed since an event."""

    newest: int
    """Sequence of the last event that this covers."""
    alerts: Sequence[tuple[str, datetime]] | None
    """Site and time of the first capture of each alert; None: unknown, because these events are deleted."""


@dataclass(frozen=True)
class _Judged:
    """A finding, with the keys of its person and of the candidate."""

    outcome: Outcome
    whose: tuple[str, str]


class FieldStore:
    """Counts passages, and reads the results of alerts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, counts: Iterable[PassageCount]) -> None:
        """Add to earlier counts of this server or another."""
        with self._database.session() as session:
            insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
            for count in counts:
                session.exec(_added(insert(PassageCountRow), count))
            session.commit()

    def passages(self, since: datetime, until: datetime, site: str | None) -> list[PassageCount]:
        """Return the counts of the hours that begin from `since` on and before `until`; of every site when None."""
        columns = (
            PassageCountRow.camera_id,
            PassageCountRow.site,
            PassageCountRow.direction,
            PassageCountRow.hour,
            PassageCountRow.passages,
        )
        query = sqlalchemy.select(*map(col, columns)).where(
            col(PassageCountRow.hour) >= since, col(PassageCountRow.hour) < until, *_at(PassageCountRow.site, site)
        )
        with self._database.session() as session:
            return [
                PassageCount(camera_id, of_site, Direction(direction), hour, passages)
                for camera_id, of_site, direction, hour, passages in session.execute(query)
            ]

    def add_unusable(self, counts: Iterable[UnusableCount]) -> None:
        """Add travellers without a usable face to earlier counts of this server or another."""
        with self._database.session() as session:
            insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
            for count in counts:
                session.exec(_added_unusable(insert(UnusableCountRow), count))
            session.commit()

    def unusable(self, since: datetime, until: datetime, site: str | None) -> list[UnusableCount]:
        """Return the travellers without a usable face of these hours, as `passages` does."""
        columns = [col(getattr(UnusableCountRow, one.name)) for one in fields(UnusableCount)]
        hour = col(UnusableCountRow.hour)
        query = sqlalchemy.select(*columns).where(hour >= since, hour < until, *_at(UnusableCountRow.site, site))
        with self._database.session() as session:
            return [
                UnusableCount(camera_id, of_site, Direction(direction), at, passages, UnusableReason(reason), *others)
                for camera_id, of_site, direction, at, passages, reason, *others in session.execute(query)
            ]

    def listed(self) -> int:
        """Return how many people are on the list now, whatever the status of their orders."""
        with self._database.session() as session:
            return session.exec(select(func.count()).select_from(SubjectRow)).one()

    def alerts(self, since: datetime, until: datetime, site: str | None) -> list[FieldAlert]:
        """Return the alerts on captures from `since` on and before `until`; of every site when None.

        Damaged ones are left out.
        """
        alert_id = col(AlertRow.alert_id)
        moment = col(AlertRow.captured_at)
        wanted = (REAL, moment >= since, moment < until, *_at(AlertRow.site, site))
        sightings = (
            select(
                SightingRow.alert_id,
                func.max(SightingRow.score),
                func.count(func.distinct(SightingRow.passage)),
            )
            .join(AlertRow, alert_id == col(SightingRow.alert_id))
            .where(*wanted, _OF_ALERTS_MODEL)
            .group_by(col(SightingRow.alert_id))
        )
        found = (
            sqlalchemy.select(
                *map(
                    col,
                    (
                        FindingRow.alert_id,
                        FindingRow.subject_id,
                        FindingRow.outcome,
                        FindingRow.reason,
                        FindingRow.found_at,
                        FindingRow.person_id,
                    ),
                )
            )
            .join(AlertRow, alert_id == col(FindingRow.alert_id))
            .where(*wanted)
            .order_by(col(FindingRow.alert_id), col(FindingRow.number))
        )
        looked = (
            sqlalchemy.select(*map(col, (LookRow.alert_id, LookRow.subject_id, LookRow.person_id, LookRow.outcome)))
            .add_columns(col(LookRow.looked_at))
            .join(AlertRow, alert_id == col(LookRow.alert_id))
            .where(*wanted)
        )
        alerts = sqlalchemy.select(*map(col, _FACTS)).where(*wanted).order_by(alert_id)
        with self._database.session() as session:
            findings: defaultdict[str, list[tuple[str, Outcome, Reason]]] = defaultdict(list)
            judged_at: dict[str, datetime] = {}
            judged: defaultdict[str, list[_Judged]] = defaultdict(list)
            for key, subject_id, outcome, reason, found_at, person_id in session.execute(found):
                findings[key].append((subject_id, Outcome(outcome), Reason(reason)))
                judged[key].append(_Judged(Outcome(outcome), (person_id, subject_id)))
                if outcome in OFFICERS_OUTCOMES:
                    judged_at.setdefault(key, found_at)
            looks: defaultdict[str, dict[tuple[str, str], tuple[str, datetime]]] = defaultdict(dict)
            for key, subject_id, person_id, outcome, looked_at in session.execute(looked):
                looks[key][person_id, subject_id] = outcome, looked_at
            sighted = {key: (score, passages) for key, score, passages in session.exec(sightings)}
            rows = (row for row in session.execute(alerts) if row.alert_id in sighted)
            return list(
                readable(
                    rows,
                    lambda row: replace(
                        _alert(row, *sighted[row.alert_id], findings[row.alert_id], judged_at.get(row.alert_id)),
                        looks_s=tuple((at - row.raised_at).total_seconds() for _, at in looks[row.alert_id].values()),
                        looks_kept=tuple(
                            looks[row.alert_id][one.whose][0] == one.outcome
                            for one in standing(judged[row.alert_id])
                            if one.outcome in OFFICERS_OUTCOMES and one.whose in looks[row.alert_id]
                        ),
                    ),
                    lambda row: str(row.alert_id),
                )
            )

    def changes(self, after: int | None) -> FieldChanges:
        """Return the changes of alerts since the event `after`; when None, only the end of the log."""
        with self._database.session() as session:
            pruned = session.exec(select(EventLogRow.pruned_through)).one()
            # First the end of the log: later events are then reported once more.
            newest = session.exec(select(func.max(AlertEventRow.sequence))).one() or pruned
            if after is None or newest == after:
                return FieldChanges(newest, ())
            if not pruned <= after < newest:  # pruned in the meantime, or the log of a restored backup
                return FieldChanges(newest, None)
            happened = (
                sqlalchemy.select(col(AlertRow.site), col(AlertRow.captured_at))
                .join(AlertEventRow, col(AlertEventRow.alert_id) == col(AlertRow.alert_id))
                .where(col(AlertEventRow.sequence) > after)
                .distinct()
            )
            return FieldChanges(newest, tuple((site, at) for site, at in session.execute(happened)))

    def judged(self, since: datetime, model_version: str) -> list[JudgedSighting]:
        """Return the passages of settled alerts raised from `since` on, each with its best score.

        Rows that somebody else changed are left out, since thresholds depend on them.
        """
        wanted = (
            REAL,
            col(AlertRow.raised_at) >= since,
            col(AlertRow.model_version) == model_version,
            col(AlertRow.state).not_in(UNSETTLED),
        )
        sighted = (
            select(SightingRow)
            .join(AlertRow, col(AlertRow.alert_id) == col(SightingRow.alert_id))
            .where(*wanted, _OF_ALERTS_MODEL)
        )
        found = (
            select(FindingRow)
            .join(AlertRow, col(AlertRow.alert_id) == col(FindingRow.alert_id))
            .where(*wanted)
            .order_by(col(FindingRow.alert_id), col(FindingRow.number))
        )
        with self._database.session() as session:
            alerts = {row.alert_id for row in with_valid_mac(session, session.exec(select(AlertRow).where(*wanted)))}
            findings: defaultdict[str, list[tuple[str, Outcome, Reason]]] = defaultdict(list)
            for finding in with_valid_mac(session, session.exec(found)):
                judgement = finding.subject_id, Outcome(finding.outcome), Reason(finding.reason)
                findings[finding.alert_id].append(judgement)
            best: dict[tuple[str, str], SightingRow] = {}
            for row in with_valid_mac(session, session.exec(sighted)):
                known = best.get((row.alert_id, row.passage))
                if row.alert_id in alerts and (known is None or row.score > known.score):
                    best[row.alert_id, row.passage] = row
        verdicts = {alert_id: verdict_of(findings[alert_id]) for alert_id in alerts}
        return [
            JudgedSighting(row.camera_id, row.site, row.captured_at, row.score, verdicts[row.alert_id])
            for row in best.values()
            if verdicts[row.alert_id] is not AlertVerdict.OPEN
        ]


_OF_ALERTS_MODEL = func.coalesce(col(SightingRow.model_version), col(AlertRow.model_version)) == col(
    AlertRow.model_version
)
"""Scores of another model version are not compared with the alert's threshold."""


def _added(insert: postgresql.Insert | sqlite.Insert, count: PassageCount) -> Insert:
    return insert.values(**asdict(count)).on_conflict_do_update(
        index_elements=["hour", "camera_id"], set_={"passages": PassageCountRow.passages + count.passages}
    )


def _added_unusable(insert: postgresql.Insert | sqlite.Insert, count: UnusableCount) -> Insert:
    row = insert.values(**asdict(count))
    known, new = UnusableCountRow.last_seen_at, row.excluded.last_seen_at
    return row.on_conflict_do_update(
        index_elements=["hour", "camera_id", "reason"],
        set_={
            "passages": UnusableCountRow.passages + count.passages,
            "unsent": UnusableCountRow.unsent + count.unsent,
            "last_seen_at": case((new > known, new), else_=known),
        },
    )


def _alert(
    row: Row[Any],
    score: float,
    passages: int,
    findings: Sequence[tuple[str, Outcome, Reason]],
    judged_at: datetime | None,
) -> FieldAlert:
    """Return an alert as it was read; raises ValueError, KeyError or TypeError for a damaged one."""
    captured_at, raised_at, claimed_at = row.captured_at, row.raised_at, row.first_claimed_at
    if not (isinstance(captured_at, datetime) and isinstance(raised_at, datetime)):
        raise TypeError("a moment that is none")
    return FieldAlert(
        camera_id=row.camera_id,
        site=row.site,
        direction=Direction(row.direction),
        captured_at=captured_at,
        score=score,
        threshold=row.threshold,
        model_version=row.model_version,
        passages=passages,
        counter=row.counter,
        raised_at=raised_at,
        verdict=AlertVerdict.OPEN if row.state in UNSETTLED else verdict_of(findings),
        orders=tuple((row.alert_id, order_id) for one in row.candidates for order_id in one["order_ids"]),
        claimed_after_s=(claimed_at - raised_at).total_seconds() if claimed_at else None,
        decided_after_s=(judged_at - raised_at).total_seconds() if judged_at else None,
        escalated=row.escalation > Escalation.COUNTER,
    )


def _at(column: str, site: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if site is None else (col(column) == site,)
