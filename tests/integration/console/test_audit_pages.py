"""*Audit* in the web console, against a real server: searching, one entry, the check, and the export by two people."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.checkpoints import KeptCheckpoint
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.storage.audit.store import AuditStore
from tests.support.builders.audit import entry
from tests.support.scenarios.audit_forger import Forger
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.web_console import Browser, words

pytestmark = pytest.mark.slow
SCRIPT = "<script>alert('x')</script>"
PEOPLE = {
    "umi": (PersonRole.AUDITOR,),
    "adi": (PersonRole.ADMINISTRATOR,),
    "sari": (PersonRole.SUPERVISOR,),
    "uli": (PersonRole.AUDITOR,),
}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    found = port_office(tmp_path, PEOPLE)
    AuditStore(found.database).append(
        *map(entry, range(1, 60)),
        entry(60, objects=(f"subject:{SCRIPT}",), outcome="X" * 200, details={"what": SCRIPT}),
    )
    async with found.open():
        yield found


async def test_an_auditor_finds_entries_and_opens_one(office: PortOffice, browser: Browser) -> None:
    page = await browser.get("/audit", params={"person": "umi", "action": "SIGNED_IN"})
    assert office.people["umi"].display_name in words(page)
    assert "Signed in" in words(page)
    page = await browser.get("/audit", params={"subject": "S-7"})
    number = page.text.partition('href="/audit/')[2].partition('"')[0]
    shown = await browser.get(f"/audit/{number}")
    assert "Viewed a subject" in words(shown)
    assert "subject S-7" in words(shown)
    assert json.loads(office.trail(Action.AUDIT_SEARCHED)[-1].objects) == ["subject:S-7"]
    page = await browser.get("/audit", params={"action": "SUBJECT_VIEWED"})
    assert page.text.count('<th scope="row">') == 50
    older = page.text.partition("&amp;page=")[2].partition('"')[0]
    page = await browser.get("/audit", params={"action": "SUBJECT_VIEWED", "page": older})
    assert page.text.count('<th scope="row">') == 10


async def test_what_is_wrong_is_said_and_what_was_typed_is_text_and_stays(browser: Browser) -> None:
    for field in ("person", "subject", "alert", "action", "outcome", "since", "until", "page"):
        page = await browser.get("/audit", params={field: SCRIPT})
        assert page.status_code in {200, 409}, field
        assert SCRIPT not in page.text
        if field not in {"action", "page"}:
            assert "&lt;script&gt;" in page.text, field
    assert "no person with that sign-in name" in words(await browser.get("/audit", params={"person": "nobody-here"}))
    assert "before" in words(await browser.get("/audit", params={"since": "2026-03-02", "until": "2026-03-01"}))
    for number in ("0", "999999", "x", "9" * 30):
        assert (await browser.get(f"/audit/{number}")).status_code == 404
    page = await browser.get("/audit", params={"outcome": "X" * 64})
    assert "No entries match" in words(page)
    hostile = await browser.get(
        "/audit", params={"action": "SUBJECT_VIEWED", "since": "2026-03-01", "until": "2026-03-01"}
    )
    assert SCRIPT not in hostile.text
    number = hostile.text.partition('href="/audit/')[2].partition('"')[0]
    shown = await browser.get(f"/audit/{number}")
    assert SCRIPT not in shown.text
    assert "&lt;script&gt;" in shown.text


async def test_the_check_says_what_it_found_and_what_to_do(office: PortOffice, browser: Browser) -> None:
    token = await browser.token("/audit")
    page = await browser.post("/audit/verify", token)
    assert "entries checked" in words(page)
    assert "The audit trail is intact" in words(page)
    Forger(office.database).run("UPDATE audit_entry SET outcome = 'x' WHERE sequence = 7")
    page = await browser.post("/audit/verify", token)
    assert "Entry 7 was changed" in words(page)
    assert "audit verify --checkpoint" in words(page)
    assert "</html>" in page.text


async def test_two_people_export_and_a_browser_keeps_nothing(office: PortOffice, browser: Browser) -> None:
    token = await browser.token("/audit")
    fields = {"since": "2026-03-01", "until": "", "format": "jsonl", "second_name": "adi", "second_password": PASSWORD}
    answer = await browser.post("/audit/export", token, **fields)
    assert answer.status_code == 200, words(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].startswith('attachment; filename="audit-2')
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        checkpoint, entries = sorted(archive.namelist(), reverse=True)
        assert (checkpoint, entries[-6:]) == ("checkpoint.jsonl", ".jsonl")
        lines = [json.loads(line) for line in archive.read(entries).decode().splitlines()]
        mark = KeptCheckpoint.of(archive.read(checkpoint).decode().strip()).checkpoint
    assert mark.valid
    assert {one["sequence"]: one["hash"] for one in lines}[mark.sequence] == mark.hash
    both = {f"person:{office.people[name].person_id}" for name in ("umi", "adi")}
    assert set(json.loads(office.trail(Action.AUDIT_EXPORTED)[-1].objects)) == both


async def test_without_the_right_second_person_nothing_is_exported(
    office: PortOffice, browser: Browser, subtests: pytest.Subtests
) -> None:
    for second, password, told in (
        ("umi", PASSWORD, "Two different people"),
        ("sari", PASSWORD, "Who can sign: administrator."),
        ("uli", PASSWORD, "does not have the role"),
        ("adi", "wrong", "password is wrong"),
        ("", "", "Enter the name and password"),
    ):
        with subtests.test(second=second):
            token = await browser.token("/audit")
            fields = {"since": "2026-03-01", "until": "2026-03-02", "format": "csv"}
            fields |= {"second_name": second, "second_password": password}
            answer = await browser.post("/audit/export", token, **fields)
            assert answer.status_code == 409
            assert told in words(answer)
            assert 'value="2026-03-02"' in answer.text, "what was typed stays"
            if password == PASSWORD:
                assert PASSWORD not in answer.text
            assert not office.trail(Action.AUDIT_EXPORTED)
