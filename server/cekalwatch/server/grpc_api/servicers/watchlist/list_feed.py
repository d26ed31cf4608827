"""The list as ports follow it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from hmac import compare_digest

from cekalwatch.contract.calls import ports as calls
from cekalwatch.contract.codec.law import AGENCY_LIST, LAW_ROW
from cekalwatch.contract.codec.watchlist import FRESHNESS, ORDER, REFERENCE_FACE, SUBJECT
from cekalwatch.contract.engine.scalars import timestamp
from cekalwatch.contract.values.agencies import AgencyList
from cekalwatch.contract.values.law import LawRow
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.server.audit.entry import Action, AuditEntry, ObjectKind
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.ports import Port, PortProgram
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.messages import KEY, page, text, uuid
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.grpc_api.servicers.watchlist.subjects import subject_key
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.watchlist.agencies import AgencyStore
from cekalwatch.server.storage.watchlist.law import LawStore
from cekalwatch.server.storage.watchlist.list_feed import ChangedSubject, ListFeedStore, StoredReference
from cekalwatch.server.watchlist.agencies import listed
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.server.watchlist.list_feed import ListAllowance, ListFeed, ListPosition
from cekalwatch.v1 import law_pb2
from cekalwatch.v1 import list_feed_service_pb2 as pb
from cekalwatch.wire.bounds import MAX_PAGE, PHOTO_CHUNK_BYTES

MAX_SITES = 64
SUBJECTS_AT_ONCE, SUBJECTS_AGAIN_AT_ONCE = 100, 500
"""Subjects of a page, where a message holds as many; when the list is read again, for which each page is recorded."""


class ListFeedCalls:
    """Serves the servers of ports."""

    def __init__(
        self,
        feed: ListFeed,
        store: ListFeedStore,
        freshness: FreshnessGauge,
        trail: AuditTrail,
        clock: Clock,
        keep_alive_period_s: float,
        agencies: AgencyStore,
        law: LawStore,
    ) -> None:
        self._feed = feed
        self._agencies = agencies
        self._law = law
        self._store = store
        self._freshness = freshness
        self._trail = trail
        self._clock = clock
        self._keep_alive_period_s = keep_alive_period_s
        self._allowance = ListAllowance(time.monotonic)

    def served(self) -> tuple[Served, ...]:
        """Return the calls."""
        return (
            Served(calls.FOLLOW_LIST, self._follow),
            serve(calls.READ_LIST, self._read),
            Served(calls.FETCH_REFERENCES, self._fetch_references),
        )

    async def _follow(self, request: pb.FollowListRequest, _: Context) -> AsyncIterator[pb.FollowListResponse]:
        """Send the list's position, and each change of it, until the server stops."""
        port = _program(request.port)
        async with self._feed.followed_by(port):
            await self._trail.note(current_caller().actor, Action.LIST_FOLLOWED, model=port.model_version)
            async with aclosing(self._feed.news(self._keep_alive_period_s)) as news:
                async for state in news:
                    agencies = listed(await asyncio.to_thread(self._agencies.read))
                    rows = (await asyncio.to_thread(self._law.read)).rows
                    yield list_message(state, self._freshness.now(), self._clock.now(), agencies, rows)

    async def _read(self, request: pb.ReadListRequest) -> pb.ReadListResponse:
        port = _program(request.port)
        await self._feed.admit(port)
        after = await self._begin(request, port.port)
        await self._allowance.page(port.port, after.version)
        limit = SUBJECTS_AGAIN_AT_ONCE if after.known else SUBJECTS_AT_ONCE
        found = await asyncio.to_thread(self._store.changed_after, after.version, after.subject_id, limit)
        page = list_page(found, after, limit)
        if page.subjects:
            given = found[: len(page.subjects)]
            await self._record(given, after.known)
            self._allowance.given(port.port, given[-1].version, len(given))
        page.position = f"{page.position}.{self._store.proof(port.port, page.position)}"
        return page

    async def _record(self, given: Sequence[ChangedSubject], known: int) -> None:
        """Record the subjects of a page, and name those whose present version the reader has not had."""
        named = [ObjectKind.SUBJECT.key(one.subject_id) for one in given if one.version > known]
        details: dict[str, int | str] = {"subjects": len(given), "until": given[-1].version}
        if known:
            details |= {"again": len(given) - len(named), "known": known}
        entry = AuditEntry(self._clock.now(), current_caller().actor, Action.LIST_READ, tuple(named), details=details)
        await self._trail.enter(entry)

    async def _fetch_references(
        self, request: pb.FetchReferencesRequest, _: Context
    ) -> AsyncIterator[pb.FetchReferencesResponse]:
        port = _program(request.port)
        await self._feed.admit(port)
        subject_id, wanted = wanted_references(request)
        await self._allowance.photographs(port.port)
        asked = [ObjectKind.SUBJECT.key(subject_id)]
        await self._trail.note(current_caller().actor, Action.REFERENCES_FETCHED, asked, references=len(wanted))
        for key in wanted:
            stored = await asyncio.to_thread(self._store.reference, subject_id, key, port.model_version)
            for piece in reference_pieces(stored) if stored else ():
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
    """Return who calls; raises ARGUMENT_INVALID, RUN_ID_INVALID.

    Raises SITE_NOT_ALLOWED unless its own settings have the site of its certificate.
    """
    if not 1 <= len(port.sites) <= MAX_SITES or not all(map(KEY.fullmatch, port.sites)):
        raise CekalwatchError(Code.ARGUMENT_INVALID, "sites")
    if uuid(port.run_id) is None:
        raise CekalwatchError(Code.RUN_ID_INVALID)
    told = port.run_id, text(port.model_version, "model_version"), text(port.server_version, "server_version")
    caller = current_caller()
    if caller.on_this_machine:
        return PortProgram(Port(min(port.sites), caller.identity.name), *told)
    if caller.identity.site not in port.sites:
        raise CekalwatchError(Code.SITE_NOT_ALLOWED, caller.identity.site)
    return PortProgram(Port(caller.identity.site, caller.identity.name), *told, caller.device.certificate)


