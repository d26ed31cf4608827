"""One interceptor around every method: errors of the catalogue become statuses, all else INTERNAL and a log line."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import grpc
import structlog

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.errors import abort_with
from cekalwatch.server.storage.errors import StorageError

log = structlog.get_logger()

Context = grpc.aio.ServicerContext[Any, Any]
if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]  # generic in the typing stubs only


class CatalogueErrors(grpc.aio.ServerInterceptor):
    """Keeps exceptions' texts from clients. The handlers of health, reflection and channelz are left as they are."""

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
        wrap = _streaming if handler.response_streaming else _unary
        make: Callable[..., Handler] = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(
            wrap(method, getattr(handler, kind)),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def _streaming(
    method: str, behaviour: Callable[[Any, Context], AsyncGenerator[Any, None]]
) -> Callable[..., AsyncIterator[Any]]:
    async def run(request: Any, context: Context) -> AsyncIterator[Any]:  # noqa: ANN401  # any message
        try:
            # Closed here, a call that is cut off cleans up at once, and not when Python collects the rubbish.
            async with aclosing(behaviour(request, context)) as responses:
                async for response in responses:
                    yield response
        except Exception as error:  # noqa: BLE001  # the last resort of every method
            await _end(method, context, error)

    return run


def _unary(method: str, behaviour: Callable[[Any, Context], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def run(request: Any, context: Context) -> Any:  # noqa: ANN401  # any message
        try:
            return await behaviour(request, context)
        except Exception as error:  # noqa: BLE001  # the last resort of every method
            await _end(method, context, error)

    return run


async def _end(method: str, context: Context, error: Exception) -> None:
    if isinstance(error, CekalwatchError):
        log.info("call refused", method=method, code=error.code, detail=error.detail)
        await abort_with(context, error.code, error.told)
    if isinstance(error, StorageError):
        log.error("database failed", method=method, error=str(error))
        await abort_with(context, Code.STORAGE_UNAVAILABLE)
    if isinstance(error, grpc.aio.AbortError):
        raise error
    log.error("call failed", method=method, exc_info=error)
    await abort_with(context, Code.INTERNAL)
