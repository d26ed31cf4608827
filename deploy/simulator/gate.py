"""A simulated gate of a counter: python -m deploy.simulator.gate. It verifies what it is told.

Whoever builds a gate can read here what is asked of one (docs/gates.md). It answers on this machine only.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cekalwatch.extensions.notices.webhook import read_webhook_secret
from cekalwatch.program.cli.command import run
from deploy.simulator.certificates import SimulatorCertificates
from deploy.simulator.system import HOST, SimulatedSystem

MAX_BODY: Final = 4096
TOLERANCE_S: Final = 300
"""How far the clocks may differ."""


class Mode(StrEnum):
    """Who opens the gate now."""

    OWN = "own"
    """The gate, by its own rules."""
    OFFICER = "officer"
    """An officer, by hand."""


class NoticeError(ValueError):
    """A notice that is not obeyed; the text says why."""


@dataclass(frozen=True)
class _Heard:
    asks: str
    until: datetime
    at: datetime


class GateLogic:
    """What a gate has to know, without its web server: any thread may use it."""

    def __init__(self, name: str, secret: bytes, now_s: Callable[[], float] = time.time) -> None:
        self._name, self._secret, self._now_s = name, secret, now_s
        self._lock = threading.Lock()
        self._heard: _Heard | None = None
        self.history: list[str] = []
        """What was asked, without repeats."""

    def hear(self, notice_id: str, timestamp: str, signature: str, body: bytes) -> None:
        """Obey a notice; raises NoticeError when it is not the server's, not for this gate, or not the newest."""
        wanted = hmac.digest(self._secret, f"{notice_id}.{timestamp}.".encode() + body, hashlib.sha256)
        try:
            shown = base64.b64decode(signature.removeprefix("v1,"), validate=True)
        except (binascii.Error, ValueError):
            shown = b""
        if not hmac.compare_digest(wanted, shown):
            raise NoticeError("signature")
        if not timestamp.isdecimal() or abs(int(timestamp) - self._now_s()) > TOLERANCE_S:
            raise NoticeError("timestamp")
        try:
            notice = json.loads(body)
            data = notice["data"]
            until, at = (datetime.fromisoformat(one) for one in (data["until"], notice["timestamp"]))
            heard = _Heard(data["asks"], until, at)
            if notice["type"] != "gate.state" or data["gate"] != self._name:
                raise NoticeError("for another gate")
        except (ValueError, KeyError, TypeError) as error:
            raise NoticeError(str(error)) from None
        if heard.asks not in {"hold", "go", "none"} or heard.until - heard.at > timedelta(minutes=1):
            raise NoticeError("asks")
        with self._lock:
            if self._heard and heard.at <= self._heard.at:  # an older "go" that somebody sends again opens nothing
                raise NoticeError("not the newest")
            if not self._heard or self._heard.asks != heard.asks:
                self.history.append(heard.asks)
            self._heard = heard

    @property
    def mode(self) -> Mode:
        """Who opens it. Silence opens nothing: a hold that was not ended by a notice leaves the gate to the officer."""
        heard = self._heard
        return Mode.OFFICER if heard and heard.asks == "hold" else Mode.OWN

    @property
    def informed(self) -> bool:
        """Whether the last notice still holds; otherwise the officer at the counter is told that nobody speaks."""
        heard = self._heard
        return heard is not None and self._now_s() < heard.until.timestamp()

    def officer_opens(self) -> None:
        """Open by hand, which is possible always; a hold of which nothing more is heard is over with that."""
        with self._lock:
            if not self.informed:
                self._heard = None


class SimulatedGate(SimulatedSystem):
    """A gate with its web server."""

    def __init__(self, logic: GateLogic, certificates: SimulatorCertificates, port: int = 0) -> None:
        super().__init__(port)
        self.logic, self._certificates = logic, certificates
        self.refused: list[str] = []
        """Why notices were not obeyed."""

    def _listen(self) -> ThreadingHTTPServer:
        gate = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_POST(self) -> None:  # the library's
                self.send_response(gate._answer(self))  # its own handler
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:  # noqa: ANN401
                """Say nothing."""

        server = ThreadingHTTPServer((HOST, self._port), Handler)
        server.socket = self._certificates.context(expired=False).wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        return server

    @property
    def url(self) -> str:
        """Where it hears notices."""
        return f"https://{HOST}:{self._port}/gate"

    def _answer(self, request: BaseHTTPRequestHandler) -> HTTPStatus:
        size = request.headers.get("content-length", "")
        if not size.isdecimal() or int(size) > MAX_BODY:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        try:
            notice_id, timestamp, signature = (request.headers.get(name, "") for name in names)
            self.logic.hear(notice_id, timestamp, signature, request.rfile.read(int(size)))
        except NoticeError as error:
            self.refused.append(str(error))
            return HTTPStatus.UNAUTHORIZED
        return HTTPStatus.NO_CONTENT


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def gate(
    name: Annotated[str, typer.Argument(help="Name of the gate in the server's settings.")],
    secret_file: Annotated[Path, typer.Option(help="File with the secret that signs.")],
    tls: Annotated[Path, typer.Option(help="Folder of its certificates, which are made there.")],
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8710,
) -> None:
    """Simulate a gate until Ctrl-C, and print what it is asked."""
    certificates = SimulatorCertificates(tls)
    logic = GateLogic(name, read_webhook_secret(secret_file))
    with SimulatedGate(logic, certificates, port) as running:
        typer.echo(f"url = {json.dumps(running.url)}\nauthorities = {json.dumps(str(certificates.authority))}")
        shown = ""
        while not threading.Event().wait(0.2):
            state = f"{logic.mode}, {'informed' if logic.informed else 'nobody speaks'}"
            if state != shown:
                typer.echo(state)
                shown = state


if __name__ == "__main__":
    run(app)
