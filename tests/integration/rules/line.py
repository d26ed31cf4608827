"""Calls to a server of this process as if they came over the network: the real messages, rights and errors.

`Line` takes the place of a channel, so that the notifier's own clients and the generated stubs use it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

import grpc

from cekalwatch.server.audit.device_entries import device
from cekalwatch.server.auth.rights import Caller, device_caller
from cekalwatch.server.auth.sessions import Device, Session
from cekalwatch.server.domain.people import Person
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api import authentication
from cekalwatch.server.grpc_api.errors import abort_with
from cekalwatch.wire.identity import Identity
from cekalwatch.wire.tokens import SESSION_METADATA

T = TypeVar("T")
NEVER = datetime.max.replace(tzinfo=UTC)


class LineError(grpc.RpcError):
    """A call's status, as gRPC raises it."""

    def __init__(self, code: grpc.StatusCode, details: str, metadata: tuple[tuple[str, bytes], ...]) -> None:
        super().__init__(details)
        self._parts = code, details, metadata

    def code(self) -> grpc.StatusCode:
        return self._parts[0]

    def details(self) -> str:
        return self._parts[1]

    def trailing_metadata(self) -> Any:
        return self._parts[2]


class _Context:
    """As much of a call's context as is used."""

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    async def abort(self, code: grpc.StatusCode, details: str, metadata: tuple[tuple[str, bytes], ...]) -> NoReturn:
        raise LineError(code, details, metadata)


class _OneThread(asyncio.SelectorEventLoop):
    """A loop that does at once what a server leaves to other threads: a turn of another thread is waited for, and takes
    as long as the machine is busy."""

    def run_in_executor(self, _: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # whoever waits gets it
            done.set_exception(error)
        return done


async def _end_tasks() -> None:
    await asyncio.get_running_loop().shutdown_asyncgens()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Exchange:
    """Connects devices with the server, and knows the people: a token is a sign-in name."""

    sites: frozenset[str]
    people: dict[str, Person]
    methods: dict[str, Any] = field(default_factory=dict)
    """By their paths; empty while no server runs."""
    loop: asyncio.AbstractEventLoop = field(init=False)
    """The server's; each has its own."""

    def begin(self) -> None:
        """Let a server begin."""
        self.loop = _OneThread()

    def end(self) -> None:
        """Let the server end, with what the streams left running."""
        self.methods.clear()
        self.run(_end_tasks())
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the server's loop."""
        return self.loop.run_until_complete(work)

    def behaviour(self, method: str) -> Any:
        """The server's method; raises UNAVAILABLE while no server runs."""
        if method not in self.methods:
            raise LineError(grpc.StatusCode.UNAVAILABLE, "no server", ())
        return self.methods[method]

    def caller(self, method: str, identity: Identity, metadata: Any) -> Caller:
        """Who calls; raises what the rights refuse."""
        caller = device_caller(
            identity, Device(device(identity), f"binding of {identity.name}", identity.site), method, self.sites
        )
        token = dict(metadata or ()).get(SESSION_METADATA, "").removeprefix("Bearer ")
        if not (caller.needs or (caller.welcome and token)):
            return caller
        person = self.people.get(token)
        if person is None and not caller.needs:
            return caller  # the agent leaves out whoever is refused
        if person is None:
            raise CekalwatchError(Code.SIGN_IN_NEEDED)
        if not person.works_at(identity.site):
            raise CekalwatchError(Code.PERSON_SITE_NOT_ALLOWED)
        if not (caller.needs or caller.welcome) & person.roles:
            raise CekalwatchError(Code.PERSON_ROLE_NEEDED, method)
        return replace(caller, session=Session(token, person, NEVER, password_change_needed=False))


class Line:
    """A device's channel."""

    def __init__(self, exchange: Exchange, identity: Identity) -> None:
        self._exchange = exchange
        self._identity = identity

    def close(self) -> None:
        """Nothing is open between calls."""

    def unary_unary(self, method: str, request_serializer: Any, response_deserializer: Any, **_: Any) -> Any:  # noqa: ARG002  # gRPC's names
        def call(request: Any, timeout: float | None = None, metadata: Any = None) -> Any:  # noqa: ARG001  # gRPC's
            answer = self._exchange.run(
                self._answered(method, metadata, lambda behaviour: behaviour(request, _Context()))
            )
            return response_deserializer(answer.SerializeToString())

        return call

    def unary_stream(self, method: str, request_serializer: Any, response_deserializer: Any, **_: Any) -> Any:  # noqa: ARG002  # gRPC's names
        def call(request: Any, metadata: Any = None) -> Stream:
            behaviour = self._exchange.behaviour(method)
            return Stream(self._exchange, self._caller_of(method, metadata), behaviour(request, _Context()))

        return call

    def stream_stream(self, method: str, request_serializer: Any, response_deserializer: Any, **_: Any) -> Any:  # noqa: ARG002  # gRPC's names
        def call(requests: AsyncIterator[Any]) -> Stream:
            behaviour = self._exchange.behaviour(method)
            return Stream(self._exchange, self._caller_of(method, None), behaviour(requests, _Context()))

        return call

    def _caller_of(self, method: str, metadata: Any) -> Caller:
        return self._exchange.caller(method, self._identity, metadata)

    async def _answered(self, method: str, metadata: Any, ask: Callable[[Any], Any]) -> Any:
        try:
            authentication._caller.set(self._caller_of(method, metadata))
            return await ask(self._exchange.behaviour(method))
        except CekalwatchError as error:
            await abort_with(_Context(), error.code, error.told)  # type: ignore[arg-type]  # as much as is used


class Stream:
    """A stream of responses; reading waits for the next one."""

    def __init__(self, exchange: Exchange, caller: Caller, responses: AsyncGenerator[Any, None]) -> None:
        self._exchange = exchange
        self._caller = caller
        self._responses = responses

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                yield self._exchange.run(self._next())
            except StopAsyncIteration:
                return

    def read(self) -> Any:
        """Return the next response."""
        return self._exchange.run(self._next())

    def cancel(self) -> None:
        """End the stream from this side."""
        self._exchange.run(self._responses.aclose())

    async def _next(self) -> Any:
        authentication._caller.set(self._caller)
        try:
            return await anext(self._responses)
        except CekalwatchError as error:
            await abort_with(_Context(), error.code, error.told)  # type: ignore[arg-type]  # as much as is used
