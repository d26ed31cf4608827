"""The call for the server's status. Errors stay grpc.RpcError."""

from __future__ import annotations

from cekalwatch.contract.codec.status import SERVER_STATUS
from cekalwatch.contract.values.status import ServerStatus
from cekalwatch.v1.operations_service_pb2 import GetStatusRequest
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.tokens import bearer

DEADLINE_S = 10.0


def ask_status(calls: Calls, token: str) -> ServerStatus:
    """Ask the server how it does, for the person of a token."""
    return SERVER_STATUS.read(
        calls.make(
            lambda channel, left_s: OperationsServiceStub(channel).GetStatus(
                GetStatusRequest(), timeout=left_s, metadata=bearer(token)
            ),
            DEADLINE_S,
        )
    )
