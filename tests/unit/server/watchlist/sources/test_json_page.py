"""What of a page of an application's list is refused as a whole."""

from __future__ import annotations

import json

import pytest

from cekalwatch.server.watchlist.sources.settings import PageNames
from cekalwatch.server.watchlist.sources.source import SourceMisconfigured
from cekalwatch.server.watchlist.sources.web.json_page import MAX_CURSOR, read_page


def page(cursor: str) -> bytes:
    return json.dumps({"orders": [], "next": cursor, "more": True}).encode()


def test_a_cursor_that_no_address_can_hold_is_refused() -> None:
    assert read_page(page("c" * MAX_CURSOR), "utf-8", PageNames()).next == "c" * MAX_CURSOR
    with pytest.raises(SourceMisconfigured, match="'next' of the list has more than 2000 characters"):
        read_page(page("c" * (MAX_CURSOR + 1)), "utf-8", PageNames())
