"""*Statistics*: passages and findings of a span of time, and the report that the office publishes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from cekalwatch.console.locale.texts import ConsoleTexts
from cekalwatch.console.pages.alerts import midnight
from cekalwatch.console.pages.plots import Bar, BarPlot, Sparkline, bar_plot, sparkline
from cekalwatch.console.reporting.figure_lines import ShownLine, period_name, shown_lines
from cekalwatch.console.reporting.report_document import (
    by_what,
    figures_csv,
    line_name,
    lines_table,
    report_document,
    unusable_tables,
)
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.values.reports import MAX_SPAN, FieldLine, FieldReport, PeriodLength
from cekalwatch.office.client.alert_client import day_began
from cekalwatch.program.documents.pdf import document_pdf

SHIFT = timedelta(hours=8)
SPANS = ("shift", "day", "week", "month")
TREND_DAYS: Final = {PeriodLength.DAY: 14, PeriodLength.WEEK: 12 * 7}
"""How far back a trend goes, in whole days or weeks before the present one."""
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


@dataclass(frozen=True)
class _TrendTable:
    """The figures of the last days or weeks: curves, and the same in words."""

    length: PeriodLength
    lines: Sequence[tuple[ShownLine, Sparkline]]
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    """The days or weeks, newest first, each with all figures."""


def show(visit: RequestContext) -> Response:
    """Show the figures of a span of time."""
    span = _asked(visit)
    report = visit.reports.report(span.start, span.end)
    trend = _trend(visit, report)
    return visit.page(
        "statistics.html",
        HTTPStatus.CONFLICT if span.problem else HTTPStatus.OK,
        report=report,
        span=span,
        spans=SPANS,
        trend=trend,
        lengths=list(PeriodLength),
        charts=charts(report, visit.texts),
        tables=[
            *((title, lines_table(lines, visit.texts)) for title, lines in by_what(report, visit.texts)),
            *unusable_tables(report, visit.texts),
        ],
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
    data = document_pdf(report_document(report, texts), texts.language, report.made_at, words)
    return _file(visit, report, "pdf", data, "application/pdf")


def _file(visit: RequestContext, report: FieldReport, ending: str, data: bytes, media_type: str) -> Response:
    first, last = (at.astimezone(visit.texts.zone) for at in (report.since, report.until))
    name = f"cekalwatch-{report.site}-{first:%Y%m%d}-{last:%Y%m%d}.{ending}"
    return Response(data, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _trend(visit: RequestContext, report: FieldReport) -> _TrendTable:
    """Ask for the whole days or weeks before the present one, and put them beside the figures of the report."""
    asked = visit.query("by").upper()
    length = PeriodLength(asked) if asked in set(PeriodLength) else PeriodLength.DAY
    today = day_began(visit.now.astimezone(visit.texts.zone))
    end = today if length is PeriodLength.DAY else today - timedelta(days=today.weekday())
    begin = end - timedelta(days=TREND_DAYS[length])
    periods = visit.reports.report(begin.astimezone(UTC), end.astimezone(UTC), length).periods
    lines = shown_lines(report, periods, visit.texts)
    return _TrendTable(
        length,
        [(one, _curve(one)) for one in lines],
        [visit.texts.say("HEAD_PERIOD"), *(one.title for one in lines)],
        [
            *zip(
                (period_name(one, length, visit.texts) for one in periods),
                *(one.trend.cells for one in lines),
                strict=True,
            )
        ][::-1],
    )


def _curve(line: ShownLine) -> Sparkline:
    rates = line.trend.intervals
    return sparkline(
        line.trend.values, [(one.low, one.high) for one in rates] if any(one.measured for one in rates) else ()
    )


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


@dataclass(frozen=True)
class _Chart:
    """Bars with their title, the words under their axis, and what they mean."""

    title: str
    bars: BarPlot
    axis: str
    meaning: str


def charts(report: FieldReport, texts: ConsoleTexts) -> list[_Chart]:
    """Return the faces of each hour with its alerts, and the shares of false alerts by camera where there is one."""
    say, found = texts.say, list[_Chart]()
    hours = [_hour(line, texts) for line in _in_turn(report, texts) if line.passages or line.alerts]
    if hours:
        found.append(_Chart(say("PLOT_FACES"), bar_plot(hours), say("FIGURE_PASSAGES"), say("PLOT_FACES_MEANS")))
    cameras = [_share(line, texts) for line in report.cameras if line.fpir.measured]
    if cameras and any(line.false_alerts for line in report.cameras):
        found.append(_Chart(say("PLOT_BY_CAMERA"), bar_plot(cameras), say("PLOT_AXIS"), say("PLOT_MEANS")))
    return found


def _in_turn(report: FieldReport, texts: ConsoleTexts) -> list[FieldLine]:
    """Return the hours as they came, if each came once; else those of the day."""
    first = f"{report.since.astimezone(texts.zone):%H}:00"
    if report.until - report.since > timedelta(days=1):
        return list(report.hours)
    return sorted(report.hours, key=lambda line: (line.key < first, line.key))


def _hour(line: FieldLine, texts: ConsoleTexts) -> Bar:
    note = texts.say("PLOT_ALERTS", count=line.alerts) if line.alerts else ""
    return Bar(line_name(line, texts), line.passages, line.passages, line.passages, note)


def _share(line: FieldLine, texts: ConsoleTexts) -> Bar:
    rate = line.fpir
    return Bar(line_name(line, texts), rate.value * PER, rate.low * PER, rate.high * PER)
