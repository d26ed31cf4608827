"""What two people ask of one order."""

from __future__ import annotations

import asyncio

from cekalwatch.contract.codec.imports import CORRECTION
from cekalwatch.contract.codec.listed_subjects import AMENDMENT_REASONS
from cekalwatch.contract.codec.watchlist import REVOCATION_GROUNDS
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.imports import LIST_COLUMNS
from cekalwatch.contract.values.orders import MAX_REVOCATION_REFERENCE
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.messages import require, text
from cekalwatch.server.watchlist.amendments import Amendment, OrderAmender
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1 import watchlist_service_pb2_grpc

_DIGEST = 64


class AmendmentMethods(watchlist_service_pb2_grpc.WatchlistServiceServicer):
    """Corrections, endings and erasures of single orders."""

    def __init__(self, amender: OrderAmender) -> None:
        self._amender = amender

    async def AmendOrder(self, request: pb.AmendOrderRequest, context: Context) -> pb.AmendOrderResponse:
        """Correct, end or erase an order, as two people."""
        wanted, amender = _amendment(request), self._amender
        match request.WhichOneof("act"):
            case "correction":
                cells = CORRECTION.read_all(request.correction.cells[: len(LIST_COLUMNS)], Reading.STRICT)
                require(all(one.field in LIST_COLUMNS for one in cells), "correction")
                await asyncio.to_thread(amender.correct, wanted, cells)
            case "ending":
                ground = REVOCATION_GROUNDS.member(request.ending.ground)
                if ground is None:
                    raise Refused("ground")
                reference = text(request.ending.reference, "reference", MAX_REVOCATION_REFERENCE)
                await asyncio.to_thread(amender.end, wanted, ground, reference)
            case "erasure":
                await asyncio.to_thread(amender.erase, wanted)
            case _:
                raise Refused("act")
        return pb.AmendOrderResponse()


def _amendment(request: pb.AmendOrderRequest) -> Amendment:
    who, reason = current_caller(), AMENDMENT_REASONS.member(request.reason)
    if reason is None:
        raise Refused("reason")
    return Amendment(
        text(request.subject_id, "subject_id"),
        text(request.order_id, "order_id"),
        text(request.seen_mark, "seen_mark", _DIGEST),
        reason,
        who.two_people(),
        who.actor,
    )
