"""Serves the gateway, with the thread of its subscription."""

from __future__ import annotations

from typing import Final

import structlog

from cekalwatch.gateway.app import create_app
from cekalwatch.gateway.metrics import measured_gateway
from cekalwatch.gateway.settings import GatewaySettings
from cekalwatch.program.web_serving import serve_web

HEADERS_BYTES: Final = 16 << 10

log = structlog.get_logger()


def run(settings: GatewaySettings) -> None:
    """Serve until SIGINT or SIGTERM; raises ProgramError when that cannot begin."""

    def started(transport: str) -> None:
        log.info("serving_gateway", address=settings.listen, transport=transport)

    with measured_gateway(settings) as (gateway, _), gateway.filling():
        serve_web(create_app(gateway), settings, HEADERS_BYTES, "the gateway", started, gateway.held.stop)
