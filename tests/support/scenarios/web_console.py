"""A web console that serves real pages, and browsers without a screen."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any

import httpx
import uvicorn

from cekalwatch.console.app import ConsoleApp
from cekalwatch.console.console import Console
from cekalwatch.console.metrics import measured_console
from cekalwatch.console.serving import HEADERS_BYTES
from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.program.translations import Language
from cekalwatch.program.web_connections import uvicorn_config
from cekalwatch.program.web_serving import web_context
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.tls import TlsFiles
from tests.support.scenarios.centre import Centre
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.site_pki import SITE, now

WAIT_S = 30.0
_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For pages in plaintext: to load those of the system takes as long as several pages."""


@dataclass
class Browser:
    """One browser: it keeps cookies, follows links of one page to the next, and fills in forms."""

    client: httpx.AsyncClient
    origin: str

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.client.get(path, **options)

    async def post(self, path: str, token: str = "", origin: str | None = None, **fields: str) -> httpx.Response:
        """Send a form of the page; `origin` None: as a browser says it of the console's own page."""
        data = fields | ({"form_token": token} if token else {})
        return await self.client.post(path, data=data, headers={"Origin": self.origin if origin is None else origin})

    async def token(self, path: str = "/") -> str:
        """Return what stands in the forms of a page."""
        return form_token(await self.get(path))

    async def go_on(self, page: httpx.Response) -> httpx.Response:
        """Follow a page that sends the browser on by itself."""
        return await self.client.get(onward(page))

    async def come_from_elsewhere(self, address: str) -> httpx.Response:
        """Follow a link of another site: a browser then keeps the session's cookie to itself."""
        name, cookies = "cekalwatch", self.client.cookies
        kept = cookies.get(name)
        if kept:
            cookies.delete(name)
        answer = await self.client.get(address)
        if kept and not cookies.get(name):
            cookies.set(name, kept, domain="127.0.0.1")
        return answer

    async def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        return await self.post("/sign-in", name=name, password=password)


def form_token(page: httpx.Response) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def onward(page: httpx.Response) -> str:
    """Where a page sends the browser on to by itself."""
    found = re.search(r'<meta http-equiv="refresh" content="0; url=([^"]+)">', page.text)
    assert found, page.text
    return unescape(found[1])


def pictures_in(page: httpx.Response) -> list[bytes]:
    """The pictures that a page has in itself."""
    return [base64.b64decode(one) for one in re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page.text)]


def words(page: httpx.Response) -> str:
    """The text of a page, as a person reads it."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


@dataclass
class Pages:
    """A console that serves."""

    console: Console
    address: str
    """HOST:PORT; with TLS when there are host names in the console's certificate."""
    metrics_port: int = 0
    """Where the settings say that metrics are served."""

    @asynccontextmanager
    async def browser(self, **options: Any) -> AsyncIterator[Browser]:
        async with httpx.AsyncClient(
            base_url=f"http://{self.address}", timeout=WAIT_S, verify=_NO_AUTHORITIES, **options
        ) as client:
            yield Browser(client, f"http://{self.address}")


@asynccontextmanager
async def served(
    office: PortOffice | Centre, name: str = "console", hosts: tuple[str, ...] = (), at: str = SITE, **overrides: Any
) -> AsyncIterator[Pages]:
    """Serve a console of the site `at`: with TLS under the names `hosts`, or in plaintext on this machine."""
    files = TlsFiles(office.site.folder / "devices" / name)
    office.site.pki.issue(Identity(DeviceRole.CONSOLE, at, name), hosts, files.folder, now())
    settings = ConsoleSettings.load(
        None,
        **{"server_addresses": office.address, "tls_dir": files.folder, "language": Language.EN}
        | {"listen": "127.0.0.1:0"}
        | overrides,
    )
    with measured_console(settings) as (console, metrics_port):
        context = web_context(settings.web_tls) if settings.web_tls else None
        server = uvicorn.Server(uvicorn_config(ConsoleApp(console).asgi, settings.listen, context, HEADERS_BYTES))
        serving = asyncio.create_task(server.serve())
        try:
            async with asyncio.timeout(WAIT_S):
                while not (server.started and console.news.connection.ready):  # noqa: ASYNC110  # both come soon, and tell nobody
                    await asyncio.sleep(0.02)
            port = server.servers[0].sockets[0].getsockname()[1]
            yield Pages(console, f"127.0.0.1:{port}", metrics_port)
        finally:
            server.should_exit = server.force_exit = True
            await serving
            await server.lifespan.shutdown()  # which a forced end leaves out
