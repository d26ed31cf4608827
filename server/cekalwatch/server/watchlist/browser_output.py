"""Subjects and histories of the watchlist as rows for a table or spreadsheet, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any, Final

from cekalwatch.server.audit.entry import Link
from cekalwatch.server.domain.orders.ban_order import BanOrder, JudgedOrder
from cekalwatch.server.domain.orders.status_history import StatusChange
from cekalwatch.server.watchlist.browser import SubjectHistory, SubjectView

LIST_COLUMNS: Final = (
    *("subject_id", "name", "aliases", "sex", "date_of_birth", "nationality"),
    *("order_id", "kind", "status", "broken_rules", "flags", "valid_from", "valid_until", "urgent", "extends_order_id"),
    *("requesting_agency", "decree_number", "received_on", "references", "stale_references"),
)
HISTORY_COLUMNS: Final = ("at", "what", "order_id", "status", "by", "details")
FROM_THE_START: Final = "from the start"


def list_rows(views: Iterable[SubjectView]) -> Iterator[list[str | int]]:
    """Yield a row for each order, with its subject's columns repeated, and one for a subject without orders."""
    for view in views:
        one = view.subject
        person = [one.subject_id, one.name, " | ".join(one.aliases), one.sex, one.date_of_birth, one.nationality]
        faces: list[str | int] = [len(view.references), len(view.stale)]
        for judged in view.orders or (None,):
            yield [*person, *_order_cells(judged), *faces]


def _order_cells(judged: JudgedOrder | None) -> list[str]:
    if judged is None:
        return [""] * 12
    order, judgement = judged.order, judged.judgement
    return [
        *(order.order_id, order.kind, judgement.status),
        *(" ".join(judgement.broken_rules), " ".join(judgement.flags)),
        *(order.valid_from.isoformat(), order.valid_until.isoformat(), "yes" if order.urgent else "no"),
        *(order.extends_order_id, order.requesting_agency, order.decree_number, order.received_on.isoformat()),
    ]


def order_facts(order: BanOrder) -> Iterator[list[str]]:
    """Yield name and value of the facts that an order states, without its keys."""
    for name, value in asdict(order).items():
        if name not in {"order_id", "subject_id"} and value not in {None, "", False}:
            yield [name, "yes" if value is True else str(value)]


def view_json(view: SubjectView) -> dict[str, Any]:
    """Return everything about a subject, without pictures."""
    return {
        "subject": asdict(view.subject),
        "orders": [{**asdict(one.order), **asdict(one.judgement)} for one in view.orders],
        "elsewhere": [
            {"order_id": one.order_id, "subject_id": one.subject_id, "received_on": one.received_on}
            for one in view.elsewhere
        ],
        "references": [
            {
                **{name: getattr(face, name) for name in ("reference_id", "subject_id", "photo_sha256", "warnings")},
                "figures": asdict(face.figures),
                "stale_model": face.reference_id in view.stale,
                "also_under": view.also_under.get(face.reference_id, ()),
            }
            for face in view.references
        ],
    }


def history_rows(history: SubjectHistory) -> Iterator[list[str]]:
    """Yield a row for each event of the audit trail, oldest first, then one for each status change."""
    for link in history.events:
        yield [link.at, link.action, _order_of(link), link.outcome, link.actor, link.details]
    for order_id, changes in history.status_changes.items():
        for change in changes:
            judgement = change.judgement
            yield [_moment(change), "STATUS", order_id, judgement.status, "", " ".join(judgement.remarks)]


def history_json(history: SubjectHistory) -> dict[str, Any]:
    """Return the history, with the details of events as in the audit trail."""
    return {
        "events": [
            {**{name: getattr(link, name) for name in ("sequence", "at", "actor", "action", "outcome")}}
            | {"objects": json.loads(link.objects), "details": json.loads(link.details)}
            for link in history.events
        ],
        "statuses": {
            order_id: [{"from": change.at, **asdict(change.judgement)} for change in changes]
            for order_id, changes in history.status_changes.items()
        },
    }


def _moment(change: StatusChange) -> str:
    return change.at.isoformat() if change.at else FROM_THE_START


def _order_of(link: Link) -> str:
    keys = [one.removeprefix("order:") for one in json.loads(link.objects) if one.startswith("order:")]
    return " ".join(keys[:3])
