"""*Figures* in the web console, against a real server: what was seen and found, as pages, CSV and PDF, for who may."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from pypdf import PdfReader

from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.translations import Language
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.alerts.field_sums import PassageCount
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.wiring import capture
from cekalwatch.v1 import adjudication_pb2 as adjudication
from cekalwatch.v1 import report_service_pb2
from cekalwatch.v1.report_service_pb2_grpc import ReportServiceStub
from cekalwatch.wire.tokens import bearer
from tests.support.scenarios.port_office import PortOffice, Seat, port_office
from tests.support.scenarios.server import reason_of
from tests.support.scenarios.site_pki import SITE
from tests.support.scenarios.web_console import Browser, Pages, words

pytestmark = pytest.mark.slow
PEOPLE = {
    "sari": (PersonRole.SUPERVISOR,),
    "budi": (),
    "umi": (PersonRole.AUDITOR,),
    "adi": (PersonRole.ADMINISTRATOR,),
}
PASSAGES = 4000
_RATE = {"value": 0.02, "low": 0.015, "high": 0.03, "events": 2, "trials": 100}
_NONE = {"value": math.nan, "low": math.nan, "high": math.nan, "events": 0, "trials": 0}
RUN_OF_VOLUNTEERS = {
    "source": "relawan<b>",
    "model_version": "light-1",
    "people": 50,
    "passages": {"groups": [{"group": "perempuan", "misses": _RATE, "false_alerts": _NONE}]},
    "group_pairs": [
        {"traveller": "", "listed": "", "mistaken": _RATE | {"value": 0.001}},
        {"traveller": "perempuan", "listed": "perempuan", "mistaken": _RATE},
    ],
}
WAIT_S = 30.0


@pytest.fixture
async def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PortOffice]:
    """One false alert among 4,000 passages of the camera that had it, and of one that had none."""
    monkeypatch.setattr(capture, "COUNT_PASSAGES_PERIOD_S", 3600.0)  # its own passage would count in a minute
    (tmp_path / "evaluation.json").write_text(json.dumps(RUN_OF_VOLUNTEERS))
    async with port_office(tmp_path, PEOPLE, group_figures=tmp_path / "evaluation.json").open() as found:
        alert_id = await found.raise_alert()
        officer = await found.sign_in("budi")
        claimed = await officer.claim(alert_id)
        await officer.judge(claimed, adjudication.OUTCOME_NOT_SAME_PERSON, adjudication.REASON_FACE_DIFFERS)
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        counts = {"dep-1": PASSAGES, "dep-2": 1234}
        FieldStore(found.database).add(
            PassageCount(camera, SITE, Direction.DEPARTURE, hour - timedelta(hours=1), passages)
            for camera, passages in counts.items()
        )
        yield found


async def ask(seat: Seat, **fields: Any) -> Any:
    stub: Any = ReportServiceStub(seat.channel)
    fields = {"start_time": Timestamp(seconds=1_790_000_000)} | fields
    request = report_service_pb2.GetFieldReportRequest(**fields)
    return await stub.GetFieldReport(request, metadata=bearer(seat.token), timeout=WAIT_S)


async def refusal(seat: Seat, **fields: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(seat, **fields)
    return reason_of(caught.value)


async def test_a_page_tells_passages_alerts_and_false_alerts_with_intervals_plots_and_times(browser: Browser) -> None:
    for span in ("shift", "day", "week", "month"):
        page = await browser.get(f"/statistics?span={span}")
        assert page.status_code == 200
        assert " style=" not in page.text
    shown = words(await browser.get("/statistics?span=shift"))
    assert "dep-1 4,000 1 1 0 0 1 in 4,000 1 in 22,659 – 1 in 707" in shown
    assert "dep-2 1,234 0 0 0 0 0 0 – 1 in 322" in shown
    assert "Kejaksaan Agung (" in shown
    assert "(1 alert)" in shown
    page = await browser.get("/statistics?span=shift")
    assert page.text.count('<svg class="plot"') == 2
    assert page.text.count('<svg class="spark"') >= 5
    weeks = words(await browser.get("/statistics?by=week"))
    assert "Last 12 weeks" in weeks
    assert "Most alerts at one counter in ten minutes 1 (acceptable by EEMUA 191)" in weeks
    assert page.text.count('class="interval"') == 2, "of the cameras' shares; faces of an hour were counted"
    assert "alerts: 1</text>" in page.text
    hours = re.findall(r'<text class="up"[^>]*>(\d\d):00</text>', page.text)
    assert hours, "an hour with faces has a bar, whether or not an alert was false"
    turn = [(int(one) - int(hours[0])) % 24 for one in hours]
    assert turn == sorted(turn), "hours stand as they came, also over midnight"
    assert "Threshold in force when this report was made 0." in words(
        await browser.get("/statistics/report?span=shift")
    )
    assert "threshold_in_force,,,,,,,,,,,,,0." in (await browser.get("/statistics/table.csv?span=shift")).text


async def test_the_former_address_leads_to_the_page(browser: Browser) -> None:
    for below in ("", "/report", "/report.pdf", "/table.csv"):
        answer = await browser.get(f"/figures{below}?span=shift")
        assert (answer.status_code, answer.headers["location"]) == (308, f"/statistics{below}?span=shift")


async def test_days_that_somebody_chose_are_shown_and_wrong_ones_are_told(browser: Browser) -> None:
    today = datetime.now(UTC).date()
    chosen = await browser.get(f"/statistics?since={today - timedelta(days=300)}&until={today + timedelta(days=1)}")
    assert chosen.status_code == 200
    assert "5,234" in words(chosen)
    for query, told in (
        ("since=2026-13-01", "date"),
        ("until=2026-03-01", "Enter the first day"),
        ("since=2026-03-02&until=2026-03-01", "last day is before the first"),
        ("since=2020-03-02&until=2026-03-01", "more than 366 days"),
    ):
        for path in ("/statistics", "/statistics/report", "/statistics/report.pdf", "/statistics/table.csv"):
            answer = await browser.get(f"{path}?{query}")
            assert answer.status_code == 409
            assert told in words(answer), (path, query)
    assert (await browser.get("/statistics?since=1999-01-01&until=1999-02-01")).status_code == 409


async def test_the_report_is_a_page_and_a_pdf_that_say_the_same_in_both_languages(
    office: PortOffice, browser: Browser
) -> None:
    for language, seen, measured in (
        (Language.EN, "Faces seen: 5,234. Alerts: 1, of which", "measured on 50 volunteers (relawan<b>, light-1)"),
        (
            Language.ID,
            "Wajah terlihat: 5.234. Peringatan: 1; ",
            "diukur pada 50 sukarelawan (relawan<b>, light-1)",
        ),
    ):
        browser.client.cookies.set("language", language, domain="127.0.0.1")
        page = words(await browser.get("/statistics/report?span=shift"))
        answer = await browser.get("/statistics/report.pdf?span=shift")
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["cache-control"] == "no-store"
        assert 'filename="cekalwatch-batam-center-' in answer.headers["content-disposition"]
        reader = PdfReader(io.BytesIO(answer.content))
        assert str(reader.root_object["/Lang"]) == language
        assert reader.metadata
        assert str(reader.metadata.title) in page
        text = " ".join(" ".join(sheet.extract_text() for sheet in reader.pages).split())
        for told in (seen, measured, "perempuan", "dep-1", "Kejaksaan Agung", "0.480" if "0.480" in page else "dep-2"):
            assert told in page
            assert told in text
        assert "Contoh" not in text + page
    taken = [json.loads(link.details) for link in office.trail(Action.REPORT_TAKEN)]
    assert [one["site"] for one in taken] == [SITE, SITE]
    assert all(one["since"] < one["until"] for one in taken)


async def test_the_table_can_be_added_up(office: PortOffice, browser: Browser) -> None:
    answer = await browser.get("/statistics/table.csv?span=shift")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    cameras = {row["key"]: row for row in rows if row["figure"] == "camera"}
    assert (cameras["dep-1"]["passages"], cameras["dep-1"]["false_alerts"]) == ("4000", "1")
    assert float(cameras["dep-1"]["false_rate"]) == pytest.approx(1 / PASSAGES)
    assert [row["value"] for row in rows if row["figure"] == "site"] == [SITE]
    assert len(office.trail(Action.REPORT_TAKEN)) == 1


async def test_auditors_may_too_and_nobody_else(office: PortOffice, pages: Pages) -> None:
    for name, status in (("umi", 200), ("budi", 403), ("adi", 403)):
        async with pages.browser() as browser:
            await browser.sign_in(name)
            for path in ("/statistics", "/statistics/report", "/statistics/report.pdf", "/statistics/table.csv"):
                assert (await browser.get(path)).status_code == status, (name, path)
    assert len(office.trail(Action.REPORT_TAKEN)) == 2


async def test_the_server_decides_who_may_of_which_site_and_of_which_span(office: PortOffice) -> None:
    sari = await office.sign_in("sari")
    now = Timestamp(seconds=int(datetime.now(UTC).timestamp()))
    found = await ask(sari, start_time=Timestamp(seconds=now.seconds - 5 * 3600), taken=False)
    assert (found.site, found.whole.passages, found.whole.false_alerts, found.listed) == (SITE, 5234, 1, 1)
    assert found.start_time.seconds % 3600 == 0
    assert (found.claims.count, found.decisions.count) == (1, 1)
    assert found.whole.false_rate.low < found.whole.false_rate.value < found.whole.false_rate.high
    assert office.trail(Action.REPORT_TAKEN) == []
    assert await refusal(sari, start_time=now, site="sekupang") == "SITE_NOT_ALLOWED"
    assert await refusal(sari, start_time=None) == "ARGUMENT_INVALID"
    assert await refusal(sari, start_time=now, end_time=Timestamp(seconds=now.seconds - 1)) == "ARGUMENT_INVALID"
    long_ago = Timestamp(seconds=now.seconds - 367 * 86_400)
    assert await refusal(sari, start_time=long_ago) == "ARGUMENT_INVALID"
    assert await refusal(await office.sign_in("budi"), start_time=now) == "PERSON_ROLE_NEEDED"
    week = Timestamp(seconds=now.seconds - 7 * 86_400)
    days = await ask(sari, start_time=week, periods=report_service_pb2.FIELD_PERIOD_LENGTH_DAY)
    # Seven in the first hour of a day.
    assert len(days.periods) in {5, 6, 7}, "whole days by the site's clock, from an hour on and up to now"
    assert days.busiest == 1
    assert days.periods[0].end_time == days.periods[1].start_time
    assert await refusal(sari, start_time=week, periods=99) == "ARGUMENT_INVALID"
    tomorrow, later = (Timestamp(seconds=now.seconds + days * 86_400) for days in (1, 2))
    empty = await ask(sari, start_time=tomorrow, end_time=later)
    assert (empty.whole.passages, empty.whole.HasField("false_rate")) == (0, False)
