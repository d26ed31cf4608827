"""The receivers of the client library against the server's own sender of webhooks."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cekalwatch.client.webhooks import NoticeRefusedError, WebhookVerifier
from cekalwatch.extensions.notices.settings import WebhookTerms
from cekalwatch.extensions.notices.webhook import Webhook, signature
from cekalwatch.server.concurrency.outbox import DeliveryError
from cekalwatch.wire.identity import DeviceRole
from tests.support.fakes.webhook_receiver import SECRET, write_secret
from tests.support.repository import ROOT
from tests.support.scenarios.site_pki import Site

EXAMPLES = ROOT / "extensions" / "cekalwatch" / "client" / "examples"
BODY = json.dumps(
    {"type": "alert.raised", "timestamp": "2026-03-24T05:00:00.120000Z", "data": {"alert_id": "A–1"}},
    ensure_ascii=False,
)
NOON = 1774328400


def verifier(now_s: float = NOON) -> WebhookVerifier:
    return WebhookVerifier(f"whsec_{base64.b64encode(SECRET).decode()}\n", lambda: now_s)


def headers(body: str = BODY, notice_id: str = "msg_1") -> dict[str, str]:
    signed = signature(SECRET, notice_id, NOON, body)
    return {"webhook-id": notice_id, "webhook-timestamp": str(NOON), "webhook-signature": signed}


def test_a_notice_is_taken_once() -> None:
    receiver = verifier()
    assert receiver.read(headers(), BODY.encode()) == json.loads(BODY)
    assert receiver.read(headers(), BODY.encode()) is not None, "what was not handled comes again"
    receiver.taken(headers())
    assert receiver.read(headers(), BODY.encode()) is None


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": signature(b"another secret of 32 bytes, or so", "msg_1", NOON, BODY)},
        {"webhook-signature": signature(SECRET, "msg_1", NOON, BODY + " ")},
        {"webhook-id": "msg_2"},
        {"webhook-id": ""},
        {"webhook-timestamp": str(NOON + 1)},
        {"webhook-timestamp": "²"},
        {"webhook-timestamp": "9" * 5000},
    ],
)
def test_what_the_server_did_not_sign_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(NoticeRefusedError):
        verifier().read(headers() | change, BODY.encode())


def test_what_was_recorded_is_refused_later() -> None:
    for late_s in (-301, 301):
        with pytest.raises(NoticeRefusedError, match="clocks"):
            verifier(NOON + late_s).read(headers(), BODY.encode())


def test_a_signature_of_an_old_secret_may_stand_beside_the_new_one() -> None:
    both = headers()
    both["webhook-signature"] = f"v1,bm90aGluZw== {both['webhook-signature']}"
    assert verifier().read(both, BODY.encode())


def test_the_shell_line_says_the_same(tmp_path: Path) -> None:
    secret, body = write_secret(tmp_path / "secret"), tmp_path / "body"
    body.write_text(BODY, "utf-8")
    for notice_id, code in (("msg_1", 0), ("msg_2", 1)):
        command = [EXAMPLES / "verify_webhook.sh", secret, notice_id, NOON, headers()["webhook-signature"], body]
        assert subprocess.run(list(map(str, command)), check=False).returncode == code


@contextmanager
def receiving(site: Site, secret: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the example, and yield it with its URL."""
    files = site.device(DeviceRole.SERVER, "collector")
    command = [sys.executable, EXAMPLES / "receive_webhooks.py", "127.0.0.1:0", files.certificate, files.key, secret]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(list(map(str, command)), **pipes) as running:  # type: ignore[call-overload]
        try:
            yield running, f"https://{running.stderr.readline().split()[-1]}/told"
        finally:
            running.terminate()


@pytest.mark.slow
def test_the_example_takes_what_the_server_sends_and_nothing_else(tmp_path: Path) -> None:
    site, secret = Site(tmp_path / "site"), write_secret(tmp_path / "secret")
    with receiving(site, secret) as (running, url):
        authority = site.device(DeviceRole.SERVER, "collector").authority
        sender = Webhook(WebhookTerms("duty", url, secret, authority))
        forger = Webhook(WebhookTerms("duty", url, write_secret(tmp_path / "other", SECRET[::-1]), authority))
        now = datetime.now(UTC)
        with pytest.raises(DeliveryError, match="401"):
            forger.send("msg_1", BODY, now)
        with pytest.raises(DeliveryError, match="401"):
            sender.send("msg_1", BODY, now - timedelta(minutes=6))
        for notice_id in ("msg_1", "msg_1", "msg_2"):
            sender.send(notice_id, BODY.replace("A–1", notice_id), now)
        printed = [json.loads(running.stdout.readline()) for _ in range(2)]  # type: ignore[union-attr]
    assert [one["data"]["alert_id"] for one in printed] == ["msg_1", "msg_2"]
