"""What the settings say of signing in: how long sessions last, and what is agreed with an identity provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cekalwatch.wire.address import is_loopback


@dataclass(frozen=True)
class SessionTerms:
    """How long tokens are good."""

    lifetime: timedelta = timedelta(hours=12)
    """Of a session, however much it is used: a shift."""
    idle: timedelta = timedelta(minutes=15)
    """After this time without a call a session ends."""
    second_person: timedelta = timedelta(minutes=2)
    """How long the word of a second person may wait for its action."""
    noted_every: timedelta = timedelta(minutes=1)
    """How exactly the use is noted: a session can end by so much too early."""

    @property
    def noticed(self) -> timedelta:
        """How often the use is noted; at least four times within the idle time."""
        return min(self.noted_every, self.idle / 4)


class ProviderAddressError(ValueError):
    """An address that must not be used; the message says why."""


@dataclass(frozen=True)
class OpenIdTerms:
    """What is agreed with the provider. Raises ProviderAddressError."""

    issuer: str
    """Its URL; https, except on this machine."""
    client_id: str
    client_secret: str | None = field(repr=False)
    """None for a public client."""
    claim: str
    """The claim that is the sign-in name. Its value must be the provider's to give, and not the person's to choose."""
    authorities: Path | None = None
    """PEM file of the authorities for its https; None for those of the system."""

    def __post_init__(self) -> None:
        require_safe(self.issuer)


def require_safe(url: str) -> str:
    """Return `url` when it is https, or on this machine; raises ProviderAddressError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
        local = parts.scheme == "http" and is_loopback(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except ValueError:
        raise ProviderAddressError(f"{url} is no URL") from None
    if not local and not (parts.scheme == "https" and host):
        raise ProviderAddressError(f"{url} must begin with https://")
    return url
