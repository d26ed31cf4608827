"""The outermost interceptor: it admits calls.

It checks the certificate of every call, also on open connections, charges the call to its device, and then checks the
person's session where the method needs one: a refusal costs whoever gets it as much as a call. A call ends when it
would not be let in any more (`open_calls.py`). Functions that serve calls learn from `current_caller` who calls and how
far the call may reach.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
import structlog
from google.protobuf.message import Message

from cekalwatch.contract.values.people import TwoPersonAction
from cekalwatch.server.audit.device_entries import device
from cekalwatch.server.auth.admission import (
    Admission,
    PersonAuthentication,
    Tokens,
    always_two,
    joint_action,
    refuse_outdated,
    refuse_proxied,
)
from cekalwatch.server.auth.certificate import CertificateAuthentication, peer_of
from cekalwatch.server.auth.limits import REFUSAL_DELAY_S, CallLimits, DeviceLimitError
from cekalwatch.server.auth.refusals import EXPECTED, RefusalLog
from cekalwatch.server.auth.rights import Caller
from cekalwatch.server.domain.people import JointAct
from cekalwatch.server.foundation.clock import Clock, SystemClock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.errors import Context, abort_with, address_of
from cekalwatch.server.grpc_api.messages import single_request
from cekalwatch.server.grpc_api.open_calls import OpenCall, OpenCalls
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.transport.connections import Received
from cekalwatch.wire.identity import Identity
from cekalwatch.wire.tokens import SECOND_PERSON_METADATA, SESSION_METADATA, signed_bytes

READER_STALL_S = 30.0

MAX_TOKEN = 128
_TOKEN_NAMES = (SESSION_METADATA, SECOND_PERSON_METADATA)

log = structlog.get_logger()

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]  # generic in the typing stubs only

_caller: ContextVar[Caller] = ContextVar("caller")
_admission: ContextVar[Admission] = ContextVar("admission")
_received: ContextVar[Received] = ContextVar("received")


def current_caller() -> Caller:
    """Return the caller of the running call; raises LookupError outside of a call."""
    return _caller.get()


def current_admission() -> Admission:
    """Return the admission of the running call; raises LookupError outside of a call."""
    return _admission.get()


async def admit_second_person(request: Message, context: Context) -> None:
    """Admit the second person of the running stream, who has signed for this message; raises why not."""
    first, token = current_admission(), _tokens(context).second_person
    action = joint_action(first.method)
    if action is None or not token or first.caller.session is None:
        raise CekalwatchError(Code.SECOND_PERSON_NEEDED)
    await _admit(first.people, first.method, action, request, token)


async def _admit(
    people: PersonAuthentication, method: str, action: TwoPersonAction, request: Message, token: str
) -> None:
    """Let the running call be that of two people, when the token's person has signed for what the request says."""
    act = JointAct.of(action, signed_bytes(request))
    _caller.set(await asyncio.to_thread(people.admit_second, method, act, current_caller(), token))


class _ReaderStalledError(Exception):
    """A client did not take a message in time."""


