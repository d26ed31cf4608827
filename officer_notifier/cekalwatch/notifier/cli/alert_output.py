"""Alerts and figures as text on a terminal, in the words of the windows. Text of the watchlist is never markup."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cekalwatch.notifier.locale.alert_formatting import AlertFormatter, Fact
from cekalwatch.notifier.locale.phrases import Phrase
from cekalwatch.notifier.model.alert import Alert
from cekalwatch.notifier.model.shift_report import ShiftReport, Tally
from cekalwatch.wire.vocabulary.adjudication import AlertState

SHORT_KEY = 6
"""So many last characters of a key are shown: they are random, unlike the first."""


def short_key(alert_id: str) -> str:
    """Return what a person types to name an alert."""
    return alert_id[-SHORT_KEY:]


def print_alerts(console: Console, alerts: Iterable[Alert], wording: AlertFormatter) -> None:
    """Print a line an alert."""
    say, now = wording.say, datetime.now(UTC)
    table = Table(box=None, pad_edge=False)
    columns = (Phrase.COLUMN_KEY, Phrase.COLUMN_TIME, Phrase.COLUMN_STATE, Phrase.COLUMN_NAME, Phrase.COLUMN_COUNTER)
    for phrase in columns:
        table.add_column(say(phrase))
    for notice in alerts:
        cells = (
            short_key(notice.alert_id),
            wording.moment(notice.raised_at, now),
            wording.state(notice, now),
            notice.subject.name or say(Phrase.UNKNOWN),
            f"{notice.counter}, {wording.direction(notice.direction)}",
        )
        style = "bold" if notice.state is AlertState.NEW else ""
        table.add_row(*(Text(cell, style=style) for cell in cells))
    if table.row_count:
        console.print(table)
    else:
        console.print(Text(say(Phrase.NO_ALERTS)))


def print_alert(console: Console, notice: Alert, wording: AlertFormatter) -> None:
    """Print all that is known of an alert."""
    say, now = wording.say, datetime.now(UTC)
    facts = [
        Fact(say(Phrase.COLUMN_KEY), short_key(notice.alert_id)),
        Fact(say(Phrase.FACT_STATE), wording.state(notice, now)),
        Fact(say(Phrase.FACT_NAME), notice.subject.name or say(Phrase.UNKNOWN)),
        *wording.subject(notice),
        *(fact for order in notice.orders for fact in wording.order(order)),
        *wording.passage(notice),
        Fact(say(Phrase.FACT_SIMILARITY), wording.similarity(notice)),
        *(
            Fact(f"{rank}.", f"{one.name or say(Phrase.UNKNOWN)} ({one.score:.2f})")
            for rank, one in enumerate(notice.candidates, start=1)
        ),
        *wording.history(notice),
    ]
    table = Table.grid(padding=(0, 2, 0, 0))
    for fact in facts:
        table.add_row(Text(fact.label, style="dim"), Text(fact.value, style="bold red" if fact.warning else ""))
    console.print(table)
    console.print(Text(say(Phrase.VERIFY), style="italic"))


def print_report(console: Console, report: ShiftReport, wording: AlertFormatter) -> None:
    """Print the figures of a shift."""
    say = wording.say
    table = Table.grid(padding=(0, 2, 0, 0))
    for phrase, value in (
        (Phrase.SHIFT_RAISED, report.raised),
        (Phrase.SHIFT_OPEN, report.open),
        (Phrase.SHIFT_CLEARED, report.cleared),
        (Phrase.SHIFT_CONFIRMED, report.confirmed),
        (Phrase.SHIFT_ESCALATED, report.escalated),
    ):
        table.add_row(say(phrase), str(value))
    for phrase, seconds in (
        (Phrase.SHIFT_MEDIAN_CLAIM, report.median_claim_s),
        (Phrase.SHIFT_MEDIAN_DECISION, report.median_decision_s),
    ):
        table.add_row(say(phrase), wording.duration(timedelta(seconds=seconds)) if seconds else "–")
    for tally in (*report.cameras, *report.lists):
        table.add_row(Text(wording.list_name(tally.key)), _rate(tally, wording))
    console.print(table)


def _rate(tally: Tally, wording: AlertFormatter) -> str:
    words = wording.say(Phrase.SHIFT_FALSE_OF, cleared=tally.cleared, decided=tally.decided)
    return f"{wording.say(Phrase.COLUMN_FALSE_RATE)}: {words}"
