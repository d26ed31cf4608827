"""ListFeedService: the list as ports follow it. It converts, calls and converts back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from hmac import compare_digest
from typing import Any

import grpc

from cekalwatch.server.audit.entry import Action, AuditEntry, Thing
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.ports import Port
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.convert.watchlist import list_feed as convert
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.watchlist.list_feed import ChangedSubject, ListFeedStore
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.server.watchlist.list_allowance import ListAllowance
from cekalwatch.server.watchlist.list_feed import ListFeed, ListPosition, PortProgram
from cekalwatch.v1 import list_feed_service_pb2 as pb
from cekalwatch.v1 import list_feed_service_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class ListFeedServicer(list_feed_service_pb2_grpc.ListFeedServiceServicer):
    """Serves the servers of ports."""

    def __init__(
        self,
        feed: ListFeed,
        store: ListFeedStore,
        freshness: FreshnessGauge,
        trail: AuditTrail,
        clock: Clock,
        keep_alive_period_s: float,
    ) -> None:
        self._feed = feed
        self._store = store
        self._freshness = freshness
        self._trail = trail
        self._clock = clock
        self._keep_alive_period_s = keep_alive_period_s
        self._allowance = ListAllowance(time.monotonic)

    async def FollowList(self, request: pb.FollowListRequest, context: Context) -> AsyncIterator[pb.FollowListResponse]:
        """Say where the list stands, until the server stops."""
        port = _program(request.port)
        async with self._feed.followed_by(port):
            await self._trail.note(current_caller().actor, Action.LIST_FOLLOWED, model=port.model_version)
            async with aclosing(self._feed.news(self._keep_alive_period_s)) as news:
                async for state in news:
                    yield convert.list_message(state, self._freshness.now(), self._clock.now())

    async def ReadList(self, request: pb.ReadListRequest, context: Context) -> pb.ReadListResponse:
        """Return the subjects that changed after a position."""
        port = _program(request.port)
        await self._feed.admit(port)
        after = await self._begin(request, port.port)
        await self._allowance.page(port.port, after.version)
        limit = convert.SUBJECTS_AGAIN_AT_ONCE if after.known else convert.SUBJECTS_AT_ONCE
        found = await asyncio.to_thread(self._store.changed_after, after.version, after.subject_id, limit)
        page = convert.list_page(found, after, limit)
        if page.subjects:
            given = found[: len(page.subjects)]
            await self._record(given, after.known)
            self._allowance.given(port.port, given[-1].version, len(given))
        page.position = f"{page.position}.{self._store.proof(port.port, page.position)}"
        return page

    async def _record(self, given: Sequence[ChangedSubject], known: int) -> None:
        """Record what a page gives, naming those that the reader has not been given as they stand."""
        named = [Thing.SUBJECT.key(one.subject_id) for one in given if one.version > known]
        details: dict[str, int | str] = {"subjects": len(given), "until": given[-1].version}
        if known:
            details |= {"again": len(given) - len(named), "known": known}
        entry = AuditEntry(self._clock.now(), current_caller().actor, Action.LIST_READ, tuple(named), details=details)
        await self._trail.enter(entry)

    async def FetchReferences(
        self, request: pb.FetchReferencesRequest, context: Context
    ) -> AsyncIterator[pb.FetchReferencesResponse]:
        """Send photographs of a subject with what was made of them."""
        port = _program(request.port)
        await self._feed.admit(port)
        subject_id, wanted = convert.wanted_references(request)
        await self._allowance.photographs(port.port)
        asked = [Thing.SUBJECT.key(subject_id)]
        await self._trail.note(current_caller().actor, Action.REFERENCES_FETCHED, asked, references=len(wanted))
        for key in wanted:
            stored = await asyncio.to_thread(self._store.reference, subject_id, key, port.model_version)
            for piece in convert.reference_pieces(stored) if stored else ():
                yield piece

    async def _begin(self, request: pb.ReadListRequest, port: Port) -> ListPosition:
        """Return where to begin.

        Raises LIST_POSITION_UNKNOWN for a position of another list, of a later state, or that this port was not given:
        it could be said to have had subjects that no entry names.
        """
        if request.position:
            return await self._position(request.position, port)
        if request.known_position:
            return (await self._position(request.known_position, port)).again
        return ListPosition(self._store.identity)

    async def _position(self, asked: str, port: Port) -> ListPosition:
        text, _, proof = asked.rpartition(".")
        position = ListPosition.parse(text)
        if not compare_digest(proof.encode(), self._store.proof(port, text).encode()):
            raise CekalwatchError(Code.LIST_POSITION_UNKNOWN, "of another port or list")
        if position.identity != self._store.identity:
            raise CekalwatchError(Code.LIST_POSITION_UNKNOWN, "another list")
        if max(position.version, position.known) > await asyncio.to_thread(self._store.version):
            raise CekalwatchError(Code.LIST_POSITION_UNKNOWN, "a later state")
        return position


def _program(port: pb.PortServer) -> PortProgram:
    """Return who calls; raises SITE_NOT_ALLOWED unless its own settings have the site of its certificate."""
    sites, run_id, (model_version, version) = (
        convert.port_sites(port),
        convert.port_run(port),
        convert.port_versions(port),
    )
    caller = current_caller()
    if caller.on_this_machine:
        return PortProgram(min(sites), caller.identity.name, run_id, model_version, version)
    if caller.identity.site not in sites:
        raise CekalwatchError(Code.SITE_NOT_ALLOWED, caller.identity.site)
    shown = caller.device.certificate
    return PortProgram(caller.identity.site, caller.identity.name, run_id, model_version, version, shown)
