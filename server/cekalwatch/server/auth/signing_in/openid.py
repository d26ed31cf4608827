"""The identity provider that asks an OpenID Connect provider (OpenID Connect Core 1.0, code flow with PKCE).

The provider identifies a person by issuer and subject. At their first sign-in these are bound to whose sign-in name one
claim is exactly. Its roles and groups are ignored. Blocks, for seconds at most: bytes and time of an answer are
limited, nothing is unpacked, and a provider leads to its own host and to those that the settings name.
"""

from __future__ import annotations

import json
import ssl
import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt

from cekalwatch.contract.values.people import ProviderFacts
from cekalwatch.server.auth.sign_in_terms import OpenIdTerms, ProviderTermsError, require_safe
from cekalwatch.server.auth.signing_in.sign_in import CodeProof, ProviderGrant, SignInRefusedError
from cekalwatch.server.concurrency.answer_deadline import AnswerDeadline
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.people.store import Account, PeopleStore

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with the provider's private key; with a shared secret, every client could sign."""
MAX_BYTES = 256 * 1024
TIMEOUT_S = 5.0
"""Seconds for each step of an answer."""
LONGEST_S = 10.0
"""Seconds for a whole answer."""
LEEWAY_S = 60
"""The allowed difference of the provider's clock."""
METADATA_AGE = timedelta(hours=1)
MAX_TOKEN_AGE = timedelta(minutes=10)
"""A token is made when the code is exchanged, so an older one was stored by somebody."""
MAX_AUTHENTICATION_AGE = timedelta(minutes=2)
"""Maximum age of an authentication that must be fresh."""
MAX_ENDPOINT = 512
MAX_NAME = 255
"""Characters of a subject (Core, 2), and of the claim that names it."""
MAX_REFRESH_TOKEN = 16 * 1024
MAX_MOMENT = 1e12
"""Seconds since 1970, in a token."""


@dataclass(frozen=True)
class _Metadata:
    """What the provider states about itself."""

    authorization_endpoint: str
    """Empty when it states none that may be used."""
    token_endpoint: str
    end_session_endpoint: str
    """Empty when it states none that may be used."""
    states_issuer: bool
    keys: jwt.PyJWKSet
    read_at: datetime


