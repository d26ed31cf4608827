"""What list managers ask of the list of agencies."""

from __future__ import annotations

import asyncio

from cekalwatch.contract.codec.law import AGENCY, AGENCY_LIST
from cekalwatch.contract.engine.scalars import Reading
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.messages import text
from cekalwatch.server.watchlist.agencies import AgencyRegistry
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1 import watchlist_service_pb2_grpc


class AgencyMethods(watchlist_service_pb2_grpc.WatchlistServiceServicer):
    """The agencies by which orders are compared."""

    def __init__(self, agencies: AgencyRegistry) -> None:
        self._agencies = agencies

    async def ListAgencies(self, request: pb.ListAgenciesRequest, context: Context) -> pb.ListAgenciesResponse:
        """Return all agencies, by code."""
        listed = await asyncio.to_thread(self._agencies.all)
        return pb.ListAgenciesResponse(list=AGENCY_LIST.write(listed), of_centre=self._agencies.of_centre)

    async def PutAgency(self, request: pb.PutAgencyRequest, context: Context) -> pb.PutAgencyResponse:
        """Add or replace an agency."""
        wanted = AGENCY.read(request.agency, Reading.STRICT)
        seen = text(request.seen_mark, "seen_mark")
        await asyncio.to_thread(self._agencies.put, wanted, seen, current_caller().actor)
        return pb.PutAgencyResponse()

    async def RemoveAgency(self, request: pb.RemoveAgencyRequest, context: Context) -> pb.RemoveAgencyResponse:
        """Remove an agency."""
        code, seen = text(request.code, "code"), text(request.seen_mark, "seen_mark")
        await asyncio.to_thread(self._agencies.remove, code, seen, current_caller().actor)
        return pb.RemoveAgencyResponse()
