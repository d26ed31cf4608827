"""A receiver of webhooks over TLS on this machine, which checks signatures and keeps what it gets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from cekalwatch.wire.tls import TlsFiles

SECRET = b"the secret of a receiver, 32 byt"


def write_secret(file: Path, secret: bytes = SECRET) -> Path:
    """Write a file with the secret as the settings want it."""
    file.write_text(f"whsec_{base64.b64encode(secret).decode()}\n")
    file.chmod(0o600)
    return file


class WebhookReceiver:
    """Answers with `statuses` one after another, then with 204."""

    def __init__(self, files: TlsFiles, *statuses: int, meanwhile: Callable[[int], None] = lambda _: None) -> None:
        """`meanwhile` is called with the number of each request, from 1, before it is answered."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        self.authority = files.authority
        self.statuses = list(statuses)
        self._meanwhile = meanwhile
        self._requests = 0
        self.attempts: list[str] = []
        """The ids of all notices that came, taken or not."""
        self.taken: list[dict[str, Any]] = []
        self.wrong: list[str] = []
        self._server = HTTPServer("127.0.0.1", ssl_context=context)
        self._server.expect_request("/told", method="POST").respond_with_handler(self._take)
        self._server.expect_request("/elsewhere").respond_with_handler(self._astray)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._server.port}/told"

    @property
    def types(self) -> list[str]:
        return [one["type"] for one in self.taken]

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    def _take(self, request: Request) -> Response:
        notice_id, timestamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        body = request.get_data()
        mac = hmac.digest(SECRET, f"{notice_id}.{timestamp}.".encode() + body, hashlib.sha256)
        if request.headers["webhook-signature"] != "v1," + base64.b64encode(mac).decode():
            self.wrong.append(notice_id)
            return Response(status=401)
        self._requests += 1
        self._meanwhile(self._requests)
        self.attempts.append(notice_id)
        status = self.statuses.pop(0) if self.statuses else 204
        if status == 204:
            self.taken.append(json.loads(body))
        return Response(status=status, headers={"location": "/elsewhere"} if status == 307 else None)

    def _astray(self, _request: Request) -> Response:
        self.wrong.append("followed a redirect")
        return Response(status=204)
