"""What a failed call says to a person: the server's own words where it said any, and never those of gRPC."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc

STATUS_DETAILS = "grpc-status-details-bin"
"""Metadata that comes with each error of the server's catalogue, and with none of gRPC's own."""
PLAIN_WORDS = {
    grpc.StatusCode.UNAVAILABLE: "nobody answers there: check the address, the network, and whether the server runs",
    grpc.StatusCode.DEADLINE_EXCEEDED: "no answer came in time",
    grpc.StatusCode.CANCELLED: "the call was given up",
    grpc.StatusCode.UNIMPLEMENTED: "what answers there is no server of Cekalwatch, or one of another version",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "the message is too large, or the server has no room for it",
}


def told_by(error: grpc.RpcError | grpc.aio.AioRpcError) -> str:
    """Return why a call failed."""
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):
        return "the call failed"
    if is_told(error) and (details := error.details()):
        return str(details)
    return PLAIN_WORDS.get(error.code(), f"the call failed ({error.code().name})")


def is_told(error: grpc.RpcError | grpc.aio.AioRpcError) -> bool:
    """Whether a server itself told the error of a call; otherwise it is of gRPC, as when no server answers."""
    metadata: Iterable[Any] = error.trailing_metadata() or ()  # pairs, with names in one kind of call only
    return any(key == STATUS_DETAILS for key, _ in metadata)
