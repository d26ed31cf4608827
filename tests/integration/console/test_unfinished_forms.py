"""A form whose session ends, whose page is old, or whose server is lost: what was typed is there again, and undone."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from functools import partial
from html import unescape
from pathlib import Path

import httpx
import pytest

from cekalwatch.console.routes import ROUTES
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import SITE
from tests.support.scenarios.web_console import Browser, Pages, form_token, served, words

pytestmark = pytest.mark.slow
SCRIPT = "<script>alert('x')</script>"
PEOPLE = {
    "budi": (),
    "adi": (PersonRole.ADMINISTRATOR,),
    "sari": (PersonRole.SUPERVISOR,),
    "umi": (PersonRole.AUDITOR,),
    "lina": (PersonRole.LIST_MANAGER,),
}
DONE = (Action.PERSON_ADDED, Action.PERSON_CHANGED, Action.THRESHOLD_SET, Action.AUDIT_EXPORTED, Action.DEVICE_INVITED)
FORMS: dict[str, tuple[str, dict[str, str], str]] = {
    "/people": (
        "adi",
        {"name": "dewi", "display_name": f"Dewi {SCRIPT}", "role-AUDITOR": "1", "sites": SITE},
        'value="dewi"',
    ),
    "/people/budi/change": ("adi", {"role-LIST_MANAGER": "1", "sites": f"{SITE} sekupang"}, f'value="{SITE} sekupang"'),
    "/devices": ("adi", {"role": "notifier", "site": SITE, "name": "pc-d9", "minutes": "480"}, 'value="pc-d9"'),
    "/cameras/dep-1/policy": ("adi", {"number": "0", "jpeg_quality": "77"}, 'value="77"'),
    "/threshold/set": ("sari", {"threshold": "0.61", "second_name": "adi"}, 'value="0.61"'),
    "/audit/export": ("umi", {"since": "2026-03-01", "until": "", "format": "csv"}, 'value="2026-03-01"'),
}
"""What somebody types, and what of it shows that it is there again."""


def kept_in(page: httpx.Response) -> str:
    found = re.search(r'name="kept" value="([^"]*)"', page.text)
    assert found, page.text
    return unescape(found[1])


async def sent_after_its_session(browser: Browser, path: str, fields: dict[str, str]) -> httpx.Response:
    """Send a form of a session that has ended in another tab."""
    token = await browser.token("/password")
    await browser.post("/sign-out", token)
    return await browser.post(path, token, **fields, second_password=PASSWORD)


def test_every_form_in_which_something_is_typed_is_shown_again() -> None:
    untyped = {
        "/sign-in", "/sign-in/provider", "/language", "/sign-out", "/password", "/troubles/{trouble_id}/seen",
        "/list/import/{import_id}/drop", "/list/sync/start", "/audit/verify",
        "/cameras/{camera_id}/picture", "/first-passwords",
        "/approvals/{approval_id}/{answer}", "/shift/{hand_over_id}/take", "/wall/screen", "/wall/screen/end",
        # With the session goes the file whose cells these are.
        "/list/import/{import_id}/repair",
    }  # fmt: skip
    assert {page.path for page in ROUTES if page.method == "POST" and page.again is None} == untyped


async def test_what_was_typed_when_the_session_ended_is_there_after_signing_in(
    office: PortOffice, pages: Pages, subtests: pytest.Subtests
) -> None:
    for path, (name, fields, shown) in FORMS.items():
        with subtests.test(path=path):
            async with pages.browser() as browser:
                await browser.sign_in(name)
                asked = await sent_after_its_session(browser, path, fields)
                assert (asked.status_code, "has ended" in words(asked)) == (401, True), words(asked)
                assert PASSWORD not in asked.text
                wrong = await browser.post("/sign-in", name=name, password="wrong", kept=kept_in(asked))
                assert kept_in(wrong) == kept_in(asked), "a wrong password loses nothing"
                before = len(office.trail(*DONE))
                answer = await browser.post("/sign-in", name=name, password=PASSWORD, kept=kept_in(wrong))
                assert answer.status_code == 303
                page = await browser.get(answer.headers["location"])
                assert (page.status_code, shown in page.text) == (409, True), words(page)
                assert "during an earlier session. Nothing was done" in words(page)
                assert SCRIPT not in page.text
                assert len(office.trail(*DONE)) == before
                if path.startswith("/people"):
                    second = {"second_name": "sari", "second_password": PASSWORD}
                    done = await browser.post(path, form_token(page), **fields | {"sites": SITE} | second)
                    assert done.status_code in {200, 303}, words(done)
                    assert len(office.trail(*DONE)) == before + 1, "and now it is done"


async def test_a_page_of_an_earlier_session_does_nothing_and_shows_what_was_typed(
    office: PortOffice, pages: Pages, subtests: pytest.Subtests
) -> None:
    for path, (name, fields, shown) in FORMS.items():
        with subtests.test(path=path):
            async with pages.browser() as browser:
                await browser.sign_in(name)
                old = await browser.token("/password")
                await browser.sign_in(name)
                page = await browser.post(path, old, **fields)
                assert (page.status_code, shown in page.text) == (403, True), words(page)
                assert "Nothing was done" in words(page)
                assert f'value="{old}"' not in page.text
    assert not office.trail(Action.PERSON_CHANGED, Action.THRESHOLD_SET, Action.AUDIT_EXPORTED)


async def test_somebody_else_who_signs_in_sees_the_form_only_if_its_page_is_theirs(pages: Pages) -> None:
    async with pages.browser() as browser:
        await browser.sign_in("adi")
        asked = await sent_after_its_session(browser, "/people", FORMS["/people"][1])
        answer = await browser.post("/sign-in", name="sari", password=PASSWORD, kept=kept_in(asked))
        page = await browser.get(answer.headers["location"])
        assert (page.status_code, "dewi" in page.text) == (403, False)
        assert (await browser.get("/unfinished/none")).status_code == 404
    async with pages.browser() as other:
        await other.sign_in("adi")
        assert (await other.get(answer.headers["location"])).status_code == 404, "and nobody by its address"


async def test_a_form_that_a_browser_makes_up_leads_nowhere(pages: Pages, subtests: pytest.Subtests) -> None:
    for kept in ("x", '["/sign-out", {}]', '["//evil.example", {"a": "b"}]', '["/nowhere", {}]'):
        with subtests.test(kept=kept):
            async with pages.browser() as browser:
                answer = await browser.post("/sign-in", name="sari", password=PASSWORD, kept=kept)
                page = await browser.client.get(answer.headers["location"], follow_redirects=True)
                assert page.status_code in {200, 404}
                assert str(page.url.host) == "127.0.0.1"
                assert "evil" not in page.text


async def test_a_file_is_not_taken_without_a_session_and_is_to_be_chosen_again(pages: Pages) -> None:
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        token = await browser.token("/list/import")
        await browser.post("/sign-out", token)
        answer = await browser.client.post(
            "/list/import",
            data={"form_token": token, "encoding": ""},
            files={"file": ("orders.csv", b"order_id\n")},
            headers={"Origin": browser.origin},
        )
        assert answer.status_code == 303
        asked = await browser.get(answer.headers["location"])
        assert "choose the file again" in words(asked)
        assert 'value="/list/import"' in asked.text


async def test_a_search_of_the_list_is_made_after_signing_in(pages: Pages) -> None:
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        asked = await sent_after_its_session(browser, "/list", {"text": "Contoh", "day": "2026-03-02"})
        answer = await browser.post("/sign-in", name="lina", password=PASSWORD, kept=kept_in(asked))
        found = await browser.get(answer.headers["location"])
        assert 'value="2026-03-02"' in found.text
        assert 'value="2026-03-02"' in (await browser.get("/list")).text


async def test_what_was_typed_when_the_server_was_lost_is_there_when_it_is_back(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    office = port_office(tmp_path, PEOPLE)
    serving = office.open()
    await serving.__aenter__()
    async with served(office) as pages, AsyncExitStack() as stack:
        tokens: dict[str, tuple[Browser, str]] = {}
        for path, (name, *_) in FORMS.items():
            browser = await stack.enter_async_context(pages.browser())
            await browser.sign_in(name)
            tokens[path] = browser, await browser.token("/password")
        await serving.__aexit__(None, None, None)
        ways: dict[str, tuple[Browser, str]] = {}
        for path, (browser, token) in tokens.items():
            with subtests.test("it is lost", path=path):
                lost = await browser.post(path, token, **FORMS[path][1], second_password=PASSWORD)
                assert (lost.status_code, "cannot be reached" in words(lost)) == (503, True), words(lost)
                again = re.search(r'href="(/unfinished/[^"]+)">Try again', lost.text)
                assert again, lost.text
                still = await browser.get(again[1])
                assert (still.status_code, again[1] in still.text) == (503, True), "the way to it stays"
                ways[path] = browser, again[1]
        async with Server(office.site.settings(listen=office.address), office.clock):
            for path, (browser, way) in ways.items():
                with subtests.test("it is back", path=path):
                    await becomes(partial(is_back, browser, way))
                    page = await browser.get(way)
                    assert (page.status_code, FORMS[path][2] in page.text) == (409, True), words(page)
                    assert "Check whether it was done" in words(page)
        assert ways.keys() == FORMS.keys()


async def is_back(browser: Browser, way: str) -> bool:
    return (await browser.get(way)).status_code != 503


async def test_each_page_says_that_the_server_is_lost(tmp_path: Path) -> None:
    office = port_office(
        tmp_path, {"semua": tuple(set(PersonRole) - {PersonRole.AUDITOR}), "umi": (PersonRole.AUDITOR,)}
    )
    serving = office.open()
    await serving.__aenter__()
    async with served(office) as pages, pages.browser() as browser, pages.browser() as auditor:
        await browser.sign_in("semua")
        await auditor.sign_in("umi")
        await serving.__aexit__(None, None, None)
        for path in ("/list", "/list/sync", "/devices", "/cameras", "/audit", "/threshold", "/people", "/system"):
            page = await (auditor if path == "/audit" else browser).get(path)
            assert (page.status_code, "cannot be reached" in words(page)) == (503, True), path
            assert f'href="{path}"' in page.text, "one can try again"
        assert (await browser.get("/list/import")).status_code == 200, "which has only what the console knows"
