"""Reads many alerts at once: a damaged one is left out and logged by its key, so that it harms none of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog
from sqlmodel import Session, col
from sqlmodel.sql.expression import SelectOfScalar

from cekalwatch.server.storage.alerts.tables import AlertRow
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
