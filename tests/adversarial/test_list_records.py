"""One record made to stop the whole list: it is refused alone, with its place, and the others are taken."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing, suppress
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from cekalwatch.server.watchlist.imports.records import RecordError, build_order, build_subject
from cekalwatch.server.watchlist.sources import values
from cekalwatch.server.watchlist.sources.files import csv_process
from cekalwatch.server.watchlist.sources.settings import HttpSettings, WebAccess
from cekalwatch.server.watchlist.sources.source import (
    OfferedOrder,
    RefusedRow,
    SourceItem,
    SourceMisconfigured,
    SourceTooCostly,
    SourceUnavailable,
)
from cekalwatch.server.watchlist.sources.web import http, json_page
from cekalwatch.server.watchlist.sources.web.http import HttpSource
from tests.support.builders.watchlist import WIB
from tests.support.builders.watchlist_folder import ORDERS_FILE, WatchlistFolder, row, write_orders
from tests.support.fakes.scripted_web import Answer, drips_a_head, scripted_web, sends
from tests.support.scenarios.watchlist_sources import items


def record(key: str, **more: Any) -> dict[str, Any]:
    return dict(row(key)) | {"urgent": False} | more


def page(*records: str, **more: Any) -> bytes:
    return (
        json.dumps({"next": "", "more": False} | more)[:-1].encode()
        + b', "orders": ['
        + ",".join(records).encode()
        + b"]}"
    )


def read(answer: Answer, **settings: Any) -> list[SourceItem]:
    usual: dict[str, Any] = {"access": WebAccess(attempts=1, back_off_seconds=0)}
    with scripted_web(answer) as address:
        entry = HttpSettings(kind="http", address=f"{address}/orders", **usual | settings)
        with closing(HttpSource(entry, WIB)) as source:
            return items(source.read(""))


DEEP = 100_000
BAD_RECORDS = {
    "a number of 4,301 digits": json.dumps(record("O-2", reason=0)).replace('"reason": 0', '"reason": ' + "9" * 4_301),
    "a million digits": json.dumps(record("O-2", reason=0)).replace('"reason": 0', '"reason": ' + "9" * 1_000_000),
    "lists in lists": json.dumps(record("O-2", aliases=0)).replace(
        '"aliases": 0', '"aliases": ' + "[" * DEEP + "]" * DEEP
    ),
    "objects in objects": json.dumps(record("O-2", aliases=0)).replace(
        '"aliases": 0', '"aliases": ' + '{"a":' * DEEP + "1" + "}" * DEEP
    ),
    "a name twice": json.dumps(record("O-2"))[:-1] + ', "name": "Other"}',
    "NaN": json.dumps(record("O-2", name=float("nan"))),
    "infinity": json.dumps(record("O-2", name=0)).replace('"name": 0', '"name": 1e999999'),
    "half a surrogate": json.dumps(record("O-2", name="A\udc80B")),
    "a huge text": json.dumps(record("O-2", name="x" * 3_000_000)),
    "accents on accents": json.dumps(record("O-2", name="a" + "\u0301\u0316" * 300_000)),
    "NUL": json.dumps(record("O-2", name="A\0B")),
    "many aliases": json.dumps(record("O-2", aliases=["x"] * 500_000)),
    "what our own messages mark values with": json.dumps(record("O-2", name={"": ["date", "2026-01-01"]})),
}


@pytest.mark.slow
@pytest.mark.parametrize("bad", BAD_RECORDS.values(), ids=BAD_RECORDS)
def test_a_bad_json_record_is_refused_alone(bad: str) -> None:
    before, broken, after = read(sends(page(json.dumps(record("O-1")), bad, json.dumps(record("O-3")))))
    assert isinstance(before, OfferedOrder)
    assert isinstance(after, OfferedOrder)
    assert isinstance(broken, RefusedRow)
    assert broken.report.order_id == "O-2"


def test_depth_outside_of_the_fields_refuses_nothing() -> None:
    extra = json.dumps(record("O-1", extra=0)).replace('"extra": 0', '"extra": ' + "[" * DEEP + "]" * DEEP)
    (found,) = read(sends(page(extra)))
    assert isinstance(found, OfferedOrder)


def test_a_bad_key_is_refused_by_its_place() -> None:
    bad = json.dumps(record("O-2", order_id=0)).replace('"order_id": 0', '"order_id": ' + "9" * 4_301)
    _, broken = read(sends(page(json.dumps(record("O-1")), bad)))
    assert isinstance(broken, RefusedRow)
    assert (broken.report.order_id, broken.report.field) == ("record 2", "order_id")


def test_names_that_come_many_times_take_no_time() -> None:
    """Counting each of them in all of them would take hours."""
    names = ",".join(f'"n{number}": 1' for number in range(200_000))
    (found,) = read(sends(page(json.dumps(record("O-1"))[:-1] + f', {names}, "n1": 2}}')))
    assert isinstance(found, OfferedOrder)


def test_a_page_that_fills_the_memory_ends_its_reader_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_page, "MEMORY_BYTES", 150_000_000)
    monkeypatch.setattr(json_page, "MEMORY_FACTOR", 1)
    with pytest.raises(SourceTooCostly, match="more memory"):
        read(sends(page("[" + "[],[[]]," * 1_500_000 + "[]]")))


def test_an_unending_page_is_given_up() -> None:
    sent: list[int] = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):
            while sum(sent) < 40_000_000:
                sent.append(handler.wfile.write(b" " * 65_536))

    with pytest.raises(SourceMisconfigured, match="larger than max_page_bytes"):
        read(endless, max_page_bytes=100_000)
    assert sum(sent) < 20_000_000, "more than the buffers between the two hold"


@pytest.mark.parametrize(
    ("cursor", "orders", "asked"),
    [(lambda _: "same", [record("O-1")], 2), (str, [], 4)],
    ids=["the same place again", "one empty page after another"],
)
def test_pages_that_lead_nowhere_end_the_reading(
    monkeypatch: pytest.MonkeyPatch, cursor: Callable[[int], str], orders: list[dict[str, Any]], asked: int
) -> None:
    monkeypatch.setattr(http, "MAX_EMPTY_PAGES", 3)
    pages: list[bytes] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        number = len(pages) + 1
        pages.append(page(*map(json.dumps, orders), next=cursor(number), more=number < 10))
        sends(pages[-1])(handler)

    with pytest.raises(SourceMisconfigured, match="lead nowhere"):
        read(answer)
    assert len(pages) == asked


@pytest.mark.slow
def test_a_head_that_never_ends_is_given_up() -> None:
    begun, over = time.monotonic(), Event()
    with pytest.raises(SourceUnavailable):
        read(drips_a_head(over), access=WebAccess(attempts=1, back_off_seconds=0, timeout_seconds=0.5))
    over.set()
    assert time.monotonic() - begun >= 5


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_compressed_answers_are_not_unpacked(coding: str) -> None:
    with pytest.raises(SourceUnavailable, match="compressed"):
        read(sends(b"\x1f\x8b" + bytes(100), Content_Encoding=coding))


BAD_CELLS = {
    "a number of 4,301 digits": {"nik": "9" * 4_301},
    "NUL": {"name": "A\0B"},
    "a huge text": {"name": "x" * 130_000},
    "more than a cell may have": {"name": "x" * 140_000},
    "accents on accents": {"name": "a" + "\u0301\u0316" * 30_000},
    "half a day": {"valid_from": "2026-02-30"},
    "a huge year": {"date_of_birth": "9" * 4_301},
}


@pytest.mark.parametrize("cells", BAD_CELLS.values(), ids=BAD_CELLS)
def test_a_bad_csv_row_is_refused_alone(tmp_path: Path, cells: dict[str, str]) -> None:
    found = WatchlistFolder(write_orders(tmp_path, [row("O-1"), row("O-2", **cells), row("O-3")]), WIB)
    assert [one.order.order_id for one in found.records()] == ["O-1", "O-3"]
    (report,) = found.refused
    assert report.order_id in {"O-2", "line 3"}


def test_an_endless_csv_line_is_refused(tmp_path: Path) -> None:
    write_orders(tmp_path, [row("O-1")])
    with (tmp_path / ORDERS_FILE).open("ab") as file:
        file.write(b"x" * 17_000_000)
    with pytest.raises(SourceMisconfigured, match="a line has more than"):
        WatchlistFolder(tmp_path, WIB)


def test_a_quotation_mark_that_is_never_closed_takes_no_memory(tmp_path: Path) -> None:
    write_orders(tmp_path, [row("O-1")])
    with (tmp_path / ORDERS_FILE).open("ab") as file:
        file.write(b'"' + b"x" * 60_000 + b"\n" + b"y" * 60_000 + b"\n" + b"z" * 60_000 + b"\n" + b"x\n" * 100)
    found = WatchlistFolder(tmp_path, WIB)
    assert len(found) == 1
    assert 1 < len(found.refused) <= 103


@pytest.mark.slow
def test_a_csv_table_that_takes_too_long_ends_its_reader_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_process, "PROCESSOR_S", 1)
    write_orders(tmp_path, [row("O-1")])
    with (tmp_path / ORDERS_FILE).open("ab") as file:
        file.write((b"," * 23 + b"x\n") * 600_000)
    with pytest.raises(SourceTooCostly, match="more time"):
        WatchlistFolder(tmp_path, WIB)


@pytest.mark.parametrize(
    "value",
    [10**4_301, -(10**4_301), Decimal("1E+1000000"), Decimal("NaN"), float("inf"), float("nan"), "x" * 20_000, {}, []],
    ids=type,
)
def test_a_value_from_a_database_is_refused_alone(value: object) -> None:
    with pytest.raises(RecordError):
        values.text("name", value)
    assert values.translated(value, {"a": "b"}) is value


def test_accents_on_accents_take_no_time_in_an_import_either() -> None:
    """Composing takes the square of their number: 100,000 of them took 20 s, in which nothing else ran."""
    begun = time.process_time()
    with pytest.raises(RecordError):
        build_subject(subject_id="S-1", name="a" + "\u0301\u0316" * 100_000)
    with pytest.raises(RecordError):
        build_order(
            order_id="O-1",
            subject_id="S-1",
            kind="CEGAH",
            requesting_agency="Kejaksaan Agung",
            valid_from="2026-01-01",
            valid_until="2026-06-30",
            received_on="2026-01-01",
            reason="a" + "\u0301\u0316" * 100_000,
        )
    assert time.process_time() - begun < 5
