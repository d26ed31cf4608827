"""Pages of orders in JSON, read in a confined process: an error in one record does not affect others."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from cekalwatch.program.confined.limits import Limits
from cekalwatch.server.watchlist.sources.list_process import ListProcess, array, refusing, written, written_row
from cekalwatch.server.watchlist.sources.mapping import Row
from cekalwatch.server.watchlist.sources.settings import Encoding, HttpSettings, PageNames
from cekalwatch.server.watchlist.sources.source import BrokenPage, SourceMisconfigured
from cekalwatch.server.watchlist.sources.values import DAMAGED_VALUE, MAX_DIGITS

MAX_CURSOR: Final = 2000
"""Characters of a cursor: it goes into an address."""
MAX_DEPTH: Final = 50
"""Of objects and lists in a page; what is deeper is a damaged value, of its record alone."""

_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True)
class JsonPage:
    """A page of an answer."""

    orders: Sequence[object]
    withdrawn: Sequence[object]
    next: str
    """The cursor, or empty."""
    more: bool
    """Whether there are more pages now; otherwise `next` asks for later changes."""
    total: int | None


def by_path(row: Mapping[str, object], path: str) -> object:
    """Return the value at a path such as "orang.nama" in nested objects, or None."""
    found: object = row
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return DAMAGED_VALUE if found is DAMAGED_VALUE else None
        found = found.get(name)
    return found


def read_page(body: bytes, encoding: Encoding, names: PageNames) -> JsonPage:
    """Read a page; raises BrokenPage, and SourceMisconfigured for JSON of another form.

    Bytes outside the encoding, NaN and infinity, numbers with too many digits, values nested too deep, and duplicate
    names in an object make only their record invalid.
    """
    # Undecodable bytes become surrogates, which no field accepts.
    text = body.decode("utf-8-sig" if encoding == "utf-8" else encoding, "surrogateescape")
    try:
        try:
            page = _parsed(text)
        except RecursionError:
            page = _parsed(_shallow(text))
    except ValueError:
        raise BrokenPage("The list is not JSON, or only the beginning of it came") from None
    if not isinstance(page, Mapping):
        raise SourceMisconfigured("The list is JSON, but no object")
    orders, withdrawn = by_path(page, names.orders), by_path(page, names.withdrawn) or []
    following, more, total = (by_path(page, name) for name in (names.next, names.more, names.total))
    if not isinstance(orders, list) or not isinstance(withdrawn, list):
        raise SourceMisconfigured(f"The list has no array {names.orders!r}, or its {names.withdrawn!r} is none")
    if not isinstance(following, str | None) or not isinstance(more, bool | None):
        raise SourceMisconfigured(f"{names.next!r} of the list is no text, or {names.more!r} neither true nor false")
    if following and len(following) > MAX_CURSOR:
        raise SourceMisconfigured(f"{names.next!r} of the list has more than {MAX_CURSOR} characters")
    if more and not following:
        raise SourceMisconfigured(f"The list says that there is more, and not where: {names.next!r} is missing")
    counted = total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None
    return JsonPage(orders, withdrawn, following or "", bool(more), counted)


def _parsed(text: str) -> object:
    """Raises ValueError, and RecursionError for what is nested too deep for the parser."""
    return json.loads(text, parse_int=_whole, parse_constant=lambda _: DAMAGED_VALUE, object_pairs_hook=_object)


def _whole(digits: str) -> object:
    # Python refuses to read numbers of more than 4,300 digits, and takes time for those below.
    return int(digits) if len(digits) <= MAX_DIGITS else DAMAGED_VALUE


def _shallow(text: str) -> str:
    """Return JSON with NaN, which is read as a damaged value, in place of values nested deeper than MAX_DEPTH."""
    parts, kept, depth = list[str](), 0, 0
    for found in _STRING_OR_BRACKET.finditer(text):
        match found[0]:
            case "[" | "{":
                depth += 1
                if depth == MAX_DEPTH + 1:
                    parts.append(text[kept : found.start()])
            case "]" | "}":
                if depth == MAX_DEPTH + 1:
                    parts.append("NaN")
                    kept = found.end()
                depth -= 1
    return "".join((*parts, text[kept:] if depth <= MAX_DEPTH else ""))


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        times = Counter(name for name, _ in pairs)
        return {name: DAMAGED_VALUE if times[name] > 1 else value for name, value in found.items()}
    return found


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
        """Return the page; a record that is not an object is None, and the others are rows by path."""
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
