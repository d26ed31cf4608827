"""*Gates*: what each gate of the site's counters is asked, and the policy that a supervisor changes with an
administrator."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from cekalwatch.console.menu import Entry
from cekalwatch.console.page import Page
from cekalwatch.console.pages.signing_in.provider import with_second_person
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.calls import operations
from cekalwatch.contract.values.adjudication import UNDO_FOR, AlertState
from cekalwatch.contract.values.gates import (
    GO_LASTS,
    MAX_MINUTES,
    MAY_HOLD,
    MIN_MINUTES,
    GatePolicy,
    GatePolicyChange,
    GatePolicyError,
    GatePolicyReason,
)
from cekalwatch.contract.values.people import CONFIRMS

ACTS: Final = ("set", "off")
STATES: Final = tuple(one for one in AlertState if one in MAY_HOLD)
"""In the order in which an alert goes through them."""


def show(visit: RequestContext, problem: str = "") -> Response:
    """Show the gates and the policy, and the form with its input."""
    outlook, tried = visit.ask(operations.GET_GATES()), visit.part("act") if problem or visit.signed else ""
    typed = _typed(visit) if tried == "set" else outlook.policy.states
    return visit.page(
        "gates.html",
        outlook=outlook,
        states=STATES,
        undo_for=UNDO_FOR.seconds,
        go_lasts=GO_LASTS.seconds,
        typed=typed or frozenset(STATES),
        minutes=visit.form.get("minutes", "") if tried == "set" else outlook.policy.minutes,
        bounds=(MIN_MINUTES, MAX_MINUTES),
        reasons=list(GatePolicyReason),
        reason=visit.form.get("reason", ""),
        problem=problem,
        done=bool(visit.query("done")) and not problem,
        tried=tried,
        second_name=visit.form.get("second_name", ""),
    )


def part(visit: RequestContext) -> Response:
    """Show what each gate is asked now."""
    return visit.page("gates_part.html", outlook=visit.ask(operations.GET_GATES()))


def change(visit: RequestContext) -> Response:
    """Set the policy, or let no alert ask a gate any more, as two people; entered values stay."""
    act, say, form = visit.part("act"), visit.texts.say, visit.form
    if act not in ACTS:
        return visit.problem(say("PAGE_MISSING"), HTTPStatus.NOT_FOUND)
    if form.get("reason") not in set(GatePolicyReason):
        return show(visit, say("AMEND_WHY_MISSING"))
    policy, minutes = GatePolicy(), form.get("minutes", "").strip()
    if act == "set":
        try:
            policy = GatePolicy(_typed(visit), int(minutes) if minutes.isascii() and minutes.isdigit() else 0)
        except GatePolicyError:
            return show(visit, say("GATES_WRONG", least=MIN_MINUTES, most=MAX_MINUTES))
        if not policy.states:
            return show(visit, say("GATES_NO_STATE"))
    wanted = operations.SET_GATE_POLICY(GatePolicyChange(policy, GatePolicyReason(form["reason"])))

    def carry_out(word: str) -> Response:
        visit.ask(wanted, word)
        return visit.to("/gates?done=1")

    return with_second_person(visit, wanted, carry_out, lambda problem: show(visit, problem))


def _typed(visit: RequestContext) -> frozenset[AlertState]:
    return frozenset(one for one in STATES if visit.form.get(f"state-{one}"))


PAGES: Final = (
    Page("GET", "/gates", CONFIRMS, show),
    Page("GET", "/gates/part", CONFIRMS, part, by_a_person=False),
    Page("POST", "/gates/{act}", CONFIRMS, change, again=show),
)
ENTRY: Final = Entry("/gates", "GATES", CONFIRMS)
AFTER: Final = "/threshold"
