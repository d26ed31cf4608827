"""*Hand over the shift*: what is open, the notes of who leaves, and who takes it over, on one page to print.

Open alerts are named only to who has looked at their faces: the server withholds the rest (domain rule 15).
"""

from __future__ import annotations

from itertools import islice
from typing import Final

import grpc
from starlette.responses import Response

from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.calls import alerts as calls
from cekalwatch.contract.values.adjudication import MAX_NOTE, OPEN_STATES
from cekalwatch.contract.values.alarms import shown_to
from cekalwatch.office.client.refusals import explain
from cekalwatch.office.locale.approval_words import asked_for
from cekalwatch.office.urgency import most_urgent_first

MAX_ALERTS: Final = 200


def show(visit: RequestContext) -> Response:
    """Show what is open, and the notes."""
    return show_again(visit, "")


def show_again(visit: RequestContext, problem: str) -> Response:
    """Show the same with what was written, and what is wrong with it."""
    alerts = sorted(islice(visit.alerts.listed(OPEN_STATES), MAX_ALERTS), key=most_urgent_first)
    approvals = visit.sessions.approvals()
    return visit.page(
        "shift.html",
        alerts=alerts,
        owed=visit.texts.references_owed(alerts, visit.now),
        # Everybody at a counter knows which counters are blind; supervisors see the other alarms of the site too.
        alarms=shown_to(visit.person, visit.console.news.alarms, ()),
        approvals=[(one, asked_for(one, visit.texts)) for one in (*approvals.waiting, *approvals.asked)],
        hand_overs=visit.ask(calls.LIST_HAND_OVERS()),
        max_note=MAX_NOTE,
        notes=visit.form.get("notes", "") if problem else "",
        problem=problem,
        done=visit.query("done"),
    )


def leave(visit: RequestContext) -> Response:
    """Leave notes for who comes."""
    notes = visit.form.get("notes", "").replace("\r\n", "\n").strip()
    try:
        visit.ask(calls.LEAVE_SHIFT(notes=notes))
    except grpc.RpcError as error:
        return show_again(visit, explain(error, visit.texts))
    return visit.to("/shift?done=left")


def take(visit: RequestContext) -> Response:
    """Take a shift over."""
    try:
        visit.ask(calls.TAKE_SHIFT(hand_over_id=visit.part("hand_over_id")))
    except grpc.RpcError as error:
        return show_again(visit, explain(error, visit.texts))
    return visit.to("/shift?done=taken")
