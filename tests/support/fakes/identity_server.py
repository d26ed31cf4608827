"""A small OpenID Connect provider on this machine: discovery, keys, the code flow with PKCE, and its own pages.

It is strict, as a real one is: a code is good once, for its client, its redirection address and its verifier; browsers
are sent to addresses that are registered and to no other, or on an officer's PC to a port of its own; who has signed in
there stays so, until `prompt` or `max_age` ask for more. A test can make its tokens wrong in one respect at a time.
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
from html import escape
from typing import Any, Self
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

CLIENT_ID = "cekalwatch"
CLIENT_SECRET = "between the two of them"
NATIVE_ID = "cekalwatch-pc"
"""The public client of officers' PCs, which go back to any port of their own (RFC 8252, 7.3)."""
NATIVE_REDIRECT = re.compile(r"http://127\.0\.0\.1:[0-9]+/sign-in/back")
REDIRECT = "http://127.0.0.1:8123/back"


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


_SPARE_KEYS: list[rsa.RSAPrivateKey] = []
"""Those of providers that have gone, which others may have: to make one takes a tenth of a second."""


@dataclass
class _Grant:
    claims: dict[str, Any]
    challenge: str
    redirect_uri: str
    client_id: str = CLIENT_ID


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
    host: str = "127.0.0.1"
    """By which browsers call it; `localhost` is another site than 127.0.0.1."""
    redirects: set[str] = field(default_factory=set)
    """Addresses to which a browser may be sent back, with a code or after signing out."""
    error: str = ""
    """With which a browser is sent back instead of a code."""
    ends_sessions: bool = True
    """Whether it publishes where a browser ends its session there."""
    refreshes: bool = False
    """Whether it gives refresh tokens, each good once."""
    barred: set[str] = field(default_factory=set)
    """People whom it allows no longer."""
    asks_anew: bool = True
    """Whether it asks who somebody is when it is told to."""
    came_with: list[dict[str, str]] = field(default_factory=list)
    """What browsers asked for, at its authorization endpoint."""

    def __post_init__(self) -> None:
        self._codes: dict[str, _Grant] = {}
        self._refresh: dict[str, _Grant] = {}
        self._signed_in: dict[str, tuple[str, int]] = {}
        self.rotate()

    def rotate(self) -> None:
        """Sign with another key from now on, and publish only that."""
        self.key = _SPARE_KEYS.pop() if _SPARE_KEYS else rsa.generate_private_key(65537, 2048)
        self.key_id = secrets.token_hex(4)

    def __enter__(self) -> Self:
        self._server = HTTPServer("127.0.0.1", threaded=True)
        self._server.expect_request(re.compile("/.*")).respond_with_handler(self._answer)
        self._server.start()
        self.issuer = f"http://{self.host}:{self._server.port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        _SPARE_KEYS.append(self.key)

    def consent(
        self,
        name: str,
        verifier: str,
        nonce: str,
        redirect_uri: str = REDIRECT,
        client_id: str = CLIENT_ID,
        **more: str,
    ) -> str:
        """Return the code that the browser of the person `name` would bring back."""
        code = secrets.token_urlsafe(16)
        claims = {"sub": f"subject of {name}", "preferred_username": name, "nonce": nonce, "roles": ["ADMINISTRATOR"]}
        claims |= more
        self._codes[code] = _Grant(claims, challenge_of(verifier), redirect_uri, client_id)
        return code

    def _answer(self, request: Request) -> Response:
        self.requests.append(request.path)
        pages = {"/authorize": self._authorize, "/login": self._log_in, "/logout": self._log_out}
        if (page := pages.get(request.path)) and request.path not in self.documents:
            return page(request)
        status, document = self._document(request)
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return Response(body, status, content_type="application/json")

    def _document(self, request: Request) -> tuple[int, Any]:
        if request.path in self.documents:
            return self.documents[request.path]  # type: ignore[no-any-return]
        match request.path:
            case "/.well-known/openid-configuration":
                return 200, self.metadata
            case "/keys":
                return 200, {"keys": [self.public_key()]}
            case "/token" if request.method == "POST":
                return self._token(request.form, request.headers.get("authorization", ""))
            case _:
                return 404, {"error": "not_found"}

    @property
    def metadata(self) -> dict[str, Any]:
        """What it states about itself."""
        ending = {"end_session_endpoint": f"{self.issuer}/logout"} if self.ends_sessions else {}
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?realm=port",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "authorization_response_iss_parameter_supported": True,
            **ending,
        }

    def _authorize(self, request: Request) -> Response:
        asked = request.args.to_dict()
        self.came_with.append(asked)
        client_id, back = asked.get("client_id", ""), asked.get("redirect_uri", "")
        registered = NATIVE_REDIRECT.fullmatch(back) if client_id == NATIVE_ID else back in self.redirects
        if client_id not in {CLIENT_ID, NATIVE_ID} or not registered:
            return Response("This client, or its redirect_uri, is not registered.", 400)
        sound = asked.get("response_type") == "code" and asked.get("code_challenge_method") == "S256"
        if not sound or "openid" not in asked.get("scope", "").split() or not asked.get("nonce"):
            return self._back(asked, error="invalid_request")
        name, at = self._signed_in.get(request.cookies.get("sso", ""), ("", 0))
        anew = asked.get("prompt") == "login" or int(asked.get("max_age", "9999")) <= self.now().timestamp() - at
        if self.error or (name and not (anew and self.asks_anew)):
            return self._back(asked, name=name, at=at)
        hidden = "".join(f'<input type="hidden" name="{key}" value="{escape(asked[key])}">' for key in asked)
        field_ = '<label>Name <input name="who" autofocus></label>'
        form = f'<form method="post" action="/login">{hidden}{field_}<button>Sign in</button></form>'
        return Response(form, content_type="text/html")

    def _log_in(self, request: Request) -> Response:
        asked, at = request.form.to_dict(), int(self.now().timestamp())
        name, cookie = asked.pop("who"), secrets.token_urlsafe()
        self._signed_in[cookie] = (name, at)
        response = self._back(asked, name=name, at=at)
        response.set_cookie("sso", cookie, httponly=True, samesite="Lax")
        return response

    def _back(self, asked: dict[str, str], name: str = "", at: int = 0, error: str = "") -> Response:
        """Send a browser back (RFC 6749, 4.1.2; RFC 9207)."""
        said = {"state": asked["state"], "iss": self.issuer}
        if problem := error or self.error:
            said |= {"error": problem, "error_description": "<script>alert('x')</script>"}
        else:
            code = secrets.token_urlsafe(16)
            claims: dict[str, Any] = {"sub": f"subject of {name}", "preferred_username": name, "nonce": asked["nonce"]}
            if "max_age" in asked:
                claims["auth_time"] = at
            self._codes[code] = _Grant(claims, asked["code_challenge"], asked["redirect_uri"], asked["client_id"])
            said["code"] = code
        return Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{urlencode(said)}"})

    def _log_out(self, request: Request) -> Response:
        self._signed_in.pop(request.cookies.get("sso", ""), None)
        then = request.args.get("post_logout_redirect_uri", "")
        if request.args.get("client_id") != CLIENT_ID or then not in self.redirects:
            return Response("You are signed out.")
        return Response(status=302, headers={"Location": then})

    def public_key(self) -> dict[str, Any]:
        key = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
        return {**key, "kid": self.key_id, "use": "sig", "alg": "RS256"}

    def _token(self, given: Mapping[str, str], authorization: str) -> tuple[int, Any]:
        if given.get("client_id") == NATIVE_ID:
            if authorization:
                return 400, {"error": "invalid_client"}
        elif self.secret is not None:
            basic = base64.b64encode(f"{CLIENT_ID}:{self.secret}".encode()).decode()
            if authorization != f"Basic {basic}":
                return 401, {"error": "invalid_client"}
        if given.get("grant_type") == "refresh_token":
            again = self._refresh.pop(given.get("refresh_token", ""), None)
            if again is None or again.client_id != given.get("client_id"):
                return 400, {"error": "invalid_grant"}
            if again.claims["preferred_username"] in self.barred:
                return 400, {"error": "invalid_grant", "error_description": "the account is disabled"}
            return 200, {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", **self._again(again)}
        grant = self._codes.pop(given.get("code", ""), None)
        if (
            grant is None
            or given.get("grant_type") != "authorization_code"
            or given.get("client_id") != grant.client_id
            or given.get("redirect_uri") != grant.redirect_uri
            or challenge_of(given.get("code_verifier", "")) != grant.challenge
        ):
            return 400, {"error": "invalid_grant"}
        return 200, {
            "access_token": secrets.token_urlsafe(),
            "token_type": "Bearer",
            "id_token": self.sign({"aud": grant.client_id} | grant.claims),
            **self._again(grant),
        }

    def _again(self, grant: _Grant) -> dict[str, str]:
        if not self.refreshes:
            return {}
        token = secrets.token_urlsafe()
        self._refresh[token] = grant
        return {"refresh_token": token}

    def sign(self, claims: dict[str, Any]) -> str:
        now = int(self.now().timestamp())
        full = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, **claims}
        return jwt.encode(self.change(full), self.key, "RS256", {"kid": self.key_id})
