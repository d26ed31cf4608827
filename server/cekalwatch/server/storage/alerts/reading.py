"""Selects alerts, by a filter or as those that a match may join, and reads them.

A damaged alert is left out and logged by its key, so that it does not affect others. A filter is a condition of the
query, with the same result as `Alert.wanted_by` of the stream: filtering after cutting a page would lose alerts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import TypeVar
from uuid import UUID

import numpy as np
import structlog
from sqlalchemy import ColumnElement, and_, bindparam, or_, true
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from cekalwatch.contract.values.adjudication import (
    FOR_SUPERVISORS,
    OPEN_STATES,
    PENDING,
    UNSETTLED,
    AlertState,
    Escalation,
    Outcome,
    Reason,
)
from cekalwatch.contract.values.alerts import AlertFilter, AlertSearch
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.alerts.grouping import AlertPassage, NearAlert
from cekalwatch.server.domain.alerts.match import Match
from cekalwatch.server.encryption.keyring import DamagedValueError, Keyring
from cekalwatch.server.storage.alerts.rows import joinable_alerts
from cekalwatch.server.storage.alerts.tables import (
    REAL,
    AlertPassageRow,
    AlertRow,
    FindingRow,
    FollowUpRow,
    LookRow,
    ProbeRow,
    SightingRow,
)
from cekalwatch.server.storage.columns import PASSAGE_TEMPLATE
from cekalwatch.server.storage.integrity.guarded_session import checked, put_row, with_valid_mac
from cekalwatch.server.storage.watchlist.rows import DAMAGED

Value = TypeVar("Value")

log = structlog.get_logger()


def readable(
    session: Session,
    query: SelectOfScalar[AlertRow],
    convert: Callable[[Sequence[AlertRow]], list[Value]],
    limit: int | None = None,
) -> list[Value]:
    """Run `query`, convert up to `limit` readable rows and skip damaged ones."""
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
            # A traceback would show the content of the row.
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


def searched(
    search: AlertSearch, handled_by: frozenset[UUID] | None, judge: UUID | None = None
) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of a search on a row of alerts; `handled_by` has the people that it names.

    What `judge` may not see before they have looked at an alert's faces does not find it (domain rule 15): neither
    whom it asks about, nor which of the two judgements it has that a supervisor must settle.
    """
    unseen = _unseen_by(judge) if judge else None
    if unseen is not None and len(search.states & PENDING) == 1:
        yield or_(_stands(search.states), and_(unseen, col(AlertRow.state).in_(sorted(PENDING))))
    elif search.states:
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
        if unseen is not None:
            yield ~unseen
    if search.reference_owed:
        yield reference_owed()
    if handled_by is not None:
        people = sorted(map(str, handled_by))
        found = select(FindingRow.alert_id).where(col(FindingRow.person_id).in_(people))
        followed = select(FollowUpRow.alert_id).where(col(FollowUpRow.person_id).in_(people))
        alert_id = col(AlertRow.alert_id)
        yield or_(col(AlertRow.claim_person_id).in_(people), alert_id.in_(found), alert_id.in_(followed))


def reference_owed() -> ColumnElement[bool]:
    """Return the condition on the row of an alert that it is a hit whose reference number is owed."""

    def confirmed(reason: Reason) -> ColumnElement[bool]:
        found = (col(FindingRow.outcome) == Outcome.CONFIRMED, col(FindingRow.reason) == reason)
        return col(AlertRow.alert_id).in_(select(FindingRow.alert_id).where(*found))

    return and_(
        col(AlertRow.state) == AlertState.CONFIRMED,
        confirmed(Reason.CENTRAL_SYSTEM_DOWN),
        ~confirmed(Reason.LISTED_IN_CEKAL_ONLINE),
    )


def _stands(states: frozenset[AlertState]) -> ColumnElement[bool]:
    state = col(AlertRow.state)
    if len(states) == 1:
        return state == next(iter(states))
    if states <= OPEN_STATES:
        return state.in_(sorted(states))
    # Most alerts are settled. Said like this, no index on states is used, whose rows would all have to be sorted.
    return state.not_in(sorted(frozenset(AlertState) - states))


def _unseen_by(judge: UUID) -> ColumnElement[bool]:
    """Return the condition that a person still has to look at the faces of an alert; as `Alert.seen_by` decides."""
    kept = select(ProbeRow.alert_id).where(col(ProbeRow.alert_id) == col(AlertRow.alert_id))
    return and_(
        col(AlertRow.state).in_(sorted(UNSETTLED)),
        col(AlertRow.orders_ended_at).is_(None),
        kept.exists(),
        ~_of_asked(LookRow, judge).exists(),
        ~_of_asked(FindingRow, judge).where(col(FindingRow.outcome) != Outcome.TAKEN_OVER).exists(),
    )


def _of_asked(table: type[LookRow | FindingRow], person_id: UUID) -> SelectOfScalar[str]:
    """Return the query of what a person has found about the candidate that an alert asks about."""
    return select(table.alert_id).where(
        col(table.alert_id) == col(AlertRow.alert_id),
        col(table.subject_id) == col(AlertRow.subject_id),
        col(table.person_id) == str(person_id),
    )


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


MAX_COMPARED = 50
"""Number of an alert's newest passages with which a face is compared; a face that is like only older ones raises a new
alert. An alert with thousands of passages, which a hostile camera can make, must not delay the next traveller."""

_NUMBERS = np.dtype("<f4")


class AlertPassages:
    """Stores the sealed faces of an alert's passages while others may join them; it opens no transaction."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def near(self, session: Session, match: Match, window: timedelta) -> list[NearAlert]:
        """Return the alerts that `match` may join: of its passage, and recent ones of its subjects at its site."""
        capture = match.capture
        passage = col(AlertPassageRow.passage) == capture.passage
        own = set(session.exec(select(AlertPassageRow.alert_id).where(passage)))
        moment = capture.captured_at
        lately = (
            (col(AlertRow.site) == capture.camera.site)
            & (col(AlertRow.last_seen_at) >= moment - window)
            & (col(AlertRow.last_seen_at) <= moment + window)
        )
        query = select(AlertRow).where(REAL, or_(col(AlertRow.alert_id).in_(own), lately))
        subjects = {candidate.subject_id for candidate in match.candidates}
        alerts = [
            alert
            for alert in readable(session, query, lambda rows: joinable_alerts(session, rows))
            if str(alert.alert_id) in own or any(alert.has(subject_id) for subject_id in subjects)
        ]
        passages = self._passages(session, [str(alert.alert_id) for alert in alerts], capture.passage)
        return [NearAlert(alert, tuple(passages[str(alert.alert_id)])) for alert in alerts]

    def keep(self, session: Session, alert: Alert, match: Match, now: datetime) -> None:
        """Store the present face of the match's passage; once people have settled the alert, it no longer changes."""
        found = session.get(AlertPassageRow, (str(alert.alert_id), match.capture.passage))
        held = next(with_valid_mac(session, [found] if found else []), None)
        if held is not None and not alert.open:
            held.kept_at = now
            return
        put_row(session, self.row(alert, match, now), found)

    def row(self, alert: Alert, match: Match, now: datetime) -> AlertPassageRow:
        """Return the present row of the match's passage."""
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
        for row in with_valid_mac(session, session.exec(_newest_passages(), params=wanted)):
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
