"""*List*, import, against a real server: what would change is shown, then done; what is no list is refused whole."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from html import unescape
from pathlib import Path

import httpx
import pytest
from openpyxl import Workbook, load_workbook
from PIL import Image

from cekalwatch.console import import_jobs
from cekalwatch.console.locale.texts import ConsoleTexts
from cekalwatch.contract.values.imports import EXAMPLE_ORDER_ID, REQUIRED_COLUMNS
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.translations import Language
from cekalwatch.server.audit.entry import Action
from tests.support.builders.face_records import exchanged
from tests.support.builders.portraits import astronaut
from tests.support.builders.watchlist import WIB
from tests.support.builders.watchlist_folder import COLUMNS, Row, row
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.server import jpeg, order_in_force
from tests.support.scenarios.web_console import Browser, Pages, served, words

pytestmark = pytest.mark.slow
WORK_S = 90
PORTRAIT = jpeg(astronaut(), 95)
PEOPLE = {"lina": (PersonRole.LIST_MANAGER,), "nia": (PersonRole.LIST_MANAGER,)}


def listed(order_id: str, subject_id: str, **cells: str) -> Row:
    """A row whose order is in force now."""
    ban = order_in_force()
    days = {
        name: getattr(ban, name).isoformat() for name in ("valid_from", "valid_until", "received_on", "decree_date")
    }
    return row(order_id, **days | {"subject_id": subject_id, "nationality": "USA"} | cells)


def table(*rows: Row, columns: tuple[str, ...] = COLUMNS) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def archive(files: Mapping[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", kind) as found:
        for name, data in files.items():
            found.writestr(name, data)
    return content.getvalue()


async def send(browser: Browser, content: bytes, name: str = "list.zip", encoding: str = "utf-8") -> httpx.Response:
    """Drop a file."""
    return await browser.client.post(
        "/list/import",
        data={"form_token": await browser.token("/list/import"), "encoding": encoding},
        files={"file": (name, content)},
        headers={"Origin": browser.origin},
    )


async def previewed(browser: Browser, content: bytes, name: str = "list.zip", encoding: str = "utf-8") -> str:
    """Drop a file, and return its page's path when the console has nothing more to do with it."""
    answer = await send(browser, content, name, encoding)
    assert answer.status_code == 303, words(answer)
    return await worked(browser, answer.headers["location"])


async def worked(browser: Browser, path: str) -> str:
    async with asyncio.timeout(WORK_S):
        while "hx-trigger" in (await browser.get(f"{path}/part")).text:  # noqa: ASYNC110  # a page polls
            await asyncio.sleep(0.1)
    return path


async def act(browser: Browser, path: str, name: str = "confirm") -> httpx.Response:
    return await browser.post(f"{path}/{name}", await browser.token())


async def test_a_list_is_previewed_and_imported_as_it_was_previewed(office: PortOffice, pages: Pages) -> None:
    rows = [
        listed("C-1", "N-1", photographs="photos/a.jpg"),
        listed("C-2", "N-2", photographs="photos/none.jpg"),
        listed("C-3", "N-3", valid_from="01/02/2026"),
    ]
    files = {"list/orders.csv": table(*rows), "list/photos/a.jpg": PORTRAIT, "list/notes.txt": b"x"}
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        path = await previewed(browser, archive(files))
        shown = words(await browser.get(path))
        assert "Download the report now" not in shown, "a preview can be made again"
        for told in ("Preview. Nothing is stored yet.", "New 2", "Unchanged 0", "Refused 1", "cannot be used 1"):
            assert told in shown
        assert "Files in the archive that no row names (1) notes.txt" in shown
        assert "C-3 line 4" in shown
        assert "photos/none.jpg: The photograph that the list names is missing." in shown
        assert "The import stores 2 orders exactly as shown above" in shown
        assert not [link for link in office.trail(Action.ORDER_IMPORTED) if "C-1" in str(link.objects)]
        assert [link.outcome for link in office.trail(Action.WATCHLIST_IMPORTED)][-1:] == ["PREVIEWED"]
        assert (await act(browser, path)).status_code == 303
        done = words(await browser.get(await worked(browser, path)))
        for told in ("Done. The file was imported", "Stored 2", "Refused 1", "kept until the console restarts"):
            assert told in done
        async with (
            pages.browser() as another_tab,
            served(office, "restarted") as restarted,
            restarted.browser() as later,
        ):
            await another_tab.sign_in("lina")
            assert "Stored 2" in words(await another_tab.get(path))
            await later.sign_in("lina")
            answer = await later.get(path)
            assert (answer.status_code, "the console was restarted" in words(answer)) == (404, True)
        assert (await act(browser, path)).status_code == 409, "an old tab imports nothing again"
        report = await browser.get(f"{path}/report.csv")
        assert report.headers["content-type"].startswith("text/csv")
        lines = list(csv.DictReader(io.StringIO(report.text.removeprefix("\ufeff"))))
        assert {line["order_id"]: line["outcome"] for line in lines} == {
            "C-1": "STORED",
            "C-2": "STORED",
            "C-3": "REFUSED",
        }
        assert {line["photo"]: line["photo_outcome"] for line in lines if line["photo"]} == {
            "photos/a.jpg": "ENROLLED",
            "photos/none.jpg": "REFUSED",
        }
        assert "list.zip" in words(await browser.get("/list/import"))
        again = words(await browser.get(await previewed(browser, archive(files))))
        assert "New 0 Changed 0 Unchanged 2 Refused 1" in again
    assert [link.outcome for link in office.trail(Action.WATCHLIST_IMPORTED)][-3:] == ["PREVIEWED", "OK", "PREVIEWED"]


