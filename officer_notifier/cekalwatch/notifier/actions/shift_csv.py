"""The supervisor's figures as a CSV file, for a spreadsheet. It names no traveller and no subject."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import datetime

from cekalwatch.contract.values.reports import ShiftReport, Tally
from cekalwatch.program.csv_files import SafeCsvWriter


def figures_csv(report: ShiftReport, start: datetime, end: datetime) -> str:
    """Return the figures; the names of the rows are those of the contract, so that several shifts can be added up."""
    text = io.StringIO()
    writer = SafeCsvWriter(text)
    writer.row(("figure", "key", "cleared", "confirmed", "value"))
    writer.row(("start", "", "", "", start.isoformat(timespec="seconds")))
    writer.row(("end", "", "", "", end.isoformat(timespec="seconds")))
    for name in (
        "raised",
        "cleared",
        "false_alerts",
        "confirmed",
        "provisional",
        "open",
        "escalated",
        "looks",
        "looks_kept",
    ):
        writer.row((name, "", "", "", getattr(report, name)))
    writer.row(("median_claim_s", "", "", "", f"{report.median_claim_s:.1f}"))
    writer.row(("median_look_s", "", "", "", f"{report.median_look_s:.1f}"))
    writer.row(("median_decision_s", "", "", "", f"{report.median_decision_s:.1f}"))
    writer.rows(_tallies("camera", report.cameras))
    writer.rows(_tallies("list", report.lists))
    return text.getvalue()


def _tallies(figure: str, tallies: Iterable[Tally]) -> Iterable[tuple[object, ...]]:
    for tally in tallies:
        rate = "" if tally.false_rate is None else f"{tally.false_rate:.4f}"
        yield (figure, tally.key, tally.cleared, tally.confirmed, rate)
