"""The papers of an office say what its settings say, in both languages, and nothing that these contradict."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.extensions.notices.settings import NoticeTerms
from cekalwatch.extensions.papers.breach import NOTICE_WITHIN, breach
from cekalwatch.extensions.papers.installation import Installation
from cekalwatch.extensions.papers.writing import BREACH_NOTICE, Paper, breach_notice, paper
from cekalwatch.program.documents.markdown import read_document
from cekalwatch.program.translations import Language
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.auth.sign_in_terms import OpenIdTerms
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.settings.storage import AuditTerms, BackupTerms
from tests.support.builders.audit import chain
from tests.support.scenarios.people import person

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
ABSENT = {Language.EN: "NOT in force here", Language.ID: "TIDAK berlaku di sini"}
RETAINED = sorted(name for name in ServerSettings.model_fields if "retention" in name)
LAW = re.compile(r"(UU \d+/\d+|(art\.|Pasal) \d+( \(\d+\)| ayat \d+)?((,| and| to|, dan| sampai) \d+)*)")
"""What of a template's digits is a citation."""
FORMS = re.compile(r"AES-256-GCM|\{\{.*?\}\}|\{%.*?%\}|24 hours|24 jam")


def facts(**changed: Any) -> Installation:
    people = (
        person("adi", PersonRole.ADMINISTRATOR),
        person("sari", PersonRole.ADMINISTRATOR),
        person("tono", PersonRole.AUDITOR),
    )
    return Installation(ServerSettings(data_dir=Path("/nowhere"), **changed), NOW, people, 812, first_looks=True)


def every_paper(told: Installation, language: Language) -> str:
    return "".join(paper(one, told, language) for one in Paper)


@pytest.mark.parametrize("language", Language)
def test_each_paper_is_a_document_with_places_for_what_nobody_can_know(language: Language) -> None:
    for one in Paper:
        document = read_document(paper(one, facts(), language))
        assert document.title
        assert document.about
        assert len(document.sections) >= (1 if one is Paper.SOFTWARE_BILL else 2)
    assert "……" in paper(Paper.IMPACT_ASSESSMENT, facts(), language)


@pytest.mark.parametrize("name", RETAINED)
def test_each_setting_of_retention_is_in_the_schedule(name: str, subtests: pytest.Subtests) -> None:
    for language in Language:
        with subtests.test(language=language):
            schedule = paper(Paper.RETENTION_SCHEDULE, facts(**{name: 17}), language)
            (row,) = (line for line in schedule.splitlines() if name.replace("_", r"\_") in line)
            assert re.search(r"\b17 (days|hours|hari|jam)", row)


def test_papers_have_no_figure_of_their_own() -> None:
    """A number that stands in a template would stay when the setting behind it changes."""
    for language in Language:
        for name in (*Paper, BREACH_NOTICE):
            text = (files("cekalwatch.extensions.papers") / "templates" / language / f"{name}.md").read_text("utf-8")
            assert not re.findall(r"\d+", LAW.sub("", FORMS.sub("", text))), f"{language}/{name}"


ABSENCES: dict[str, Installation] = {
    "first_looks": replace(facts(), first_looks=False),
    "key_elsewhere": facts(master_key_from="file:/srv/master.key"),
    "auditor": replace(facts(), people=facts().people[:2]),
    "administrators": replace(facts(), people=facts().people[1:]),
    "backups_without_keys": facts(backup=BackupTerms(with_keys=True)),
}
"""Installations without a measure that `full` has, or that is there by itself."""


def full(tmp_path: Path) -> Installation:
    tls = tmp_path / "tls"
    tls.mkdir()
    return facts(
        master_key_from="command:key-service",
        tls_dir=tls,
        notices=NoticeTerms(syslog="logs.example:6514"),
        audit=AuditTerms(
            syslog="logs.example:6514", timestamp_url="https://stamps.example", timestamp_authorities=tmp_path
        ),
        backup=BackupTerms(("age1" + "q" * 58,), tmp_path),
        openid=OpenIdTerms("https://id.example", "cekalwatch"),
        watchlist={"source": {"kind": "folder", "path": tmp_path}},
        group_figures=tmp_path / "evaluation.json",
    )


@pytest.mark.parametrize("language", Language)
def test_the_assessment_says_of_each_measure_whether_it_is_in_force(tmp_path: Path, language: Language) -> None:
    complete = full(tmp_path)
    assert all(complete.measures.values()), complete.measures
    assert ABSENT[language] not in paper(Paper.IMPACT_ASSESSMENT, complete, language)
    for name, without in ABSENCES.items():
        assert not without.measures[name], name
    bare = facts()
    absent = [name for name, in_force in bare.measures.items() if not in_force]
    rows = paper(Paper.IMPACT_ASSESSMENT, bare, language).count(ABSENT[language])
    assert rows == len(absent) + 1, "each absent measure is a row, and the figures by group"


def test_a_name_or_address_stays_in_its_cell() -> None:
    odd = replace(facts(), people=(replace(facts().people[0], display_name="A | **B** <i> \\ `c`"),))
    for language in Language:
        document = read_document(paper(Paper.TRAINING_LOG, odd, language))
        table = document.sections[0].table
        assert table
        assert table.rows[0][0] == "A | **B** <i> \\ `c`"


def test_the_draft_of_a_notice_counts_what_was_disclosed_and_says_when_it_is_due() -> None:
    links = chain(5)
    told = breach(links, NOW - timedelta(hours=8), NOW, NOW + timedelta(hours=1))
    assert told.notice_until == NOW + timedelta(hours=1) + NOTICE_WITHIN
    counted = told.disclosing[Action.SUBJECT_VIEWED]
    assert (counted.entries, len(counted.actors), told.subjects, told.damaged) == (5, 1, 5, 0)
    assert (counted.first, counted.last) == (links[0].at, links[-1].at)
    for language in Language:
        text = breach_notice(told, facts(), language)
        assert "SUBJECT\\_VIEWED | 5 | 0 | 1 |" in text
        assert "S-1" not in text
        assert "2026-12-03 10:00 UTC" in text
        assert read_document(text).sections[1].table


def test_the_draft_says_that_the_trail_itself_was_changed() -> None:
    links = chain(3)
    changed = [links[0], links[1]._replace(objects='["subject:S-9"]'), links[2]._replace(objects="no list")]
    told = breach(changed, NOW - timedelta(hours=8), NOW, NOW)
    assert (told.damaged, told.subjects) == (2, 2)
    assert "**2 entries of that time do not match their hash" in breach_notice(told, facts(), Language.EN)


@pytest.mark.parametrize(
    "text", ["no title", "# t\n\n| a |\n| - |\n| b |\n", "# t\n\n## s\n\n---\n", "# t\n\n    code\n"]
)
def test_another_form_is_no_document(text: str) -> None:
    with pytest.raises(ValueError, match=r"document|table"):
        read_document(text)
