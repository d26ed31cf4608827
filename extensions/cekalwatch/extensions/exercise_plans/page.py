"""*Exercises*: when they come, which supervisors set, and how far they came. Nothing here says who judged how.

Results are those of the whole site, and the server withholds them while they are few (domain rule 16).
"""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from http import HTTPStatus
from typing import Final

import grpc
from starlette.responses import Response

from cekalwatch.console.menu import Entry
from cekalwatch.console.page import Page
from cekalwatch.console.pages.signing_in.provider import with_second_where_needed
from cekalwatch.console.reporting.figure_lines import exercises_in_words, period_name
from cekalwatch.console.reporting.report_document import exercise_table
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.calls import alerts
from cekalwatch.contract.values.exercises import ExerciseHours
from cekalwatch.contract.values.people import CONFIRMS
from cekalwatch.contract.values.reports import PeriodLength
from cekalwatch.office.client.alert_client import day_began
from cekalwatch.office.client.refusals import error_reason

DAYS: Final = 30
_BETWEEN: Final = re.compile(r"[\s,;]+")
_DASHES: Final = str.maketrans("–—", "--")


def show(visit: RequestContext, problem: str = "") -> Response:
    """Show when exercises come, and those of the last days."""
    plan, texts, typed = visit.ask(alerts.GET_EXERCISE_HOURS()), visit.texts, bool(problem or visit.signed)
    begin = day_began(visit.now.astimezone(texts.zone)) - timedelta(days=DAYS - 1)
    report = visit.reports.report(begin.astimezone(UTC), visit.now, PeriodLength.DAY)
    days = [
        (period_name(one, PeriodLength.DAY, texts), one.exercises)
        for one in report.periods[::-1]
        if one.exercises.count
    ]
    return visit.page(
        "exercises.html",
        HTTPStatus.CONFLICT if problem else HTTPStatus.OK,
        plan=plan,
        shifts=visit.form.get("shifts", "") if typed else ", ".join(plan.hours.shifts),
        a_shift=visit.form.get("a_shift", "") if typed else plan.hours.a_shift,
        problem=problem,
        second_name=visit.form.get("second_name", ""),
        done=bool(visit.query("done")) and not problem,
        since=report.since,
        told=exercises_in_words(report, texts) if report.exercises.count else texts.say("EXERCISES_NONE"),
        places=exercise_table(report.exercises.places, texts),
        days=days,
    )


def change(visit: RequestContext) -> Response:
    """Set when exercises come; what was written stays where it is refused."""
    written, number = visit.form.get("shifts", ""), visit.form.get("a_shift", "").strip()
    shifts = tuple(filter(None, _BETWEEN.split(written.translate(_DASHES).replace(" - ", "-"))))
    if not number.isascii() or not number.isdigit() or len(number) > 2:
        return show(visit, visit.texts.say("EXERCISES_WRONG"))
    asked = alerts.SET_EXERCISE_HOURS(ExerciseHours(shifts, int(number)))

    def done(word: str) -> Response:
        try:
            visit.ask(asked, word)
        except grpc.RpcError as error:
            if error_reason(error) != "ARGUMENT_INVALID":
                raise
            return show(visit, visit.texts.say("EXERCISES_WRONG"))
        return visit.to("/exercises?done=1")

    return with_second_where_needed(visit, asked, done, lambda problem: show(visit, problem))


PAGES: Final = (
    Page("GET", "/exercises", CONFIRMS, show),
    Page("POST", "/exercises", CONFIRMS, change, again=show),
)
ENTRY: Final = Entry("/exercises", "EXERCISES", CONFIRMS)
AFTER: Final = "/shift"
