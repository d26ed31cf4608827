"""Alerts and figures as text on a terminal, in the words of the windows. Text of the watchlist is never markup."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.reports import ShiftReport
from cekalwatch.office.locale.alert_formatting import AlertFormatter
from cekalwatch.office.locale.order_formatting import Fact

SHORT_KEY = 6
"""How many characters of a key's end are shown: they are random, unlike its beginning."""


def short_key(alert_id: str) -> str:
    """Return the short name of an alert that people type."""
    return alert_id[-SHORT_KEY:]


def print_alerts(console: Console, alerts: Iterable[Alert], formatter: AlertFormatter) -> None:
    """Print one line for each alert."""
    say, now = formatter.say, datetime.now(UTC)
    table = Table(box=None, pad_edge=False)
    for title in (
        say("COLUMN_KEY"),
        say("COLUMN_TIME"),
        say("COLUMN_STATE"),
        say("COLUMN_NAME"),
        say("COLUMN_COUNTER"),
    ):
        table.add_column(title)
    for alert in alerts:
        cells = (
            short_key(alert.alert_id),
            formatter.moment(alert.raised_at, now),
            formatter.state(alert),
            formatter.subject_name(alert),
            formatter.counter(alert),
        )
        style = "bold" if alert.state is AlertState.NEW else ""
        table.add_row(*(Text(cell, style=style) for cell in cells))
    if table.row_count:
        console.print(table)
    else:
        console.print(Text(say("NO_ALERTS")))


def print_alert(console: Console, alert: Alert, formatter: AlertFormatter, *, scores: bool = False) -> None:
    """Print all that is known of an alert; the numbers of its similarity where `scores` are asked for."""
    say, now = formatter.say, datetime.now(UTC)
    facts = [
        Fact(say("COLUMN_KEY"), short_key(alert.alert_id)),
        Fact(say("FACT_STATE"), formatter.state(alert)),
        Fact(say("FACT_VERSION"), str(alert.version)),
        *(Fact("", words) for words in (formatter.candidate(alert),) if words),
        Fact(say("FACT_NAME"), formatter.subject_name(alert)),
        *formatter.subject(alert),
        *(fact for order in alert.orders for fact in formatter.order(order)),
        *formatter.passage(alert),
        *(Fact("", words, warning=True) for words in formatter.warnings(alert)),
        Fact("", formatter.whereabouts(alert, now), warning=alert.open),
        *((Fact("", ended, warning=True),) if (ended := formatter.orders_ended(alert)) else ()),
        *((Fact("", exercise),) if (exercise := formatter.exercise(alert)) else ()),
        *(() if alert.nameless else (Fact(say("FACT_SIMILARITY"), formatter.similarity(alert)),)),
        *formatter.candidates(alert),
        *formatter.history(alert),
        *(formatter.scores(alert) if scores else ()),
    ]
    table = Table.grid(padding=(0, 2, 0, 0))
    for fact in facts:
        table.add_row(Text(fact.label, style="dim"), Text(fact.value, style="bold red" if fact.warning else ""))
    console.print(table)
    console.print(Text(say("VERIFY"), style="italic"))


def print_report(console: Console, report: ShiftReport, formatter: AlertFormatter) -> None:
    """Print the figures of a shift."""
    say = formatter.say
    table = Table.grid(padding=(0, 2, 0, 0))
    for fact in formatter.shift_figures(report):
        table.add_row(fact.label, fact.value)
    for tally in (*report.cameras, *report.lists):
        row = Text(formatter.list_name(tally.key)), f"{say('COLUMN_FALSE_RATE')}: {formatter.false_alerts(tally)}"
        table.add_row(*row)
    console.print(table)
