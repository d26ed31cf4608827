"""Keeps the faces of an alert's passages, sealed, while others may join them. It opens no transaction of its own."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import sqlalchemy
import structlog
from sqlalchemy import bindparam
from sqlmodel import Session, col, func, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.alerts.grouping import AlertPassage, NearAlert
from cekalwatch.server.domain.alerts.match import Match
from cekalwatch.server.encryption.keyring import DamagedValueError, Keyring
from cekalwatch.server.storage.alerts.reading import readable
from cekalwatch.server.storage.alerts.rows import bare_alert
from cekalwatch.server.storage.alerts.tables import AlertPassageRow, AlertRow, SightingRow
from cekalwatch.server.storage.columns import PASSAGE_TEMPLATE
from cekalwatch.server.storage.integrity.guarded_session import in_order, plain_in_order, put_row
from cekalwatch.server.storage.integrity.signed_row import form_of

log = structlog.get_logger()

MAX_COMPARED = 50
"""Passages of an alert, the newest, with which a face is compared; whoever is like an older one only alerts anew. One
with thousands, which a hostile camera makes at will, must not hold up who comes next."""

_NUMBERS = np.dtype("<f4")
_SIGHTINGS = sqlalchemy.select(*form_of(SightingRow).table.columns).where(
    col(SightingRow.passage) == bindparam("passage")
)


class AlertPassages:
    """The passages of alerts in the database."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def near(self, session: Session, match: Match, window: timedelta) -> list[NearAlert]:
        """Return the alerts that `match` may join: those of its passage, and of its subjects at its site lately."""
        capture = match.capture
        own: set[str] = set()
        seen = session.execute(_SIGHTINGS, {"passage": capture.passage})
        # One intact sighting is enough to know that an alert is of this passage.
        for one in plain_in_order(session, SightingRow, (one for one in seen if one.alert_id not in own)):
            own.add(one.alert_id)
        moment = capture.captured_at
        lately = (
            (col(AlertRow.site) == capture.camera.site)
            & (col(AlertRow.last_seen_at) >= moment - window)
            & (col(AlertRow.last_seen_at) <= moment + window)
        )
        query = select(AlertRow).where(or_(col(AlertRow.alert_id).in_(own), lately))
        subjects = {candidate.subject_id for candidate in match.candidates}
        alerts = [
            alert
            for alert in readable(session, query, lambda rows: list(map(bare_alert, rows)))
            if str(alert.alert_id) in own or any(alert.has(subject_id) for subject_id in subjects)
        ]
        passages = self._passages(session, [str(alert.alert_id) for alert in alerts], capture.passage)
        return [NearAlert(alert, str(alert.alert_id) in own, tuple(passages[str(alert.alert_id)])) for alert in alerts]

    def keep(self, session: Session, alert: Alert, match: Match, now: datetime) -> None:
        """Keep the face of the match's passage as it is known by now; once people have settled the alert, as it was."""
        found = session.get(AlertPassageRow, (str(alert.alert_id), match.capture.passage))
        held = next(in_order(session, [found] if found else []), None)
        if held is not None and not alert.open:
            held.kept_at = now
            return
        put_row(session, self.row(alert, match, now), found)

    def row(self, alert: Alert, match: Match, now: datetime) -> AlertPassageRow:
        """Return the row of the match's passage as it is known by now."""
        alert_id, passage = str(alert.alert_id), match.capture.passage
        sealed = self._keyring.seal(
            PASSAGE_TEMPLATE.at(alert_id, passage), np.asarray(match.template, _NUMBERS).tobytes()
        )
        return AlertPassageRow(
            alert_id=alert_id,
            passage=passage,
            kept_at=now,
            model_version=match.model_version,
            template=sealed,
        )

    def _passages(self, session: Session, alert_ids: list[str], own: str) -> dict[str, list[AlertPassage]]:
        """Return the newest passages of each alert, and `own` wherever it is one."""
        found: dict[str, list[AlertPassage]] = defaultdict(list)
        if not alert_ids:
            return found
        wanted = {"alert_ids": alert_ids, "own": own, "most": MAX_COMPARED}
        for row in in_order(session, session.exec(_newest_passages(), params=wanted)):
            try:
                opened = self._keyring.open(PASSAGE_TEMPLATE.at(row.alert_id, row.passage), row.template)
            except DamagedValueError as error:
                # A similar traveller gets an alert of their own.
                log.error("passage_damaged", key=row.alert_id, error=type(error).__name__)  # noqa: TRY400  # no traceback
                continue
            template = np.frombuffer(opened, dtype=_NUMBERS)
            found[row.alert_id].append(AlertPassage(row.passage, row.model_version, template))
        return found


@cache
def _newest_passages() -> SelectOfScalar[AlertPassageRow]:
    """Return the query of the `most` newest passages of each of `alert_ids`, and of `own` wherever it is one."""
    alert_id, passage = col(AlertPassageRow.alert_id), col(AlertPassageRow.passage)
    newest_first = col(AlertPassageRow.kept_at).desc()
    number = func.row_number().over(partition_by=alert_id, order_by=newest_first).label("number")
    wanted = alert_id.in_(bindparam("alert_ids", expanding=True))
    ranked = select(alert_id, passage, number).where(wanted).subquery()
    return (
        select(AlertPassageRow)
        .join(ranked, (ranked.c.alert_id == alert_id) & (ranked.c.passage == passage))
        .where(or_(ranked.c.number <= bindparam("most"), passage == bindparam("own")))
    )
