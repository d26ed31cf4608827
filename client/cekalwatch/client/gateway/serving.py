"""Serves the gateway: uvicorn on connections that are bounded before TLS, and the thread of the subscription."""

from __future__ import annotations

import ssl
import threading
import time
from contextlib import closing

import structlog
import uvicorn

from cekalwatch.client.errors import SetUpError
from cekalwatch.client.gateway.app import create_app
from cekalwatch.client.gateway.gateway import Gateway
from cekalwatch.client.gateway.settings import GatewaySettings
from cekalwatch.program.loops import LOOPS
from cekalwatch.program.web_connections import uvicorn_config

HEADERS_BYTES = 16 << 10

log = structlog.get_logger()


def tls_context(settings: GatewaySettings) -> ssl.SSLContext | None:
    """Return the TLS that callers see; None for plaintext on this machine. Raises SetUpError."""
    if settings.certificate is None or settings.key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.certificate, settings.key)
    except OSError as error:
        raise SetUpError(
            f"{settings.certificate} and {settings.key} cannot be used: {error.strerror or error}"
        ) from None
    return context


def run(settings: GatewaySettings) -> None:
    """Serve until SIGINT or SIGTERM; raises SetUpError."""
    with closing(Gateway(settings)) as gateway:
        server = uvicorn.Server(
            uvicorn_config(create_app(gateway), settings.listen, tls_context(settings), HEADERS_BYTES)
        )
        filling = threading.Thread(
            target=LOOPS.keep_here, args=("gateway_events", gateway.held.fill, time.sleep), name="events", daemon=True
        )
        filling.start()
        server.run()
    if not server.started:
        raise SetUpError(f"{settings.listen} cannot be listened at: is another program there?")
