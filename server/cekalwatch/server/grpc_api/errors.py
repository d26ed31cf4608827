"""Turns errors into gRPC statuses with a google.rpc.ErrorInfo, so that no exception's text reaches a client."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

import grpc
import structlog
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from cekalwatch.contract.engine.scalars import Refused
from cekalwatch.server.auth.refusals import RefusalLog
from cekalwatch.server.foundation.errors import CekalwatchError, Code, Kind
from cekalwatch.server.foundation.refusals import RefusedError
from cekalwatch.server.storage.errors import StorageError

DOMAIN = "cekalwatch"
Context = grpc.aio.ServicerContext[Any, Any]
"""Of a call."""

STATUS_OF_KIND: dict[Kind, int] = {
    Kind.INVALID_ARGUMENT: code_pb2.INVALID_ARGUMENT,
    Kind.NOT_FOUND: code_pb2.NOT_FOUND,
    Kind.UNAUTHENTICATED: code_pb2.UNAUTHENTICATED,
    Kind.PERMISSION_DENIED: code_pb2.PERMISSION_DENIED,
    Kind.FAILED_PRECONDITION: code_pb2.FAILED_PRECONDITION,
    Kind.RESOURCE_EXHAUSTED: code_pb2.RESOURCE_EXHAUSTED,
    Kind.UNAVAILABLE: code_pb2.UNAVAILABLE,
    Kind.INTERNAL: code_pb2.INTERNAL,
}


_NOTHING: Mapping[str, str] = MappingProxyType({})


async def abort_with(context: Context, code: Code, told: Mapping[str, str] = _NOTHING) -> NoReturn:
    """End the call with the status, public message and ErrorInfo of `code`, whose metadata is `told`."""
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=code, domain=DOMAIN, metadata=told))
    status = rpc_status.to_status(
        status_pb2.Status(code=STATUS_OF_KIND[code.kind], message=code.message, details=[detail])
    )
    await context.abort(status.code, status.details, status.trailing_metadata)
    raise AssertionError("abort returned")  # abort always raises


log = structlog.get_logger()

_T = TypeVar("_T")
_Given = ParamSpec("_Given")


def address_of(context: Context) -> str:
    """Return the address that a call comes from, without its port, as gRPC writes it: `ipv4:192.0.2.7`."""
    return str(context.peer()).rpartition(":")[0] or "unknown"


def coded(work: Callable[_Given, _T]) -> Callable[_Given, _T]:
    """Return `work` with its refusals as errors of the catalogue, without the entered text."""

    def run(*given: _Given.args, **named: _Given.kwargs) -> _T:
        try:
            return work(*given, **named)
        except RefusedError as error:
            raise CekalwatchError(error.code) from None

    return run


if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]  # generic in the typing stubs only


class CatalogueErrors(grpc.aio.ServerInterceptor):
    """Turns errors of the catalogue into their statuses, and all others into INTERNAL and a log line.

    A field of a request that a codec refused is ARGUMENT_INVALID.

    The handlers of health, reflection and channelz are left as they are.
    """

    def __init__(self, refusals: RefusalLog, caller: Callable[[Context], str] = address_of) -> None:
        """`caller` names the caller for the log: the first refusal of a kind has a line, the others are summed."""
        self._refusals = refusals
        self._caller = caller

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Wrap the method's handler."""
        handler = await continuation(handler_call_details)
        method = str(handler_call_details.method)
        if handler is None or not method.startswith("/cekalwatch."):
            return handler
        request = "stream" if handler.request_streaming else "unary"
        response = "stream" if handler.response_streaming else "unary"
        kind = f"{request}_{response}"
        wrap = self._streaming if handler.response_streaming else self._unary
        make: Callable[..., Handler] = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(
            wrap(method, getattr(handler, kind)),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _streaming(
        self, method: str, behaviour: Callable[[Any, Context], AsyncGenerator[Any, None]]
    ) -> Callable[..., AsyncIterator[Any]]:
        async def run(request: Any, context: Context) -> AsyncIterator[Any]:  # noqa: ANN401  # any message
            try:
                # Closed here, a call that is cut off cleans up at once, and not when Python collects garbage.
                async with aclosing(behaviour(request, context)) as responses:
                    async for response in responses:
                        yield response
            except Exception as error:  # noqa: BLE001  # the last resort of every method
                await self._end(method, context, error)

        return run

    def _unary(self, method: str, behaviour: Callable[[Any, Context], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def run(request: Any, context: Context) -> Any:  # noqa: ANN401  # any message
            try:
                return await behaviour(request, context)
            except Exception as error:  # noqa: BLE001  # the last resort of every method
                await self._end(method, context, error)

        return run

    async def _end(self, method: str, context: Context, error: Exception) -> None:
        if isinstance(error, Refused):
            error = CekalwatchError(Code.ARGUMENT_INVALID, error.field)
        if isinstance(error, CekalwatchError):
            if self._refusals.is_new(error.code, self._caller(context)):
                log.info("call_refused", method=method, code=error.code, detail=error.detail)
            await abort_with(context, error.code, error.told)
        if isinstance(error, StorageError):
            log.error("database_failed", method=method, error=str(error))
            await abort_with(context, Code.STORAGE_UNAVAILABLE)
        if isinstance(error, grpc.aio.AbortError):
            raise error
        log.error("call_failed", method=method, exc_info=error)
        await abort_with(context, Code.INTERNAL)
