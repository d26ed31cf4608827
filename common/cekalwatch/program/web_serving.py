"""Serves an application: uvicorn on bounded connections, with TLS whose certificate is read again when renewed."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.loops import LOOPS
from cekalwatch.program.memory import settle
from cekalwatch.program.service import ServiceManager
from cekalwatch.program.web_connections import uvicorn_config
from cekalwatch.program.web_settings import WebSettings

RENEWAL_PERIOD_S: Final = 60.0
ALIVE_PERIOD_S: Final = 5.0
STARTS_WITHIN_S: Final = 0.1
"""The delay of the report after it serves."""


def web_context(files: tuple[Path, Path]) -> ssl.SSLContext:
    """Return the TLS that callers see, from certificate and key; raises ProgramError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(*files)
    except (OSError, ssl.SSLError) as error:
        certificate, key = files
        raise ProgramError(
            f"The certificate {certificate} and key {key} cannot be used for callers ({error.strerror or error}): "
            "set web_certificate and web_key to a pair of PEM files that this account may read",
            Exit.CONFIG,
        ) from None
    return context


class _Server(uvicorn.Server):
    """Says that it stops before it waits for the answers that are under way."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], object]) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping()
        await super().shutdown(sockets)


def serve_web(
    app: ASGIApp,
    settings: WebSettings,
    headers_bytes: int,
    serving: str,
    started: Callable[[str], object],
    stopping: Callable[[], object] = lambda: None,
) -> None:
    """Serve until SIGINT or SIGTERM; raises ProgramError when that cannot begin.

    `serving` is said to the service manager; `started` gets the transport; `stopping` lets long answers end.
    """
    tls = settings.web_tls
    context = web_context(tls) if tls else None
    server = _Server(uvicorn_config(app, settings.listen, context, headers_bytes), stopping)
    # uvicorn raises the signal that ended it once more, at the end: nothing is left to be ended by it.
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        asyncio.run(_serve(server, f"serving {serving} at {settings.listen}", started, tls, context))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if not server.started:
        raise ProgramError(f"{settings.listen} cannot be listened at: is another program there?", Exit.UNAVAILABLE)


async def _serve(
    server: uvicorn.Server,
    status: str,
    started: Callable[[str], object],
    tls: tuple[Path, Path] | None,
    context: ssl.SSLContext | None,
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
        started("tls" if tls else "plaintext, this machine only")
        return False

    async def tell_alive() -> None:
        if server.started:
            manager.alive(status)

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
