"""The law in words: each rule of a row, with its article, what the software does, and what it does not know. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cekalwatch.contract.values.law import LawRow
from cekalwatch.office.locale.alert_formatting import AlertFormatter

CITIZEN_ARTICLE: Final = "UU 6/2011 Pasal 14"
KNOWN_ANYWHERE: Final = ("CITIZEN", "NO_DECREE", "BASE", "AGENCY", "REVOKED", "CLOCK")
"""Rules that hold whatever the table says."""
OF_ROWS: Final = frozenset(
    {
        "TERM",
        "EXTENSION",
        "EXTENSION_ANY",
        "LIFE",
        "NOTICE",
        "NOTICE_ANY",
        "URGENT",
        "FACTS",
        "TOTAL",
        "SUSPECTS",
        "DATES",
    }
)
"""Rules that a row may have."""


@dataclass(frozen=True)
class LawRule:
    """A rule as people read it."""

    name: str
    article: str
    does: str
    """What the software does."""
    unknown: str
    """What it does not know."""
    confirmed: bool = True
    """Whether it binds; one that counsel has not confirmed flags orders only."""


def rules_of(row: LawRow, texts: AlertFormatter) -> tuple[LawRule, ...]:
    return tuple(_rules(row, texts))


def rules_anywhere(texts: AlertFormatter) -> tuple[LawRule, ...]:
    """Return the rules that hold whatever the table says."""
    return tuple(
        LawRule(
            texts.say(f"LAW_RULE_{name}"),
            CITIZEN_ARTICLE if name == "CITIZEN" else "",
            texts.say(f"LAW_DOES_{name}"),
            texts.say(f"LAW_UNKNOWN_{name}"),
        )
        for name in KNOWN_ANYWHERE
    )


def _rules(row: LawRow, texts: AlertFormatter) -> Iterator[LawRule]:
    def rule(name: str, figure: str, article: str, **values: object) -> LawRule:
        return LawRule(
            texts.say(f"LAW_RULE_{name}"),
            article,
            texts.say(f"LAW_DOES_{name}", **values),
            texts.say(f"LAW_UNKNOWN_{name}"),
            row.binds(figure),
        )

    yield rule("TERM", "term_months", row.article, months=row.term_months)
    if row.extensions is None:
        yield rule("EXTENSION_ANY", "extension_months", row.article, months=row.extension_months)
    else:
        yield rule("EXTENSION", "extension_months", row.article, months=row.extension_months, times=row.extensions)
    if row.life_needs_ground:
        yield rule("LIFE", "life_needs_ground", row.article)
    if row.notice_days is None:
        yield rule("NOTICE_ANY", "notice_days", row.notice_article)
    else:
        yield rule("NOTICE", "notice_days", row.notice_article, days=row.notice_days)
    if row.urgent_days is not None:
        yield rule("URGENT", "urgent_days", row.urgent_article, days=row.urgent_days)
    if row.urgent_facts:
        facts = ", ".join(texts.say(f"LAW_FACT_{fact.upper()}") for fact in row.urgent_facts)
        yield rule("FACTS", "urgent_facts", row.urgent_article, facts=facts)
    if row.total_months is not None:
        yield rule("TOTAL", "total_months", row.article, months=row.total_months)
    yield rule("DATES", "lead_days", "", days=row.lead_days, urgent=row.urgent_lead_days, late=row.decision_days)
    if row.suspects_only:
        yield rule("SUSPECTS", "suspects_only", row.suspects_article)
