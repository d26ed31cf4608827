"""What an MQTT broker says to the server that publishes there.

python -m tests.fuzz.broker_targets    # writes its seeds to tests/fuzz/corpus
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import cache
from unittest import mock

from cekalwatch.extensions.notices.mqtt_broker import MqttBroker
from cekalwatch.extensions.notices.mqtt_feed import Message
from cekalwatch.extensions.notices.settings import MqttTerms
from cekalwatch.server.concurrency.outbox import DeliveryError

TERMS = MqttTerms("127.0.0.1:1")
MESSAGE = Message("problems", "{}", 60, retained=True)
ACCEPTED, CONFIRMED = bytes.fromhex("2003000000"), bytes.fromhex("4002000140020002")


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()


def broker_answer(data: bytes) -> None:
    """All that a broker says before it ends the connection: the message is published, or it is a failure."""
    ours, theirs = socket.socketpair()
    broker = MqttBroker(TERMS)
    with (
        theirs,
        closing(broker),
        mock.patch("cekalwatch.extensions.notices.mqtt_broker._BoundedClient._create_socket", return_value=ours),
        mock.patch.object(broker, "_context", _context),
    ):
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        with suppress(DeliveryError):
            broker.send([MESSAGE])
            broker.keep()
    ours.close()


def broker_seeds() -> Iterator[bytes]:
    """Give what mosquitto says, and what it says when it refuses."""
    yield ACCEPTED + CONFIRMED
    yield bytes.fromhex("200c00000900220014210014270010") + CONFIRMED
    yield bytes.fromhex("2003008700")
    yield ACCEPTED + bytes.fromhex("400400018700")
    yield ACCEPTED + CONFIRMED + bytes.fromhex("e0028e00")
    yield ACCEPTED + bytes.fromhex("320d0003612f620001000268690a0b") + bytes.fromhex("d000")
    yield ACCEPTED + bytes.fromhex("400b000110071f00047768793f")


def main() -> None:
    """Write them."""
    from tests.fuzz.seeds import store

    store("mqtt_broker", broker_seeds())


if __name__ == "__main__":
    main()
