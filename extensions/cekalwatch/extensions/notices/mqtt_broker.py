"""Publishes messages at a broker with MQTT 5 over TLS, by paho-mqtt, an extra.

A connection stays open, and says by its will that we are gone: the broker publishes it when signs of life end, also
when this server hangs. A message is published when the broker has confirmed it (QoS 1) without a reason code of a
failure. No thread of its own: whoever uses it calls `keep` every few seconds. Methods block, for one thread at a time.

What a broker sends is read by the library: short packets, and no messages, as we subscribe to nothing.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final
from uuid import uuid4

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, error_string
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cekalwatch.extensions.notices.mqtt_feed import Message
from cekalwatch.extensions.notices.secret_file import read_secret
from cekalwatch.extensions.notices.settings import MqttTerms
from cekalwatch.server.concurrency.outbox import DeliveryError, DeliveryFailure
from cekalwatch.wire.address import split_address
from cekalwatch.wire.tls import TlsFiles

TIMEOUT_S: Final = 10.0
"""For a connection, and for the confirmation of what one call publishes."""
KEEP_ALIVE_S: Final = 20
"""The broker publishes the will after 1.5 times this without a sign of life."""
WILL_DELAY_S: Final = 5
"""A server that starts again, or another one that takes over, within this time was never gone."""
SESSION_EXPIRY_S: Final = 60
MAX_PACKET: Final = 4096
"""Bytes of the longest packet that the broker may send: it has confirmations only."""
QOS: Final = 1
STATUS: Final = "status"
ONLINE, OFFLINE = "online", "offline"


class _BoundedClient(Client):
    """A client that reads short packets and no messages, and closes a connection that TLS refuses."""

    refused: ssl.SSLError | None = None

    def __init__(self, client_id: str, context: ssl.SSLContext) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
        self.connect_timeout = TIMEOUT_S
        self.tls_set_context(context)
        self._tls = context

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        tcp_sock.settimeout(TIMEOUT_S)
        return self._tls.wrap_socket(tcp_sock, server_hostname=self.host)

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > MAX_PACKET:
            raise ConnectionError("the broker sends more than it was asked for")
        try:
            return super()._sock_recv(bufsize)
        except ssl.SSLError as error:
            self.refused = error
            raise

    def _handle_publish(self) -> MQTTErrorCode:
        return MQTTErrorCode.MQTT_ERR_PROTOCOL  # we subscribe to nothing


class MqttBroker:
    """The broker of the settings."""

    def __init__(self, terms: MqttTerms, *, lasting: bool = True) -> None:
        """Not `lasting`: for a test, without will, beside the server's own connection."""
        self._terms = terms
        self._host, self._port = split_address(terms.broker)
        digest = hashlib.sha256(terms.topic.encode()).hexdigest()
        self._client_id = f"cekalwatch-{digest[:12] if lasting else uuid4().hex[:12]}"
        self._lasting = lasting
        self._client: _BoundedClient | None = None
        self._accepted = False
        self._waiting: set[int] = set()
        self._refusal: ReasonCode | None = None

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as the last call has seen."""
        return self._client is not None

    def keep(self) -> None:
        """Read what the broker says, and send a sign of life when it is due."""
        if self._client and (self._step(0.0) or self._refusal):
            self.close()

    def send(self, messages: Iterable[Message]) -> None:
        """Publish messages, and return when the broker has taken all; raises DeliveryError, and then is closed."""
        try:
            if self._client is None:
                self._connect()
            self._publish(messages)
        except DeliveryError:
            self.close()
            raise

    def close(self) -> None:
        """End the connection as if we had died: the broker publishes the will."""
        client, self._client = self._client, None
        if client and (line := client.socket()):
            with suppress(OSError):
                line.close()

    def _connect(self) -> None:
        self._client = client = _BoundedClient(self._client_id, self._context())
        client.on_connect, client.on_publish = self._connected, self._published
        client.on_disconnect = self._disconnected
        if self._terms.password_file:
            client.username_pw_set(self._terms.user, read_secret(self._terms.password_file))
        expiry_s = SESSION_EXPIRY_S if self._lasting else 0
        session = _properties(PacketTypes.CONNECT, SessionExpiryInterval=expiry_s, MaximumPacketSize=MAX_PACKET)
        if self._lasting:
            delay = _properties(PacketTypes.WILLMESSAGE, WillDelayInterval=WILL_DELAY_S)
            client.will_set(self._topic(STATUS), OFFLINE, QOS, retain=True, properties=delay)
        self._accepted, self._refusal = False, None
        self._waiting.clear()
        try:
            # Not a clean start: one that takes over the session of another server keeps its will from being published.
            client.connect(self._host, self._port, KEEP_ALIVE_S, clean_start=not self._lasting, properties=session)
        except ssl.SSLError as error:
            raise _not_trusted(error) from None
        except TimeoutError:
            raise DeliveryError(DeliveryFailure.TIMED_OUT) from None
        except OSError as error:
            raise DeliveryError(DeliveryFailure.UNREACHABLE, error.strerror or type(error).__name__) from None
        self._until(lambda: self._accepted)
        if self._lasting:
            self._publish([Message(STATUS, ONLINE, 0, retained=True)])

    def _publish(self, messages: Iterable[Message]) -> None:
        if (client := self._client) is None:
            raise DeliveryError(DeliveryFailure.UNREACHABLE, "not connected")
        for one in messages:
            kind = "text/plain" if one.topic == STATUS else "application/json"
            expiry = {"MessageExpiryInterval": one.expires_s} if one.expires_s else {}
            properties = _properties(PacketTypes.PUBLISH, ContentType=kind, **expiry)
            self._waiting.add(client.publish(self._topic(one.topic), one.text, QOS, one.retained, properties).mid)
        self._until(lambda: not self._waiting)

    def _until(self, done: Callable[[], bool]) -> None:
        """Talk with the broker until it is done; raises DeliveryError."""
        until_s = time.monotonic() + TIMEOUT_S
        while not done():
            if (rest_s := until_s - time.monotonic()) <= 0:
                raise DeliveryError(DeliveryFailure.TIMED_OUT)
            lost = self._step(rest_s)
            if self._refusal:
                raise DeliveryError(DeliveryFailure.ANSWERED, str(self._refusal))
            if lost:
                raise _not_trusted(refused) if (refused := self._tls_refusal()) else lost

    def _step(self, wait_s: float) -> DeliveryError | None:
        """Read and write once; return why the connection has ended."""
        if (client := self._client) is None:
            return DeliveryError(DeliveryFailure.UNREACHABLE, "not connected")
        try:
            code = client.loop(wait_s)
        except Exception as error:  # noqa: BLE001  # the library raises what its parser trips over
            return DeliveryError(DeliveryFailure.UNREACHABLE, f"no MQTT: {type(error).__name__}")
        return None if code is MQTTErrorCode.MQTT_ERR_SUCCESS else _lost(code)

    def _tls_refusal(self) -> ssl.SSLError | None:
        return self._client.refused if self._client else None

    def _connected(self, _: Client, __: object, ___: ConnectFlags, code: ReasonCode, ____: object) -> None:
        self._accepted = not code.is_failure
        self._refusal = code if code.is_failure else None

    def _published(self, _: Client, __: object, message: int, code: ReasonCode, ___: object) -> None:
        self._waiting.discard(message)
        if code.is_failure:
            self._refusal = code

    def _disconnected(self, _: Client, __: object, flags: DisconnectFlags, code: ReasonCode, ___: object) -> None:
        if flags.is_disconnect_packet_from_server:
            self._refusal = code

    def _topic(self, below: str) -> str:
        return f"{self._terms.topic}/{below}"

    def _context(self) -> ssl.SSLContext:
        """Read the files each time, so that renewed ones are used; raises DeliveryError."""
        try:
            context = ssl.create_default_context(cafile=self._terms.authorities)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self._terms.tls_dir:
                files = TlsFiles(self._terms.tls_dir)
                context.load_cert_chain(files.certificate, files.key, password="")
        except OSError as error:
            raise DeliveryError(DeliveryFailure.FILES_UNREADABLE, error.strerror or type(error).__name__) from None
        return context


def _not_trusted(error: ssl.SSLError) -> DeliveryError:
    return DeliveryError(DeliveryFailure.NOT_TRUSTED, error.reason or "TLS failed")


def _lost(code: MQTTErrorCode) -> DeliveryError:
    return DeliveryError(DeliveryFailure.UNREACHABLE, error_string(code).rstrip("."))


def _properties(packet: int, **values: int | str) -> Properties:
    found = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(found, name, value)
    return found
