"""Pages of orders in JSON, read in a confined process: of each record come the values that the mapping names."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import asdict
from typing import Final

from cekalwatch.program.confined.limits import Limits
from cekalwatch.server.watchlist.sources.cell_transfer import array, written, written_row
from cekalwatch.server.watchlist.sources.list_process import ListProcess, refusing
from cekalwatch.server.watchlist.sources.mapping import Row
from cekalwatch.server.watchlist.sources.source import SourceMisconfigured
from cekalwatch.server.watchlist.sources.web.json_page import JsonPage, by_path, read_page
from cekalwatch.server.watchlist.sources.web.settings import HttpSettings, PageNames

MEMORY_BYTES: Final = 400_000_000
MEMORY_FACTOR: Final = 20
"""An object of two characters takes this many times its size."""
PROCESSOR_S: Final = 120
MAX_RECORDS: Final = 200_000
"""Of a page, whatever its size."""


class PageReader:
    """Reads the pages of one list; raises SourceUnavailable. One thread at a time."""

    def __init__(self, settings: HttpSettings, columns: Sequence[str]) -> None:
        """`columns` are the paths of the values in a record."""
        most = settings.max_page_bytes
        limits = Limits(memory_bytes=MEMORY_BYTES + MEMORY_FACTOR * most, processor_s=PROCESSOR_S)
        self._process = ListProcess(page_answers, f"A page of {settings.address}", limits, 3 * most + 16_000_000)
        self._columns = tuple(columns)
        asked = {"names": asdict(settings.page), "encoding": settings.encoding, "columns": self._columns}
        self._asked = json.dumps(asked).encode() + b"\n"

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def read(self, body: bytes) -> JsonPage:
        """Return the page; a record that is no object is None, and the others are rows by path."""
        match self._process.begin(self._asked + body):
            case [str(following), bool(more), int() | None as total, [*orders], [*withdrawn]]:
                return JsonPage([self._row(order) for order in orders], withdrawn, following, more, total)
        raise self._process.unfit()

    def _row(self, cells: object) -> Row | None:
        match cells:
            case None:
                return None
            case [*found] if len(found) == len(self._columns):
                return dict(zip(self._columns, found, strict=True))
        raise self._process.unfit()


@refusing
def page_answers(request: bytes) -> Generator[bytes, bytes, None]:
    """Answer, in a confined process, with a page."""
    head, _, body = request.partition(b"\n")
    asked = json.loads(head)
    page = read_page(body, asked["encoding"], PageNames(**asked["names"]))
    if len(page.orders) + len(page.withdrawn) > MAX_RECORDS:
        raise SourceMisconfigured(f"A page of the list has more than {MAX_RECORDS} records: lower page_size")
    orders = (_picked(order, asked["columns"]) for order in page.orders)
    withdrawn = (written(key if isinstance(key, str) else None) for key in page.withdrawn)
    end = map(written, (page.next, page.more, page.total))
    yield array((*end, array(orders), array(withdrawn)))


def _picked(order: object, columns: Sequence[str]) -> bytes:
    return written_row([by_path(order, path) for path in columns] if isinstance(order, dict) else None)
