"""A small OpenID Connect provider on this machine: discovery, keys, and the code flow with PKCE.

It is strict, as a real one is: a code is good once, for its client, its redirection address and its verifier. A test
can make its tokens wrong in one respect at a time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

CLIENT_ID = "cekalwatch"
CLIENT_SECRET = "between the two of them"
REDIRECT = "http://127.0.0.1:8123/back"


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass
class _Grant:
    claims: dict[str, Any]
    challenge: str
    redirect_uri: str


@dataclass
class IdentityServer:
    """Use it as a context manager; `issuer` is its address."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    secret: str | None = CLIENT_SECRET
    documents: dict[str, Any] = field(default_factory=dict)
    """What is answered at a path instead of what is right."""
    change: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    """What is done to the claims of a token before it is signed."""
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._codes: dict[str, _Grant] = {}
        self.rotate()

    def rotate(self) -> None:
        """Sign with another key from now on, and publish only that."""
        self.key = rsa.generate_private_key(65537, 2048)
        self.key_id = secrets.token_hex(4)

    def __enter__(self) -> Self:
        self._server = HTTPServer("127.0.0.1", threaded=True)
        self._server.expect_request(re.compile("/.*")).respond_with_handler(self._answer)
        self._server.start()
        self.issuer = f"http://127.0.0.1:{self._server.port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def consent(self, name: str, verifier: str, nonce: str, redirect_uri: str = REDIRECT) -> str:
        """Return the code that the browser of the person `name` would bring back."""
        code = secrets.token_urlsafe(16)
        claims = {"sub": f"subject of {name}", "preferred_username": name, "nonce": nonce, "roles": ["ADMINISTRATOR"]}
        self._codes[code] = _Grant(claims, challenge_of(verifier), redirect_uri)
        return code

    def _answer(self, request: Request) -> Response:
        self.requests.append(request.path)
        status, document = self._document(request)
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return Response(body, status, content_type="application/json")

    def _document(self, request: Request) -> tuple[int, Any]:
        if request.path in self.documents:
            return self.documents[request.path]  # type: ignore[no-any-return]
        match request.path:
            case "/.well-known/openid-configuration":
                return 200, {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                }
            case "/keys":
                return 200, {"keys": [self._public_key()]}
            case "/token" if request.method == "POST":
                return self._token(request.form, request.headers.get("authorization", ""))
            case _:
                return 404, {"error": "not_found"}

    def _public_key(self) -> dict[str, Any]:
        key = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
        return {**key, "kid": self.key_id, "use": "sig", "alg": "RS256"}

    def _token(self, given: Mapping[str, str], authorization: str) -> tuple[int, Any]:
        if self.secret is not None:
            basic = base64.b64encode(f"{CLIENT_ID}:{self.secret}".encode()).decode()
            if authorization != f"Basic {basic}":
                return 401, {"error": "invalid_client"}
        grant = self._codes.pop(given.get("code", ""), None)
        if (
            grant is None
            or given.get("grant_type") != "authorization_code"
            or given.get("client_id") != CLIENT_ID
            or given.get("redirect_uri") != grant.redirect_uri
            or challenge_of(given.get("code_verifier", "")) != grant.challenge
        ):
            return 400, {"error": "invalid_grant"}
        return 200, {
            "access_token": secrets.token_urlsafe(),
            "token_type": "Bearer",
            "id_token": self.sign(grant.claims),
        }

    def sign(self, claims: dict[str, Any]) -> str:
        now = int(self.now().timestamp())
        full = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, **claims}
        return jwt.encode(self.change(full), self.key, "RS256", {"kid": self.key_id})
