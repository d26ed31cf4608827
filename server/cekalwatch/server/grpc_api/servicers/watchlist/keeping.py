"""What list managers do with the list: synchronise it, amend its orders, and keep its agencies and its law."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cekalwatch.contract.calls import watchlist as calls
from cekalwatch.contract.codec.imports import CORRECTION, SYNC_RUN
from cekalwatch.contract.codec.listed_subjects import AMENDMENT_REASONS
from cekalwatch.contract.codec.watchlist import REVOCATION_GROUNDS
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.agencies import AgencyChange, KeptAgencies
from cekalwatch.contract.values.imports import LIST_COLUMNS, SyncRun, SyncStatus
from cekalwatch.contract.values.law import KeptLaw, LawRow
from cekalwatch.contract.values.orders import MAX_REVOCATION_REFERENCE
from cekalwatch.contract.values.silencing import Silencing
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.messages import page, page_size, require, text
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.watchlist.agencies import AgencyRegistry
from cekalwatch.server.watchlist.amendments import Amendment, OrderAmender
from cekalwatch.server.watchlist.foresight import ListForesight
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.server.watchlist.law_register import LawRegister
from cekalwatch.server.watchlist.sync.schedule import SyncService
from cekalwatch.v1 import watchlist_service_pb2 as pb

DEFAULT_PAGE = 50
_DIGEST = 64
_MAX_DIGITS = 18
"""Of a number that fits into 64 bits."""


def agency_calls(agencies: AgencyRegistry, foresight: ListForesight) -> tuple[Served, ...]:
    """Serve the agencies by which orders are compared."""
    law = foresight.checkpoints

    def put_silences(put: AgencyChange) -> Silencing:
        return foresight.under(replace(law.law, agencies=agencies.with_agency(put.agency)))

    def removal_silences(asked: pb.RemoveAgencyRequest) -> Silencing:
        return foresight.under(replace(law.law, agencies=agencies.without(asked.code)))

    def put(wanted: AgencyChange) -> None:
        agencies.put(wanted.agency, wanted.seen_mark, current_caller().actor)

    def remove(asked: pb.RemoveAgencyRequest) -> None:
        agencies.remove(text(asked.code, "code"), text(asked.seen_mark, "seen_mark"), current_caller().actor)

    return (
        serve(calls.LIST_AGENCIES, lambda _: KeptAgencies(agencies.all(), agencies.of_centre)),
        serve(calls.PUT_AGENCY, put, silences=put_silences),
        serve(calls.REMOVE_AGENCY, remove, silences=removal_silences),
    )


def law_calls(law: LawRegister, foresight: ListForesight) -> tuple[Served, ...]:
    """Serve the law by which orders are judged."""

    def silences(row: LawRow) -> Silencing:
        present = foresight.checkpoints.law
        return foresight.under(replace(present, table=present.table.with_row(row)))

    def add(row: LawRow) -> None:
        law.add(row, current_caller().two_people(), current_caller().actor)

    return (
        serve(calls.GET_LAW, lambda _: KeptLaw(tuple(law.rows()), law.of_centre)),
        serve(calls.PREVIEW_LAW_ROW, law.preview, Code.LAW_ROW_INVALID),
        serve(calls.ADD_LAW_ROW, add, Code.LAW_ROW_INVALID, silences),
    )


def amendment_calls(amender: OrderAmender, foresight: ListForesight) -> tuple[Served, ...]:
    """Serve corrections, endings and erasures of single orders, by two people."""

    def silences(request: pb.AmendOrderRequest) -> Silencing:
        return foresight.of_orders(frozenset({request.order_id}))

    def amend(request: pb.AmendOrderRequest) -> None:
        wanted = _amendment(request)
        match request.WhichOneof("act"):
            case "correction":
                cells = CORRECTION.read_all(request.correction.cells[: len(LIST_COLUMNS)], Reading.STRICT)
                require(all(one.field in LIST_COLUMNS for one in cells), "correction")
                amender.correct(wanted, cells)
            case "ending":
                ground = REVOCATION_GROUNDS.member(request.ending.ground)
                if ground is None:
                    raise Refused("ground")
                amender.end(wanted, ground, text(request.ending.reference, "reference", MAX_REVOCATION_REFERENCE))
            case "erasure":
                amender.erase(wanted)
            case _:
                raise Refused("act")

    return (serve(calls.AMEND_ORDER, amend, silences=silences),)


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


def sync_calls(syncs: SyncService, freshness: FreshnessGauge, foresight: ListForesight) -> tuple[Served, ...]:
    """Serve the synchronisation with the list's source."""

    def sync_now(request: pb.SyncNowRequest) -> pb.SyncNowResponse:
        return pb.SyncNowResponse(run_id=syncs.start(current_caller().actor, from_start=request.from_start))

    def accept(request: pb.AcceptShrunkenListRequest) -> pb.AcceptShrunkenListResponse:
        who = current_caller()
        return pb.AcceptShrunkenListResponse(run_id=syncs.accept(request.run_id, who.two_people(), who.actor) or 0)

    def silences(request: pb.AcceptShrunkenListRequest) -> Silencing:
        return foresight.of_orders(syncs.missing(request.run_id))

    def status(_: pb.GetSyncStatusRequest) -> SyncStatus:
        return replace(syncs.status(), freshness=freshness.now())

    def runs(request: pb.ListSyncRunsRequest) -> pb.ListSyncRunsResponse:
        before, limit = run_page_token(request.page_token), page_size(request.page_size, default=DEFAULT_PAGE)
        return run_page(syncs.runs(limit, before), limit)

    return (
        serve(calls.SYNC_NOW, sync_now),
        serve(calls.ACCEPT_SHRUNKEN_LIST, accept, silences=silences),
        serve(calls.GET_SYNC_STATUS, status),
        serve(calls.LIST_SYNC_RUNS, runs),
    )


def run_page_token(token: str) -> int | None:
    """Read the token of a page of runs; raises PAGE_TOKEN_INVALID."""
    if not token:
        return None
    if len(token) > _MAX_DIGITS or not (token.isascii() and token.isdecimal()):
        raise CekalwatchError(Code.PAGE_TOKEN_INVALID)
    return int(token)


def run_page(runs: Sequence[SyncRun], limit: int) -> pb.ListSyncRunsResponse:
    """Write a page of runs, as far as they fit into a message."""
    messages, more = page(map(SYNC_RUN.write, runs), len(runs), limit)
    token = str(messages[-1].run_id) if messages and more else ""
    return pb.ListSyncRunsResponse(runs=messages, next_page_token=token)
