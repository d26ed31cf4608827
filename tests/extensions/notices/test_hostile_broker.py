"""A broker that was taken over can refuse what we publish, and takes neither memory nor time of the server for it."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cekalwatch.extensions.notices import mqtt_broker
from cekalwatch.extensions.notices.mqtt_broker import MqttBroker
from cekalwatch.extensions.notices.mqtt_feed import Message
from cekalwatch.extensions.notices.settings import MqttTerms
from cekalwatch.server.concurrency.outbox import DeliveryError
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tls import TlsFiles
from tests.support.scenarios.site_pki import Site
from tests.support.tools.own_memory import forget_peak, peak_bytes

ACCEPTED = bytes.fromhex("2003000000")
HUGE = bytes.fromhex("40ffffff7f")
"""The head of the longest packet that MQTT can announce."""
MESSAGE = Message("problems", "{}", 60, retained=True)


@contextmanager
def says(files: TlsFiles, parts: Sequence[bytes]) -> Iterator[MqttBroker]:
    """Run a broker that takes one connection, sends the parts, and is silent then."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    over = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as line:
                line.recv(4096)
                for part in parts:
                    line.sendall(part)
                over.wait(30.0)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve)
        serving.start()
        broker = MqttBroker(MqttTerms(f"127.0.0.1:{listener.getsockname()[1]}", authorities=files.authority))
        try:
            yield broker
        finally:
            over.set()
            broker.close()
            serving.join(30.0)


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    return Site(tmp_path / "site").device(DeviceRole.SERVER, "broker")


def test_the_longest_packet_is_not_read(files: TlsFiles) -> None:
    forget_peak()
    before = peak_bytes()
    with (
        says(files, [ACCEPTED, HUGE, *[bytes(1 << 20)] * 32]) as broker,
        pytest.raises(DeliveryError, match="UNREACHABLE"),
    ):
        broker.send([MESSAGE])
    assert not broker.connected
    assert peak_bytes() - before < 16 << 20


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x20\x03\x00\x00\x05",
        b"\x20\x00",
        ACCEPTED + b"\x40\x01\x00",
        ACCEPTED + b"\x40\x05\x00\x01\x00\xff\xff",
        ACCEPTED + b"\xf0\x00",
        ACCEPTED + b"\xff" * 64,
    ],
)
def test_what_is_no_mqtt_ends_the_connection(files: TlsFiles, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_broker, "TIMEOUT_S", 1.0)
    with says(files, [said]) as broker, pytest.raises(DeliveryError):
        broker.send([MESSAGE])
    assert not broker.connected


@pytest.mark.parametrize("message", ["30080003 6f7065 00 6162", "340a0003 6f7065 0001 00 6162"])
def test_a_message_that_nobody_asked_for_ends_the_connection(files: TlsFiles, message: str) -> None:
    with says(files, [ACCEPTED, bytes.fromhex(message)]) as broker, pytest.raises(DeliveryError, match="UNREACHABLE"):
        broker.send([MESSAGE])


def test_a_broker_that_confirms_nothing_has_its_time(files: TlsFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_broker, "TIMEOUT_S", 0.5)
    for said in ([], [ACCEPTED], [ACCEPTED, *[b"\xd0\x00"] * 100]):
        began_s = time.monotonic()
        with says(files, said) as broker, pytest.raises(DeliveryError, match="TIMED_OUT"):
            broker.send([MESSAGE])
        assert time.monotonic() - began_s < 10.0
