"""The outermost interceptor: it admits calls, and ends streams whose certificate or session is no longer valid.

It checks the certificate of every call, also on open connections, charges the call to its device, and then checks the
person's session where the method needs one: a refusal costs whoever gets it as much as a call. Servicers learn from
`current_caller` who calls and how far the call may reach.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import structlog

from cekalwatch.server.audit.device_entries import device
from cekalwatch.server.auth.certificate import CertificateAuthentication, peer_of
from cekalwatch.server.auth.limits import REFUSAL_DELAY_S, CallLimits, DeviceLimitError
from cekalwatch.server.auth.person import PersonAuthentication, Tokens
from cekalwatch.server.auth.refusals import RefusalLog
from cekalwatch.server.auth.rights import Caller
from cekalwatch.server.domain.clock import SystemClock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.errors import abort_with, address_of
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.wire.tokens import SECOND_PERSON_METADATA, SESSION_METADATA

CHECK_PERIOD_S = 2.0
"""How often open streams are checked; a revoked one must end within 10 s."""
READER_STALL_S = 30.0
REQUEST_S = 10.0
"""How long a single request may take to arrive."""

MAX_TOKEN = 128
_TOKEN_NAMES = (SESSION_METADATA, SECOND_PERSON_METADATA)

log = structlog.get_logger()

Context = grpc.aio.ServicerContext[Any, Any]
if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]  # generic in the typing stubs only

_caller: ContextVar[Caller] = ContextVar("caller")


def current_caller() -> Caller:
    """Return who makes the call that runs now; LookupError outside of one."""
    return _caller.get()


class _ReaderStalledError(Exception):
    """A client did not take a message in time."""


@dataclass(eq=False)
class _GuardedStream:
    """An open stream with its certificate and session; `ended` says why it had to end."""

    task: asyncio.Task[Any]
    method: str
    certificate_pem: bytes
    session_key: str | None = None
    """Of the person who signed in, once that is looked at."""
    ended: Code | None = None
    used: bool = False
    """Whether a message came since the last check, so that its person is not idle."""


class AuthenticationInterceptor(grpc.aio.ServerInterceptor):
    """Checks every method, including those of health, reflection and channelz."""

    def __init__(
        self,
        certificates: CertificateAuthentication,
        people: PersonAuthentication,
        reader_stall_s: float = READER_STALL_S,
        refused: Callable[[str, bytes, Code], None] = lambda *_: None,
        refusals: RefusalLog | None = None,
    ) -> None:
        """A stream ends whose client does not take a message for `reader_stall_s` seconds.

        `refused` is told the method, the certificate and the reason of each call that is not allowed; `refusals` counts
        them, so that the log has the first of a kind.
        """
        self._certificates = certificates
        self._people = people
        self._reader_stall_s = reader_stall_s
        self._refused = refused
        self._refusals = refusals or RefusalLog(SystemClock())
        self._limits = CallLimits(time.monotonic)
        self._streams: set[_GuardedStream] = set()

    async def end_invalid_streams(self) -> None:
        """End streams whose certificate was revoked or whose session has ended, for ever."""
        while True:
            await asyncio.sleep(CHECK_PERIOD_S)
            await asyncio.to_thread(self._certificates.follow)
            for stream in tuple(self._streams):
                if stream.ended is None and (code := await self._refusal(stream)):
                    log.warning("stream_ended", method=stream.method, code=code)
                    stream.ended = code
                    stream.task.cancel()

    async def _refusal(self, stream: _GuardedStream) -> Code | None:
        if code := self._certificates.refusal(stream.certificate_pem):
            return code
        if stream.session_key is None:
            return None
        used, stream.used = stream.used, False
        try:
            goes_on = await asyncio.to_thread(self._people.goes_on, stream.session_key, used=used)
        except StorageError as error:
            log.warning("session_not_checked", error=str(error))
            stream.used = stream.used or used
            return None
        return None if goes_on else Code.SESSION_ENDED

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Wrap the method's handler."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        request = "stream" if handler.request_streaming else "unary"
        response = "stream" if handler.response_streaming else "unary"
        behaviour = getattr(handler, f"{request}_{response}")
        if inspect.isasyncgenfunction(behaviour):
            behaviour = _writing(behaviour, self._reader_stall_s)
        if not handler.request_streaming:
            behaviour = self._with_request(behaviour)
        # A single request is read here, because gRPC itself would wait for it without a limit.
        make: Callable[..., Handler] = getattr(grpc, f"stream_{response}_rpc_method_handler")
        return make(
            self._guarded(str(handler_call_details.method), behaviour),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _guarded(
        self, method: str, behaviour: Callable[[Any, Context], Awaitable[Any]]
    ) -> Callable[..., Awaitable[Any]]:
        async def run(request: Any, context: Context) -> Any:  # noqa: ANN401  # any message
            certificate_pem = await self._admit_device(method, context)
            with self._open(method, certificate_pem) as stream:
                try:
                    with self._counted(method) as wait_s:
                        if wait_s:
                            await asyncio.sleep(wait_s)
                        await self._admit_people(method, certificate_pem, context)
                        if session := current_caller().session:
                            stream.session_key = session.key
                            if isinstance(request, AsyncIterator):
                                request = _recorded(request, stream)
                        return await behaviour(request, context)
                except DeviceLimitError as error:
                    who = current_caller()
                    if self._refusals.is_new(error.code, str(who.device.actor)):
                        identity = who.identity
                        log.warning("device_limited", role=identity.role, name=identity.name, code=error.code)
                    await asyncio.sleep(REFUSAL_DELAY_S)
                    await abort_with(context, error.code)
                except _ReaderStalledError:
                    log.warning("stream_ended", method=method, code=Code.READER_STALLED)
                    # The stream has released what it held; sending the status may have to wait for the client, and
                    # counts as a call of its device.
                    await abort_with(context, Code.READER_STALLED)
                except asyncio.CancelledError:
                    if stream.ended is None:
                        raise
                    stream.task.uncancel()
                    await abort_with(context, stream.ended)

        return run

    @contextmanager
    def _counted(self, method: str) -> Iterator[float]:
        """Count the call, and give the seconds that it must wait; calls of this machine (plaintext) are not counted."""
        who = current_caller()
        if who.on_this_machine:
            yield 0.0
        else:
            with self._limits.call(who.identity, method) as wait_s:
                yield wait_s

    def _with_request(self, behaviour: Callable[[Any, Context], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Wrap a method that takes one request as one that takes a stream of requests."""

        async def run(requests: AsyncIterator[Any], context: Context) -> Any:  # noqa: ANN401  # any message
            try:
                async with asyncio.timeout(REQUEST_S):
                    request = await anext(aiter(requests))
            except (TimeoutError, StopAsyncIteration):
                await abort_with(context, Code.REQUEST_STALLED)
            page = getattr(request, "page_size", 0)
            if page and not (who := current_caller()).on_this_machine:
                await asyncio.sleep(self._limits.charge_page(who.identity, page))
            return await behaviour(request, context)

        return run

    async def _admit_device(self, method: str, context: Context) -> bytes:
        """Let the device in, and return its certificate."""
        certificate_pem = b"".join(context.auth_context().get("x509_pem_cert", ()))
        async with self._refusing(method, certificate_pem, context):
            _caller.set(self._certificates.admit(method, certificate_pem))
        return certificate_pem

    async def _admit_people(self, method: str, certificate_pem: bytes, context: Context) -> None:
        """Let the people of the call in, where the method needs them."""
        who, tokens = current_caller(), _tokens(context)
        if self._people.asks(method, who, tokens):
            async with self._refusing(method, certificate_pem, context):
                _caller.set(await asyncio.to_thread(self._people.admit, method, who, tokens))

    @asynccontextmanager
    async def _refusing(self, method: str, certificate_pem: bytes, context: Context) -> AsyncIterator[None]:
        """End the call for what the block raises, and tell of it.

        Whose device is let in has paid for the call; a stranger pays here, with time.
        """
        try:
            yield
        except CekalwatchError as error:
            admitted = _caller.get(None)
            name = str(admitted.device.actor) if admitted else _stranger(certificate_pem, context)
            if self._refusals.is_new(error.code, name):
                log.warning("call_not_allowed", method=method, code=error.code, detail=error.detail, caller=name)
            self._refused(method, certificate_pem, error.code)
            if admitted is None:
                digest = hashlib.sha256(certificate_pem).hexdigest() if certificate_pem else name
                await asyncio.sleep(self._limits.charge_stranger(digest))
            await abort_with(context, error.code)
        except StorageError as error:
            log.error("database_failed", method=method, error=str(error))  # noqa: TRY400
            await abort_with(context, Code.STORAGE_UNAVAILABLE)

    @contextmanager
    def _open(self, method: str, certificate_pem: bytes) -> Iterator[_GuardedStream]:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call runs in a task")
        stream = _GuardedStream(task, method, certificate_pem)
        self._streams.add(stream)
        try:
            yield stream
        finally:
            self._streams.discard(stream)


