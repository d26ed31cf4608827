"""A list of orders over HTTP: JSON in pages, changes by cursor, photographs by address. `docs/connect-cekal.md`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import tzinfo
from typing import Final
from urllib.parse import urlsplit

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.server.foundation.clock import Clock, SystemClock
from cekalwatch.server.watchlist.imports.records import RecordError, key
from cekalwatch.server.watchlist.sources.mapping import RecordMapper
from cekalwatch.server.watchlist.sources.row_reader import RowReader
from cekalwatch.server.watchlist.sources.settings import HttpSettings
from cekalwatch.server.watchlist.sources.source import (
    BrokenPage,
    CursorExpired,
    Reading,
    RefusedRow,
    SourceItem,
    SourceMisconfigured,
    SourcePage,
    SourceUnavailable,
    WithdrawnOrder,
    whole_reading_is_due,
)
from cekalwatch.server.watchlist.sources.web.client import WebAddressError, WebAnswer, WebClient, WebPhotographs
from cekalwatch.server.watchlist.sources.web.json_page import JsonPage, PageReader

MAX_EMPTY_PAGES: Final = 100


@dataclass(frozen=True)
class _Position:
    """The position of a reading."""

    at: str = ""
    """The server's own cursor."""
    whole: bool = True
    """Whether the whole list is being read, or later changes."""
    etag: str = ""
    """ETag of the last answer to the same request."""
    whole_at: float = 0.0
    """When the last whole reading began, in seconds of the Unix epoch."""

    @property
    def text(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def of(cls, cursor: str) -> _Position:
        """Read a cursor; raises CursorExpired for any other text."""
        if not cursor:
            return cls()
        try:
            match json.loads(cursor):
                case {"at": str(at), "whole": bool(whole), "etag": str(etag), "whole_at": int() | float() as whole_at}:
                    return cls(at, whole, etag, whole_at)
        except ValueError:
            pass
        raise CursorExpired


class HttpSource:
    """A source that is an application on the network."""

    def __init__(self, settings: HttpSettings, zone: tzinfo, clock: Clock | None = None) -> None:
        """Times without an offset are those of `zone`."""
        self._settings = settings
        self._clock = clock or SystemClock()
        self._mapper = RecordMapper(settings.mapping, zone, dict.get)  # type: ignore[arg-type]  # rows are dicts
        self._client: WebClient | None = None
        self._page_reader = PageReader(settings, self._mapper.columns)

    @property
    def name(self) -> str:
        """The address without its query."""
        parts = urlsplit(self._settings.address)
        return f"http {parts.scheme}://{parts.netloc}{parts.path}"

    def close(self) -> None:
        """Close the connections, and end the process that reads pages."""
        self._page_reader.close()
        if self._client:
            self._client.close()
            self._client = None

    def read(self, cursor: str) -> Reading:
        """Begin a reading; secret and certificates are read again."""
        self.close()
        position = self._begun(_Position.of(cursor))
        client = self._client = WebClient(self._settings.access, self._settings.address)
        page, etag = self._page(client, position)
        if page is None:
            return Reading(whole=False, expected=0, pages=iter([SourcePage((), cursor)]))
        expected = page.total if not position.at else None
        return Reading(position.whole, expected, self._pages(client, position, page, etag))

    def _begun(self, position: _Position) -> _Position:
        """Return where to begin: a whole reading when it is due, since lists of changes do not repeat errors."""
        if position.at and position.whole:
            return position
        now = self._clock.now().timestamp()
        due = whole_reading_is_due(position.whole_at, now, self._settings.whole_every_hours)
        return _Position(whole_at=now) if due else position

    def _pages(self, client: WebClient, position: _Position, page: JsonPage, etag: str) -> Iterator[SourcePage]:
        photographs = WebPhotographs(client, ask_versions=self._settings.ask_photographs)
        reader = RowReader(self._mapper, photographs)
        seen: set[str] = set()
        number = empty = 0
        while True:
            items: list[SourceItem] = []
            for raw in page.orders:
                number += 1
                items.append(self._item(reader, f"record {number}", raw, seen))
            items.extend(_tombstone(raw, number) for number, raw in enumerate(page.withdrawn, 1))
            following = _following(position, page, etag)
            yield SourcePage(tuple(items), following.text if following else "")
            if not page.more or not following:
                return
            empty = 0 if items else empty + 1
            if following.at == position.at or empty > MAX_EMPTY_PAGES:
                raise SourceMisconfigured(
                    "The list's pages lead nowhere: each says that there is more, and has nothing"
                )
            position = following
            found, etag = self._page(client, position)
            if found is None:
                raise SourceMisconfigured("The list answers 304 to a question without an ETag")
            page = found

    def _item(self, reader: RowReader, place: str, raw: object, seen: set[str]) -> SourceItem:
        row = raw if isinstance(raw, dict) else None
        item = reader.item(place, row)
        if isinstance(item, RefusedRow):
            return item
        if item.order_id in seen:
            return reader.mapper.refused(place, row, RecordError("order_id"))
        seen.add(item.order_id)
        return item

    def _page(self, client: WebClient, position: _Position) -> tuple[JsonPage | None, str]:
        """Return the page at `position`, or None if it has not changed, and its ETag."""
        tries = Retrying(
            stop=stop_after_attempt(self._settings.access.attempts),
            retry=retry_if_exception_type(BrokenPage),
            reraise=True,
        )
        return tries(self._asked, client, position)

    def _asked(self, client: WebClient, position: _Position) -> tuple[JsonPage | None, str]:
        settings = self._settings
        parameters = {settings.page.limit_parameter: str(settings.page_size)}
        if position.at:
            parameters[settings.page.cursor_parameter] = position.at
        try:
            answer = client.ask(
                "GET", settings.address, most_bytes=settings.max_page_bytes, parameters=parameters, etag=position.etag
            )
        except WebAddressError:
            raise SourceUnavailable(f"{settings.address} leads to another server, where nothing is asked") from None
        if answer.status == 304 and position.etag:
            return None, position.etag
        _check(settings.address, answer, position)
        return self._page_reader.read(answer.body), answer.headers.get("etag", "")


def _check(address: str, answer: WebAnswer, position: _Position) -> None:
    """Raise the error for an answer that is not a page."""
    if answer.status == 410 and position.at:
        raise CursorExpired
    if answer.status in {401, 403}:
        raise SourceUnavailable(
            f"{address} does not let us in ({answer.status}): check access.token_from and client_tls"
        )
    if answer.status != 200:
        raise SourceUnavailable(f"{address} answers {answer.status}: check the address, or ask those who run it")
    if answer.too_large:
        raise SourceMisconfigured(f"A page of {address} is larger than max_page_bytes: lower page_size")


def _following(position: _Position, page: JsonPage, etag: str) -> _Position | None:
    """Return the position after `page`, or None."""
    if page.more:
        return replace(position, at=page.next, etag="")
    if not page.next:
        # For a list of one page, the ETag says whether it has changed.
        return replace(position, etag=etag) if etag and not position.at else None
    return replace(position, at=page.next, whole=False, etag=etag if page.next == position.at else "")


def _tombstone(raw: object, number: int) -> SourceItem:
    try:
        return WithdrawnOrder(key("order_id", raw.strip() if isinstance(raw, str) else ""))
    except RecordError as error:
        return RefusedRow(RecordReport.refused(f"withdrawn {number}", "", error), keyed=False)
