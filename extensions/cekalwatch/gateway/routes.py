"""The gateway's routes. Each is a call that the server judges, by the device's certificate and the person's token."""

from __future__ import annotations

import hmac
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Any, Final, NoReturn

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from cekalwatch.client.client import Sessions
from cekalwatch.client.list_import import send_list
from cekalwatch.gateway.gateway import Gateway, GivenToken
from cekalwatch.gateway.held_events import PositionError
from cekalwatch.gateway.messages import (
    MAX_NUMBER,
    Acknowledgement,
    Credentials,
    Events,
    ListResult,
    OpenProblem,
    Session,
    States,
)
from cekalwatch.gateway.problems import GatewayError
from cekalwatch.office.client.import_client import ImportClient
from cekalwatch.office.client.session_client import Password

MAX_PAGE: Final = 100
MAX_WAIT_S: Final = 30
MAX_TOKEN: Final = 200
"""Characters of a session's token; the server's have fewer."""

_KEY = HTTPBearer(auto_error=False, description="The key in the gateway's key_file.")
_PERSON = APIKeyHeader(name="Cekalwatch-Session", auto_error=False, description="The token of POST /v1/session.")
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def gateway_of(request: Request) -> Gateway:
    """Return the gateway of the application."""
    gateway: Gateway = request.app.state.gateway
    return gateway


TheGateway = Annotated[Gateway, Depends(gateway_of)]


def known(gateway: TheGateway, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_KEY)]) -> None:
    """Refuse a caller without the key."""
    if given is None or not hmac.compare_digest(given.credentials.encode(errors="replace"), gateway.key):
        raise GatewayError(401, "KEY_WRONG", "The key is missing or wrong.", "Send Authorization: Bearer KEY.")


def person(token: Annotated[str | None, Depends(_PERSON)]) -> GivenToken:
    """Return the token that came with a request; the server judges it."""
    sendable = token is not None and len(token) <= MAX_TOKEN and token.isascii() and token.isprintable()
    return GivenToken(token if token and sendable else "")


ThePerson = Annotated[GivenToken, Depends(person)]
FileName = Annotated[
    str, Query(alias="name", pattern=r"^[A-Za-z0-9_-]{1,100}\.(csv|xlsx|zip)$", description="Name of the list file.")
]
Number = Annotated[int | None, Query(ge=0, le=MAX_NUMBER, description="Cursor; else after what is acknowledged.")]
PageSize = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Most events in the answer.")]
Wait = Annotated[int, Query(ge=0, le=MAX_WAIT_S, description="Seconds to wait for the first event.")]
Digest = Annotated[str, Query(pattern="^[0-9a-f]{64}$", description="That of the preview.")]

router = APIRouter(prefix="/v1", dependencies=[Depends(known)])


@router.get("/openapi.json", include_in_schema=False)
def document(request: Request) -> JSONResponse:
    return JSONResponse(request.app.openapi())


@router.get("/events")
def events(gateway: TheGateway, after: Number = None, limit: PageSize = 100, wait_seconds: Wait = 0) -> Events:
    """Return what happened to alerts and is not acknowledged: in order, without names."""
    if not gateway.waiting.acquire(blocking=False):
        raise GatewayError(429, "TOO_MANY_WAIT", "Too many requests wait for events.", "Wait for an answer first.")
    try:
        found = gateway.held.after(after, limit, wait_seconds)
    except PositionError:
        _refuse_position()
    finally:
        gateway.waiting.release()
    return Events(events=found, cursor=found[-1].sequence if found else after or 0)


def _refuse_position() -> NoReturn:
    raise GatewayError(
        409, "CURSOR_UNKNOWN", "There is no such event.", "Ask without `after`: the server's log may be another one."
    )


@router.post("/events/acknowledgement", status_code=204)
def acknowledge(gateway: TheGateway, given: Acknowledgement) -> None:
    """Say that all events up to one are handled: they do not come again."""
    try:
        gateway.held.acknowledge(given.sequence)
    except PositionError:
        _refuse_position()


@router.get("/states")
def states(gateway: TheGateway) -> States:
    """Return whether a listed traveller would ring now, how old the list is, and the present problems."""
    stream = gateway.held.stream
    readiness = stream.connection.readiness()
    return States(
        connected=stream.connection.ready,
        would_ring=stream.connection.level(),
        fault=readiness.fault if readiness else None,
        counters=list(readiness.counters) if readiness else [],
        waiting_alerts=stream.waiting_alerts,
        list_renewed_at=stream.freshness.last_success_at,
        problems=[OpenProblem.of(one) for one in gateway.problems()],
    )


@router.post("/session", status_code=201)
def sign_in(gateway: TheGateway, given: Credentials) -> Session:
    """Sign a person in at this device."""
    proved, token = Sessions(gateway.dialer.another(), GivenToken("")).prove(Password(given.name, given.password))
    return Session(token=token, roles=sorted(proved.roles))


@router.delete("/session", status_code=204)
def sign_out(gateway: TheGateway, given: ThePerson) -> None:
    """End the session of the token."""
    Sessions(gateway.dialer.another(), given).end(given.token())


@router.post("/list/preview", openapi_extra=_BODY)
async def preview_list(request: Request, gateway: TheGateway, given: ThePerson, name: FileName) -> ListResult:
    """Return what an import of a list file would do. A file may have the changed orders only."""
    return await _imported(request, gateway, given, name, "")


@router.post("/list/import", openapi_extra=_BODY)
async def import_list(
    request: Request, gateway: TheGateway, given: ThePerson, name: FileName, digest: Digest
) -> ListResult:
    """Import a list file exactly as its preview with that digest showed it."""
    return await _imported(request, gateway, given, name, digest)


async def _imported(request: Request, gateway: Gateway, given: GivenToken, name: str, digest: str) -> ListResult:
    if not gateway.lists.acquire(blocking=False):
        raise GatewayError(429, "TOO_MANY_LISTS", "Other lists are on their way.", "Wait until they are done.")
    try:
        # Whoever may not import is refused before a byte is taken.
        await run_in_threadpool(Sessions(gateway.dialer.another(), given).whoami)
        with _received(name) as (file, stream):
            await _receive(request, stream, gateway.settings.max_list_bytes)
            client = ImportClient(gateway.dialer, given)
            return ListResult.of(await run_in_threadpool(send_list, client, file, digest, (), "utf-8"))
    finally:
        gateway.lists.release()


@contextmanager
def _received(name: str) -> Iterator[tuple[Path, IO[bytes]]]:
    """Yield an empty private file with that name, which is gone at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="cekalwatch-") as folder:
        file = Path(folder) / name
        with file.open("wb") as stream:
            yield file, stream


async def _receive(request: Request, stream: IO[bytes], most: int) -> None:
    received = 0
    async for part in request.stream():
        received += len(part)
        if received > most:
            raise GatewayError(413, "LIST_TOO_LARGE", f"The list has more than {most} bytes.", "Send it in parts.")
        await run_in_threadpool(stream.write, part)
    stream.flush()