async def test_photographs_as_borders_exchange_them_come_in_an_archive(pages: Pages) -> None:
    given = exchanged(Image.fromarray(astronaut()[:, :, ::-1]))
    rows = [
        listed(f"C-{number}", f"N-{number}", photographs=f"photos/{name}") for number, name in enumerate(sorted(given))
    ]
    files = {"list/orders.csv": table(*rows)} | {f"list/photos/{name}": data for name, data in given.items()}
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        path = await previewed(browser, archive(files))
        shown = words(await browser.get(path))
        assert f"New {len(given)}" in shown
        assert "cannot be used" not in shown, shown
        await act(browser, path)
        assert f"Stored {len(given)}" in words(await browser.get(await worked(browser, path)))
        report = await browser.get(f"{path}/report.csv")
        lines = list(csv.DictReader(io.StringIO(report.text.removeprefix("\ufeff"))))
        assert {line["photo"]: line["photo_outcome"] for line in lines} == {
            f"photos/{name}": "ENROLLED" for name in given
        }


async def test_a_preview_tells_what_ends_and_what_breaks_a_rule_as_the_import_does(
    office: PortOffice, pages: Pages
) -> None:
    first = [listed("C-1", "N-1"), listed("C-2", "N-2"), listed("C-7", "N-7", kind="TANGKAL")]
    revoked = order_in_force().received_on.isoformat()
    second = [
        listed("C-1", "N-1", revoked_at=revoked, revocation_ground="COURT", revocation_reference="12/Pid.Pra"),
        listed("C-2", "N-2", name="Contoh Lain"),
        listed("C-4", "N-4", kind="TANGKAL", nationality="IDN"),
        listed("C-5", "N-5", extends_order_id="C-404"),
        listed("C-6", "N-6", urgent="yes", decree_number="", decree_date="", reason=""),
        listed("C-8", "N-7", nationality="IDN"),
    ]
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        path = await previewed(browser, table(*first), "list.csv")
        await act(browser, path)
        await worked(browser, path)
        path = await previewed(browser, table(*second), "list.csv")
        shown = words(await browser.get(path))
        for told in (
            "New 4 Changed 2 Unchanged 0",
            "End an order that is or will be in force 2",
            "Break a rule, so they never raise an alert 1",
        ):
            assert told in shown
        assert "C-1 N-1 Revoked: annulled by a court (praperadilan), number 12/Pid.Pra." in shown
        ending = shown.partition("End an order that is or will be in force (2)")[2].partition("Break a rule")[0]
        assert "C-8 N-7 In force." in ending, "what it says of the person ends the order not to let them in"
        assert "C-4 N-4 Invalid (UU 6/2011 Pasal 14). An Indonesian citizen may not be refused entry." in shown
        assert "Breaks no rule, but must be checked 2" in shown
        assert "C-6 N-6 Ended (Permenimipas 13/2025 Pasal 9)." in shown, "what does not alert says by which law"
        assert "The order that it extends is not on the list." in shown
        assert "By 2 of these rows, orders in force would no longer alert" in shown
        await act(browser, path)
        done = words(await browser.get(await worked(browser, path)))
        assert "Stored 4" in done
        assert "Break a rule, so they never raise an alert 1" in done
        assert done.count("a second person must sign for it") == 2
        assert office.trail(Action.ORDERS_SILENCED) == []
        # Two people import the others.
        path = await previewed(browser, table(*second), "list.csv")
        office.hire("wati", PersonRole.SUPERVISOR)
        signed = {"second_name": "wati", "second_password": PASSWORD}
        answer = await browser.post(f"{path}/confirm", await browser.token(), **signed)
        assert answer.status_code == 303, words(answer)
        assert "Stored 2" in words(await browser.get(await worked(browser, path)))
    (silenced,) = office.trail(Action.ORDERS_SILENCED)
    assert {"order:C-1", "order:C-7"} <= set(json.loads(silenced.objects))


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "decree_date : lies after received_on. Probably meant: {}."),
        ("id", "decree_date : lebih lambat dari received_on. Mungkin maksudnya {}."),
    ],
)
async def test_a_preview_says_which_date_was_probably_meant(pages: Pages, language: str, told: str) -> None:
    meant = order_in_force().decree_date
    assert meant
    ahead = meant.replace(year=meant.year + 1).isoformat()
    texts = ConsoleTexts(Language(language), WIB)
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        browser.client.cookies.set("language", language, domain="127.0.0.1")
        path = await previewed(browser, table(listed("C-1", "N-1", decree_date=ahead)), "list.csv")
        assert told.format(texts.date(meant)) in words(await browser.get(path))
        (line,) = csv.DictReader(io.StringIO((await browser.get(f"{path}/report.csv")).text.removeprefix("\ufeff")))
        assert line["what_is_right"] == told.replace(" :", "").format(texts.date(meant))


