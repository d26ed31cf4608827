"""*Threshold*: its value and origin, the expectation at other values, and its change by two people."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import grpc
from starlette.responses import Response

from cekalwatch.console.pages.plots import Plot, across, plot, up
from cekalwatch.console.pages.signing_in.provider import with_second_person
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.calls import operations
from cekalwatch.contract.values.thresholds import ThresholdOutlook
from cekalwatch.office.client.refusals import error_reason

ACTS: Final = ("set", "keep", "accept", "undo", "forget")
WITH_VALUE: Final = ("set", "keep", "accept")
MIN_FPIR: Final = 1e-7
_TENTHS: Final = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def show(visit: RequestContext, problem: str = "") -> Response:
    """Show the threshold with its evidence, and the form with its input."""
    outlook = visit.ask(operations.GET_THRESHOLD())
    false_alerts, missed = _plots(outlook)
    return visit.page(
        "threshold.html",
        outlook=outlook,
        false_alerts=false_alerts,
        missed=missed,
        problem=problem,
        done=bool(visit.query("done")) and not problem,
        wanted=visit.form.get("threshold", ""),
        tried=visit.part("act") if problem or visit.signed else "",
        second_name=visit.form.get("second_name", ""),
    )


def change(visit: RequestContext) -> Response:
    """Set, keep, accept or reset the threshold, or forget the learned one, as two people; entered values stay."""
    act, form = visit.part("act"), visit.form
    if act not in ACTS:
        return visit.problem(visit.texts.say("PAGE_MISSING"), HTTPStatus.NOT_FOUND)
    value = _number(form.get("threshold", "")) if act in WITH_VALUE else None
    if act in WITH_VALUE and value is None:
        return show(visit, visit.texts.say("THRESHOLD_WRONG"))
    forgets = act == "forget"
    if forgets:
        wanted = operations.FORGET_LEARNED_THRESHOLD(model_version=form.get("model", ""))
    else:
        wanted = operations.SET_THRESHOLD(threshold=value, goes_on_learning=act == "accept" and bool(value))

    def carry_out(word: str) -> Response:
        try:
            visit.ask(wanted, word)
        except grpc.RpcError as error:
            if error_reason(error) != "ARGUMENT_INVALID":
                raise
            return show(visit, visit.texts.say("FORGET_OTHER_MODEL" if forgets else "THRESHOLD_WRONG"))
        return visit.to("/threshold?done=1")

    return with_second_person(visit, wanted, carry_out, lambda problem: show(visit, problem))


def _plots(outlook: ThresholdOutlook) -> tuple[Plot, Plot | None]:
    """Return the curves of false alerts and of missed people; None for an unknown one."""
    x, marked = across(outlook.min_threshold, outlook.max_threshold), outlook.decision.value
    ticks = [one for one in _TENTHS if outlook.min_threshold - 1e-6 <= one <= outlook.max_threshold + 1e-6]
    decades = [10.0**power for power in range(-7, 1)]
    fpir = [(one.threshold, one.fpir, one.fpir_low, one.fpir_high) for one in outlook.points]
    false_alerts = plot(fpir, x, up(MIN_FPIR, 1, log=True), ticks, decades, marked)
    known = [(one.threshold, one.fnir) for one in outlook.points if one.fnir is not None]
    if not known:
        return false_alerts, None
    fnir = [(at, share, share, share) for at, share in known]
    return false_alerts, plot(fnir, x, up(0, 1), ticks, (0, 0.25, 0.5, 0.75, 1), marked)


def _number(written: str) -> float | None:
    """Return a number as people write it, with a point or a comma; None when it is not a number."""
    try:
        found = float(written.strip().replace(",", "."))
    except ValueError:
        return None
    return found if 0 < found < 1 else None