def list_message(
    state: str, freshness: Freshness, now: datetime, agencies: AgencyList, rows: Iterable[LawRow]
) -> pb.FollowListResponse:
    """Write the list's position, with its age, the agencies and the rows of the law."""
    return pb.FollowListResponse(
        state=state,
        freshness=FRESHNESS.write(freshness),
        server_time=timestamp(now),
        agencies=AGENCY_LIST.write(agencies),
        law=law_pb2.LawRows(rows=map(LAW_ROW.write, rows)),
    )


def list_page(found: Sequence[ChangedSubject], after: ListPosition, limit: int) -> pb.ReadListResponse:
    """Write a page of the subjects that were found after a position, as far as they fit into a message."""
    subjects, more = page(map(listed_subject, found), len(found), limit)
    more = bool(subjects) and more
    if subjects:
        last = found[len(subjects) - 1]
        after = replace(after, version=last.version, subject_id=last.subject_id)
    after = replace(after, known=after.known if more else 0)
    return pb.ReadListResponse(subjects=subjects, position=after.text, more=more)


def listed_subject(one: ChangedSubject) -> pb.ListedSubject:
    """Write the present version of a subject of the list."""
    if one.file is None:
        return pb.ListedSubject(subject_id=one.subject_id, incomplete=one.held)
    standing = [order for order in one.file.orders if order.withdrawn_at is None]
    return pb.ListedSubject(
        subject_id=one.subject_id,
        subject=SUBJECT.write(one.file.subject),
        orders=map(_listed_order, standing),
        references=[
            pb.ListedReference(reference_id=face.reference_id, photo_sha256=face.photo_sha256)
            for face in one.file.references
        ],
        incomplete=bool(one.file.unreadable),
    )


def _listed_order(order: BanOrder) -> pb.ListedOrder:
    since = order.urgent_since
    return pb.ListedOrder(order=ORDER.write(order.shown), urgent_since=since.isoformat() if since else "")


def wanted_references(request: pb.FetchReferencesRequest) -> tuple[str, tuple[str, ...]]:
    """Read which photographs are asked for, of which subject; raises ARGUMENT_INVALID or SUBJECT_NOT_FOUND."""
    wanted = tuple(text(one, "reference_ids") for one in request.reference_ids)
    if not 1 <= len(wanted) <= MAX_PAGE or len(set(wanted)) < len(wanted) or not all(wanted):
        raise CekalwatchError(Code.ARGUMENT_INVALID, "reference_ids")
    return subject_key(request.subject_id), wanted


def reference_pieces(stored: StoredReference) -> Iterator[pb.FetchReferencesResponse]:
    """Write a photograph in chunks, the first one with its face and template."""
    pieces = range(0, max(1, len(stored.photo)), PHOTO_CHUNK_BYTES)
    for start in pieces:
        message = pb.FetchReferencesResponse(data=stored.photo[start : start + PHOTO_CHUNK_BYTES])
        if start == 0:
            message.reference.CopyFrom(REFERENCE_FACE.write(replace(stored.face, jpeg=stored.face_jpeg)))
            message.template = stored.template
        message.last = start == pieces[-1]
        yield message
