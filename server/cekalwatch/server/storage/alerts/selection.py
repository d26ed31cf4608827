"""Which alerts a filter selects, as a condition of a query: the same as `AlertFilter.wants_alert` of the stream.

A page has to be cut from what is selected; selecting from a page that was cut would lose alerts.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, or_, true
from sqlmodel import col, select

from cekalwatch.server.domain.alerts.alert import AlertFilter
from cekalwatch.server.storage.alerts.tables import AlertRow, FindingRow, SightingRow
from cekalwatch.wire.vocabulary.adjudication import FOR_SUPERVISORS, Escalation


def selected(wanted: AlertFilter) -> ColumnElement[bool]:
    """Return the condition on a row of alerts."""
    if not (wanted.site or wanted.counters or wanted.direction):
        return true()
    everywhere: ColumnElement[bool] = col(AlertRow.escalation) == Escalation.SITE
    if wanted.supervises:
        everywhere = or_(everywhere, col(AlertRow.escalation) >= Escalation.SUPERVISOR, _found_for_supervisors())
    return or_(_seen_by(wanted), and_(everywhere, col(AlertRow.site) == wanted.site) if wanted.site else everywhere)


def _seen_by(wanted: AlertFilter) -> ColumnElement[bool]:
    query = select(SightingRow.capture_id).where(col(SightingRow.alert_id) == col(AlertRow.alert_id))
    if wanted.site:
        query = query.where(col(SightingRow.site) == wanted.site)
    if wanted.counters:
        query = query.where(col(SightingRow.counter).in_(wanted.counters))
    if wanted.direction:
        query = query.where(col(SightingRow.direction) == wanted.direction)
    return query.exists()


def _found_for_supervisors() -> ColumnElement[bool]:
    return (
        select(FindingRow.number)
        .where(col(FindingRow.alert_id) == col(AlertRow.alert_id), col(FindingRow.outcome).in_(FOR_SUPERVISORS))
        .exists()
    )
