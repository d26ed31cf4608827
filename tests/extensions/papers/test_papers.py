"""`papers`: what an office gets from its own installation, and that its making is in the audit trail."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.extensions.papers.writing import Paper
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.cli.app import app
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from tests.support.builders.audit import entry
from tests.support.builders.keys import open_keys
from tests.support.scenarios.people import Office, person
from tests.support.scenarios.server import list_astronaut, settings
from tests.support.tools.packs import light_environment


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The data of a site with a listed person, an administrator and a trail."""
    folder = tmp_path / "data"
    ours = settings(folder)
    list_astronaut(ours)
    with closing(Database(ours.database_address)) as database:
        open_keys(database)
        Office(database).hire(person("adi", PersonRole.ADMINISTRATOR))
        AuditStore(database).append(*(entry(number) for number in range(1, 4)))
    return folder


def run(site: Path, *words: object) -> list[str]:
    done = CliRunner(env=light_environment()).invoke(app, [*map(str, words), "--data-dir", str(site)])
    if done.exception:
        raise done.exception
    return done.stdout.splitlines()


def words_of(pdf: Path) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(pdf).pages).split())


def test_every_paper_is_written_in_both_languages_as_text_and_pdf(site: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "papers"
    told = run(site, "papers", "write", out)
    assert {file.name for file in out.iterdir()} == {
        f"{one}.{language}.{form}" for one in Paper for language in ("id", "en") for form in ("md", "pdf")
    }
    assert "key_elsewhere" in told[-1]
    assert "the travel-ban list (number of people: 1)" in words_of(out / "impact-assessment.en.pdf")
    retention = words_of(out / "retention-schedule.id.pdf")
    assert "730 hari setelah muncul" in retention
    assert "Halaman 1 dari 1" in retention
    training = words_of(out / "training-log.id.pdf")
    assert "administrator" in training
    assert "numpy" in (out / "software-bill.en.md").read_text()
    with closing(Database(f"sqlite:///{site / 'cekalwatch.sqlite3'}")) as database:
        *_, last = AuditStore(database).links()
    assert (last.action, last.details) == (Action.REPORT_TAKEN, '{"papers":10}')


def test_the_draft_of_a_notice_is_made_from_the_trail(site: Path, tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{site / 'cekalwatch.sqlite3'}")) as database:
        *_, viewed = (link for link in AuditStore(database).links() if link.action == Action.SUBJECT_VIEWED)
    day = viewed.at[:10]
    span = ("--since", f"{day}T00:00:00", "--until", f"{day}T23:59:59", "--known", f"{day}T23:00:00")
    (_, due) = run(site, "papers", "breach", tmp_path, *span, "--language", "en")
    assert due.startswith("The notice is due on ")
    assert "SUBJECT\\_VIEWED | 3 |" in (tmp_path / "breach-notice.en.md").read_text()
    assert "SUBJECT_VIEWED" in words_of(tmp_path / "breach-notice.en.pdf")


def test_a_span_that_ends_before_it_begins_and_a_folder_that_is_a_file_are_told(site: Path, tmp_path: Path) -> None:
    span = ("--since", "2026-11-02", "--until", "2026-11-01", "--known", "2026-11-02")
    with pytest.raises(ProgramError, match="--since must be before --until") as told:
        run(site, "papers", "breach", tmp_path, *span)
    assert told.value.exit_code == Exit.USAGE
    (tmp_path / "taken").write_text("")
    with pytest.raises(ProgramError, match=r"Cannot write to .*taken") as told:
        run(site, "papers", "write", tmp_path / "taken")
    assert told.value.exit_code == Exit.UNAVAILABLE
