"""Reads a page of orders in JSON, so that an error in one record does not affect others."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cekalwatch.server.watchlist.sources.files.settings import Encoding
from cekalwatch.server.watchlist.sources.source import BrokenPage, SourceMisconfigured
from cekalwatch.server.watchlist.sources.values import DAMAGED_VALUE, MAX_DIGITS
from cekalwatch.server.watchlist.sources.web.settings import PageNames

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
    """Where to go on, or empty."""
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

    Bytes that are not in the encoding, NaN and infinity, numbers of more digits than any field has, what is nested too
    deep, and names that an object has twice refuse only their record.
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
    """Return JSON with NaN, which is read as a damaged value, in place of what is nested deeper than MAX_DEPTH."""
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
