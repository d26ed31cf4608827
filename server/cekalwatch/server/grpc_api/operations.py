"""OperationsService: gathers the status, converts it."""

from __future__ import annotations

from typing import Any

import grpc

from cekalwatch.server.grpc_api.convert import operations as convert
from cekalwatch.server.status import StatusBoard
from cekalwatch.v1 import operations_service_pb2 as pb
from cekalwatch.v1 import operations_service_pb2_grpc


class OperationsServicer(operations_service_pb2_grpc.OperationsServiceServicer):
    """The operators' questions."""

    def __init__(self, board: StatusBoard) -> None:
        self._board = board

    async def GetStatus(
        self, request: pb.GetStatusRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.GetStatusResponse:
        """See the contract."""
        return convert.status_message(await self._board.status())
