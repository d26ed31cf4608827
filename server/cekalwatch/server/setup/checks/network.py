"""The server's TCP ports, and the other machines that it must reach."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cekalwatch.program.checks.machine import check_reachable
from cekalwatch.program.checks.results import CheckVerdict, Judged
from cekalwatch.program.connection import open_dialer
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.watchlist.sources.settings import (
    CentreSettings,
    FolderSettings,
    HttpSettings,
    SpreadsheetSettings,
)
from cekalwatch.server.watchlist.sources.source import SourceUnavailable
from cekalwatch.server.wiring.watchlist import port_caller
from cekalwatch.wire.address import is_loopback, split_address
from cekalwatch.wire.calls import told_by

CONNECT_S = 3.0
ANSWER_S = 5.0
EVERY_INTERFACE = frozenset({"0.0.0.0", "::"})  # noqa: S104  # what `listen` may say; nothing is bound for others
_PORTS = {"https": 443, "http": 80}


def check_listen(settings: ServerSettings) -> Judged:
    """Ask the running server for its status; if none runs, check that its TCP port is free. Raises ProgramError."""
    host, port = split_address(settings.listen)
    address = f"127.0.0.1:{port}" if host in EVERY_INTERFACE else settings.listen
    try:
        socket.create_connection(split_address(address), CONNECT_S).close()
    except OSError:
        return _bindable(host, port)
    dialer = open_dialer(address, settings.tls_path)
    with dialer.channel() as channel:
        try:
            request = health_pb2.HealthCheckRequest()
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=ANSWER_S)
        except grpc.RpcError:
            reason = dialer.why_refused() or "something else listens there"
            return CheckVerdict.FAIL, f"{address} does not answer as this server: {reason}"
    if answer.status == health_pb2.HealthCheckResponse.SERVING:
        return CheckVerdict.OK, f"runs and serves at {settings.listen}"
    return CheckVerdict.FAIL, f"runs at {settings.listen} and is not well; its log and docs/operations.md say why"


def check_metrics(settings: ServerSettings) -> Judged:
    """Check the TCP port for monitoring: the server uses it, or it is free."""
    if not (listen := settings.metrics.listen):
        return CheckVerdict.OK, "no metrics are served: [metrics] listen is not set"
    host, port = split_address(listen)
    if not is_loopback(listen) and not settings.tls_path.exists():
        return CheckVerdict.FAIL, f"{listen} is for other machines too, and the server has no certificate yet"
    if any(port == split_address(other)[1] for other in (settings.listen, settings.enrolment_listen) if other and port):
        return CheckVerdict.FAIL, f"[metrics] listen has the port of another listener of the server: {listen}"
    address = ("127.0.0.1" if host in EVERY_INTERFACE else host, port)
    try:
        socket.create_connection(address, CONNECT_S).close()
    except OSError:
        return _bindable(host, port)
    if not is_loopback(listen):
        return CheckVerdict.OK, f"something answers at {listen}: the server, if it runs"
    try:
        health = httpx.get(f"http://{listen}/healthz", timeout=ANSWER_S, trust_env=False)
    except httpx.HTTPError:
        health = None
    if health is None or health.status_code not in {httpx.codes.OK, httpx.codes.SERVICE_UNAVAILABLE}:
        return CheckVerdict.FAIL, f"something else than this server answers at {listen}: choose another port"
    return CheckVerdict.OK, f"{listen}: {', '.join(health.text.split())}"


def check_enrolment(settings: ServerSettings) -> Judged:
    """Check that devices can enrol, at a TCP port of their own."""
    if not settings.enrolment_listen:
        return CheckVerdict.WARN, "no device can enrol: set enrolment_listen, for example 0.0.0.0:50052"
    if split_address(settings.enrolment_listen)[1] == split_address(settings.listen)[1]:
        return CheckVerdict.FAIL, f"enrolment_listen and listen have the same TCP port: {settings.enrolment_listen}"
    return CheckVerdict.OK, f"{settings.enrolment_listen}, open while a device is invited"


def other_places(settings: ServerSettings) -> Iterator[tuple[str, Judged]]:
    """Yield each place that the settings name, and whether it can be reached."""
    match settings.watchlist.source:
        case HttpSettings(address=address):
            yield "source", check_address(address)
        case CentreSettings():
            yield "centre", _centre(settings)
        case FolderSettings(path=path) | SpreadsheetSettings(file=path):
            yield "source", check_path(path)
    if settings.openid:
        yield "identity provider", check_address(settings.openid.issuer)
    if settings.audit.syslog:
        yield "syslog", check_reachable(settings.audit.syslog)
    if settings.audit.timestamp_url:
        yield "time stamps", check_address(settings.audit.timestamp_url)


def check_path(path: Path) -> Judged:
    """Check that a file or folder is there."""
    there = path.exists()
    return CheckVerdict.OK if there else CheckVerdict.FAIL, f"{path} is there" if there else f"there is no {path}"


def _centre(settings: ServerSettings) -> Judged:
    """Ask the centre for its status, as this server's port."""
    caller = port_caller(settings, lambda: "")
    if caller is None:
        raise ValueError("the source is no centre")
    try:
        dialer = caller.dialer()
    except SourceUnavailable as error:
        return CheckVerdict.FAIL, str(error)
    with dialer.channel() as channel:
        try:
            health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=ANSWER_S)
        except grpc.RpcError as error:
            return CheckVerdict.FAIL, f"{dialer.address}: {dialer.why_refused() or told_by(error)}"
    return CheckVerdict.OK, f"{dialer.address} answers, and knows this port"


def _bindable(host: str, port: int) -> Judged:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError as error:
            return CheckVerdict.FAIL, f"it does not run, and cannot listen at {host}:{port}: {error.strerror}"
    return CheckVerdict.WARN, f"it does not run; {host}:{port} is free"


def check_address(url: str) -> Judged:
    """Check that the machine of a URL can be reached."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return check_reachable(f"{host}:{parts.port or _PORTS.get(parts.scheme, 443)}")
