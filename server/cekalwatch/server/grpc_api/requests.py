"""Methods that take one request: gRPC itself would wait for it without a limit, so it is read here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from cekalwatch.server.domain.errors import Code
from cekalwatch.server.grpc_api.errors import abort_with

REQUEST_S = 10.0
"""How long a single request may take to arrive."""


async def single_request(requests: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: ANN401  # any message
    """Return the request of a call, or end it with REQUEST_STALLED when none comes in time."""
    try:
        async with asyncio.timeout(REQUEST_S):
            return await anext(aiter(requests))
    except (TimeoutError, StopAsyncIteration):
        await abort_with(context, Code.REQUEST_STALLED)