FAULTY = (
    {"kind": "CEKAL"},
    {"valid_until": "kapan-kapan"},
    {"nik": "317", "sex": "L"},
    {"requesting_agency": ""},
    {"valid_from": "01/11/2026"},
)
RIGHT = {"kind": "CEGAH", "valid_until": "9999-12-31", "nik": "", "sex": "M", "requesting_agency": "KPK"}


def faulty() -> list[Row]:
    """A list whose first five rows are faulty."""
    rows = [listed(f"C-{number}", f"N-{number}", **cells) for number, cells in enumerate(FAULTY, 1)]
    return [*rows, listed("C-6", "N-6")]


def repair_fields(page: httpx.Response) -> dict[str, str]:
    """The cells that a page offers for correction, each with its value."""
    return {
        unescape(name): unescape(value)
        for name, value in re.findall(r'<input name="([^"]+:[a-z_]+)" value="([^"]*)"', page.text)
    }


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_five_faulty_rows_are_told_and_repaired_on_the_page(office: PortOffice, pages: Pages, kind: str) -> None:
    content = table(*faulty()) if kind == "csv" else spreadsheet(*faulty())
    place = "line" if kind == "csv" else "row"
    async with pages.browser() as browser, pages.browser() as other:
        await browser.sign_in("lina")
        await other.sign_in("nia")
        path = await previewed(browser, content, f"list.{kind}")
        page = await browser.get(path)
        shown = words(page)
        assert "Refused 5" in shown
        for told in ("line 2", "kind", "CEKAL", "CEGAH (may not leave) or TANGKAL (may not enter)"):
            assert told in shown, "row, column, value and what would be right"
        assert "The day comes first: 01/11/2026 is 1 November 2026" in shown
        assert repair_fields(page) == {
            f"{place} 2:kind": "CEKAL",
            f"{place} 3:valid_until": "kapan-kapan",
            f"{place} 4:nik": "317",
            f"{place} 4:sex": "L",
            f"{place} 5:requesting_agency": "",
        }
        others = await other.get(path)
        assert not repair_fields(others), "others see columns, not values"
        assert not re.search(r"\b317\b", words(others))
        assert "317" not in (await other.get(f"{path}/report.csv")).text
        assert "317" in (await browser.get(f"{path}/report.csv")).text
        token = await browser.token()
        assert (await browser.post(f"{path}/repair", token)).status_code == 409, "nothing was corrected"
        assert (await other.post(f"{path}/repair", await other.token(), valid_from="DAY_FIRST")).status_code == 409
        cells = {name: RIGHT[name.partition(":")[2]] for name in repair_fields(page)}
        odd = {"line 2:order_id": "C-9", "row 2:order_id": "C-9", "name": "DAY_FIRST", "x": "y"}
        answer = await browser.post(f"{path}/repair", token, valid_from="DAY_FIRST", **cells, **odd)
        assert answer.status_code == 303
        page = await browser.get(await worked(browser, path))
        assert "New 6" in words(page)
        assert "Corrections 6" in words(page)
        assert repair_fields(page) == {}
        await act(browser, path)
        assert "Stored 6" in words(await browser.get(await worked(browser, path)))
    done = office.trail(Action.WATCHLIST_IMPORTED)[-1]
    assert (done.outcome, json.loads(done.details)["corrected"]) == ("OK", 6)
    recorded = (*office.trail(Action.WATCHLIST_IMPORTED), *office.trail(Action.ORDER_IMPORTED))
    assert not [one for one in recorded if re.search(r"\b317\b", one.details)]  # a digest may have these digits


