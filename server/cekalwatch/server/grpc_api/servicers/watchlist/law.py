"""What list managers ask of the law."""

from __future__ import annotations

import asyncio

from cekalwatch.contract.codec.law import LAW_PREVIEW, LAW_ROW
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.law import LawRow
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.watchlist.law_register import LawRegister
from cekalwatch.v1 import law_pb2, watchlist_service_pb2_grpc
from cekalwatch.v1 import watchlist_service_pb2 as pb


class LawMethods(watchlist_service_pb2_grpc.WatchlistServiceServicer):
    """The law by which orders are judged."""

    def __init__(self, law: LawRegister) -> None:
        self._law = law

    async def GetLaw(self, request: pb.GetLawRequest, context: Context) -> pb.GetLawResponse:
        """Return the rows of the law, by kind and day."""
        rows = await asyncio.to_thread(self._law.rows)
        return pb.GetLawResponse(rows=map(LAW_ROW.write, rows), of_centre=self._law.of_centre)

    async def PreviewLawRow(self, request: pb.PreviewLawRowRequest, context: Context) -> pb.PreviewLawRowResponse:
        """Return which orders change when a row is added."""
        found = await asyncio.to_thread(self._law.preview, _row(request.row))
        return pb.PreviewLawRowResponse(preview=LAW_PREVIEW.write(found))

    async def AddLawRow(self, request: pb.AddLawRowRequest, context: Context) -> pb.AddLawRowResponse:
        """Add a row, as two people."""
        who = current_caller()
        await asyncio.to_thread(self._law.add, _row(request.row), who.two_people(), who.actor)
        return pb.AddLawRowResponse()


def _row(told: law_pb2.LawRow) -> LawRow:
    """Read a row; raises LAW_ROW_INVALID for one that contradicts itself, and Refused for a broken bound."""
    try:
        return LAW_ROW.read(told, Reading.STRICT)
    except Refused:
        raise
    except ValueError as error:
        raise CekalwatchError(Code.LAW_ROW_INVALID, str(error)) from None
