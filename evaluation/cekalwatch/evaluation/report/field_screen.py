"""The field statistics as tables on the screen, as JSON, and as a page that can be published."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cekalwatch.contract.values.reports import FieldLine, FieldReport, LearnedFigures, Rate, ThresholdWhatIf, Waits
from cekalwatch.evaluation.report.template import environment


def show_field(report: FieldReport, console: Console) -> None:
    console.print(f"{report.since:%Y-%m-%d %H:%M} to {report.until:%Y-%m-%d %H:%M}, {report.site or 'every site'}")
    _show("Camera", (*report.cameras, report.whole), console)
    _show("List", report.lists, console)
    _show("Agency", report.agencies, console)
    _show("Hour", report.hours, console)
    for what, waits in (("first claim", report.claims), ("officer's judgement", report.decisions)):
        console.print(f"From raising to the {what}: {_waits(waits)}")
    for learned in report.learned:
        console.print(f"{learned.model_version}: {_evidence(learned)}.", markup=False, highlight=False)
    for what_if in report.what_ifs:
        console.print(_sentence(what_if), markup=False, highlight=False)


def field_json(report: FieldReport) -> str:
    """Return the figures as JSON; unmeasured ones are null."""
    return json.dumps(_finite(asdict(report)), indent=1, default=str) + "\n"


def field_page(report: FieldReport) -> str:
    """Return the figures as one HTML page without scripts, external addresses and names of people."""
    return (
        environment(share=_rate, sentence=_sentence, evidence=_evidence, waits=_waits, key=_key)
        .get_template("field.html")
        .render(report=report)
    )


def _show(what: str, lines: Sequence[FieldLine], console: Console) -> None:
    table = Table(what, "passages", "false", "confirmed", "open", "FPIR (95 %)")
    for line in lines:
        figures = map(str, (line.passages, line.false_alerts, line.confirmed, line.open))
        table.add_row(escape(_key(line)), *figures, _rate(line.fpir))
    console.print(table)


def _key(line: FieldLine) -> str:
    """Name the subject of a line of figures; an agency with its list."""
    return f"{line.key or 'agency not known'} ({line.kind})" if line.kind else line.key


def _waits(waits: Waits) -> str:
    if not waits.count:
        return "not measured"
    return f"half within {waits.p50_s:,.0f} s, 95 % within {waits.p95_s:,.0f} s, of {waits.count:,} alerts"


def _rate(rate: Rate) -> str:
    """Format a rate by significant digits: a port wants one false alert in ten thousand passages."""
    return f"{rate.value:.2g} ({rate.low:.2g} to {rate.high:.2g})" if rate.measured else "not measured"


def _sentence(what_if: ThresholdWhatIf) -> str:
    missed = (
        f"{what_if.confirmed_missed} of {what_if.confirmed} confirmed alerts would have been missed"
        if what_if.confirmed
        else "no alert was confirmed, so what it would have missed is not known"
    )
    return (
        f"{what_if.model_version}: at a threshold of {what_if.threshold:.3f} instead of {what_if.threshold_before:.3f} "
        f"only {what_if.false_alerts_left} of {what_if.false_alerts} false alerts would have come; {missed}."
    )


def _evidence(learned: LearnedFigures) -> str:
    """Describe the learned threshold, and the amount of evidence."""
    counted = f"{learned.passages:,} passages counted, {learned.counting:,} of them by weight"
    if learned.left_out:
        counted += f", without {', '.join(learned.left_out)}, whose scores stand out"
    if learned.interval is None:
        return f"too few passages for a threshold of the site's own: {counted}; the model pack's is {learned.packs:.3f}"
    low, high = learned.interval.low, learned.interval.high
    return (
        f"the site's own passages moved the threshold from the model pack's {learned.packs:.3f} to "
        f"{learned.threshold:.3f}; what is wanted needs {low:.3f} to {high:.3f} (95 %); {counted}"
    )


def _finite(value: Any) -> Any:  # noqa: ANN401  # JSON
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value
