"""Reads the list of a centre: whole, or what has changed since the last time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Self

import grpc

from cekalwatch.server.domain.clock import Clock, SystemClock
from cekalwatch.server.watchlist.imports.records import Photograph
from cekalwatch.server.watchlist.sources.centre.caller import PortCaller, meaning
from cekalwatch.server.watchlist.sources.centre.records import photographs, subject_items
from cekalwatch.server.watchlist.sources.source import (
    CursorExpired,
    Reading,
    SourceMisconfigured,
    SourcePage,
    whole_reading_is_due,
)
from cekalwatch.v1 import list_feed_service_pb2 as pb
from cekalwatch.v1.list_feed_service_pb2_grpc import ListFeedServiceStub
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer

PAGE_S = 60.0
"""How long the centre may take for a page."""
PHOTOGRAPHS_S = 300.0
"""The same for all photographs of a subject."""
MAX_POSITION = 200
"""Characters of a position."""


@dataclass(frozen=True)
class _FeedPosition:
    """Where to go on, as the cursor says it."""

    at: str = ""
    whole: bool = True
    """Whether the reading began at the beginning."""
    whole_at: float = 0.0
    """When the last whole reading began, in seconds since 1970."""

    @property
    def text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, cursor: str) -> Self:
        """Read a cursor; raises CursorExpired for any other text."""
        if not cursor:
            return cls()
        try:
            match json.loads(cursor):
                case {"at": str(at), "whole": bool(whole), "whole_at": int() | float() as whole_at}:
                    return cls(at, whole, whole_at)
        except ValueError:
            pass
        raise CursorExpired


class CentreSource:
    """A source that is a centre."""

    def __init__(self, caller: PortCaller, clock: Clock | None = None) -> None:
        self._caller = caller
        self._clock = clock or SystemClock()
        self._dialer: Dialer | None = None
        self._calls: Calls | None = None

    @property
    def name(self) -> str:
        """The address, or the first of several."""
        return self._caller.settings.name

    def close(self) -> None:
        """Close the connection."""
        if self._calls:
            self._calls.close()
            self._calls = None

    def read(self, cursor: str) -> Reading:
        """Begin a reading, whole when it is due."""
        self.close()
        known = _FeedPosition.of(cursor)
        position = self._begun(known)
        self._dialer = self._caller.dialer()
        self._calls = Calls(self._dialer)
        first = self._page(position, known="" if position.at else known.at)
        return Reading(position.whole, None, self._pages(position, first))

    def _begun(self, position: _FeedPosition) -> _FeedPosition:
        if position.at and position.whole:
            return position  # of a whole reading that was broken off
        now = self._clock.now().timestamp()
        due = whole_reading_is_due(position.whole_at, now, self._caller.settings.whole_every_hours)
        return _FeedPosition(whole_at=now) if due or not position.at else position

    def _pages(self, position: _FeedPosition, page: pb.ReadListResponse) -> Iterator[SourcePage]:
        while True:
            onwards = bool(page.subjects) and page.position != position.at
            if not 0 < len(page.position) <= MAX_POSITION or (page.more and not onwards):
                raise SourceMisconfigured(
                    f"The pages of {self.name} lead nowhere: ask those who run it, and see that both have one version"
                )
            items = [item for one in page.subjects for item in subject_items(one, self._fetch)]
            position = replace(position, at=page.position, whole=position.whole and page.more)
            yield SourcePage(tuple(items), position.text)
            if not page.more:
                return
            page = self._page(position)

    def _page(self, position: _FeedPosition, known: str = "") -> pb.ReadListResponse:
        """Read the page at a position; `known`, at the beginning: the position up to which all has been read."""
        request = pb.ReadListRequest(port=self._caller.message(), position=position.at, known_position=known)

        def call(channel: grpc.Channel, left_s: float) -> pb.ReadListResponse:
            return ListFeedServiceStub(channel).ReadList(request, timeout=left_s)

        calls, dialer = self._opened()
        try:
            return calls.make(call, PAGE_S)
        except grpc.RpcError as error:
            raise meaning(error, dialer) from None

    def _fetch(self, subject_id: str, wanted: Sequence[pb.ListedReference]) -> tuple[Photograph, ...]:
        port = self._caller.message()
        keys = [one.reference_id for one in wanted]
        request = pb.FetchReferencesRequest(port=port, subject_id=subject_id, reference_ids=keys)

        def call(channel: grpc.Channel, left_s: float) -> tuple[Photograph, ...]:
            pieces = ListFeedServiceStub(channel).FetchReferences(request, timeout=left_s)
            try:
                return photographs(wanted, pieces, port.model_version)
            finally:
                pieces.cancel()

        calls, dialer = self._opened()
        try:
            return calls.make(call, PHOTOGRAPHS_S)
        except grpc.RpcError as error:
            raise meaning(error, dialer) from None

    def _opened(self) -> tuple[Calls, Dialer]:
        if self._calls is None or self._dialer is None:
            raise RuntimeError("orders of a reading that was closed can no longer be loaded")
        return self._calls, self._dialer
