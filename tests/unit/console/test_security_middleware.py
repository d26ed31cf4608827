"""What the security middleware lets through to the pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from cekalwatch.console.security_middleware import MAX_FORM_BYTES, SecurityMiddleware


async def read_whole(scope: Scope, receive: Receive, send: Send) -> None:
    """A page that reads its form."""
    await PlainTextResponse(str(len(await Request(scope, receive).body())))(scope, receive, send)


async def never(request: Request) -> PlainTextResponse:
    raise AssertionError(request.url)


async def unannounced(size: int) -> AsyncIterator[bytes]:
    """A form that does not say how long it is."""
    while size > 0:
        yield b"x" * min(size, 1_000)
        size -= 1_000


async def test_a_form_of_unsaid_length_is_read_up_to_the_limit() -> None:
    guarded = SecurityMiddleware(read_whole, ["console.example"], {}, never, tls=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guarded), base_url="http://console.example") as client:
        within = await client.post("/sign-in", content=unannounced(MAX_FORM_BYTES))
        beyond = await client.post("/sign-in", content=unannounced(MAX_FORM_BYTES + 1))
    assert "content-length" not in within.request.headers
    assert (within.status_code, within.text) == (200, str(MAX_FORM_BYTES))
    assert beyond.status_code == 413
