"""The record of a hit and its follow-ups (berita acara), as the office keeps it in its file. Pure; it has no pictures.

It is written in the language of the formatter: the office's file is in Indonesian, whatever language a screen has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from html import escape

from cekalwatch.contract.values.adjudication import Outcome
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.office.locale.alert_formatting import AlertFormatter
from cekalwatch.office.locale.order_formatting import Fact

_STYLE = """
@page { size: A4; margin: 2cm; }
body { font-family: "Times New Roman", serif; font-size: 11pt; line-height: 1.35; max-width: 17cm; margin: 1cm auto; }
h1 { font-size: 14pt; text-align: center; text-transform: uppercase; margin: 0 0 .6cm; }
h2 { font-size: 11pt; margin: .6cm 0 .15cm; }
dl { margin: 0; } dl div { display: flex; gap: .4cm; break-inside: avoid; }
dt { flex: 0 0 5cm; } dd { margin: 0; white-space: pre-line; overflow-wrap: anywhere; }
.signatures { display: flex; justify-content: space-between; margin-top: 1.2cm; break-inside: avoid; }
.signatures div { width: 7cm; text-align: center; } .signatures p { margin: 0 0 2.2cm; }
footer { margin-top: 1cm; font-size: 9pt; }
"""


@dataclass(frozen=True)
class RecordSection:
    """A heading, and what stands below it."""

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Signature:
    """A place for a signature."""

    role: str
    name: str


@dataclass(frozen=True)
class AlertRecord:
    """The record in words, from top to bottom."""

    title: str
    opening: str
    sections: tuple[RecordSection, ...]
    signatures: tuple[Signature, ...]
    footer: tuple[str, ...]


def alert_record(alert: Alert, formatter: AlertFormatter, made_at: datetime, made_by: str) -> AlertRecord:
    """Return the record of a hit: who, by which orders, where and when, what people found, and who was told."""
    say = formatter.say
    orders = tuple(RecordSection(say("ORDER_TITLE"), formatter.order(one)) for one in alert.orders)
    owed = formatter.agencies_owed(alert)
    ended = formatter.orders_ended(alert)
    end = (Fact(say("FACT_STATE"), formatter.state(alert)), *(Fact("", one) for one in (ended, owed) if one))
    return AlertRecord(
        title=say("RECORD_TITLE"),
        opening=say("RECORD_OPENING", time=formatter.time(alert.raised_at), site=alert.camera.site),
        sections=(
            RecordSection(
                say("SUBJECT_TITLE"),
                (Fact(say("FACT_NAME"), formatter.subject_name(alert)), *formatter.subject_facts(alert.subject)),
            ),
            *orders,
            RecordSection(say("PASSAGE_TITLE"), formatter.passage(alert)),
            RecordSection(say("HISTORY_TITLE"), formatter.history(alert)),
            RecordSection(say("RECORD_END"), end),
        ),
        signatures=tuple(_signatures(alert, formatter)),
        footer=(
            say("RECORD_VERIFIED"),
            say("RECORD_MADE", time=formatter.time(made_at), person=made_by, alert_id=alert.alert_id),
        ),
    )


def _signatures(alert: Alert, formatter: AlertFormatter) -> Iterable[Signature]:
    # Whoever enters the reference of a provisional hit later has confirmed nothing: the first confirmation counts.
    officer = alert.handling.officer
    confirmed = (one.person for one in alert.handling.findings if one.outcome is Outcome.CONFIRMED)
    supervisor = next(confirmed, None)
    for role, person in (
        (formatter.say("RECORD_OFFICER"), officer),
        (formatter.say("RECORD_SUPERVISOR"), supervisor),
    ):
        yield Signature(role, person.display_name if person else "")


def record_html(record: AlertRecord, language: str) -> str:
    """Return the record as a page by itself, for a printer: HTML without scripts, links or pictures."""
    sections = "".join(
        f"<section><h2>{escape(one.title)}</h2><dl>{''.join(map(_row, one.facts))}</dl></section>"
        for one in record.sections
        if one.facts
    )
    signatures = "".join(f"<div><p>{escape(one.role)}</p>{escape(one.name)}</div>" for one in record.signatures)
    footer = "".join(f"<p>{escape(line)}</p>" for line in record.footer)
    return (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        f"<title>{escape(record.title)}</title><style>{_STYLE}</style></head><body><h1>{escape(record.title)}</h1>"
        f'<p>{escape(record.opening)}</p>{sections}<div class="signatures">{signatures}</div>'
        f"<footer>{footer}</footer></body></html>\n"
    )


def _row(fact: Fact) -> str:
    return f"<div><dt>{escape(fact.label)}</dt><dd>{escape(fact.value)}</dd></div>"
