"""Serves the console: uvicorn on bounded connections, with TLS whose certificate is read again when renewed."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Final

import structlog
import uvicorn
from starlette.types import ASGIApp

from cekalwatch.console.app import ConsoleApp
from cekalwatch.console.monitoring.metrics import measured_console
from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.loops import LOOPS
from cekalwatch.program.memory import settle
from cekalwatch.program.service import ServiceManager
from cekalwatch.program.web_connections import uvicorn_config

HEADERS_BYTES: Final = 32 << 10
RENEWAL_PERIOD_S: Final = 60.0
ALIVE_PERIOD_S: Final = 5.0
STARTS_WITHIN_S: Final = 0.1
"""The delay of the report after it serves."""

log = structlog.get_logger()


def web_context(files: tuple[Path, Path]) -> ssl.SSLContext:
    """Return the TLS of the pages, from certificate and key; raises ProgramError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(*files)
    except (OSError, ssl.SSLError) as error:
        certificate, key = files
        raise ProgramError(
            f"The pages' certificate {certificate} and key {key} cannot be used ({error.strerror or error}): set "
            "web_certificate and web_key to a pair of PEM files that this account may read",
            Exit.CONFIG,
        ) from None
    return context


def pages_config(app: ASGIApp, settings: ConsoleSettings, context: ssl.SSLContext | None) -> uvicorn.Config:
    """Return how uvicorn serves the pages."""
    return uvicorn_config(app, settings.listen, context, HEADERS_BYTES)


def run(settings: ConsoleSettings) -> None:
    """Serve until SIGINT or SIGTERM; raises ProgramError when that cannot begin."""
    tls = settings.web_tls
    context = web_context(tls) if tls else None
    with measured_console(settings) as (console, _):
        server = uvicorn.Server(pages_config(ConsoleApp(console).asgi, settings, context))
        asyncio.run(_serve(server, settings, tls, context))
    if not server.started:
        raise ProgramError(f"{settings.listen} cannot be listened at: is another program there?", Exit.UNAVAILABLE)


async def _serve(
    server: uvicorn.Server, settings: ConsoleSettings, tls: tuple[Path, Path] | None, context: ssl.SSLContext | None
) -> None:
    manager = ServiceManager()
    alive_s = min(ALIVE_PERIOD_S, manager.watchdog_s / 3) if manager.watchdog_s else ALIVE_PERIOD_S

    async def follow_certificate() -> None:
        if tls and context:
            await asyncio.to_thread(context.load_cert_chain, *tls)

    async def tell_started() -> bool:
        if not server.started:
            return True
        settle()
        manager.ready()
        log.info("serving_pages", address=settings.listen, transport="tls" if tls else "plaintext, this machine only")
        return False

    async def tell_alive() -> None:
        if server.started:
            manager.alive(f"serving pages at {settings.listen}")

    tasks = [
        asyncio.create_task(LOOPS.keep("follow_web_certificate", follow_certificate, RENEWAL_PERIOD_S)),
        asyncio.create_task(LOOPS.keep("tell_started", tell_started, STARTS_WITHIN_S)),
        asyncio.create_task(LOOPS.keep("tell_service_manager", tell_alive, alive_s)),
    ]
    try:
        await server.serve()
    except SystemExit:  # uvicorn ends the process where an address is taken
        return
    finally:
        for task in tasks:
            task.cancel()
