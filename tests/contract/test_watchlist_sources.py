"""What holds of every source of a watchlist: a folder, a spreadsheet, packages, a database, an application."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.contract.values.orders import OrderGround, OrderKind, PersonStatus, RevocationGround
from cekalwatch.contract.values.subjects import Subject, TravelDocument
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.watchlist.imports.records import ImportRecord
from cekalwatch.server.watchlist.sources.source import (
    CursorExpired,
    OfferedOrder,
    RefusedRow,
    SourcePage,
    WatchlistSource,
    WithdrawnOrder,
)
from deploy.simulator.orders import OrderDatabase
from deploy.simulator.web import Simulator
from tests.support.scenarios.watchlist_sources import (
    FolderForm,
    Form,
    HttpForm,
    PackagesForm,
    SpreadsheetForm,
    SqlForm,
    facts,
    items,
    offered,
    records,
)
from tests.support.tools.postgres import fresh_database

PHOTOGRAPH = b"photograph of O-1"


@pytest.fixture(params=["folder", "spreadsheet", "packages", "sqlite", "postgresql", "http"])
def form(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Form]:
    with contextlib.ExitStack() as stack:
        match request.param:
            case "folder":
                yield FolderForm(tmp_path)
            case "spreadsheet":
                yield SpreadsheetForm(tmp_path)
            case "packages":
                yield PackagesForm(tmp_path)
            case "sqlite":
                yield SqlForm(f"sqlite:///{tmp_path / 'cekal.sqlite3'}")
            case "postgresql":
                yield SqlForm(stack.enter_context(fresh_database(request.getfixturevalue("postgres"))))
            case _:
                book = stack.enter_context(contextlib.closing(OrderDatabase()))
                yield HttpForm(stack.enter_context(Simulator(book)))


@pytest.fixture
def source(form: Form) -> Iterator[WatchlistSource]:
    with contextlib.closing(form.source()) as one:
        yield one


def loaded(source: WatchlistSource, cursor: str = "") -> dict[str, ImportRecord]:
    return records(source.read(cursor))


def pages(source: WatchlistSource, cursor: str = "") -> list[SourcePage]:
    return list(source.read(cursor).pages)


def keys(page: SourcePage) -> list[str]:
    return [item.order_id for item in page.items if isinstance(item, OfferedOrder)]


@pytest.mark.both_databases
def test_every_form_of_an_order_gives_the_same_record(form: Form, source: WatchlistSource):
    revoked: dict[str, Any] = {"revocation_ground": "COURT", "revocation_reference": "12/Pid.Pra/2026/PN Btm"}
    more: dict[str, Any] = {
        "urgent": True,
        "extends_order_id": "O-0",
        "ground": "OTHER",
        "person_status": "terdakwa",
        **revoked,
    }
    form.put(facts(revoked_at=datetime(2026, 2, 1, 2, 30, tzinfo=UTC), **more))
    form.photograph("O-1.jpg", PHOTOGRAPH)
    record = loaded(source)["O-1"]
    assert record.order == BanOrder(
        order_id="O-1",
        subject_id="S-O-1",
        kind=OrderKind.CEGAH,
        requesting_agency="Kejaksaan Agung",
        valid_from=date(2026, 1, 1),
        valid_until=date(2026, 6, 30),
        received_on=date(2026, 1, 1),
        urgent=True,
        extends_order_id="O-0",
        revoked_at=datetime(2026, 2, 1, 2, 30, tzinfo=UTC),
        ground=OrderGround.OTHER,
        person_status=PersonStatus.DEFENDANT,
        revocation_ground=RevocationGround.COURT,
        revocation_reference="12/Pid.Pra/2026/PN Btm",
    )
    assert record.subject == Subject(
        subject_id="S-O-1",
        name="Contoh Satu",
        aliases=("Satu", "Si Contoh"),
        sex="F",
        date_of_birth="1975",
        nationality="IDN",
        travel_documents=(TravelDocument("passport", "X0000001", "IDN"),),
    )
    (photograph,) = record.photographs
    assert (photograph.data, photograph.problem) == (PHOTOGRAPH, None)


def test_a_ban_without_an_end_and_a_foreigner_without_documents(form: Form, source: WatchlistSource):
    form.put(facts(kind="TANGKAL", valid_until=date(9999, 12, 31), nationality="SGP", passport="", aliases=[]))
    record = loaded(source)["O-1"]
    assert (record.order.kind, record.order.valid_until) == (OrderKind.TANGKAL, date(9999, 12, 31))
    assert (record.subject.nationality, record.subject.travel_documents, record.subject.aliases) == ("SGP", (), ())


@pytest.mark.slow
def test_fingerprints_stay_while_nothing_changes(form: Form, source: WatchlistSource):
    form.put(facts("O-1"), facts("O-2"))
    form.photograph("O-1.jpg", PHOTOGRAPH)
    first = {key: one.fingerprint for key, one in offered(source.read("")).items()}
    with contextlib.closing(form.source()) as anew:
        again = {key: one.fingerprint for key, one in offered(anew.read("")).items()}
    assert first == again
    assert first.keys() == {"O-1", "O-2"}
    assert len(set(first.values())) == 2
    assert all(int(one, 16) for one in first.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"name": "Contoh Dua"},
        {"revoked_at": datetime(2026, 3, 1, tzinfo=UTC)},
        {"valid_until": date(2026, 6, 29)},
        {"aliases": ["Satu"]},
        {"passport": "X0000002"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_fingerprint_of_a_changed_order_changes_and_no_other(
    form: Form, source: WatchlistSource, change: dict[str, Any]
):
    form.put(facts("O-1"), facts("O-2"))
    first = offered(source.read(""))
    form.put(facts("O-1", **change), facts("O-2"))
    second = offered(source.read(""))
    assert first["O-1"].fingerprint != second["O-1"].fingerprint
    assert first["O-2"].fingerprint == second["O-2"].fingerprint


@pytest.mark.slow
def test_the_fingerprint_changes_with_the_photograph(form: Form, source: WatchlistSource):
    found = []
    form.put(facts("O-1"), facts("O-2"))
    for data in (None, PHOTOGRAPH, PHOTOGRAPH[::-1]):
        if data:
            form.photograph("O-1.jpg", data)
        reading = offered(source.read(""))
        found.append((reading["O-1"].fingerprint, reading["O-2"].fingerprint))
    assert len({one for one, _ in found}) == 3
    assert len({other for _, other in found}) == 1


def test_photographs_are_read_when_the_record_is_loaded(form: Form, source: WatchlistSource):
    form.put(facts())
    form.photograph("O-1.jpg", b"early")
    one = offered(source.read(""))["O-1"]
    form.photograph("O-1.jpg", b"late")
    assert one.load().photographs[0].data == b"late"


def test_a_photograph_that_is_not_there_is_told(form: Form, source: WatchlistSource):
    """An empty column of a database names none, nor does a package without a face."""
    form.put(facts())
    problems = [photograph.problem for photograph in loaded(source)["O-1"].photographs]
    assert problems == ([] if isinstance(form, SqlForm | PackagesForm) else [Code.PHOTO_MISSING])


def test_bases_come_before_their_extensions(form: Form, source: WatchlistSource):
    """An application that speaks HTTP sorts its list itself: here as its orders appeared."""
    extension = facts("A-2", extends_order_id="B-1", subject_id="S-B-1")
    base = facts("B-1")
    form.put(*((base, extension) if isinstance(form, HttpForm) else (extension, base)))
    assert [item.order_id for item in items(source.read("")) if isinstance(item, OfferedOrder)] == ["B-1", "A-2"]


@pytest.mark.slow
@pytest.mark.both_databases
def test_a_reading_goes_on_where_it_stopped(form: Form, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cekalwatch.extensions.nist_source.source.PAGE_ROWS", 2)
    for module in ("folder", "spreadsheet"):
        monkeypatch.setattr(f"cekalwatch.server.watchlist.sources.files.{module}.PAGE_ROWS", 2)
    orders = [facts(f"O-{number}") for number in range(1, 8)]
    form.put(*orders)
    with contextlib.closing(form.source()) as source:
        reading = source.read("")
        assert (reading.whole, reading.expected) == (True, 7)
        first = next(iter(reading.pages))
    assert keys(first) == ["O-1", "O-2"]
    with contextlib.closing(form.source()) as source:
        rest = source.read(first.cursor)
        assert rest.whole
        assert [key for page in rest.pages for key in keys(page)] == [f"O-{number}" for number in range(3, 8)]


@pytest.mark.both_databases
def test_the_last_page_asks_for_changes_where_those_can_be_told(form: Form, source: WatchlistSource):
    form.put(facts("O-1"), facts("O-2"), facts("O-3"))
    cursor = pages(source)[-1].cursor
    if not form.knows_changes:
        assert cursor == ""
        return
    form.put(facts("O-1"), facts("O-2", name="Contoh Dua"), facts("O-4"))
    reading = source.read(cursor)
    assert not reading.whole
    found = items(reading)
    assert {item.order_id for item in found if isinstance(item, OfferedOrder)} >= {"O-2", "O-4"}
    assert [item.order_id for item in found if isinstance(item, WithdrawnOrder)] == ["O-3"]
    assert not [item for item in found if isinstance(item, OfferedOrder) and item.order_id == "O-1"]


@pytest.mark.slow
def test_a_cursor_that_is_none_has_expired(form: Form, source: WatchlistSource):
    form.put(facts())
    for cursor in ("1", "what", "[]", "{}", '{"at": 1}', "1-2-3:x", "[0,{},null,null,0]"):
        with pytest.raises(CursorExpired):
            source.read(cursor)


def test_an_empty_list_is_a_list(form: Form, source: WatchlistSource):
    form.put()
    reading = source.read("")
    assert (reading.whole, reading.expected, items(reading)) == (True, 0, [])


@pytest.mark.both_databases
def test_a_row_that_cannot_be_read_is_refused_by_its_key_and_the_rest_is_there(form: Form, source: WatchlistSource):
    form.put(facts("O-1"), facts("O-2", nik="123"), facts("O-3"))
    found = items(source.read(""))
    (refused,) = [item for item in found if isinstance(item, RefusedRow)]
    assert (refused.report.order_id, refused.report.subject_id) == ("O-2", "S-O-2")
    assert (refused.report.reason, refused.report.field, refused.keyed) == (Code.RECORD_INVALID, "nik", True)
    assert {item.order_id for item in found if isinstance(item, OfferedOrder)} == {"O-1", "O-3"}


def test_a_row_without_a_key_says_where_it_is_and_that_it_could_be_any(form: Form, source: WatchlistSource):
    if isinstance(form, HttpForm):
        form.simulator.book.put({"order_id": " ", "name": "Contoh Satu"})
    else:
        form.put(facts("O-1"), facts(""))
    (refused,) = [item for item in items(source.read("")) if isinstance(item, RefusedRow)]
    assert not refused.keyed
    assert refused.report.order_id.partition(" ")[0] in {"line", "row", "record", "package"}


def test_its_name_holds_no_secret(form: Form, source: WatchlistSource):
    form.put()
    assert source.name.partition(" ")[0] in {"folder", "spreadsheet", "packages", "sql", "http"}
    assert "password" not in source.name
    assert "@" not in source.name


@pytest.mark.slow
def test_closing_twice_and_reading_again_work(form: Form, source: WatchlistSource):
    form.put(facts())
    first = loaded(source)
    source.close()
    source.close()
    assert loaded(source) == first
    assert replace(first["O-1"]) == first["O-1"]
