"""*List*, one order of a list that is kept here: corrected, ended or erased by two people with a reason."""

from __future__ import annotations

from datetime import tzinfo
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import grpc
from starlette.responses import Response

from cekalwatch.console.pages.signing_in.provider import with_second_person
from cekalwatch.console.pages.watchlist.subjects import find, missing
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.engine.call import Asked
from cekalwatch.contract.values.imports import LIST_COLUMNS
from cekalwatch.contract.values.orders import MAX_REVOCATION_REFERENCE, RevocationGround, ShownOrder
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.contract.values.watchlist import AmendmentReason
from cekalwatch.office.client.refusals import error_reason, refusal_of
from cekalwatch.office.client.watchlist_client import AmendedOrder

ACTS: Final = ("correct", "end", "erase")
CELLS: Final = tuple(name for name in LIST_COLUMNS if name not in {"order_id", "subject_id", "photographs"})
"""The columns that can be corrected. Keys and photographs come from lists only."""


def show(visit: RequestContext) -> Response:
    """Show the forms for one order, or where it must be corrected."""
    return _page(visit, visit.query("key"), visit.query("order"))


def amend(visit: RequestContext) -> Response:
    """Correct, end or erase an order, as two people."""
    form, act = visit.form, visit.part("act")
    if act not in ACTS:
        return visit.problem(visit.texts.say("PAGE_MISSING"), HTTPStatus.NOT_FOUND)
    if form.get("reason") not in set(AmendmentReason):
        return show_again(visit, visit.texts.say("AMEND_WHY_MISSING"))
    wanted = _request(visit, act)
    if wanted is None:
        return show_again(visit, visit.texts.say("AMEND_GROUND_MISSING"))

    def done(word: str) -> Response:
        try:
            visit.ask(wanted, word)
        except grpc.RpcError as error:
            if error_reason(error) != "RECORD_INVALID":
                raise
            field = refusal_of(error).details.get("detail", "")
            return show_again(visit, visit.texts.say("AMEND_FIELD", column=field, right=visit.texts.column(field)))
        key = form.get("key", "")
        return visit.to("/list" if find(visit, key) is None else f"/list/subjects?{urlencode({'key': key})}")

    return with_second_person(visit, wanted, done, lambda problem: show_again(visit, problem))


def show_again(visit: RequestContext, problem: str) -> Response:
    """Show the forms as they were filled in."""
    return _page(visit, visit.form.get("key", ""), visit.form.get("order", ""), problem)


def _request(visit: RequestContext, act: str) -> Asked[None] | None:
    form = visit.form
    order = AmendedOrder(
        form.get("key", ""), form.get("order", ""), form.get("mark", ""), AmendmentReason(form["reason"])
    )
    match act:
        case "correct":
            return order.correction({name: form.get(f"cell-{name}", "").strip() for name in CELLS})
        case "end" if form.get("ground") in set(RevocationGround):
            reference = " ".join(form.get("reference", "").split())[:MAX_REVOCATION_REFERENCE]
            return order.ending(RevocationGround(form["ground"]), reference)
        case "erase":
            return order.erasure()
    return None


def _page(visit: RequestContext, key: str, order_id: str, problem: str = "") -> Response:
    subject = find(visit, key)
    order = next((one for one in subject.orders if one.order_id == order_id), None) if subject else None
    keeping = subject.kept(order_id) if subject else None
    if subject is None or order is None or keeping is None:
        return missing(visit)
    tried = visit.part("act") if visit.request.method == "POST" or visit.params is not None else ""
    held = cells_of(subject.subject, order, visit.texts.zone)
    typed = {name: visit.form.get(f"cell-{name}", held[name]) for name in CELLS} if tried == "correct" else held
    return visit.page(
        "order.html",
        subject=subject,
        order=order,
        keeping=keeping,
        # People sign for what they saw.
        mark=visit.form.get("mark", keeping.mark),
        cells=typed,
        form=visit.form,
        tried=tried,
        problem=problem,
        reasons=list(AmendmentReason),
        grounds=list(RevocationGround),
        last=len(subject.orders) == 1,
        max_reference=MAX_REVOCATION_REFERENCE,
        second_name=visit.form.get("second_name", ""),
    )


def cells_of(subject: Subject, order: ShownOrder, zone: tzinfo | None) -> dict[str, str]:
    """Return the facts of an order and its subject as the cells of a list's row."""
    facts = {name: getattr(subject, name, None) or getattr(order, name, None) or "" for name in CELLS}
    return {name: str(value) for name, value in facts.items() if isinstance(value, str)} | {
        "aliases": "|".join(subject.aliases),
        "travel_documents": "|".join(
            ":".join(filter(None, (one.type, one.number, one.issuing_country))) for one in subject.travel_documents
        ),
        "urgent": "ya" if order.urgent else "tidak",
        "revoked_at": order.revoked_at.astimezone(zone).isoformat() if order.revoked_at else "",
    }
