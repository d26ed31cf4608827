"""*Statistics*: passages and findings of a span of time, and the report that the office publishes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from cekalwatch.console.locale.texts import ConsoleTexts
from cekalwatch.console.pages.alerts import midnight
from cekalwatch.console.pages.plots import Bar, BarPlot, bar_plot
from cekalwatch.console.reporting.report_document import by_what, figures_csv, line_name, lines_table, report_document
from cekalwatch.console.reporting.report_pdf import report_pdf
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.values.reports import MAX_SPAN, FieldLine, FieldReport
from cekalwatch.office.client.alert_client import day_began

SHIFT = timedelta(hours=8)
SPANS = ("shift", "day", "week", "month")
PER: Final = 10_000
"""Passages on the axis of the plots: a port wants at most one false alert in this number."""


@dataclass(frozen=True)
class _Span:
    """The requested statistics."""

    name: str
    """One of SPANS; empty: days that somebody chose."""
    start: datetime
    end: datetime
    days: Mapping[str, str]
    """The days as they were written."""
    problem: str = ""
    """The error in them; then the span is the first of SPANS."""

    @property
    def query(self) -> str:
        """The span in an address."""
        return urlencode({"span": self.name} if self.name else self.days)


def show(visit: RequestContext) -> Response:
    """Show the figures of a span of time."""
    span = _asked(visit)
    report = visit.reports.report(span.start, span.end)
    return visit.page(
        "statistics.html",
        HTTPStatus.CONFLICT if span.problem else HTTPStatus.OK,
        report=report,
        span=span,
        spans=SPANS,
        plots=_plots(report, visit.texts),
        tables=[(title, lines_table(lines, visit.texts)) for title, lines in by_what(report, visit.texts)],
    )


def table(visit: RequestContext) -> Response:
    """Return the figures as a file for a spreadsheet."""
    span = _asked(visit)
    if span.problem:
        return visit.problem(span.problem, HTTPStatus.CONFLICT)
    report = visit.reports.report(span.start, span.end, taken=True)
    return _file(visit, report, "csv", figures_csv(report).encode(), "text/csv; charset=utf-8")


def show_report(visit: RequestContext) -> Response:
    """Show the report that the office answers with."""
    span = _asked(visit)
    if span.problem:
        return visit.problem(span.problem, HTTPStatus.CONFLICT)
    document = report_document(visit.reports.report(span.start, span.end), visit.texts)
    return visit.page("field_report.html", document=document, span=span)


def report_file(visit: RequestContext) -> Response:
    """Return the report as a PDF."""
    span = _asked(visit)
    if span.problem:
        return visit.problem(span.problem, HTTPStatus.CONFLICT)
    report, texts = visit.reports.report(span.start, span.end, taken=True), visit.texts
    words = texts.say("PAGE_OF", page="{page}", pages="{pages}")
    data = report_pdf(report_document(report, texts), texts.language, report.made_at, words)
    return _file(visit, report, "pdf", data, "application/pdf")


def _file(visit: RequestContext, report: FieldReport, ending: str, data: bytes, media_type: str) -> Response:
    first, last = (at.astimezone(visit.texts.zone) for at in (report.since, report.until))
    name = f"cekalwatch-{report.site}-{first:%Y%m%d}-{last:%Y%m%d}.{ending}"
    return Response(data, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _asked(visit: RequestContext) -> _Span:
    """Read the requested span; an error is in the span."""
    now, say = visit.now, visit.texts.say
    days = {name: visit.query(name).strip() for name in ("since", "until")}
    asked = visit.query("span")
    name = asked if asked in SPANS else SPANS[0]
    usual = _Span(name, _begin(name, now.astimezone(visit.texts.zone)).astimezone(UTC), now, days)
    if not any(days.values()):
        return usual
    problem = ""
    try:
        since, until = midnight(days["since"], visit, 0), midnight(days["until"], visit, 1) or now
    except (ValueError, OverflowError):
        problem = say("DATE_WRONG")
    else:
        if since is None:
            problem = say("FIRST_DAY_MISSING")
        elif since >= until:
            problem = say("SPAN_WRONG")
        elif until - since > MAX_SPAN:
            problem = say("SPAN_TOO_LONG", days=MAX_SPAN.days)
        else:
            return _Span("", since, until, days)
    return _Span(usual.name, usual.start, usual.end, days, problem)


def _begin(span: str, now: datetime) -> datetime:
    match span:
        case "shift":
            return now - SHIFT
        case "day":
            return day_began(now)
        case "week":
            return day_began(now - timedelta(days=6))
        case _:
            return day_began(now).replace(day=1)


def _plots(report: FieldReport, texts: ConsoleTexts) -> list[tuple[str, BarPlot]]:
    """Return the shares of false alerts by hour and by camera, with their titles, if measured."""
    found = []
    for title, lines in ((texts.say("PLOT_BY_HOUR"), report.hours), (texts.say("PLOT_BY_CAMERA"), report.cameras)):
        bars = [_bar(line, texts) for line in lines if line.fpir.measured]
        if bars:
            found.append((title, bar_plot(bars)))
    return found


def _bar(line: FieldLine, texts: ConsoleTexts) -> Bar:
    rate = line.fpir
    return Bar(line_name(line, texts), rate.value * PER, rate.low * PER, rate.high * PER)