class OpenIdProvider:
    """Identifies people by the provider's answers. Any number of threads may call it."""

    def __init__(self, terms: OpenIdTerms, store: PeopleStore, clock: Clock) -> None:
        """Ask nothing before the first sign-in, so that the server starts without the provider. Raises ProgramError."""
        self._terms = terms
        self._secret = terms.client_secret()
        self._store = store
        self._clock = clock
        self._verification = ssl.create_default_context(cafile=str(terms.authorities) if terms.authorities else None)
        self._lock = threading.Lock()
        self._metadata: _Metadata | None = None

    def facts(self, *, with_endpoints: bool, native: bool = False) -> ProviderFacts | None:
        """See `CodeProvider`; raises PROVIDER_UNAVAILABLE only when endpoints are wanted."""
        terms = self._terms
        client_id = terms.native_client_id if native else terms.client_id
        if not client_id:
            return None
        known = ProviderFacts(terms.issuer, client_id, terms.scope, native=native)
        if not with_endpoints:
            return known
        metadata = self._current()
        if not metadata.authorization_endpoint:
            raise CekalwatchError(Code.PROVIDER_UNAVAILABLE, "metadata: authorization_endpoint")
        return replace(
            known,
            authorization_endpoint=metadata.authorization_endpoint,
            end_session_endpoint=metadata.end_session_endpoint,
            states_issuer=metadata.states_issuer,
        )

    def prove(self, proof: CodeProof) -> tuple[Account, ProviderGrant | None]:
        """See `CodeProvider`."""
        client_id = self._terms.native_client_id if proof.native else self._terms.client_id
        if not client_id:
            raise CekalwatchError(Code.SIGN_IN_NOT_OFFERED, "native")
        metadata = self._current()
        token, refresh_token = self._exchange(metadata, proof, client_id)
        claims = self._verified(metadata, token, proof, client_id)
        name, subject = claims.get(self._terms.claim), claims["sub"]
        account = None
        if isinstance(name, str) and isinstance(subject, str) and max(len(name), len(subject)) <= MAX_NAME:
            account = self._store.provided(self._terms.issuer, subject, unicodedata.normalize("NFC", name))
        if account is None:
            raise SignInRefusedError(detail="known to the provider, not here")
        return account, ProviderGrant(refresh_token, client_id) if refresh_token else None

    def renew(self, grant: ProviderGrant) -> ProviderGrant | None:
        """See `CodeProvider` (RFC 6749, section 6)."""
        form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token}
        status, answer = self._ask_for_tokens(self._current(), form, grant.client_id)
        if status == httpx.codes.BAD_REQUEST and answer.get("error") == "invalid_grant":
            return None
        if status != httpx.codes.OK:  # a fault of the configuration is not the person's
            raise CekalwatchError(Code.PROVIDER_UNAVAILABLE, f"token endpoint: {status} {_word(answer.get('error'))}")
        return replace(grant, refresh_token=_refresh_token(answer) or grant.refresh_token)

    def _ask_for_tokens(
        self, metadata: _Metadata, form: Mapping[str, str], client_id: str
    ) -> tuple[int, dict[str, Any]]:
        secret = self._secret if client_id == self._terms.client_id else None
        auth = httpx.BasicAuth(client_id, secret) if secret is not None else None
        return self._ask("POST", metadata.token_endpoint, data={**form, "client_id": client_id}, auth=auth)

    def _exchange(self, metadata: _Metadata, proof: CodeProof, client_id: str) -> tuple[str, str]:
        """Exchange the code for an identity token and a refresh token, which is empty where there is none."""
        form = {
            "grant_type": "authorization_code",
            "code": proof.code,
            "code_verifier": proof.code_verifier,
            "redirect_uri": proof.redirect_uri,
        }
        status, answer = self._ask_for_tokens(metadata, form, client_id)
        # The rest of its answer may repeat what was sent, so only its code is logged.
        word = _word(answer.get("error"))
        if status == httpx.codes.BAD_REQUEST:
            raise SignInRefusedError(detail=f"the provider refuses the code: {word}")
        token = answer.get("id_token")
        if status != httpx.codes.OK or not isinstance(token, str):
            raise CekalwatchError(Code.PROVIDER_UNAVAILABLE, f"token endpoint: {status} {word}")
        return token, _refresh_token(answer)

    def _verified(self, metadata: _Metadata, token: str, proof: CodeProof, client_id: str) -> dict[str, Any]:
        """Return the claims of a valid identity token (Core, 3.1.3.7)."""
        try:
            key = self._key(metadata, token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=self._terms.issuer,
                audience=client_id,
                leeway=LEEWAY_S,
                options={"require": ["iss", "sub", "aud", "exp", "iat"], "verify_exp": False, "verify_iat": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise SignInRefusedError(detail=f"identity token: {type(error).__name__}") from None
        # By the injected clock: the library uses the machine's.
        now, leeway = self._clock.now().timestamp(), LEEWAY_S
        issued, expires = _number(claims["iat"]), _number(claims["exp"])
        if now >= expires + leeway or issued > now + leeway or now - issued > MAX_TOKEN_AGE.total_seconds() + leeway:
            raise SignInRefusedError(detail="identity token: run out, or not of now")
        if claims.get("nonce") != proof.nonce:
            raise SignInRefusedError(detail="identity token: nonce")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else client_id) != client_id:
            raise SignInRefusedError(detail="identity token: azp")
        if proof.asked_anew or proof.native:
            asked = claims.get("auth_time")
            if asked is None or now - _number(asked) > MAX_AUTHENTICATION_AGE.total_seconds() + leeway:
                raise SignInRefusedError(Code.SIGN_IN_NOT_FRESH, "identity token: auth_time")
        return claims

    def _key(self, metadata: _Metadata, token: str) -> jwt.PyJWK:
        """Return the provider's key that the token names; keys are read again for an unknown one."""
        key_id = jwt.get_unverified_header(token).get("kid")
        for known in (metadata, None):
            keys = (known or self._current(fresh=True)).keys.keys
            found = [key for key in keys if key_id is None or key.key_id == key_id]
            if len(found) == 1:
                return found[0]
        raise ValueError("no key, or several")

    def _current(self, *, fresh: bool = False) -> _Metadata:
        """Return the provider's metadata (Discovery 1.0), read at most an hour ago, or now when `fresh`."""
        with self._lock:
            now = self._clock.now()
            if self._metadata is None or fresh or now - self._metadata.read_at > METADATA_AGE:
                self._metadata = self._read(now)
            return self._metadata

    def _read(self, now: datetime) -> _Metadata:
        issuer = self._terms.issuer
        document = self._get(issuer.rstrip("/") + "/.well-known/openid-configuration")
        if document.get("issuer") != issuer:
            raise CekalwatchError(Code.PROVIDER_UNAVAILABLE, "its metadata is of another issuer")
        try:
            token_endpoint = self._own(str(document["token_endpoint"]))
            keys = jwt.PyJWKSet.from_dict(self._get(self._own(str(document["jwks_uri"]))))
        except (KeyError, ValueError, jwt.PyJWTError) as error:
            raise CekalwatchError(Code.PROVIDER_UNAVAILABLE, f"metadata: {type(error).__name__}") from None
        states_issuer = document.get("authorization_response_iss_parameter_supported") is True
        endpoints = ("authorization_endpoint", "end_session_endpoint")
        to_go, to_end = (self._for_browsers(document.get(name)) for name in endpoints)
        return _Metadata(to_go, token_endpoint, to_end, states_issuer, keys, now)

    def _own(self, url: str) -> str:
        """Return an address that the metadata states, if it is the provider's own; raises ProviderTermsError."""
        issuer, stated = urlsplit(self._terms.issuer), urlsplit(require_safe(url))
        if stated.hostname not in {issuer.hostname, *map(str.casefold, self._terms.hosts)}:
            raise ProviderTermsError("an endpoint is on a host that the settings do not name")
        if issuer.scheme == "https" and stated.scheme != "https":
            raise ProviderTermsError("an endpoint is in plaintext")
        return url

    def _for_browsers(self, value: object) -> str:
        """Return an address to which a browser may be sent, or an empty text."""
        if not isinstance(value, str) or len(value) > MAX_ENDPOINT or not value.isascii() or not value.isprintable():
            return ""
        try:
            return self._own(value)
        except ProviderTermsError:
            return ""

    def _get(self, url: str) -> dict[str, Any]:
        status, answer = self._ask("GET", url)
        if status != httpx.codes.OK:
            raise CekalwatchError(Code.PROVIDER_UNAVAILABLE, f"metadata: {status}")
        return answer

    def _ask(self, method: str, url: str, **how: Any) -> tuple[int, dict[str, Any]]:  # noqa: ANN401  # httpx's own
        """Return status and JSON object of an answer of at most 256 KiB; raises PROVIDER_UNAVAILABLE."""
        deadline = AnswerDeadline()
        try:
            with (
                deadline.within(LONGEST_S),
                httpx.Client(
                    timeout=TIMEOUT_S, follow_redirects=False, trust_env=False, verify=self._verification
                ) as client,
                client.stream(
                    method, url, headers={"accept-encoding": "identity"}, extensions={"trace": deadline.trace}, **how
                ) as response,
            ):
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise CekalwatchError(Code.PROVIDER_UNAVAILABLE, "an answer is compressed")
                body = b""
                for chunk in response.iter_raw():
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise CekalwatchError(Code.PROVIDER_UNAVAILABLE, "an answer is too long")
            answer = json.loads(body)
        except httpx.HTTPError as error:
            raise CekalwatchError(Code.PROVIDER_UNAVAILABLE, type(error).__name__) from None
        except (ValueError, RecursionError):
            raise CekalwatchError(Code.PROVIDER_UNAVAILABLE, "an answer is no JSON") from None
        if not isinstance(answer, dict):
            raise CekalwatchError(Code.PROVIDER_UNAVAILABLE, "an answer is no object")
        return response.status_code, answer


def _refresh_token(answer: Mapping[str, Any]) -> str:
    """Return the refresh token of an answer, or an empty text."""
    token = answer.get("refresh_token")
    return token if isinstance(token, str) and len(token) <= MAX_REFRESH_TOKEN else ""


def _number(value: object) -> float:
    """Return a token's time; raises SignInRefusedError when it is invalid."""
    # Comparisons with NaN are always false.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < MAX_MOMENT:
        raise SignInRefusedError(detail="identity token: a moment is no number")
    return float(value)


def _word(value: object) -> str:
    """Return the provider's error code for the log, or nothing if it is not a short word."""
    return value if isinstance(value, str) and len(value) <= 40 and value.isascii() and value.isidentifier() else ""
