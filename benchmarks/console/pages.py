"""How long the console's pages take, how large the first view is, and what 50 viewers of *Now* cost the server.

    python -m benchmarks.console.pages [FOLDER]

A server and a console process with certificates, 10,000 subjects and 100,000 alerts. A plain HTTP client on the same
machine asks for the pages, so a page's time is that of console and server together. FOLDER keeps the site for the next
run.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import httpx
import numpy as np
import psutil

from benchmarks.console.site import AUDITOR, Site, make_site, open_site
from cekalwatch.contract.values.adjudication import OPEN_STATES
from cekalwatch.contract.values.alerts import AlertFilter, AlertSearch
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.identity import DeviceRole

WARM_UP, VISITS = 5, 40
PAUSE_S: Final = 0.1
"""Between two visits: the server lets a console wait that asks for more than its share (`auth/limits.py`), which a page
in a row without a pause does, and nobody looks at ten a second."""
VIEWERS: Final = 50
REFRESH_S: Final = 30.0
"""How often *Now* renews itself though nothing happened."""
CHANGE_S: Final = 10.0
"""How often an alert is claimed or given back: far busier than a port is."""
ALONE_S, WATCHED_S = 20.0, 60.0
KEY: Final = {"key": "S-05000"}
YESTERDAY: Final = datetime.now(UTC).date() - timedelta(days=1)
MONTH: Final = {"since": str(YESTERDAY - timedelta(days=30)), "until": str(YESTERDAY)}
YEAR: Final = {"since": str(YESTERDAY - timedelta(days=364)), "until": str(YESTERDAY)}
SEARCHES: Final[Mapping[str, dict[str, str]]] = {
    "list_by_name": {"text": "nama 07777"},
    "list_by_rule": {"problem": "INVALID"},
    "list_on_a_day": {"status": "LAPSED", "day": "2026-02-01", "agency": "kejaksaan 7"},
    "list_nobody": {"text": "tidak ada orang ini"},
}
PAGES: Final[Mapping[str, tuple[str, dict[str, str]]]] = {
    "sign_in": ("/sign-in", {}),
    "password": ("/password", {}),
    "now": ("/", {}),
    "now_part": ("/now/part", {}),
    "alerts": ("/alerts", {}),
    "alerts_settled": ("/alerts", {"state": "settled"}),
    "alerts_by_counter": ("/alerts", {"counter": "D3"}),
    "alerts_by_officer": ("/alerts", {"officer": "petugas-3"}),
    "alerts_by_subject": ("/alerts", {"subject": "S-00123"}),
    "alerts_by_span": ("/alerts", {"since": "2025-06-01", "until": "2025-06-02"}),
    "alerts_nobody": ("/alerts", {"counter": "D99"}),
    "list": ("/list", {}),
    "subject": ("/list/subjects", KEY),
    "subject_history": ("/list/subjects/history", KEY),
    "look_alikes": ("/list/look-alikes", {}),
    "look_alikes_pair": ("/list/look-alikes/pair", KEY | {"other": "S-05001"}),
    "import": ("/list/import", {}),
    "sync": ("/list/sync", {}),
    "picture": ("/list/subjects/picture", KEY | {"reference": KEY["key"]}),
    "troubles": ("/troubles", {}),
    "figures": ("/statistics", {}),
    "figures_month": ("/statistics", MONTH),
    "figures_year": ("/statistics", YEAR),
    "figures_report": ("/statistics/report", YEAR),
    "figures_pdf": ("/statistics/report.pdf", YEAR),
    "ports": ("/ports", {}),
    "threshold": ("/threshold", {}),
    "cameras": ("/cameras", {}),
    "camera": ("/cameras/dep-1", {}),
    "devices": ("/devices", {}),
    "people": ("/people", {}),
    "person": ("/people/petugas-3", {}),
    "audit": ("/audit", {}),
    "audit_by_subject": ("/audit", {"subject": KEY["key"]}),
    "audit_entry": ("/audit/1", {}),
    "system": ("/system", {}),
}


def p95_ms(visit: Callable[[], httpx.Response]) -> float:
    """Return the 95th percentile of a page's times."""
    times = []
    for number in range(WARM_UP + VISITS):
        time.sleep(PAUSE_S)
        begun = time.perf_counter()
        answer = visit()
        if number >= WARM_UP:
            times.append(time.perf_counter() - begun)
        if answer.status_code != httpx.codes.OK:
            raise RuntimeError(f"{answer.request.url}: {answer.status_code} {answer.text}")
    return round(float(np.percentile(times, 95)) * 1000, 1)


