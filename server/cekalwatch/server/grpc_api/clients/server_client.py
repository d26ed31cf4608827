"""A connection to the running server, for commands."""

from __future__ import annotations

from typing import Self

import grpc

from cekalwatch.v1 import watchlist_service_pb2_grpc
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.told import told_by


class ServerClient:
    """Calls the watchlist service of the server that `dialer` reaches; use it as a context manager."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._channel = dialer.channel()
        self._stub = watchlist_service_pb2_grpc.WatchlistServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def _reason(self, error: grpc.RpcError) -> str:
        """Return why a call failed, in words for people."""
        if not isinstance(error, grpc.Call):
            return type(error).__name__
        unreachable = error.code() is grpc.StatusCode.UNAVAILABLE
        details = (self._dialer.why_refused() if unreachable else "") or told_by(error)
        return f"{error.code().name}, {details}".rstrip(", .")
