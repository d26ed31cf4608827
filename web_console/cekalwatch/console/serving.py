"""Serves the console."""

from __future__ import annotations

from typing import Final

import structlog

from cekalwatch.console.app import ConsoleApp
from cekalwatch.console.metrics import measured_console
from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.program.web_serving import serve_web

HEADERS_BYTES: Final = 32 << 10

log = structlog.get_logger()


def run(settings: ConsoleSettings) -> None:
    """Serve until SIGINT or SIGTERM; raises ProgramError when that cannot begin."""

    def started(transport: str) -> None:
        log.info("serving_pages", address=settings.listen, transport=transport)

    with measured_console(settings) as (console, _):
        serve_web(ConsoleApp(console).asgi, settings, HEADERS_BYTES, "pages", started)