def page_times(site: Site, cookies: httpx.Cookies) -> dict[str, float]:
    """Return the figures `console.page_p95_ms_…`."""
    figures, headers = {}, {"Origin": site.origin}
    with (
        httpx.Client(base_url=site.origin, cookies=cookies, headers=headers, timeout=30) as client,
        httpx.Client(base_url=site.origin, cookies=site.sign_in(name=AUDITOR), headers=headers, timeout=30) as auditor,
    ):
        alert = re.search(r'href="(/alerts/[0-9a-f-]{36})"', client.get("/alerts").text)
        if alert is None:
            raise RuntimeError("the console shows no alert")
        token = re.search(r'name="form_token" value="([^"]+)"', client.get("/list").text)
        if token is None:
            raise RuntimeError("the list has no form")
        for name, (path, fields) in {**PAGES, "alert": (alert[1], {})}.items():
            figures[name] = p95_ms(partial((auditor if path.startswith("/audit") else client).get, path, params=fields))
        begun = time.perf_counter()
        while True:  # the first search reads the list piece by piece
            _look_for(client, token[1], SEARCHES["list_nobody"])
            if "No subject matches" in client.get("/list").text:
                break
        figures["first_search_of_all"] = round((time.perf_counter() - begun) * 1000, 1)
        for name, fields in SEARCHES.items():
            _look_for(client, token[1], fields)
            figures[name] = p95_ms(lambda: client.get("/list"))
    return {f"console.page_p95_ms_{name}": value for name, value in figures.items()}


def _look_for(client: httpx.Client, token: str, fields: dict[str, str]) -> None:
    answer = client.post("/list", data={"form_token": token, **fields})
    if answer.status_code != httpx.codes.SEE_OTHER:
        raise RuntimeError(f"the form was refused: {answer.text}")


def first_view_kb(site: Site, cookies: httpx.Cookies) -> float:
    """Return what a browser is sent for its first page, with all that belongs to it, in kilobytes."""
    with httpx.Client(base_url=site.origin, cookies=cookies) as client:
        page = client.get("/")
        parts = [page, *map(client.get, re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text))]
        return round(sum(one.num_bytes_downloaded for one in parts) / 1000, 1)


async def _watch(client: httpx.AsyncClient) -> None:
    """Look at *Now* as a browser does: renew the part when something changed, and every REFRESH_S."""

    async def renew() -> None:
        (await client.get("/now/part")).raise_for_status()

    async def listen() -> None:
        async with client.stream("GET", "/now/news", timeout=None) as news:
            async for line in news.aiter_lines():
                if line == "event: changed":
                    await renew()

    listening = asyncio.create_task(listen())
    try:
        while True:
            await asyncio.sleep(REFRESH_S)
            await renew()
    finally:
        listening.cancel()


async def watched_share(site: Site) -> dict[str, float]:
    """Return what the viewers cost server and console, as shares of a core: with them, less without them.

    Each has a session of its own, and an address, of which only so many may sign in in a minute.
    """
    sessions = [site.sign_in(f"127.0.0.{10 + number}") for number in range(VIEWERS)]
    programs = {"server": psutil.Process(site.stack.server.pid), "console": psutil.Process(site.console.pid)}
    site.stack.sign_in("pc-1")
    calls = Calls(site.stack.dialer(DeviceRole.NOTIFIER, "pc-1"))

    class Token:
        def token(self) -> str:
            return site.stack.token("pc-1")

    officer = AlertClient(calls, "pc-1", AlertFilter(), Token())
    alert_id = officer.page(AlertSearch(OPEN_STATES), 1)[0][0].alert_id

    async def change() -> None:
        while True:
            await asyncio.to_thread(officer.claim, alert_id)
            await asyncio.sleep(CHANGE_S)
            await asyncio.to_thread(officer.release, alert_id)
            await asyncio.sleep(CHANGE_S)

    async def shares(seconds: float) -> dict[str, float]:
        before = {name: sum(one.cpu_times()[:2]) for name, one in programs.items()}
        await asyncio.sleep(seconds)
        return {name: (sum(one.cpu_times()[:2]) - before[name]) / seconds for name, one in programs.items()}

    changing = asyncio.create_task(change())
    alone = await shares(ALONE_S)
    async with AsyncExitStack() as stack:
        viewers = []
        for number, cookies in enumerate(sessions):
            client = await stack.enter_async_context(
                httpx.AsyncClient(base_url=site.origin, cookies=cookies, timeout=30)
            )
            await client.get("/")
            await asyncio.sleep(REFRESH_S / VIEWERS / 4)  # people do not come all at once
            viewers.append(asyncio.create_task(_watch(client), name=f"viewer-{number}"))
        watched = await shares(WATCHED_S)
        changing.cancel()
        for task in viewers:
            if task.done():
                task.result()
            task.cancel()
        for task in (changing, *viewers):
            with suppress(asyncio.CancelledError):
                await task
    calls.close()
    return {
        "console.now_50_viewers_cpu": round(watched["server"] - alone["server"], 3),
        "console.now_50_viewers_console_cpu": round(watched["console"] - alone["console"], 3),
    }


def figures_of(folder: Path) -> dict[str, float]:
    """Return the figures of the site in `folder`, which is made when it is not there."""
    make_site(folder)
    with open_site(folder) as site:
        cookies = site.sign_in()
        return {
            **page_times(site, cookies),
            "console.first_view_kb": first_view_kb(site, cookies),
            **asyncio.run(watched_share(site)),
        }


def measure() -> dict[str, float]:
    """Return the figures `console.…`."""
    with tempfile.TemporaryDirectory() as temporary:
        return figures_of(Path(temporary))


if __name__ == "__main__":
    for name, value in (figures_of(Path(sys.argv[1])) if len(sys.argv) > 1 else measure()).items():
        print(f"{name:45} {value}")
