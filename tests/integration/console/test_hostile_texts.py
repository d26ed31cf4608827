"""Attack: whoever can have a text stored or sent puts HTML into it, and waits for somebody to look at the page."""

from __future__ import annotations

import asyncio
import csv
import io
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pytest

from cekalwatch.console.routes import ROUTES
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.v1 import adjudication_pb2 as adjudication
from tests.support.builders.watchlist_folder import COLUMNS, row
from tests.support.scenarios.page_forms import Form, forms_of
from tests.support.scenarios.people import Office, person
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.server import list_astronaut, order_in_force
from tests.support.scenarios.web_console import WAIT_S, Browser, Pages, words

pytestmark = pytest.mark.slow
MARK = "\"' onxss=1><xss-probe>"
"""Breaks out of an attribute in either quotes, and out of a text."""
MAX_PAGES = 250
LEFT_OUT = {"/sign-out", "/language"}
"""Forms that would end the walk, and have no field to write in."""


class _Intruders(HTMLParser):
    """Finds what a text has become where it is no text any more."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs if name.startswith("on")]
        if tag == "xss-probe" or names or (tag == "script" and "src" not in dict(attrs)):
            self.found.append(f"<{tag} {names}>")


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in {"href", "hx-get"} and tag != "link"]


def sound(answer: httpx.Response) -> None:
    """Nothing in an answer is what somebody wrote, but for texts."""
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/html"):
        reader = _Intruders()
        reader.feed(answer.text)
        assert reader.found == [], (str(answer.request.url), answer.status_code)
    elif MARK in answer.text and answer.status_code == httpx.codes.OK:
        assert answer.headers["content-disposition"].startswith("attachment"), str(answer.request.url)
    assert "<" not in answer.headers.get("location", ""), str(answer.request.url)


def plain(key: str) -> str:
    """A number of an order or an address, without what a table of one would misread."""
    return f"{key} {MARK}"


EVERYTHING = ("all", "umi")
"""Two who may see every page between them: nobody is administrator and auditor."""
ROLES = (tuple(sorted(set(PersonRole) - {PersonRole.AUDITOR})), (PersonRole.AUDITOR,))


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    found = port_office(tmp_path, {})
    texts: dict[str, Any] = {"place_of_birth": MARK, "address": MARK, "occupation": MARK, "aliases": (plain("alias"),)}
    order = order_in_force(requesting_agency=plain("agency"), decree_number=plain("decree"), reason=plain("reason"))
    list_astronaut(found.settings, order, name=plain("name"), **texts)
    hired = {"budi": (PersonRole.OFFICER,), "sari": (PersonRole.SUPERVISOR,)} | dict(
        zip(EVERYTHING, ROLES, strict=True)
    )
    for name, roles in hired.items():
        who = replace(person(name, *roles), display_name=plain(f"display {name}"))
        found.people[name] = Office(found.database).hire(who).person
    async with found.open():
        yield found


async def send(browser: Browser, form: Form, address: str) -> httpx.Response:
    """Send a form with the text in every field, and in the name and the content of its file."""
    fields = form.filled(MARK)
    headers = {"Origin": browser.origin}
    if form.method == "GET":
        return await browser.get(form.action or address, params=fields)
    if not form.with_file:
        return await browser.client.post(form.action or address, data=fields, headers=headers)
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, extrasaction="ignore")
    writer.writeheader()
    writer.writerow(dict(row("X-1")) | dict.fromkeys(set(COLUMNS) - {"kind", "valid_from", "valid_until"}, MARK))
    writer.writerow(row(plain("X-2"), name=MARK, requesting_agency=MARK, photographs=f"{MARK}.jpg"))
    file = {"file": (f"{MARK}.csv", table.getvalue().encode())}
    return await browser.client.post(form.action, data=fields | {"encoding": "utf-8"}, files=file, headers=headers)


async def walk(browser: Browser, begin: list[str]) -> tuple[set[str], set[tuple[str, str]], str]:
    """Follow every link and send every form; return the pages, the forms with their fields, and all that was read."""
    waiting, seen, sent, read = deque(begin), set(begin), set[tuple[str, str]](), ""
    while waiting and len(seen) < MAX_PAGES:
        address = waiting.popleft()
        answer = await browser.get(address)
        sound(answer)
        read += words(answer)
        found = _Links()
        if answer.headers.get("content-type", "").startswith("text/html"):
            found.feed(answer.text)
        for form in forms_of(answer.text):
            action = urlsplit(form.action or address).path
            if action in LEFT_OUT or (action, "".join(form.typed)) in sent:
                continue
            sent |= {(action, "".join(form.typed))} | {(action, name) for name in form.typed}
            reply = await send(browser, form, address)
            sound(reply)
            read += words(reply)
            found.found.append(reply.headers.get("location", ""))
        for link in found.found:
            split = urlsplit(link)
            asks = dict(parse_qsl(split.query, keep_blank_values=True))
            if not split.netloc and split.path.startswith("/") and not split.path.startswith("/static/"):
                again = split.path + (f"?{split.query}" if asks else "")
                if again not in seen and len(seen) < MAX_PAGES:
                    seen.add(again)
                    waiting.append(again)
    return seen, sent, read


async def test_what_anybody_wrote_is_text_on_every_page_and_in_every_form(office: PortOffice, pages: Pages) -> None:
    alert_id, other = await office.raise_alert("1"), await office.raise_alert("9")
    seat = await office.sign_in("budi")
    await seat.judge(await seat.claim(alert_id), note=plain("note"))
    begin = ["/", "/password", f"/alerts/{alert_id}", f"/alerts/{other}"]
    begin += [page.path for page in ROUTES if page.method == "GET" and "{" not in page.path and not page.stream]
    seen, sent, read = set[str](), set[tuple[str, str]](), ""
    async with pages.browser() as browser, pages.browser() as auditor:
        await auditor.sign_in("umi")  # before the other tries wrong passwords too often
        await browser.sign_in("all")
        for one in (auditor, browser):
            async with asyncio.timeout(WAIT_S * 4):
                found = await walk(one, list(dict.fromkeys(begin)))
            seen, sent, read = seen | found[0], sent | found[1], read + found[2]
    shown = ("name", "alias", "agency", "decree", "display budi", "note")
    assert [one for one in shown if plain(one) not in read] == [], "what is to be tested stands on the pages"
    assert "onxss=1><xss-probe>.csv" in read, "the name of a file, whose quotes a browser writes in another way"
    fields = {name for _, name in sent}
    wanted = {
        "name",
        "display_name",
        "reference",
        "note",
        "text",
        "agency",
        "threshold",
        "person",
        "subject",
        "counter",
    }
    assert wanted <= fields, wanted - fields
    assert any(one.startswith("/list/import/") for one in seen)


async def test_a_key_in_an_address_is_text(pages: Pages) -> None:
    async with pages.browser() as browser, pages.browser() as auditor:
        await browser.sign_in("all")
        await auditor.sign_in("umi")
        for page in ROUTES:
            if page.method == "POST" or page.stream:
                continue
            names = [part.partition("}")[0] for part in page.path.split("{")[1:]]
            path = page.path.format(**dict.fromkeys(names, quote(MARK, safe="")))
            for query in ("", "?" + "&".join(f"{name}={quote(MARK)}" for name in FIELDS)):
                sound(await (auditor if path.startswith("/audit") else browser).get(path + query))


FIELDS = ("after", "key", "other", "reference", "role", "site", "state", "since", "until", "subject", "counter", "page")


async def test_a_referred_alert_shows_the_texts_of_its_supervisor_as_texts(office: PortOffice, pages: Pages) -> None:
    alert_id = await office.raise_alert()
    seat, supervisor = await office.sign_in("budi"), await office.sign_in("sari")
    judged = await seat.judge(await seat.claim(alert_id), adjudication.OUTCOME_REFERRED, note=MARK)
    confirmed = await supervisor.call(
        "ConfirmAlert",
        alert_id=alert_id,
        version=judged.version,
        cekal_online_reference="CO-1/A",
        note=plain("confirm"),
    )
    await supervisor.follow_up(confirmed.alert, agency=plain("of"), contact=plain("by"), result=plain("so"))
    async with pages.browser() as browser:
        await browser.sign_in("sari")
        answer = await browser.get(f"/alerts/{alert_id}")
        sound(answer)
        assert all(plain(one) in words(answer) for one in ("confirm", "of", "by", "so", "display budi"))
