"""An identity provider, as whoever sends a browser there has to know it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class ProviderFacts:
    """An OpenID Connect provider; see `IdentityProvider` of the contract."""

    issuer: str
    client_id: str
    scope: str
    authorization_endpoint: str = ""
    """Empty where it was not asked for."""
    end_session_endpoint: str = ""
    """Empty where there is none, or it was not asked for."""
    states_issuer: bool = False
    """Whether it names itself as `iss` in what a browser brings back (RFC 9207)."""

    @property
    def host(self) -> str:
        """What people are shown of it: the name of its machine."""
        return urlsplit(self.issuer).hostname or self.issuer
