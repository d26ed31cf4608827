"""Is all in order with this gateway? A function for each part: its verdict, and what to do. Nothing is changed."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

from cekalwatch.client.client import Problems
from cekalwatch.client.errors import CallError
from cekalwatch.gateway.settings import GatewaySettings
from cekalwatch.office.client.service_client import NoToken
from cekalwatch.program.checks.certificate import check_certificate
from cekalwatch.program.checks.machine import check_clock_set, check_settings
from cekalwatch.program.checks.results import CheckResult, CheckVerdict, Judged
from cekalwatch.program.checks.server import check_server
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.settings import LoadedSettings
from cekalwatch.program.web_serving import web_context
from cekalwatch.wire.address import split_address
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.identity import DeviceRole


def check_installation(loaded: LoadedSettings[GatewaySettings], now: datetime) -> Iterator[CheckResult]:
    """Yield the results as they come; waits at most some seconds for each server."""
    settings = loaded.values
    yield CheckResult("settings", *check_settings(loaded))
    yield CheckResult("clock", *check_clock_set())
    certificate = check_certificate(settings.tls_dir, DeviceRole.NOTIFIER, None, now, "cekalwatch-gateway")
    yield CheckResult("certificate", *certificate)
    yield CheckResult("key", *check_key(settings))
    yield CheckResult("callers", *check_callers(settings))
    if settings.metrics_listen:
        yield CheckResult("metrics", *check_free(settings.metrics_listen, "for Prometheus on this machine"))
    answers = False
    for address in settings.server_addresses:
        found, text = check_server(address, settings.tls_dir)
        answers |= found is not CheckVerdict.FAIL
        yield CheckResult("server", found, text)
    not_asked = CheckVerdict.FAIL, "not asked, since no server answers"
    yield CheckResult("rights", *(check_rights(settings) if answers else not_asked))


def check_key(settings: GatewaySettings) -> Judged:
    """Check the key that callers send."""
    try:
        settings.caller_key()
    except ProgramError as error:
        return CheckVerdict.FAIL, str(error)
    return CheckVerdict.OK, f"in {settings.key_file}, which is its owner's only"


def check_callers(settings: GatewaySettings) -> Judged:
    """Check that callers can be served: certificate, key and address."""
    try:
        tls = settings.web_tls
        if tls:
            web_context(tls)
    except ProgramError as error:
        return CheckVerdict.FAIL, str(error)
    return check_free(settings.listen, f"with {tls[0]}" if tls else "in plaintext, for callers on this machine only")


def check_free(address: str, how: str) -> Judged:
    """Check that the address can be listened at. It may be this gateway's own, while that runs."""
    host, port = split_address(address)
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        why = "the name is not known" if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        return CheckVerdict.WARN, f"{address}: {why}; well if this gateway runs there, else choose another address"
    return CheckVerdict.OK, f"{address} is free, {how}"


def check_rights(settings: GatewaySettings) -> Judged:
    """Ask the server, with this device's certificate, for what the gateway reads without a person."""
    try:
        with closing(Calls(settings.dialer())) as calls:
            found = Problems(calls, "", NoToken()).open()
    except ProgramError as error:
        return CheckVerdict.FAIL, str(error)
    except CallError as error:
        return CheckVerdict.FAIL, f"the server did not tell this device the present problems: {error}"
    return CheckVerdict.OK, f"the server tells this device the present problems: {len(found)}"
