"""Runs the server until it must stop: signals, the service manager, and the wait for a database."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable

import structlog

from cekalwatch.program.errors import ProgramError
from cekalwatch.program.loops import LOOPS
from cekalwatch.program.memory import settle
from cekalwatch.program.service import ServiceManager
from cekalwatch.server.app import Server
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.availability import WAITED_FOR
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError

AWAIT_DATABASE_PERIOD_S = 2.0
ALIVE_PERIOD_S = 10.0
"""The longest time between two reports to the service manager."""

log = structlog.get_logger()


async def await_database(address: str, stopped: asyncio.Event) -> None:
    """Wait while only a standby answers, or the database starts; opening it reports all other errors."""
    with contextlib.closing(Database(address)) as database:
        while not stopped.is_set() and not await asyncio.to_thread(database.answers):
            away = database.availability.away
            if away is None or away.reason not in WAITED_FOR:
                return
            log.warning("database_awaited", reason=away.reason.value, problem=away.problem)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), AWAIT_DATABASE_PERIOD_S)


def run(settings: ServerSettings, load: Callable[[], ServerSettings]) -> None:
    """Serve until SIGINT or SIGTERM; on SIGHUP take over the capture policies that `load` reads.

    The service manager is told when it serves, and that its event loop runs. Raises ProgramError when the server cannot
    start.
    """
    service = ServiceManager()
    alive_s = min(ALIVE_PERIOD_S, service.watchdog_s / 3) if service.watchdog_s else ALIVE_PERIOD_S

    async def reload(server: Server) -> None:
        try:
            await server.reload(await asyncio.to_thread(load))
        except (ProgramError, StorageError) as error:
            log.error("settings_not_reloaded", problem=str(error))  # noqa: TRY400  # no traceback

    async def serve() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
                loop.add_signal_handler(sign, stopped.set)
        await await_database(settings.database_address, stopped)
        if stopped.is_set():
            return
        async with Server(settings) as server:
            reloads = set[asyncio.Task[None]]()

            def begin_reload() -> None:
                task = loop.create_task(reload(server))
                reloads.add(task)
                task.add_done_callback(reloads.discard)

            if sys.platform != "win32":
                loop.add_signal_handler(signal.SIGHUP, begin_reload)

            async def tell_alive() -> None:
                service.alive(f"serving at {server.address}")

            settle()
            service.ready()
            telling = loop.create_task(LOOPS.keep("tell_service_manager", tell_alive, alive_s, first_s=0))
            await stopped.wait()
            service.stopping()
            telling.cancel()

    asyncio.run(serve())
