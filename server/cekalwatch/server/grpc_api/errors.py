"""Turns errors of the catalogue into gRPC statuses with a google.rpc.ErrorInfo. No exception's text goes out."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from cekalwatch.server.domain.errors import CATALOGUE, Code, Kind

DOMAIN = "cekalwatch"

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


async def abort_with(
    context: grpc.aio.ServicerContext[Any, Any], code: Code, told: Mapping[str, str] = _NOTHING
) -> NoReturn:
    """End the call with the status, public message and ErrorInfo of `code`, whose metadata is `told`."""
    kind, message = CATALOGUE[code]
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=code, domain=DOMAIN, metadata=told))
    status = rpc_status.to_status(status_pb2.Status(code=STATUS_OF_KIND[kind], message=message, details=[detail]))
    await context.abort(status.code, status.details, status.trailing_metadata)
    raise AssertionError("abort returned")  # abort always raises
