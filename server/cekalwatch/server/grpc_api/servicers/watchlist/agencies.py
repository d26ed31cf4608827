"""What list managers ask of the list of agencies. It converts, calls and converts back."""

from __future__ import annotations

import asyncio

from cekalwatch.contract.codec.agencies import AGENCY
from cekalwatch.contract.engine.scalars import Reading
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.messages import fitting, text
from cekalwatch.server.watchlist.agencies import AgencyRegistry
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1 import watchlist_service_pb2_grpc


class AgencyMethods(watchlist_service_pb2_grpc.WatchlistServiceServicer):
    """The agencies by which orders are compared."""

    def __init__(self, agencies: AgencyRegistry) -> None:
        self._agencies = agencies

    async def ListAgencies(self, request: pb.ListAgenciesRequest, context: Context) -> pb.ListAgenciesResponse:
        """Return a page of agencies, by code."""
        after = text(request.page_token, "page_token")
        listed = [one for one in await asyncio.to_thread(self._agencies.all) if one.code > after]
        messages = fitting(map(AGENCY.write, listed))
        more = messages[-1].code if len(messages) < len(listed) else ""
        return pb.ListAgenciesResponse(agencies=messages, next_page_token=more)

    async def PutAgency(self, request: pb.PutAgencyRequest, context: Context) -> pb.PutAgencyResponse:
        """Add or replace an agency."""
        wanted = AGENCY.read(request.agency, Reading.STRICT)
        await asyncio.to_thread(self._agencies.put, wanted, current_caller().actor)
        return pb.PutAgencyResponse()

    async def RemoveAgency(self, request: pb.RemoveAgencyRequest, context: Context) -> pb.RemoveAgencyResponse:
        """Remove an agency."""
        await asyncio.to_thread(self._agencies.remove, text(request.code, "code"), current_caller().actor)
        return pb.RemoveAgencyResponse()
