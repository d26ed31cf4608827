"""The figures of the field as CSV, for a spreadsheet. It names no traveller and no subject."""

from __future__ import annotations

import io

from cekalwatch.contract.values.reports import FieldLine, FieldReport
from cekalwatch.program.csv_cells import BYTE_ORDER_MARK, SafeCsvWriter

COLUMNS = (
    *("figure", "key", "list", "passages", "alerts", "false_alerts", "confirmed", "open"),
    *("false_rate", "low", "high", "value"),
)


def figures_csv(report: FieldReport) -> str:
    """Return the figures; names are the same in every language, so that several files can be added up."""
    text = io.StringIO()
    text.write(BYTE_ORDER_MARK)
    writer = SafeCsvWriter(text)
    writer.row(COLUMNS)
    single = {
        "site": report.site,
        "start": report.since.isoformat(timespec="seconds"),
        "end": report.until.isoformat(timespec="seconds"),
        "made": report.made_at.isoformat(timespec="seconds"),
        "escalated": report.escalated,
        "listed": report.listed,
    }
    for name, waits in (("claim", report.claims), ("decision", report.decisions)):
        single[f"{name}_count"] = waits.count
        if waits.count:
            single |= {f"{name}_p50_s": f"{waits.p50_s:.1f}", f"{name}_p95_s": f"{waits.p95_s:.1f}"}
    for figure, value in single.items():
        writer.row((figure, *("",) * (len(COLUMNS) - 2), value))
    for use in report.thresholds:
        writer.row(("threshold_lowest", use.model_version, *("",) * (len(COLUMNS) - 3), f"{use.lowest:.4f}"))
        writer.row(("threshold_highest", use.model_version, *("",) * (len(COLUMNS) - 3), f"{use.highest:.4f}"))
    lines = (
        ("all", (report.whole,)),
        ("camera", report.cameras),
        ("list", report.lists),
        ("agency", report.agencies),
        ("hour", report.hours),
    )
    for figure, of_figure in lines:
        writer.rows(_row(figure, line) for line in of_figure)
    return text.getvalue()


def _row(figure: str, line: FieldLine) -> tuple[object, ...]:
    rate = line.fpir
    shares = tuple(f"{one:.3e}" for one in (rate.value, rate.low, rate.high)) if rate.measured else ("", "", "")
    counts = (line.passages, line.alerts, line.false_alerts, line.confirmed, line.open)
    return (figure, line.key, line.kind, *counts, *shares, "")
