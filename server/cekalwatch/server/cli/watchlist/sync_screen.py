"""What the commands of the synchronisation print about a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from cekalwatch.contract.values.syncs import SyncRun

MAX_LINES = 50
"""Findings of a kind on the screen; `status --json` has more of them."""


def tell_findings(run: SyncRun) -> None:
    """Print what a person must look at."""
    from cekalwatch.server.domain.errors import Code
    from cekalwatch.server.watchlist.imports.records import FIELD_FORMS

    refused = [
        f"Refused: {one.order_id or 'a row without a usable key'}: {one.reason}"
        + (f" ({one.field})" if one.field else "")
        + (f": {FIELD_FORMS[one.field]}" if one.field in FIELD_FORMS and one.reason == Code.RECORD_INVALID else "")
        for one in run.refusals
    ]
    flagged = [
        f"Flagged INVALID, never alerts: {one.order_id}: {', '.join(one.broken_rules)}"
        for one in run.remarks
        if one.broken_rules
    ]
    renewed = [
        f"Stays in force, and must be looked at: {one.order_id}: {', '.join(one.flags)}"
        for one in run.remarks
        if one.flags
    ]
    doubtful = [
        f"Its face is also under another subject: {one.order_id}: {', '.join(one.also_under)}"
        for one in run.remarks
        if one.also_under
    ]
    counts = run.counts
    _tell_first(refused, counts.refused + counts.photographs_refused)
    _tell_first(flagged, counts.flagged)
    _tell_first(renewed, counts.renewed)
    _tell_first(doubtful, counts.doubtful)


def _tell_first(lines: Sequence[str], count: int) -> None:
    for line in lines[:MAX_LINES]:
        typer.echo(line)
    if (more := count - min(len(lines), MAX_LINES)) > 0:
        typer.echo(f"and {more} more.")


def run_sentence(run: SyncRun) -> str:
    """Return how a run ended, in one line."""
    reading = ("whole list" if run.whole else "changes") + (", went on" if run.resumed else "")
    at = run.ended_at or run.started_at
    outcome = f"{run.outcome} ({run.reason})" if run.reason else str(run.outcome)
    counts = f"{run_counts(run)}, {run.counts.flagged} flagged INVALID"
    return f"run {run.run_id}, {moment_text(at)}, {reading}: {outcome}; {counts}"


def run_counts(run: SyncRun) -> str:
    """Return what became of the records so far."""
    counts = run.counts
    return (
        f"{counts.read} read, {counts.added} added, {counts.changed} changed, {counts.unchanged} unchanged, "
        f"{counts.ended} ended, {counts.refused} refused"
    )


def shrunk_sentence(run: SyncRun) -> str:
    """Return what to do about a list that has shrunk."""
    return (
        f"The list has shrunk: {run.missing} of {run.held} orders are no longer in the source. None was ended. Put the "
        "source right, or let a list manager and a supervisor accept it: watchlist sync now --accept-shrink"
    )


def moment_text(value: object) -> str:
    """Return a moment to the second, and anything else as text."""
    return value.isoformat(" ", "seconds") if isinstance(value, datetime) else str(value)
