"""What surveys found of cameras, in the database: the last of each. Methods block."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlmodel import Session, col, delete, func, select

from cekalwatch.contract.values.surveys import MAX_KEPT, Advice, Grade, KeptSurvey, Spread, SurveyFigures
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.storage.audit.store import write_audit
from cekalwatch.server.storage.cameras.tables import CameraSurveyRow
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import in_order
from cekalwatch.server.storage.watchlist.changes import lock_watchlist


class CameraSurveyStore:
    """The last surveys of each camera, `MAX_KEPT` of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, camera_id: str, survey: KeptSurvey, entry: AuditEntry) -> None:
        """Keep a survey in place of the oldest, with its entry in the audit trail."""
        with self._database.session() as session:
            lock_watchlist(session)
            number = _newest(session, camera_id) + 1
            session.add(
                CameraSurveyRow(
                    camera_id=camera_id, number=number, reported_at=survey.reported_at, figures=_facts(survey.figures)
                )
            )
            session.flush()
            old = (col(CameraSurveyRow.camera_id) == camera_id, col(CameraSurveyRow.number) <= number - MAX_KEPT)
            session.exec(delete(CameraSurveyRow).where(*old))
            write_audit(session, entry)
            session.commit()

    def of(self, camera_id: str) -> list[KeptSurvey]:
        """Return the surveys of a camera, newest first; what does not stand as it was written is left out."""
        query = (
            select(CameraSurveyRow)
            .where(CameraSurveyRow.camera_id == camera_id)
            .order_by(col(CameraSurveyRow.number).desc())
            .limit(MAX_KEPT)
        )
        with self._database.session() as session:
            return [
                KeptSurvey(row.reported_at, _figures(row.figures)) for row in in_order(session, session.exec(query))
            ]


def _newest(session: Session, camera_id: str) -> int:
    query = select(func.max(CameraSurveyRow.number)).where(CameraSurveyRow.camera_id == camera_id)
    return session.exec(query).one() or 0


def _facts(figures: SurveyFigures) -> dict[str, Any]:
    return asdict(figures) | {"advice": list(figures.advice)}


def _figures(facts: dict[str, Any]) -> SurveyFigures:
    read = {
        "spreads": {name: Spread(**one) for name, one in facts["spreads"].items()},
        "grade": Grade(facts["grade"]),
        "advice": tuple(map(Advice, facts["advice"])),
    }
    return SurveyFigures(**facts | read)