async def test_what_is_still_wrong_after_a_repair_is_told_again(pages: Pages) -> None:
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        path = await previewed(browser, table(listed("C-1", "N-1", sex="L")), "list.csv")
        await browser.post(f"{path}/repair", await browser.token(), **{"line 2:sex": "pria"})
        page = await browser.get(await worked(browser, path))
        assert repair_fields(page) == {"line 2:sex": "pria"}
        await act(browser, path)
        assert "Refused 1" in words(await browser.get(await worked(browser, path)))


async def test_wrong_values_are_kept_no_longer_than_a_preview(pages: Pages) -> None:
    jobs = pages.console.imports
    async with pages.browser() as browser, pages.browser() as other:
        await browser.sign_in("lina")
        await other.sign_in("nia")
        path = await previewed(browser, table(listed("C-1", "N-1", nik="317"), listed("C-2", "N-2")), "list.csv")
        await browser.post(f"{path}/repair", await browser.token(), **{"line 2:nik": "3175"})
        await act(browser, await worked(browser, path))
        assert "3175" in words(await browser.get(await worked(browser, path)))
        left = await previewed(other, table(listed("C-1", "N-1", nik="318")), "list.csv")
        await browser.post("/sign-out", await browser.token())
        jobs.sweep(pages.console.is_open)
        kept = repr(
            [(job.corrections, [fault.value for one in job.lines for fault in one.faults]) for job in jobs.all()]
        )
        assert ("3175" in kept, "318" in kept) == (False, True)
        jobs._monotonic = lambda: float("inf")
        jobs.sweep(pages.console.is_open)
        page = words(await other.get(left))
        assert "318" not in page
        assert "nik" in page


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_the_template_is_a_list_whose_example_is_refused(pages: Pages, kind: str) -> None:
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        assert f"/list/import/template.{kind}" in (await browser.get("/list/import")).text
        template = await browser.get(f"/list/import/template.{kind}")
        page = await browser.get(await previewed(browser, template.content, f"template.{kind}"))
        assert "Refused 1" in words(page)
        (cell,) = repair_fields(page).items()
        assert cell[1] == EXAMPLE_ORDER_ID
        await browser.post(page.url.path + "/repair", await browser.token(), **{cell[0]: "C-1"})
        assert "New 1" in words(await browser.get(await worked(browser, page.url.path)))
        assert (await browser.get("/list/import/template.exe")).status_code == 404
        if kind == "xlsx":
            first, second = load_workbook(io.BytesIO(template.content)).worksheets
            assert tuple(cell.value for cell in first[1]) == COLUMNS
            explained = {row[0]: row[1:] for row in second.iter_rows(min_row=2, values_only=True)}
            assert tuple(explained) == COLUMNS
            assert all(indonesian and english for _, indonesian, english in explained.values())
            assert [name for name, (needed, *_) in explained.items() if needed] == list(REQUIRED_COLUMNS)


async def test_what_somebody_changed_since_the_preview_is_not_imported(office: PortOffice, pages: Pages) -> None:
    async with pages.browser() as first, pages.browser() as second:
        await first.sign_in("lina")
        await second.sign_in("nia")
        path = await previewed(first, table(listed("C-1", "N-1"), listed("C-2", "N-2")), "list.csv")
        assert "Only the person who sent this file" in words(await second.get(path))
        assert (await act(second, path)).status_code == 409
        assert (await act(second, path, "drop")).status_code == 409
        other = await previewed(second, table(listed("C-2", "N-2", reason="lain")), "other.csv")
        await act(second, other)
        assert "Stored 1" in words(await second.get(await worked(second, other)))
        await act(first, path)
        shown = words(await first.get(await worked(first, path)))
        assert "Not imported. Nothing was imported" in shown
        assert "has changed since the preview" in shown
    imported = [str(link.objects) for link in office.trail(Action.ORDER_IMPORTED)]
    assert not [keys for keys in imported if "C-1" in keys]


