"""The settings of sign-in: duration of sessions, and the terms of an identity provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.wire.address import AddressError, safe_url
from cekalwatch.wire.tls import TlsError, require_private


@dataclass(frozen=True)
class SessionTerms:
    """How long tokens are valid."""

    lifetime: timedelta = timedelta(hours=12)
    """Maximum duration of a session, however much it is used: a shift."""
    idle: timedelta = timedelta(minutes=15)
    """After this time without a call a session ends."""
    second_person: timedelta = timedelta(minutes=2)
    """Maximum time from a second person's sign-in to its action."""
    longest_note_period: timedelta = timedelta(minutes=1)
    """Interval of recording use: a session can end too early by this much."""

    @property
    def note_period(self) -> timedelta:
        """The period of recording use, at least four times within the idle time."""
        return min(self.longest_note_period, self.idle / 4)


class ProviderTermsError(ValueError):
    """An address or a scope that must not be used; the message says why."""


@dataclass(frozen=True)
class OpenIdTerms:
    """The terms of the OpenID Connect provider: `[openid]`. Raises ProviderTermsError."""

    issuer: Annotated[str, Field(min_length=1, max_length=512)]
    """URL of the provider, as its metadata states it: https, except on this machine."""
    client_id: Annotated[str, Field(min_length=1, max_length=256)]
    """What the provider calls this server."""
    client_secret_file: Path | None = None
    """File with the client's secret, which nobody else may read; when not set, this is a public client."""
    native_client_id: Annotated[str, Field(max_length=256)] = ""
    """What the provider calls the programs on officers' PCs: a public client, or `client_id` with its secret. When
    empty, people sign in on PCs with passwords only."""
    claim: Annotated[str, Field(min_length=1, max_length=64)] = "preferred_username"
    """The claim that is a sign-in name known here. People must not be able to choose its value themselves."""
    scope: Annotated[str, Field(min_length=1, max_length=256)] = "openid profile"
    """The requested scopes: `openid`, and the scope with the claim, such as `email`."""
    hosts: tuple[Annotated[str, Field(min_length=1, max_length=253)], ...] = ()
    """Other hosts on which the provider may have endpoints; usually there is none but the issuer's."""
    authorities: Path | None = None
    """PEM file of the authorities that sign the other end's certificate; when not set, those of the system."""

    def __post_init__(self) -> None:
        require_safe(self.issuer)
        if "openid" not in self.scope.split():
            raise ProviderTermsError(f"scope must have openid in it, and is {self.scope}")

    def client_secret(self) -> str | None:
        """Read the secret; None for a public client. Raises ProgramError when the file cannot be used."""
        if self.client_secret_file is None:
            return None
        try:
            require_private(self.client_secret_file)
            return self.client_secret_file.read_text("utf-8").strip()
        except (TlsError, UnicodeDecodeError) as error:
            raise ProgramError(f"Wrong settings: openid: {error}", Exit.CONFIG) from None


def require_safe(url: str) -> str:
    """Return `url` if it is https, or on this machine; raises ProviderTermsError."""
    try:
        return safe_url(url)
    except AddressError as error:
        raise ProviderTermsError(str(error)) from None
