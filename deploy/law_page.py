"""Prints docs/law.md: the law by which orders are judged, as this version ships it. `make law-page` writes it.

python -m deploy.law_page
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from cekalwatch.console.locale.law_words import LawRule, rules_anywhere, rules_of
from cekalwatch.console.locale.texts import ConsoleTexts
from cekalwatch.program.translations import Language
from cekalwatch.server.domain.orders.law_table import SHIPPED

HEAD = """# The law

<!-- Written by `make law-page` from the table in the code; do not edit it by hand. -->

Each order is judged by the row in force on the day of its decision: the date of its decree, else its receipt. What is
marked was read in secondary sources only: it flags orders, and ends none until two people record who of the office's
counsel has approved the row. [The watchlist folder](watchlist-folder.md) says what each status, rule and flag means.

`cekalwatch-server law show` shows the rows of a server, `law preview` which orders another row changes, and when; `law
add` and `law confirm` put it into force, by a list manager and a supervisor, on every server of the database at once.
The console has the same at *List*, *Law*, in Indonesian and English, to print with a place for counsel's signature. A
row is a file like this:

    kind = "CEGAH"
    holds_from = 2027-01-01
    article = "UU 6/2011 Pasal 97"
    term_months = 6
    extension_months = 6
    extensions = 1
    notice_days = 3
    notice_article = "Permenimipas 13/2025 Pasal 13"
    urgent_days = 20
    urgent_article = "Permenimipas 13/2025 Pasal 9"
    urgent_facts = ["sex", "nationality", "birth", "photograph", "reason"]
    total_months = 12
    lead_days = 184
    urgent_lead_days = 7
    decision_days = 30
    receipt_days = 1095
    unconfirmed = []
    confirmed_by = ""

What is left out has no limit, and of the last four figures that of this version; `kind`, `holds_from`, `article`,
`term_months` and `extension_months` are needed. A row of the same kind and day is replaced. Changes are audited.
"""


def page() -> str:
    """Return the page."""
    texts = ConsoleTexts(Language.EN)
    parts = [HEAD]
    for kind, rows in groupby(SHIPPED.rows, lambda row: row.kind):
        since: dict[LawRule, str] = {}
        for row in rows:
            day = texts.date(row.holds_from)
            parts.append(f"## {texts.say('LAW_ROW_FROM', kind=texts.order_kind(kind), day=day)}\n")
            since = {one: since.get(one, day) for one in rules_of(row, texts)}
            parts.append(_table((one for one in since if since[one] == day), texts))
            for earlier in dict.fromkeys(since.values()):
                if earlier != day:
                    same = ", ".join(one.name for one in since if since[one] == earlier)
                    parts.append(f"As from {earlier} on: {same}.\n")
    parts.append(f"## {texts.say('LAW_ANYWHERE')}\n")
    parts.append(_table(rules_anywhere(texts), texts))
    return "\n".join(parts)


def _table(rules: Iterable[LawRule], texts: ConsoleTexts) -> str:
    heads = [texts.say(one) for one in ("LAW_RULE", "LAW_ARTICLE", "LAW_DOES", "LAW_NOT_KNOWN")]
    lines = [" | ".join(heads), " | ".join("---" for _ in heads)]
    for one in rules:
        does = one.does if one.confirmed else f"{one.does} **{texts.say('LAW_UNCONFIRMED')}**"
        lines.append(" | ".join((one.name, one.article or "–", does, one.unknown)))
    return "".join(f"| {line} |\n" for line in lines)


if __name__ == "__main__":
    print(page(), end="")