def spreadsheet(*rows: Row, columns: tuple[str, ...] = COLUMNS) -> bytes:
    book, content = Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(columns))
    for one in rows:
        sheet.append([one.get(name, "") for name in columns])
    book.save(content)
    return content.getvalue()


async def test_a_spreadsheet_and_a_table_in_windows_1252_are_read(pages: Pages) -> None:
    named = table(listed("C-1", "N-1", name="Réza")).decode().encode("windows-1252")
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        path = await previewed(browser, spreadsheet(listed("C-1", "N-1")), "list.xlsx")
        assert "New 1" in words(await browser.get(path))
        inside = archive({"orders.xlsx": spreadsheet(listed("C-1", "N-1", photographs="a.jpg")), "a.jpg": PORTRAIT})
        assert "New 1" in words(await browser.get(await previewed(browser, inside)))
        for encoding, told in (("windows-1252", "New 1"), ("utf-8", "could be Windows-1252")):
            shown = words(await browser.get(await previewed(browser, named, "list.csv", encoding)))
            assert told in shown, shown


def sealed() -> bytes:
    """An archive that says that it has a password."""
    plain = bytearray(archive({"orders.csv": table()}, zipfile.ZIP_STORED))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        plain[plain.index(mark) + at] |= 1
    return bytes(plain)


MISSPELT = tuple("vald_until" if name == "valid_until" else name for name in COLUMNS)


def hostile() -> dict[str, tuple[bytes, str]]:
    """Files that are not lists, and what the message about each one says."""
    return {
        "a sealed spreadsheet": (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "has a password"),
        "a sealed archive": (sealed(), "has a password"),
        "a cut archive": (archive({"orders.csv": table(listed("C-1", "N-1")), "a": bytes(9999)})[:-40], "is damaged"),
        "a spreadsheet that is none": (b"PK\x03\x04[Content_Types].xml" + bytes(99), "is damaged"),
        "a way out": (archive({"orders.csv": table(), "../../etc/cron.d/x": b"x"}), "outside its folder"),
        "a way out by Windows": (archive({"orders.csv": table(), "..\\x": b"x"}), "outside its folder"),
        "no table": (archive({"list.csv": table()}), "no orders.csv"),
        "two tables": (archive({"a/orders.csv": table(), "b/orders.csv": table()}), "2 tables"),
        "a bomb": (archive({"orders.csv": table(), "a.jpg": bytes(30_000_000)}), "too much memory or time"),
        "an archive within": (archive({"orders.csv": archive({"orders.csv": table()})}), "is not a list"),
        "a picture": (PORTRAIT, "Nothing was imported"),
        "misspelt": (table(columns=MISSPELT), "missing: valid_until (is it 'vald_until'?); unknown: vald_until"),
        "misspelt in a spreadsheet": (spreadsheet(columns=MISSPELT), "valid_until (is it 'vald_until'?)"),
        "in UTF-16": (table(listed("C-1", "N-1")).decode().encode("utf-16"), "it is UTF-16"),
    }


@pytest.mark.parametrize("language", ["en", "id"])
async def test_what_is_no_list_is_refused_whole_with_what_to_do(
    office: PortOffice, pages: Pages, language: str
) -> None:
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        browser.client.cookies.set("language", language, domain="127.0.0.1")
        for what, (content, told) in hostile().items():
            shown = words(await browser.get(await previewed(browser, content, f"{what}.bin")))
            if language == "en":
                assert told in shown, (what, shown)
            refused = {"en": "Not imported. Nothing was imported", "id": "Tidak diimpor. Tidak ada yang diimpor"}
            assert refused[language] in shown, (what, shown)
    assert not [link for link in office.trail(Action.WATCHLIST_IMPORTED) if link.outcome != "PREVIEWED"]


async def test_an_empty_form_and_a_name_made_to_do_harm_are_told(pages: Pages) -> None:
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        assert "Choose a file" in words(await send(browser, b"", "list.csv"))
        assert "Choose a file" in words(await browser.post("/list/import", await browser.token(), encoding="utf-8"))
        assert (await send(browser, table(), "list.csv", "utf-16")).status_code == 409
        script = "<script>alert(1)</script>.csv"
        path = await previewed(browser, table(listed("C-1", "N-1")), f"../../{script}")
        for page in (await browser.get(path), await browser.get("/list/import")):
            assert "<script>alert" not in page.text
            assert "script>.csv" in words(page)
        assert (await browser.get("/list/import/none")).status_code == 404


