"""A browser's way to the identity provider and back (OpenID Connect Core 1.0, code flow with PKCE; RFC 9207).

The console and the programs on officers' PCs use it. What comes back is only a code: the server exchanges it, and
decides who the person is.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import grpc

from cekalwatch.contract.values.people import ProviderFacts
from cekalwatch.office.client.refusals import Failure, error_reason, explain
from cekalwatch.office.client.session_client import Code
from cekalwatch.program.translations import Texts

BACK: Final = "/sign-in/back"
"""The path of the redirect URI, of consoles and PCs."""
SECRET_BYTES: Final = 32
MAX_CODE: Final = 2048
MAX_CODE_OF_ERROR: Final = 40
LATER: Final = ("server_error", "temporarily_unavailable")


@dataclass(frozen=True)
class ProviderVisit:
    """What a browser takes to the provider, and what its answer is compared with."""

    provider: ProviderFacts
    """With its endpoints."""
    redirect_uri: str
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(SECRET_BYTES), repr=False, kw_only=True)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(SECRET_BYTES), repr=False, kw_only=True)

    def address(self, state: str, language: str) -> str:
        """Return where the browser goes: the authentication request (OpenID Connect Core 1.0, 3.1.2.1)."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        return with_query(
            self.provider.authorization_endpoint,
            response_type="code",
            client_id=self.provider.client_id,
            redirect_uri=self.redirect_uri,
            scope=self.provider.scope,
            state=state,
            nonce=self.nonce,
            code_challenge=challenge,
            code_challenge_method="S256",
            # The provider must ask for the present person, not the previous one: PCs are shared, and idle sessions end.
            prompt="login",
            max_age="0",
            ui_locales=language,
        )

    def proof(self, answer: Mapping[str, str]) -> Code:
        """Return what an answer without `refusal` proves."""
        return Code(answer["code"], self.verifier, self.nonce, self.redirect_uri)

    def refusal(self, answer: Mapping[str, str], texts: Texts) -> str:
        """Return why the answer has no code that may be used, or an empty text; it is the query that came back."""
        host, issuer, error = self.provider.host, answer.get("iss", ""), answer.get("error", "")
        if (issuer or self.provider.states_issuer) and issuer != self.provider.issuer:
            return texts.say("PROVIDER_MIXED_UP", provider=host)
        if error == "access_denied":
            return texts.say("PROVIDER_DENIED", provider=host)
        if error in LATER:
            return texts.say("PROVIDER_LATER", provider=host)
        if error or not 0 < len(answer.get("code", "")) <= MAX_CODE:
            # The other texts of the address are not ours: its author chooses them.
            shown = error if error.isascii() and error.isidentifier() and len(error) <= MAX_CODE_OF_ERROR else "?"
            return texts.say("PROVIDER_REFUSES", provider=host, code=shown)
        return ""

    def explain(self, error: Failure, texts: Texts) -> str:
        """Return why the server did not let the person in whom the provider knows."""
        if isinstance(error, grpc.RpcError) and error_reason(error) == "SIGN_IN_REFUSED":
            return texts.say("PROVIDER_NOT_ENOUGH", provider=self.provider.host)
        return explain(error, texts)


def end_address(provider: ProviderFacts, language: str, **fields: str) -> str:
    """Return where a browser ends the provider's session (RP-Initiated Logout 1.0); empty where there is no such place.

    Nobody here has an identity token to show there, so the provider may ask the person whether it is to be.
    """
    if not provider.end_session_endpoint:
        return ""
    return with_query(provider.end_session_endpoint, client_id=provider.client_id, **fields, ui_locales=language)


def with_query(address: str, **fields: str) -> str:
    """Return an address with more fields in its query."""
    parts = urlsplit(address)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *fields.items()])
    return urlunsplit(parts._replace(query=query, fragment=""))
