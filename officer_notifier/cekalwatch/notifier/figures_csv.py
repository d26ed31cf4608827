"""The supervisor's figures as a CSV file, for a spreadsheet. It names no traveller and no subject."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime

from cekalwatch.notifier.report import ShiftReport, Tally

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def figures_csv(report: ShiftReport, start: datetime, end: datetime) -> str:
    """Return the figures; the names of the rows are those of the contract, for whoever adds up several shifts."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("figure", "key", "cleared", "confirmed", "value"))
    writer.writerow(("start", "", "", "", start.isoformat(timespec="seconds")))
    writer.writerow(("end", "", "", "", end.isoformat(timespec="seconds")))
    for name in ("raised", "cleared", "confirmed", "open", "escalated"):
        writer.writerow((name, "", "", "", getattr(report, name)))
    writer.writerow(("median_claim_s", "", "", "", f"{report.median_claim_s:.1f}"))
    writer.writerow(("median_decision_s", "", "", "", f"{report.median_decision_s:.1f}"))
    writer.writerows(_tallies("camera", report.cameras))
    writer.writerows(_tallies("list", report.lists))
    return text.getvalue()


def defused(value: str) -> str:
    """Return `value` so that no spreadsheet takes it for a formula: after an apostrophe (OWASP, CSV injection)."""
    return f"'{value}" if value.startswith(_FORMULA_STARTS) else value


def _tallies(figure: str, tallies: Iterable[Tally]) -> Iterable[tuple[object, ...]]:
    for tally in tallies:
        rate = "" if tally.false_rate is None else f"{tally.false_rate:.4f}"
        yield (figure, defused(tally.key), tally.cleared, tally.confirmed, rate)
