"""The calls of the contract as this server serves them: each by one function."""

from __future__ import annotations

import asyncio
import inspect
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from cekalwatch.contract.engine.call import Call
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.silencing import NOTHING_SILENCED, Silencing
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.errors import Context

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(frozen=True)
class Served:
    """A call, and the method that takes and gives its messages; a stream's is an asynchronous generator."""

    call: Call[..., Any, Any]
    method: Callable[[Any, Context], Awaitable[Message] | AsyncIterator[Message]]
    silences: Callable[[Any], Silencing] | None = None
    """Returns what a request would silence (domain rule 18); it blocks. None: none can silence anything, or the call
    asks for two people by itself."""


def serve(
    call: Call[..., Q, A],
    answer: Callable[[Q], A | Message | Awaitable[A | Message]],
    contradictory: Code = Code.ARGUMENT_INVALID,
    silences: Callable[[Q], Silencing] | None = None,
) -> Served:
    """Serve a call of one request and one answer by a function; one that may block runs on a thread.

    It returns the answer's value, or the message where it composed that to its size. A request whose fields contradict
    each other is refused as `contradictory`.
    """

    async def method(request: Message, _: Context) -> Message:
        asked = read_request(call, request, contradictory)
        if inspect.iscoroutinefunction(answer):
            found = await answer(asked)
        else:
            found = await asyncio.to_thread(answer, asked)
        return found if isinstance(found, Message) else call.answer.write(found)

    def foreseen(request: Message) -> Silencing:
        return silences(read_request(call, request, contradictory)) if silences else NOTHING_SILENCED

    return Served(call, method, foreseen if silences else None)


def read_request(call: Call[..., Q, Any], request: Message, contradictory: Code = Code.ARGUMENT_INVALID) -> Q:
    """Read a request; raises Refused, and `contradictory`."""
    try:
        return call.request.read(request, Reading.STRICT)
    except Refused:
        raise
    except ValueError as error:
        raise CekalwatchError(contradictory, str(error)) from None


def add_to(server: grpc.aio.Server, served: Iterable[Served]) -> tuple[str, ...]:
    """Add the calls to a server; return the names of their services."""
    services: dict[str, dict[str, Any]] = defaultdict(dict)
    for one in served:
        call, method = one.call, one.call.method
        make: Callable[..., Any] = getattr(grpc, f"{call.kind}_rpc_method_handler")
        services[method.containing_service.full_name][method.name] = make(
            one.method,
            request_deserializer=call.request.message.FromString,
            response_serializer=call.answer.message.SerializeToString,
        )
    handlers = (grpc.method_handlers_generic_handler(name, methods) for name, methods in services.items())
    server.add_generic_rpc_handlers(tuple(handlers))
    return tuple(services)
