"""Writes the papers in a language: the text is Markdown, from a template, and becomes a PDF by the same words."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final

import jinja2

from cekalwatch.extensions.papers.breach import Breach
from cekalwatch.extensions.papers.installation import Installation, installed_version
from cekalwatch.program.translations import Language, Texts


class Paper(StrEnum):
    """The papers that an installation has at any time; the value is the file's name."""

    IMPACT_ASSESSMENT = "impact-assessment"
    PROCESSING_RECORD = "processing-record"
    RETENTION_SCHEDULE = "retention-schedule"
    TRAINING_LOG = "training-log"
    SOFTWARE_BILL = "software-bill"


class Drill(StrEnum):
    """The sheets of drills; the value is the file's name."""

    RESTORE = "drill-restore"
    DEVICE = "drill-device"
    OUTAGE = "drill-outage"


BREACH_NOTICE: Final = "breach-notice"


def paper(which: Paper, facts: Installation, language: Language) -> str:
    """Return a paper as Markdown."""
    return _rendered(which, language, f=facts, s=facts.settings)


def breach_notice(found: Breach, facts: Installation, language: Language) -> str:
    """Return the draft of a notice as Markdown."""
    return _rendered(BREACH_NOTICE, language, f=facts, s=facts.settings, b=found)


def drill_sheet(which: Drill, made_at: datetime, language: Language, **reached: object) -> str:
    """Return the sheet of a drill as Markdown; `reached` is what its template names."""
    return _rendered(which, language, made_at=made_at, version=installed_version(), **reached)


def _rendered(name: str, language: Language, **values: object) -> str:
    return _environment(language).get_template(f"{name}.md").render(values)


@cache
def paper_texts(language: Language) -> Texts:
    """Return the texts of papers that no template has, with those that offices share."""
    return Texts("cekalwatch.server", language, "cekalwatch.office")


@cache
def _environment(language: Language) -> jinja2.Environment:
    texts = paper_texts(language)
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: _template(name, language)),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  # no HTML: what settings and people contain goes through `cell`
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

    def number(value: float) -> str:
        return texts.number(value, ",.10g")

    environment.filters |= {
        "cell": _cell,
        "days": lambda count: texts.say("PAPER_DAYS", count=number(count)),
        "here": lambda in_force: texts.say("PAPER_HERE" if in_force else "PAPER_NOT_HERE"),
        "hours": lambda count: texts.say("PAPER_HOURS", count=number(count)),
        "minute": _minute,
        "minutes": lambda count: texts.say("PAPER_MINUTES", count=number(count)),
        "number": number,
        "role": lambda role: texts.say(f"ROLE_{role}"),
        "seconds": lambda count: texts.say("PAPER_SECONDS", count=number(count)),
        "yes_no": lambda value: texts.say("PAPER_YES" if value else "PAPER_NO"),
    }
    return environment


def _template(name: str, language: Language) -> str:
    return (files("cekalwatch.extensions.papers") / "templates" / language / name).read_text(encoding="utf-8")


def _cell(text: object) -> str:
    """Return a text that stays in its cell of a table, and is no markup."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|!~" else sign for sign in " ".join(str(text).split()))


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M %Z")
