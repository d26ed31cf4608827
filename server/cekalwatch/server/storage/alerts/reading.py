"""Selects alerts by a filter, and reads them.

A damaged one is left out and logged by its key, so that it harms none of the others. What a filter selects is a
condition of the query, the same as `Alert.wanted_by` of the stream: a page has to be cut from what is selected, and
selecting from a page that was cut would lose alerts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, and_, or_, true
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from cekalwatch.contract.values.adjudication import FOR_SUPERVISORS, OPEN_STATES, AlertState, Escalation
from cekalwatch.contract.values.alerts import AlertFilter, AlertSearch
from cekalwatch.server.storage.alerts.tables import AlertRow, FindingRow, FollowUpRow, SightingRow
from cekalwatch.server.storage.integrity.guarded_session import checked
from cekalwatch.server.storage.watchlist.rows import DAMAGED

Value = TypeVar("Value")

log = structlog.get_logger()


def readable(
    session: Session,
    query: SelectOfScalar[AlertRow],
    convert: Callable[[Sequence[AlertRow]], list[Value]],
    limit: int | None = None,
) -> list[Value]:
    """Return what `convert` makes of the rows of alerts that `query` finds, of `limit` that can be read at most."""
    try:
        return convert([checked(session, row) for row in session.exec(query.limit(limit))])
    except DAMAGED:
        return _one_by_one(session, query, convert, limit)


def _one_by_one(
    session: Session,
    query: SelectOfScalar[AlertRow],
    convert: Callable[[Sequence[AlertRow]], list[Value]],
    limit: int | None,
) -> list[Value]:
    found: list[Value] = []
    for alert_id in session.execute(query.with_only_columns(col(AlertRow.alert_id))).scalars().all():
        try:
            found += convert(
                [checked(session, row) for row in session.exec(query.where(col(AlertRow.alert_id) == alert_id))]
            )
        except DAMAGED as error:
            # A traceback would show what the row holds.
            log.error("alert_damaged", alert_id=alert_id, error=type(error).__name__)  # noqa: TRY400
        if len(found) == limit:
            break
    return found


def selected(wanted: AlertFilter) -> ColumnElement[bool]:
    """Return the condition on a row of alerts."""
    if not (wanted.site or wanted.counters or wanted.direction):
        return true()
    everywhere: ColumnElement[bool] = col(AlertRow.escalation) == Escalation.SITE
    if wanted.supervises:
        everywhere = or_(everywhere, col(AlertRow.escalation) >= Escalation.SUPERVISOR, _found_for_supervisors())
    return or_(_seen_by(wanted), and_(everywhere, col(AlertRow.site) == wanted.site) if wanted.site else everywhere)


def searched(search: AlertSearch, handled_by: frozenset[UUID] | None) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions on a row of alerts that somebody looks for; `handled_by` are those whom it names."""
    if search.states:
        yield _stands(search.states)
    if search.raised_from:
        yield col(AlertRow.raised_at) >= search.raised_from
    if search.raised_before:
        yield col(AlertRow.raised_at) < search.raised_before
    if search.counter:
        seen = select(SightingRow.alert_id).where(col(SightingRow.counter) == search.counter)
        yield col(AlertRow.alert_id).in_(seen)
    if search.subject_id:
        judged = select(FindingRow.alert_id).where(col(FindingRow.subject_id) == search.subject_id)
        yield or_(col(AlertRow.subject_id) == search.subject_id, col(AlertRow.alert_id).in_(judged))
    if handled_by is not None:
        people = sorted(map(str, handled_by))
        found = select(FindingRow.alert_id).where(col(FindingRow.person_id).in_(people))
        followed = select(FollowUpRow.alert_id).where(col(FollowUpRow.person_id).in_(people))
        alert_id = col(AlertRow.alert_id)
        yield or_(col(AlertRow.claim_person_id).in_(people), alert_id.in_(found), alert_id.in_(followed))


def _stands(states: frozenset[AlertState]) -> ColumnElement[bool]:
    state = col(AlertRow.state)
    if len(states) == 1:
        return state == next(iter(states))
    if states <= OPEN_STATES:
        return state.in_(sorted(states))
    # Most alerts are settled. Said like this, no index on states is used, whose rows would all have to be sorted.
    return state.not_in(sorted(frozenset(AlertState) - states))


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
