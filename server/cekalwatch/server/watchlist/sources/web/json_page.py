"""Reads a page of orders in JSON, so that an error in one record does not affect others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cekalwatch.server.watchlist.sources.files.settings import Encoding
from cekalwatch.server.watchlist.sources.source import SourceMisconfigured, SourceUnavailable
from cekalwatch.server.watchlist.sources.values import DAMAGED_VALUE
from cekalwatch.server.watchlist.sources.web.settings import PageNames

MAX_CURSOR: Final = 2000
"""Characters of a cursor: it goes into an address."""


class BrokenPage(SourceUnavailable):
    """A page that is not JSON; perhaps it was cut off, and is complete the next time."""


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

    Bytes that are not in the encoding, NaN and infinity, and names that an object has twice refuse only their record.
    """
    # Undecodable bytes become surrogates, which no field accepts.
    text = body.decode("utf-8-sig" if encoding == "utf-8" else encoding, "surrogateescape")
    try:
        page = json.loads(text, parse_constant=lambda _: DAMAGED_VALUE, object_pairs_hook=_object)
    except (ValueError, RecursionError):
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


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        return {name: DAMAGED_VALUE if names.count(name) > 1 else value for name, value in found.items()}
    return found
