"""Which alerts a filter selects, as a condition of a query: the same as `Alert.wanted_by` of the stream.

A page has to be cut from what is selected; selecting from a page that was cut would lose alerts.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, true
from sqlmodel import col, select

from cekalwatch.contract.values.adjudication import FOR_SUPERVISORS, OPEN_STATES, AlertState, Escalation
from cekalwatch.contract.values.alert_search import AlertFilter, AlertSearch
from cekalwatch.server.storage.alerts.tables import AlertRow, FindingRow, FollowUpRow, SightingRow


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
