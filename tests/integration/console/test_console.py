"""The web console against a real server: who gets in, who sees what, and what supervisors do there."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from functools import partial
from operator import add
from pathlib import Path

import httpx
import pytest

from cekalwatch.console.page import Page
from cekalwatch.console.routes import ROUTES
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.extensions.ldap.store import GroupStore
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.domain.people import Withheld
from cekalwatch.v1 import adjudication_pb2 as adjudication
from tests.support.scenarios.people import OTHER_PASSWORD, PASSWORD
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.site_pki import SITE
from tests.support.scenarios.web_console import Browser, Pages, form_token, pictures_in, served, words

pytestmark = pytest.mark.slow
SCRIPT = "<script>alert('x')</script>"
ROLES = tuple(PersonRole)
PEOPLE = {"budi": (), "sari": (PersonRole.SUPERVISOR,)} | {role.lower().replace("_", "-"): (role,) for role in ROLES}


def filled(page: Page) -> str:
    """The path of a page, with keys of nothing."""
    nothing = "00000000-0000-7000-8000-000000000000"
    keys = {"alert_id": nothing, "trouble_id": nothing, "step": "close", "approval_id": nothing, "answer": "sign"}
    keys["hand_over_id"] = nothing
    keys |= {
        "key": "none",
        "run_id": "1",
        "sequence": "999999",
        "import_id": "none",
        "camera_id": "dep-1",
        "role": "camera",
        "site": SITE,
        "port": "main",
        "kind": "none",
        "day": "none",
        "code": "none",
    }
    return page.path.format(**keys, name="nobody", act="enable")


async def test_a_stranger_sees_the_sign_in_page_and_nothing_else(pages: Pages) -> None:
    async with pages.browser() as browser:
        for page in ROUTES:
            if page.people is None:
                continue
            answer = await browser.get(filled(page)) if page.method == "GET" else await browser.post(filled(page))
            if page.by_a_person:
                assert (answer.status_code, answer.headers["location"][:8]) == (303, "/sign-in"), page
            else:
                assert answer.status_code == 401, page


async def test_the_browsers_language_decides_until_somebody_has_chosen_one(pages: Pages) -> None:
    async with pages.browser(headers={"Accept-Language": "id-ID,id;q=0.9,en;q=0.8"}) as browser:
        assert '<html lang="id"' in (await browser.get("/sign-in")).text, "the console's own language is English here"
        await browser.post("/language", language="en", after="/sign-in")
        assert '<html lang="en"' in (await browser.get("/sign-in")).text
        assert '<html lang="en"' in (await browser.get("/sign-in", headers={"Accept-Language": "id"})).text


async def test_a_person_sees_the_pages_of_their_roles_and_no_other(pages: Pages) -> None:
    for role in ROLES:
        async with pages.browser() as browser:
            await browser.sign_in(role.lower().replace("_", "-"))
            token = await browser.token()
            for page in ROUTES:
                if page.people is None or page.stream or page.on_wall or page.path == "/sign-out":
                    continue
                path = filled(page)
                answer = await (browser.get(path) if page.method == "GET" else browser.post(path, token))
                refused = answer.status_code == 403
                assert refused == bool(page.people and role not in page.people), (role, page)
                assert answer.status_code in {200, 303, 403, 404, 409}, (role, page, answer.text)


async def test_a_cookie_is_worth_nothing_after_sign_out_and_a_new_one_comes_with_each_sign_in(pages: Pages) -> None:
    async with pages.browser() as browser, pages.browser() as thief:
        assert (await browser.sign_in("sari", "wrong")).status_code == 403
        assert not browser.client.cookies
        answer = await browser.sign_in("sari")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        first = browser.client.cookies["cekalwatch"]
        await browser.sign_in("sari")
        second = browser.client.cookies["cekalwatch"]
        assert first != second
        for stolen, status in ((first, 303), (second, 200)):
            thief.client.cookies.set("cekalwatch", stolen, domain="127.0.0.1")
            assert (await thief.get("/")).status_code == status
        token = await browser.token()
        await browser.post("/sign-out", token)
        thief.client.cookies.set("cekalwatch", second, domain="127.0.0.1")
        assert (await thief.get("/")).status_code == 303


async def test_forms_of_other_pages_and_of_other_sessions_do_nothing(pages: Pages) -> None:
    async with pages.browser() as browser, pages.browser() as other:
        await browser.sign_in("sari")
        await other.sign_in("sari")
        token = await browser.token()
        for origin in ("", "null", "https://evil.example", "http://127.0.0.1"):
            assert (await browser.post("/sign-out", token, origin)).status_code == 403
        for wrong in ("", "x", await other.token()):
            assert (await browser.post("/sign-out", wrong)).status_code == 403
        assert (await browser.post("/sign-in", origin="https://evil.example", name="sari")).status_code == 403
        assert (await browser.get("/")).status_code == 200


async def test_what_a_browser_is_told_with_every_answer(pages: Pages) -> None:
    async with pages.browser() as browser:
        await browser.sign_in("sari")
        for path in ("/", "/sign-in", "/nowhere", "/alerts", "/static/console.css"):
            headers = (await browser.get(path)).headers
            assert "'unsafe" not in headers["content-security-policy"]
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            stored = "private, max-age=3600" if path.startswith("/static") else "no-store"
            assert headers["cache-control"] == stored
            # The length of a compressed page tells what stands beside a form's token (BREACH, 2013).
            assert headers.get("content-encoding") == ("gzip" if path.startswith("/static") else None), path
        page = (await browser.get("/")).text
        assert " style=" not in page
        assert "<style" not in page
        assert all("src=" in part for part in page.split("<script")[1:])


async def test_another_name_a_large_form_and_a_way_out_are_refused(pages: Pages) -> None:
    async with pages.browser() as browser:
        assert (await browser.get("/sign-in", headers={"Host": "evil.example"})).status_code == 421
        assert (await browser.post("/sign-in", name="x" * 100_000)).status_code == 413
        for after in ("//evil.example", "https://evil.example", "/\\evil.example", "\t//evil.example"):
            answer = await browser.post("/sign-in", name="sari", password=PASSWORD, after=after)
            assert answer.headers["location"] == "/", after
        answer = await browser.post("/sign-in", name="sari", password=PASSWORD, after="/statistics")
        assert answer.headers["location"] == "/statistics"


async def test_what_was_typed_is_text_wherever_it_comes_back(office: PortOffice, pages: Pages) -> None:
    async with pages.browser() as browser:
        answer = await browser.post("/sign-in", name=f'"{SCRIPT}', password="x", after=f"/{SCRIPT}")
        assert SCRIPT not in answer.text
        assert "&lt;script&gt;" in answer.text
        await browser.sign_in("sari")
        assert SCRIPT not in (await browser.get("/alerts", params={"since": SCRIPT, "state": SCRIPT})).text
        alert_id = await referred(office)
        page = await look(browser, alert_id)
        answer = await browser.post(
            f"/alerts/{alert_id}/confirm", form_token(page), version=version_in(page), reference=SCRIPT, note=SCRIPT
        )
        assert answer.status_code == 409
        assert SCRIPT not in answer.text
        assert "&lt;script&gt;" in answer.text, "what was typed stays in the form"


async def test_a_first_password_is_changed_before_anything_else(office: PortOffice, pages: Pages) -> None:
    office.hire("dewi", PersonRole.SUPERVISOR, first=True)
    first = PASSWORD
    async with pages.browser() as browser:
        assert (await browser.sign_in("dewi", first)).headers["location"] == "/password"
        assert (await browser.get("/alerts")).headers["location"] == "/password"
        token = await browser.token("/password")
        answer = await browser.post("/password", token, present=first, wanted=OTHER_PASSWORD, again="x")
        assert "differ" in words(answer)
        answer = await browser.post("/password", token, present=first, wanted=OTHER_PASSWORD, again=OTHER_PASSWORD)
        assert answer.status_code == 200, words(answer)
        assert (await browser.get("/alerts")).status_code == 200


async def referred(office: PortOffice) -> str:
    """Let an officer refer an alert, and return its key."""
    alert_id = await office.raise_alert()
    seat = await office.sign_in("budi")
    await seat.judge(await seat.claim(alert_id))
    return alert_id


def version_in(page: httpx.Response) -> str:
    found = page.text.partition('name="version" value="')[2].partition('"')[0]
    assert found.isdecimal()
    return found


async def look(browser: Browser, alert_id: str) -> httpx.Response:
    """Look at the two faces first, where the page of an alert asks for it; return the page that shows all."""
    page = await browser.get(f"/alerts/{alert_id}")
    if f"/alerts/{alert_id}/refer" in page.text:
        await browser.post(f"/alerts/{alert_id}/refer", form_token(page), version=version_in(page))
        page = await browser.get(f"/alerts/{alert_id}")
    return page


async def step(browser: Browser, alert_id: str, name: str, **fields: str) -> httpx.Response:
    page = await look(browser, alert_id)
    return await browser.post(f"/alerts/{alert_id}/{name}", form_token(page), version=version_in(page), **fields)


async def test_a_supervisor_confirms_records_the_contact_and_closes(office: PortOffice, pages: Pages) -> None:
    alert_id = await referred(office)
    async with pages.browser() as browser:
        await browser.sign_in("sari")
        await look(browser, alert_id)
        before = len(office.trail(Action.ALERT_VIEWED))
        page = await browser.get(f"/alerts/{alert_id}")
        assert "Contoh Satu" in words(page)
        assert [one[:2] for one in pictures_in(page)] == [b"\xff\xd8"] * 2, "of the traveller and of the subject"
        assert "img-src 'self' data:" in page.headers["content-security-policy"]
        (viewed,) = office.trail(Action.ALERT_VIEWED)[-1:]
        assert len(office.trail(Action.ALERT_VIEWED)) == before + 1, "one look is one entry"
        assert json.loads(viewed.details)["pictures"] == 1
        assert (await step(browser, alert_id, "confirm", reference="CO-2026/0117")).status_code == 303
        confirmed = words(await browser.get(f"/alerts/{alert_id}"))
        assert confirmed.count("Not told yet") == 1
        assert "Confirmed Alert raised: " in confirmed, "where the traveller is now is not where the alert was raised"
        fields = {"agency": "Kejaksaan", "contact": "piket", "result": "dua petugas", "when": "2026-03-01T08:00"}
        assert "wrong" in words(await step(browser, alert_id, "follow_up", **fields | {"when": "yesterday"}))
        answer = await step(browser, alert_id, "follow_up", **fields)
        assert answer.status_code == 303, words(answer)
        assert (await step(browser, alert_id, "close")).status_code == 303
        assert "Closed" in words(await browser.get(f"/alerts/{alert_id}"))
        record = await browser.get(f"/alerts/{alert_id}/record")
        assert all(one in words(record) for one in ("Berita acara", "Contoh Satu", "CO-2026/0117", "dua petugas"))
        assert not pictures_in(record)
        (taken,) = office.trail(Action.ALERT_RECORD_TAKEN)
        assert f"alert:{alert_id}" in taken.objects
        assert (await (await office.sign_in("budi")).get(alert_id)).state == adjudication.ALERT_STATE_CLOSED


async def test_a_supervisor_takes_over_and_a_hit_owes_its_number_on_the_pages(office: PortOffice, pages: Pages) -> None:
    alert_id = await referred(office)
    async with pages.browser() as browser:
        await browser.sign_in("sari")
        await step(browser, alert_id, "take_over", reason="ANOTHER_LOOK")
        assert "New" in words(await browser.get(f"/alerts/{alert_id}")), "whoever is before the traveller looks anew"
        budi = await office.sign_in("budi")
        await budi.judge(await budi.claim(alert_id))
        await step(browser, alert_id, "confirm", down="1")
        owed = words(await browser.get("/alerts?state=owed"))
        assert "Cekal Online number owed: Contoh Satu" in owed
        await step(browser, alert_id, "enter_reference", reference="CO-2026/0117")
        assert "Cekal Online number owed: " not in words(await browser.get("/alerts?state=owed"))
        assert "CO-2026/0117" in words(await browser.get(f"/alerts/{alert_id}"))
    assert len(office.trail(Action.ALERT_TAKEN_OVER, Action.ALERT_REFERENCE_ENTERED)) == 2


async def test_there_is_no_record_of_what_two_people_did_not_confirm(office: PortOffice, pages: Pages) -> None:
    alert_id = await referred(office)
    async with pages.browser() as browser:
        await browser.sign_in("sari")
        assert f"/alerts/{alert_id}/record" not in (await browser.get(f"/alerts/{alert_id}")).text
        assert (await browser.get(f"/alerts/{alert_id}/record")).status_code == 409
        (refused,) = office.trail(Action.ALERT_RECORD_TAKEN)
        assert refused.outcome == "ALERT_STATE_WRONG"


async def test_what_changed_meanwhile_is_told_and_nothing_is_done(office: PortOffice, pages: Pages) -> None:
    alert_id = await referred(office)
    async with pages.browser() as first, pages.browser() as second:
        await first.sign_in("sari")
        await second.sign_in("supervisor")
        page = await look(second, alert_id)
        await step(first, alert_id, "clear", reason="FACE_DIFFERS")
        answer = await second.post(
            f"/alerts/{alert_id}/confirm", form_token(page), version=version_in(page), reference="CO-2026/0117"
        )
        assert answer.status_code == 409
        assert "Cleared" in words(await second.get(f"/alerts/{alert_id}"))


async def test_roles_that_groups_withhold_are_marked(office: PortOffice, pages: Pages) -> None:
    budi = office.hire("withheld", PersonRole.OFFICER, PersonRole.SUPERVISOR)
    left = budi.without(Withheld(frozenset({PersonRole.SUPERVISOR})))
    entry = AuditEntry(datetime.now(UTC), Actor(ActorKind.SERVER, "main"), Action.PERSON_CHANGED)
    assert GroupStore(office.database).withhold(budi, left, entry)
    async with pages.browser() as browser:
        await browser.sign_in("administrator")
        shown = await browser.get("/people")
        assert re.search(r"<s title=[^>]*>[^<]+</s>", shown.text)
        page = await browser.get("/people/withheld")
    assert "Not in force" in words(page)
    assert re.search(r'name="role-SUPERVISOR" value="1" checked', page.text), "the record keeps it"


async def test_an_administrator_keeps_people_and_not_their_own_record(office: PortOffice, pages: Pages) -> None:
    office.hire("elsewhere", PersonRole.OFFICER, sites=("batam-center", "sekupang"))
    async with pages.browser() as browser, pages.browser() as other, pages.browser() as supervisor:
        await browser.sign_in("administrator")
        token = await browser.token("/people")
        new = {"name": "Dewi", "display_name": f"Dewi {SCRIPT}", "role-OFFICER": "1", "sites": "batam-center"}
        assert "second person" in words(await browser.post("/people", token, **new)), "one alone makes nobody"
        signed = {"second_name": "sari", "second_password": PASSWORD}
        new |= signed
        answer = await browser.post("/people", token, **new | {"role-OFFICER": ""})
        assert (answer.status_code, "at least one role" in words(answer)) == (409, True)
        assert 'value="dewi"' in answer.text.lower(), "what was typed stays"
        answer = await browser.post("/people", token, **new | {"sites": "batam-center sekupang"})
        assert (answer.status_code, "sekupang" in answer.text) == (409, True)
        answer = await browser.post("/people", token, **new)
        first = answer.text.partition("<code>")[2].partition("</code>")[0]
        assert (await other.sign_in("dewi", first)).status_code == 403, "it is half of the password"
        await supervisor.sign_in("sari")
        parts = await supervisor.post("/first-passwords", await supervisor.token("/first-passwords"))
        second = parts.text.partition("<code>")[2].partition("</code>")[0]
        assert (await other.sign_in("dewi", f"{first}-{second}")).headers["location"] == "/password"
        again = await supervisor.post("/first-passwords", await supervisor.token("/first-passwords"))
        assert "No part waits" in words(again)
        assert "already" in words(await browser.post("/people", token, **new))
        listed = await browser.get("/people")
        assert SCRIPT not in listed.text
        assert "has not changed the first password yet" in words(listed)
        for act, code in (("change", 303), ("unlock", 303), ("disable", 303), ("enable", 303), ("reset", 200)):
            fields = {"role-SUPERVISOR": "1", "sites": SITE}
            if act in {"change", "enable", "reset"}:
                refused = await browser.post(f"/people/dewi/{act}", token, **fields)
                assert (refused.status_code, "second person" in words(refused)) == (409, True), (act, words(refused))
                fields |= signed
            answer = await browser.post(f"/people/dewi/{act}", token, **fields)
            assert answer.status_code == code, (act, words(answer))
        assert (await other.get("/alerts")).status_code == 303, "the session ended when the person was disabled"
        for name, why in (("administrator", "own record"), ("elsewhere", "site")):
            fields = {"role-SUPERVISOR": "1", "sites": SITE} | signed
            answer = await browser.post(f"/people/{name}/change", token, **fields)
            assert (answer.status_code, why in words(answer)) == (409, True), words(answer)
    trail = office.trail(Action.PERSON_CHANGED)[-5:]
    changes = [json.loads(link.details)["change"] for link in trail]
    assert changes == ["ROLES", "UNLOCKED", "DISABLED", "ENABLED", "PASSWORD_RESET"]
    assert {link.actor.partition("@")[0] for link in trail} == {f"person:{office.people['administrator'].person_id}"}


async def test_who_is_the_last_to_judge_alerts_at_a_site_is_disabled_by_two_people(
    office: PortOffice, pages: Pages
) -> None:
    both = (SITE, "sekupang")
    office.hire("adi", PersonRole.ADMINISTRATOR, sites=both)
    office.hire("tono", sites=both[1:])
    async with pages.browser() as browser:
        await browser.sign_in("adi")
        token, fields = await browser.token("/people"), {"role-AUDITOR": "1", "sites": "sekupang"}
        for act in ("disable", "change"):
            alone = await browser.post(f"/people/tono/{act}", token, **fields)
            assert (alone.status_code, "Contoh Satu" in words(alone)) == (409, False), act
            assert "A second person must sign" in words(alone)
        assert (await browser.post("/people/budi/disable", token)).status_code == 303, "others judge alerts there"
        signed = {"second_name": "sari", "second_password": PASSWORD}
        assert (await browser.post("/people/tono/disable", form_token(alone), **signed)).status_code == 303
    (silenced,) = office.trail(Action.ORDERS_SILENCED)
    assert json.loads(silenced.details)["what"] == "site sekupang"


async def test_of_two_administrators_the_second_sees_what_the_first_did_and_changes_nothing(
    office: PortOffice, pages: Pages
) -> None:
    office.hire("adi", PersonRole.ADMINISTRATOR)
    async with pages.browser() as first, pages.browser() as second:
        await first.sign_in("adi")
        await second.sign_in("administrator")
        page = await second.get("/people/budi")
        seen = {"seen_roles": "OFFICER", "seen_sites": SITE}
        assert all(f'name="{name}" value="{value}"' in page.text for name, value in seen.items())
        fields = {"role-AUDITOR": "1", "sites": SITE, "second_name": "sari", "second_password": PASSWORD} | seen
        done = await first.post("/people/budi/change", await first.token("/people"), **fields)
        assert done.status_code == 303, words(done)
        late = await second.post("/people/budi/change", form_token(page), **fields | {"role-OFFICER": "1"})
        assert (late.status_code, "changed this record" in words(late)) == (409, True), words(late)
        assert 'name="role-AUDITOR" value="1" checked' in late.text
        assert 'name="role-OFFICER" value="1" checked' not in late.text
        assert 'name="seen_roles" value="AUDITOR"' in late.text, "and can decide on that"
    assert len(office.trail(Action.PERSON_CHANGED)) == 1


async def test_an_alert_shows_at_once_on_the_page_that_somebody_looks_at(office: PortOffice, pages: Pages) -> None:
    async with pages.browser() as browser:
        await browser.sign_in("sari")
        assert "No alert is open" in words(await browser.get("/"))
        async with browser.client.stream("GET", "/now/news") as news:
            lines = news.aiter_lines()
            raised = asyncio.create_task(office.raise_alert())
            async with asyncio.timeout(30):
                async for line in lines:
                    if line == "event: changed" and "after your first look" in words(await browser.get("/now/part")):
                        break
            await raised


async def test_who_does_nothing_is_signed_out_though_the_page_renews_itself(office: PortOffice) -> None:
    async with served(office, idle_lock_seconds=30.0) as pages, pages.browser() as browser:
        await browser.sign_in("sari")
        sessions = pages.console.web_sessions
        begun_s = sessions._monotonic()
        for later_s in (10.0, 20.0, 29.0):
            sessions._monotonic = partial(add, begun_s, later_s)
            assert (await browser.get("/now/part")).status_code == 200
        sessions._monotonic = partial(add, begun_s, 31.0)
        assert (await browser.get("/now/part")).status_code == 401
        assert (await browser.get("/")).status_code == 303


async def test_without_a_server_pages_say_so(tmp_path: Path) -> None:
    office = port_office(tmp_path, {"sari": (PersonRole.SUPERVISOR,)})
    serving = office.open()
    await serving.__aenter__()
    async with served(office) as pages, pages.browser() as browser:
        await browser.sign_in("sari")
        assert (await browser.get("/system")).status_code == 200
        await serving.__aexit__(None, None, None)
        answer = await browser.get("/alerts")
        assert (answer.status_code, "cannot be reached" in words(answer)) == (503, True), words(answer)
        token = pages.console.web_sessions.find(browser.client.cookies["cekalwatch"], used=True)
        assert token, "who was signed in stays so: the server is only away"