class AuthenticationInterceptor(grpc.aio.ServerInterceptor):
    """Checks every method, including those of health, reflection and channelz."""

    def __init__(
        self,
        certificates: CertificateAuthentication,
        people: PersonAuthentication,
        reader_stall_s: float = READER_STALL_S,
        refused: Callable[[str, bytes, Code], None] = lambda *_: None,
        refusals: RefusalLog | None = None,
        let_in: Callable[[str], Received] = lambda _: Received(),
        clock: Clock | None = None,
        displaced: Callable[[Identity, bool], None] = lambda _, __: None,
    ) -> None:
        """A stream ends when its client does not read a message for `reader_stall_s` seconds.

        `refused` is told the method, the certificate and the reason of each call that is not allowed; `refusals` counts
        them, so that the log has the first of a kind. `let_in` is told the peer of each whose device is let in, and
        returns what its messages are told to. `displaced`: see `OpenCalls`.
        """
        self._certificates = certificates
        self._people = people
        self._reader_stall_s = reader_stall_s
        self._refused = refused
        self._refusals = refusals or RefusalLog(SystemClock())
        self._let_in = let_in
        self._limits = CallLimits(time.monotonic)
        self.open_calls = OpenCalls(certificates.follow, clock or SystemClock(), displaced)

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
        if handler.response_streaming:
            behaviour = _with_headers(behaviour)
        if not handler.request_streaming:
            behaviour = self._with_request(behaviour)
        # A single request is read here, because gRPC itself would wait for it without a limit.
        make: Callable[..., Handler] = getattr(grpc, f"stream_{response}_rpc_method_handler")
        return make(
            self._guarded(str(handler_call_details.method), behaviour),
            request_deserializer=_measured(handler.request_deserializer),
            response_serializer=handler.response_serializer,
        )

    def _guarded(
        self, method: str, behaviour: Callable[[Any, Context], Awaitable[Any]]
    ) -> Callable[..., Awaitable[Any]]:
        async def run(request: Any, context: Context) -> Any:  # noqa: ANN401  # any message
            admission = await self._admit_device(method, context)
            with self.open_calls.opened(admission, address_of(context)) as stream:
                try:
                    return await self._answer(stream, behaviour, request, context)
                except asyncio.CancelledError:
                    # gRPC drops a cancelled call without a status, for which the client would wait for ever.
                    if stream.ended is None or context.done():
                        raise
                    stream.task.uncancel()
                    await abort_with(context, stream.ended)

        return run

    async def _answer(
        self,
        stream: OpenCall,
        behaviour: Callable[[Any, Context], Awaitable[Any]],
        request: Any,  # noqa: ANN401  # any message
        context: Context,
    ) -> Any:  # noqa: ANN401  # any message
        """Run the call of a device that is let in, or refuse it."""
        method, admission = stream.admission.method, stream.admission
        try:
            with self._counted(method, context) as wait_s:
                if wait_s:
                    await asyncio.sleep(wait_s)
                stream.admission = await self._admit_people(admission, context)
                _admission.set(stream.admission)
                with self.open_calls.in_place(stream):
                    if stream.admission.caller.session is not None and isinstance(request, AsyncIterator):
                        request = _recorded(request, stream)
                    return await behaviour(request, context)
        except DeviceLimitError as error:
            who = current_caller()
            if self._refusals.is_new(error.code, str(who.device.actor)):
                identity = who.identity
                log.warning("device_limited", role=identity.role, name=identity.name, code=error.code)
            await asyncio.sleep(REFUSAL_DELAY_S)
            await abort_with(context, error.code, error.told)
        except _ReaderStalledError:
            log.warning("stream_ended", method=method, code=Code.READER_STALLED)
            # The stream has released what it held; sending the status may have to wait for the client, and
            # counts as a call of its device.
            await abort_with(context, Code.READER_STALLED)

    @contextmanager
    def _counted(self, method: str, context: Context) -> Iterator[float]:
        """Count the call, and give the seconds that it must wait; calls of this machine (plaintext) are not counted."""
        who = current_caller()
        if who.on_this_machine:
            yield 0.0
        else:
            with self._limits.call(who.identity, method, address_of(context)) as wait_s:
                yield wait_s

    def _with_request(self, behaviour: Callable[[Any, Context], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Wrap a method that takes one request as one that takes a stream of requests."""

        async def run(requests: AsyncIterator[Any], context: Context) -> Any:  # noqa: ANN401  # any message
            request = await single_request(requests, context)
            await self._admit_second(request, context)
            page = getattr(request, "page_size", 0)
            if page and not (who := current_caller()).on_this_machine:
                await asyncio.sleep(self._limits.charge_page(who.identity, page, address_of(context)))
            return await behaviour(request, context)

        return run

    async def _admit_device(self, method: str, context: Context) -> Admission:
        """Let the device in."""
        certificate_pem = b"".join(context.auth_context().get("x509_pem_cert", ()))
        async with self._refusing(method, certificate_pem, context):
            if not certificate_pem:
                refuse_proxied(name for name, _ in context.invocation_metadata() or ())
            who = self._certificates.admit(method, certificate_pem)
            refuse_outdated(str(dict(context.invocation_metadata() or ()).get("user-agent", "")))
            _caller.set(who)
        _received.set(self._let_in(context.peer()))
        return Admission(self._certificates, self._people, method, certificate_pem, who)

    async def _admit_people(self, alone: Admission, context: Context) -> Admission:
        """Admit the people of the call as well, if the method needs them."""
        tokens = _tokens(context)
        if not self._people.asks(alone.method, alone.caller, tokens):
            return alone
        async with self._refusing(alone.method, alone.certificate_pem, context):
            who = await asyncio.to_thread(self._people.admit, alone.method, alone.caller, tokens)
            _caller.set(who)
        return replace(alone, caller=who)

    async def _admit_second(self, request: Message, context: Context) -> None:
        """Admit the second person of a method that needs one: only the request says what they must have signed."""
        first = current_admission()
        action, token = joint_action(first.method), _tokens(context).second_person
        if action is None or not (token or always_two(first.method)):
            return
        async with self._refusing(first.method, first.certificate_pem, context):
            await _admit(self._people, first.method, action, request, token)

    @asynccontextmanager
    async def _refusing(self, method: str, certificate_pem: bytes, context: Context) -> AsyncIterator[None]:
        """End the call with the error that the block raises, and log it.

        An admitted device has paid for the call; a stranger pays here, with time.
        """
        try:
            yield
        except CekalwatchError as error:
            admitted = _caller.get(None)
            name = str(admitted.device.actor) if admitted else _stranger(certificate_pem, context)
            if self._refusals.is_new(error.code, name):
                if error.code in EXPECTED:
                    log.info("sign_in_awaited", method=method, caller=name)
                else:
                    log.warning("call_not_allowed", method=method, code=error.code, detail=error.detail, caller=name)
            self._refused(method, certificate_pem, error.code)
            if admitted is None:
                digest = hashlib.sha256(certificate_pem).hexdigest() if certificate_pem else name
                await asyncio.sleep(self._limits.charge_stranger(digest))
            await abort_with(context, error.code, error.told)
        except StorageError as error:
            log.error("database_failed", method=method, error=str(error))  # noqa: TRY400
            await abort_with(context, Code.STORAGE_UNAVAILABLE)
        except Exception as error:  # noqa: BLE001  # its text, which may quote a row, must not reach the client
            log.error("person_unreadable", method=method, error=type(error).__name__)  # noqa: TRY400
            await abort_with(context, Code.INTERNAL)


def _measured(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any]:
    """Wrap the deserialiser of messages, so that their bytes count for their connection."""

    def run(data: bytes) -> Any:  # noqa: ANN401  # any message
        _received.get().take(len(data))
        return deserialize(data) if deserialize else data

    return run


async def _recorded(requests: AsyncIterator[Any], stream: OpenCall) -> AsyncIterator[Any]:
    """Pass a stream's messages on, and record that its person is active."""
    async for request in requests:
        stream.used = True
        yield request


def _stranger(certificate_pem: bytes, context: Context) -> str:
    """Return the name of a refused caller: the name in the certificate, or the address."""
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


def _with_headers(behaviour: Callable[[Any, Context], Awaitable[Any]]) -> Callable[[Any, Context], Awaitable[Any]]:
    """Wrap a method that answers with a stream, so that its headers go first, by themselves, and wholly.

    gRPC would send them with the first message, and with a status for as long as none was sent; but it refuses to send
    them twice, so that a stream that ended during its first write never ended for its client. They never wait for a
    client that does not read.
    """

    async def run(request: Any, context: Context) -> Any:  # noqa: ANN401  # any message
        sending = asyncio.ensure_future(context.send_initial_metadata(()))
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            await asyncio.wait([sending])
            raise
        return await behaviour(request, context)

    return run


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
