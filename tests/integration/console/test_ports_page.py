"""*Ports*: supervisors at a centre see all ports and their alerts, and open a picture, which both sides record."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.translations import Language
from cekalwatch.server.audit.entry import Action
from deploy.demo.ports.line import line_to
from tests.support.scenarios.centre import CENTRE, PORT_NAME, Centre, port_of
from tests.support.scenarios.people import person
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import SITE
from tests.support.scenarios.web_console import served, words

pytestmark = pytest.mark.slow


async def test_a_supervisor_of_the_centre_sees_the_port_its_alert_and_the_picture(tmp_path: Path) -> None:
    centre = Centre(tmp_path / "centre")
    centre.office.hire(person("adi", PersonRole.ADMINISTRATOR, sites=(CENTRE, SITE)))
    async with centre.open() as rina, line_to(centre.tcp_port) as link, served(centre, at=CENTRE) as pages:
        port = port_of(tmp_path / "port", centre, link.address)
        async with port.open(), pages.browser() as browser, pages.browser() as other:
            alert_id = await port.raise_alert()
            await rina.until(alert_id, lambda _: True)
            await browser.sign_in("rina")
            page = await browser.get("/ports")
            assert "Contoh Satu" in words(page)
            assert SITE in words(page)

            async def shows_both() -> bool:
                _, _, said = words(await browser.get("/ports")).partition("Open alerts")
                return re.search(r"since \d.*? connected", said) is not None and "–" not in said

            await becomes(shows_both)
            one = f"/ports/{SITE}/{PORT_NAME}/{alert_id}"
            assert one in page.text
            alert = await browser.get(one)
            assert "decided there" in words(alert)
            assert "<img" not in alert.text
            assert not port.trail(Action.ALERT_VIEWED), "no picture left the port yet"
            opened = await browser.get(f"{one}/pictures")
            assert opened.text.count('src="data:image/jpeg;base64,/9j/') == 2
            assert opened.headers["cache-control"] == "no-store"
            assert "img-src 'self' data:;" in opened.headers["content-security-policy"]
            assert "data:" not in page.headers["content-security-policy"]
            given = port.trail(Action.ALERT_VIEWED)
            assert [link.actor.split(":")[:2] for link in given] == [["centre", "person"]]
            assert given[0].actor.endswith("@jakarta/console/console"), given[0].actor
            await other.sign_in("adi")
            assert (await other.get("/ports")).status_code == 403
            assert "Ports: 1" in words(await other.get("/system"))
            link.cut()
            refused = await browser.get(f"{one}/pictures")
            assert (refused.status_code, "cannot send its picture" in words(refused)) == (409, True), words(refused)
            assert "<img" not in refused.text
            assert "Contoh Satu" in words(refused), "the rest is the centre's own"


async def test_the_page_speaks_both_languages_and_says_that_there_are_no_ports(tmp_path: Path) -> None:
    centre = Centre(tmp_path / "centre")
    async with centre.open():
        for language, said in ((Language.EN, "has connected yet"), (Language.ID, "Belum ada pelabuhan")):
            name = f"console-{language}"
            async with served(centre, name, at=CENTRE, language=language) as pages, pages.browser() as browser:
                await browser.sign_in("rina")
                assert said in words(await browser.get("/ports"))
