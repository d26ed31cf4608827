"""An identity provider, as whoever sends a browser there has to know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from annotated_types import MaxLen

from cekalwatch.contract.values.keys import AS_IT_CAME

Address = Annotated[str, AS_IT_CAME, MaxLen(4096)]


@dataclass(frozen=True)
class ProviderFacts:
    """An OpenID Connect provider; see `IdentityProvider` of the contract."""

    issuer: Address
    client_id: Address
    scope: Address
    authorization_endpoint: Address = ""
    """Empty where it was not asked for."""
    end_session_endpoint: Address = ""
    """Empty where there is none, or it was not asked for."""
    states_issuer: bool = False
    """Whether it names itself as `iss` in what a browser brings back (RFC 9207)."""

    @property
    def host(self) -> str:
        """What people are shown of it: the name of its machine."""
        return urlsplit(self.issuer).hostname or self.issuer