async def test_two_gigabytes_are_refused_before_they_come(pages: Pages) -> None:
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        host, _, port = pages.address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        cookie = f"cekalwatch={browser.client.cookies['cekalwatch']}"
        head = (
            f"POST /list/import HTTP/1.1\r\nHost: {pages.address}\r\nOrigin: {browser.origin}\r\nCookie: {cookie}\r\n"
        )
        writer.write(
            f"{head}Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 2147483648\r\n\r\n".encode()
        )
        async with asyncio.timeout(10):
            answer = (await reader.read(100_000)).decode()
        assert answer.startswith("HTTP/1.1 413 ")
        assert "The file is larger than 256 MB. Nothing was imported." in answer
        writer.close()


def held_without_a_name() -> set[str]:
    """Files without a name that this process has open in the folder of temporary files."""
    found = set()
    for handle in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add(str(handle.readlink()))
    return {name for name in found if name.startswith(tempfile.gettempdir()) and "(deleted)" in name}


def files_with(content: bytes) -> list[Path]:
    """Files with a name in the folder of temporary files that hold this."""
    found = []
    for file in Path(tempfile.gettempdir()).iterdir():
        with suppress(OSError):
            if file.is_file() and content in file.read_bytes():
                found.append(file)
    return found


async def test_nothing_of_a_file_stays_on_the_consoles_disk(pages: Pages) -> None:
    padding = os.urandom(3_000_000)
    files = {"orders.csv": table(listed("C-1", "N-1")), "a.bin": padding}
    content = archive(files, zipfile.ZIP_STORED)
    before = held_without_a_name()
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        path = await previewed(browser, content)
        assert "New 1" in words(await browser.get(path))
        assert await asyncio.to_thread(files_with, padding[:1000]) == []
        assert held_without_a_name() - before, "it waits in a file without a name"
        assert (await act(browser, path, "drop")).status_code == 303
        assert "Not imported. Nothing was imported" in words(await browser.get(path))
        assert held_without_a_name() <= before
        assert (await act(browser, path)).status_code == 409


async def test_a_file_is_gone_with_its_persons_session_and_after_half_an_hour(pages: Pages) -> None:
    content = table(listed("C-1", "N-1"))
    jobs = pages.console.imports
    async with pages.browser() as browser, pages.browser() as other:
        await browser.sign_in("lina")
        await other.sign_in("nia")
        path = await previewed(browser, content, "list.csv")
        left = await previewed(other, content, "list.csv")
        await browser.post("/sign-out", await browser.token())
        jobs.sweep(pages.console.is_open)
        assert "Not imported. Nothing was imported" in words(await other.get(path))
        assert "Preview." in words(await other.get(left))
        jobs._monotonic = lambda: float("inf")
        jobs.sweep(pages.console.is_open)
        assert "Not imported." in words(await other.get(left))
        assert not [job for job in jobs.all() if job.file]


async def test_more_files_than_may_wait_are_refused(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_jobs, "MAX_FILES", 1)
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        path = await previewed(browser, table(listed("C-1", "N-1")), "list.csv")
        assert "Too many files" in words(await send(browser, table(), "list.csv"))
        await act(browser, path, "drop")
        assert (await send(browser, table(), "list.csv")).status_code == 303


async def test_a_lost_server_leaves_a_page_that_says_what_is_done(tmp_path: Path) -> None:
    office = port_office(tmp_path, {"lina": (PersonRole.LIST_MANAGER,)})
    serving = office.open()
    await serving.__aenter__()
    async with served(office) as pages, pages.browser() as browser:
        await browser.sign_in("lina")
        path = await previewed(browser, table(listed("C-1", "N-1")), "list.csv")
        token = re.search(r'name="form_token" value="([^"]+)"', (await browser.get(path)).text)
        await serving.__aexit__(None, None, None)
        assert token
        assert (await browser.post(f"{path}/confirm", token[1])).status_code == 303
        shown = words(await browser.get(await worked(browser, path)))
        assert "Interrupted. At least 0 of 1 rows were imported" in shown
        assert "cannot be reached" in shown
