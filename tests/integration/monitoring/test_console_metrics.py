"""A Prometheus has the console's series: sessions, pages, calls to the server and their failures, and imports."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import ProgramError
from tests.integration.console.test_list_import import listed, previewed, table
from tests.integration.monitoring.test_prometheus import dashboard_expressions, prometheus
from tests.support.scenarios.metrics import Metrics
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.web_console import served

WAIT_S = 90.0
C = "cekalwatch_console_"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    people = {role.lower().replace("_", "-"): (role,) for role in PersonRole}
    found = port_office(tmp_path, people | {"sari": (PersonRole.SUPERVISOR,)})
    async with found.open():
        yield found


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("promtool"), reason="apt-get install prometheus")
async def test_prometheus_has_the_series_of_a_console(office: PortOffice, tmp_path: Path) -> None:
    (tmp_path / "prometheus").mkdir()
    async with (
        asyncio.timeout(WAIT_S),
        served(office, metrics_listen="127.0.0.1:0") as pages,
        prometheus(tmp_path / "prometheus", 1, console=pages.metrics_port) as watching,
        pages.browser() as browser,
        pages.browser() as other,
    ):
        await browser.sign_in("list-manager")
        await other.sign_in("supervisor")
        await previewed(browser, table(listed("C-1", "N-1")), "list.csv")
        alert_id = await office.raise_alert()
        assert (await other.get(f"/alerts/{alert_id}")).status_code == 200
        assert (await browser.get("/people")).status_code == 403
        assert (await other.get(f"/alerts/{alert_id[:-1]}0")).status_code in {200, 409}
        wanted = {
            'up{job="cekalwatch-console"}': 1,
            f"{C}sessions": 2,
            f"{C}connected": 1,
            f"{C}viewers": 1,
            f'{C}imports{{state="PREVIEWED"}}': 1,
            f'{C}pages_total{{method="POST",route="/sign-in",status="303"}}': 2,
            f'{C}pages_total{{method="GET",route="/people",status="403"}}': 1,
            f'{C}server_calls_total{{call="SessionService/SignIn",status="OK"}}': 2,
            f'{C}page_seconds_count{{route="/people"}}': 1,
        }
        async with other.client.stream("GET", "/now/news"):
            missing = dict(wanted)

            async def told() -> bool:
                for expression, value in tuple(missing.items()):
                    if await watching.value(expression) == value:
                        del missing[expression]
                return not missing

            await becomes(told)
        calls = await watching.value(f'sum({C}server_calls_total{{call="WatchlistService/ImportListFile"}})')
        assert calls == 1, "a stream counts when it has ended"
        for expression in dashboard_expressions():
            assert await watching.asked("/query", query=expression) is not None, expression


@pytest.mark.slow
async def test_the_metrics_tell_no_key_and_nobody(office: PortOffice) -> None:
    async with served(office, metrics_listen="127.0.0.1:0") as pages, pages.browser() as browser:
        alert_id = await office.raise_alert()
        await browser.sign_in("sari")
        for path in (
            "/",
            f"/alerts/{alert_id}",
            f"/alerts/{alert_id}/unknown",
            "/nowhere",
            "/people/sari",
        ):
            await browser.get(path)
        told = await Metrics.scraped(pages.metrics_port)
        assert 'route="/alerts/{alert_id}"' in told.text
        for secret in (alert_id, "sari", "Contoh Satu", "S-1"):
            assert secret not in told.text, secret
        assert f"{C}certificate_days_left" in told.text


def test_metrics_are_for_this_machine_only() -> None:
    with pytest.raises(ProgramError, match="metrics are for this machine only"):
        ConsoleSettings.load(None, metrics_listen="0.0.0.0:9466")
    assert ConsoleSettings.load(None).metrics_listen == ""
