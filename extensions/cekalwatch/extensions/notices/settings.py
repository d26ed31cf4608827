"""The settings of notices: `[notices]`, and `[[notices.webhooks]]` for each receiver."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from cekalwatch.extensions.notices.domain import NoticeKind
from cekalwatch.program.settings import Settings
from cekalwatch.server.domain.checkpoints import Key
from cekalwatch.wire.address import address_form, address_or_none


def _https(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError("must begin with https://")
    if parts.username or parts.password or parts.fragment:
        raise ValueError("must have no user, password or fragment: what proves the sender is the signature")
    return url


class SyslogText(StrEnum):
    """The form of the text of syslog messages."""

    JSON = "json"
    """The texts of which the audit trail's chain is made."""
    CEF = "cef"
    """The Common Event Format, for SIEMs."""


@dataclass(frozen=True)
class WebhookTerms:
    """A receiver of webhooks."""

    name: Key
    """Name of the receiver in the log of deliveries: lower-case letters, digits and hyphens."""
    url: Annotated[str, AfterValidator(_https), Field(max_length=512)]
    """Where notices are posted, https only. No redirect is followed."""
    secret_file: Path
    """File that nobody else may read, with the secret that signs: "whsec_" and 24 to 64 bytes as Base64. It is read for
    each notice, so that it can be changed."""
    authorities: Path | None = None
    """PEM file of the authorities that sign the other end's certificate; when not set, those of the system."""
    kinds: Annotated[frozenset[NoticeKind], Field(min_length=1)] = frozenset(NoticeKind)
    """What it receives: "alerts", "troubles" (problems), "checkpoints"."""


@dataclass(frozen=True)
class MqttTerms:
    """The broker of a control room. docs/notices.md explains it."""

    broker: Annotated[str, AfterValidator(address_form)]
    """HOST:PORT of a broker with MQTT 5 over TLS, usually port 8883."""
    topic: Annotated[str, Field(max_length=128, pattern=r"^[a-z0-9-]+(/[a-z0-9-]+)*$")] = "cekalwatch"
    """What topics begin with, of lower-case letters, digits, hyphens and slashes. Installations that share a broker
    have one each."""
    authorities: Path | None = None
    """PEM file of the authorities that sign the other end's certificate; when not set, those of the system."""
    tls_dir: Path | None = None
    """Folder with certificate.pem and key.pem, where the other end requires them."""
    user: Annotated[str, Field(max_length=128)] = ""
    """Name at the broker, with `password_file`; empty: none."""
    password_file: Path | None = None
    """File with the password, which nobody else may read. It is read for each connection."""

    def __post_init__(self) -> None:
        if bool(self.user) != bool(self.password_file):
            raise ValueError("user and password_file belong together")


@dataclass(frozen=True)
class GateTerms:
    """The gate of a counter, which is told what it is asked (docs/gates.md)."""

    name: Key
    """Name of the gate: lower-case letters, digits and hyphens."""
    site: Key
    """Key of the counter's site."""
    counter: Annotated[str, Field(min_length=1, max_length=64)]
    """The counter, as its cameras name it."""
    url: Annotated[str, AfterValidator(_https), Field(max_length=512)]
    """Where notices are posted, https only. No redirect is followed."""
    secret_file: Path
    """File that nobody else may read, with the secret that signs, as that of a webhook. Each gate has its own."""
    authorities: Path | None = None
    """PEM file of the authorities that sign the other end's certificate; when not set, those of the system."""


@dataclass(frozen=True)
class NoticeTerms:
    """Which receivers get which notices."""

    webhooks: tuple[WebhookTerms, ...] = ()
    """The receivers of webhooks (docs/notices.md)."""
    gates: tuple[GateTerms, ...] = ()
    """The gates of counters (docs/gates.md)."""
    syslog: Annotated[str, AfterValidator(address_or_none)] = ""
    """HOST:PORT of a syslog receiver with TLS (RFC 5425, usually port 6514) that gets each entry of the audit trail
    and each problem; empty: none. Checkpoints go to `audit.syslog`, which may be the same."""
    syslog_authorities: Path | None = None
    """PEM file of the authorities that sign the other end's certificate; when not set, those of the system."""
    syslog_tls_dir: Path | None = None
    """Folder with certificate.pem and key.pem, where the other end requires them."""
    syslog_text: SyslogText = SyslogText.JSON
    """Form of the messages' text: "json", with which a collector can check the trail's chain, or "cef", the Common
    Event Format of SIEMs."""
    mqtt: MqttTerms | None = None
    """The broker that gets what a control room shows; when not set, none (extra `mqtt`)."""
    log_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days for which the log keeps a notice after it was delivered or given up."""

    def __post_init__(self) -> None:
        for name, times in Counter(one.name for one in self.webhooks).items():
            if times > 1:
                raise ValueError(f"webhook {name!r} is listed twice")
        for name, times in Counter(one.name for one in self.gates).items():
            if times > 1:
                raise ValueError(f"gate {name!r} is listed twice")


class Section(Settings):
    """The setting that this extension adds."""

    notices: NoticeTerms = NoticeTerms()
    """Webhooks, syslog and MQTT (docs/notices.md)."""