async def _recorded(requests: AsyncIterator[Any], stream: _GuardedStream) -> AsyncIterator[Any]:
    """Pass a stream's messages on, and record that its person is active."""
    async for request in requests:
        stream.used = True
        yield request


def _stranger(certificate_pem: bytes, context: Context) -> str:
    """Return the name of whoever was not let in: that in the certificate, or the address."""
    try:
        return str(device(peer_of(certificate_pem).identity))
    except CekalwatchError:
        return address_of(context)


def _tokens(context: Context) -> Tokens:
    found = {name: _bearer(value) for name, value in context.invocation_metadata() or () if name in _TOKEN_NAMES}
    return Tokens(found.get(SESSION_METADATA, ""), found.get(SECOND_PERSON_METADATA, ""))


def _bearer(value: str | bytes) -> str:
    """Return the token of `Bearer TOKEN`, or an empty text."""
    scheme, _, token = value.partition(" ") if isinstance(value, str) else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" and len(token) <= MAX_TOKEN else ""


def _writing(
    behaviour: Callable[[Any, Context], AsyncGenerator[Any, None]], stall_s: float
) -> Callable[..., Awaitable[None]]:
    """Wrap a generator as a method that writes by itself, so that a stream can be ended while a write waits."""

    async def run(request: Any, context: Context) -> None:  # noqa: ANN401  # any message
        async with aclosing(behaviour(request, context)) as responses:
            async for response in responses:
                try:
                    async with asyncio.timeout(stall_s):
                        await context.write(response)
                except TimeoutError:
                    raise _ReaderStalledError from None

    return run
