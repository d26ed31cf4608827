"""Checks before all pages: the called name, the size of a request, and headers.

The pages have no inline code and load nothing from elsewhere; no cache stores them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_FORM_BYTES = 64 << 10
HSTS_S = 180 * 24 * 3600
STATIC_S = 3600
POLICY = "Content-Security-Policy"
_DIRECTIVES = (
    "default-src 'none'",
    *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "connect")),
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)
_POLICY = "; ".join(_DIRECTIVES)
INLINE_PICTURES = _POLICY.replace("img-src 'self'", "img-src 'self' data:")
"""The policy of a page with embedded pictures."""
_HEADERS = {
    POLICY: _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    # Not no-referrer: with that, browsers hide the origin of a form's request, by which we know it for our own.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class _TooLargeError(Exception):
    """A request is larger than any form."""


class SecurityMiddleware:
    """An ASGI application around another one."""

    def __init__(
        self,
        app: ASGIApp,
        hosts: Collection[str],
        larger: Mapping[str, int],
        too_large: Callable[[Request], Awaitable[Response]],
        *,
        tls: bool,
    ) -> None:
        """`hosts`: names that browsers may use. `tls`: tell browsers to use only TLS from now on.

        `larger`: paths that accept more bytes than a form, with their limits; `too_large` answers larger requests.
        """
        self._app = app
        self._larger = larger
        self._too_large = too_large
        self._hosts = {host.lower() for host in hosts}
        self._tls = tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, unless it must not reach the pages."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._set_headers(MutableHeaders(scope=message), static=str(scope["path"]).startswith("/static/"))
            await send(message)

        headers = dict(scope["headers"])
        if _host_name(headers.get(b"host", b"").decode("latin-1")) not in self._hosts:
            # Another site's name that leads here would make its pages one with ours.
            await PlainTextResponse("This console has another name.", 421)(scope, receive, send_guarded)
            return
        taken = 0
        most = self._larger.get(str(scope["path"]), MAX_FORM_BYTES)

        async def receive_bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise _TooLargeError
            return message

        length = headers.get(b"content-length", b"0").decode("latin-1")
        try:
            if not length.isdecimal() or int(length) > most:
                raise _TooLargeError
            await self._app(scope, receive_bounded, send_guarded)
        except _TooLargeError:
            if most == MAX_FORM_BYTES:
                answer: Response = PlainTextResponse("The request is too large.", 413)
            else:
                answer = await self._too_large(Request(scope))
            await answer(scope, receive, send_guarded)

    def _set_headers(self, headers: MutableHeaders, *, static: bool) -> None:
        with_pictures = headers.get(POLICY) == INLINE_PICTURES
        for name, value in _HEADERS.items():
            headers[name] = value
        if with_pictures:
            headers[POLICY] = INLINE_PICTURES
        headers["Cache-Control"] = f"private, max-age={STATIC_S}" if static else "no-store"
        if self._tls:
            headers["Strict-Transport-Security"] = f"max-age={HSTS_S}"


def _host_name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()
