"""Shows the report of an import on a terminal: what a person must look at first, then the counts."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.contract.values.subjects import FaceFigures
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome
from cekalwatch.server.cli.output import whole_table
from cekalwatch.server.domain.errors import public_message
from cekalwatch.server.watchlist.imports.records import FIELD_FORMS
from cekalwatch.server.watchlist.imports.reports import summarise

MAX_PROBLEMS = 50
"""Rows of problems on the screen; a report file has them all."""

MAX_RECORDS = 20
"""Rows of records without a problem on the screen."""


def show_reports(console: Console, reports: Sequence[RecordReport]) -> None:
    """Print tables of problems and of the other records, and the summary."""
    problems = [report for report in reports if report.has_problem or report.is_doubtful]
    fine = [report for report in reports if not (report.has_problem or report.is_doubtful)]
    if problems:
        _show(console, "To be looked at", problems, MAX_PROBLEMS)
    if fine:
        _show(console, "Imported", fine, MAX_RECORDS)
    summary = summarise(reports)
    console.print(
        f"{summary.records} records: {summary.stored} stored, {summary.unchanged} unchanged, "
        f"{summary.refused} refused; {summary.flagged} flagged INVALID, {summary.renewed} RENEWED_TOO_LONG."
    )
    console.print(
        f"{summary.photos} photographs: {summary.photos_enrolled} enrolled, {summary.photos_unchanged} unchanged, "
        f"{summary.photos_refused} refused; {summary.photos_with_warnings} with warnings."
    )


def _show(console: Console, title: str, reports: Sequence[RecordReport], most: int) -> None:
    rows = (
        (report.order_id, report.subject_id, report.outcome or "", report.status or "", "\n".join(remarks(report)))
        for report in reports[:most]
    )
    console.print(whole_table(("Order", "Subject", "Outcome", "Status", "Remarks"), rows, title))
    if len(reports) > most:
        console.print(f"and {len(reports) - most} more; --report FILE.csv lists all of them.")


def remarks(report: RecordReport) -> list[str]:
    """Return a line for each remark on a record."""
    lines = []
    if report.outcome is ImportOutcome.REFUSED:
        message = FIELD_FORMS.get(report.field) or public_message(report.reason)
        place = f" [{report.place}]" if report.place and report.place != report.order_id else ""
        field = f" ({report.field})" if report.field else ""
        lines.append(f"{report.reason}{field}{place}: {message}")
    if report.status is OrderStatus.INVALID:
        lines.append("never alerts; it breaks " + ", ".join(report.broken_rules))
    if report.flags:
        lines.append("stays in force, and must be looked at: " + ", ".join(report.flags))
    for photo in report.photos:
        if photo.outcome is PhotoOutcome.REFUSED:
            lines.append(f"{photo.name}: {photo.reason}. {public_message(photo.reason)}{_measured(photo.figures)}")
        elif photo.warnings:
            told = ", ".join(photo.warnings) + (f" {', '.join(photo.also_under)}" if photo.also_under else "")
            lines.append(f"{photo.name}: {(photo.outcome or '').lower()}, {told}{_measured(photo.figures)}")
    return lines


def _measured(figures: FaceFigures | None) -> str:
    return f" ({face_words(figures)})" if figures else ""


def face_words(figures: FaceFigures) -> str:
    """Return what was measured of a face in one line."""
    return (
        f"eyes {figures.eye_distance_px:.0f} px, yaw {figures.yaw_degrees:.0f}°, pitch {figures.pitch_degrees:.0f}°, "
        f"sharpness {figures.sharpness:.2f}, brightness {figures.brightness:.2f}, "
        f"detector {figures.detector_score:.2f}, {figures.faces} face{'s' if figures.faces != 1 else ''}"
    )
