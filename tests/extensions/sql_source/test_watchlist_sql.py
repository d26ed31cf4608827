"""Reading a list from a database, on SQLite: what the contract of all sources does not say."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cekalwatch.contract.values.orders import OrderGround
from cekalwatch.extensions.sql_source.source import SqlSource
from cekalwatch.extensions.sql_source.source_settings import SqlSettings
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.watchlist.imports.records import OPTIONAL_COLUMNS, Photograph
from cekalwatch.server.watchlist.sources.mapping_settings import FIELDS as EVERY_FIELD
from cekalwatch.server.watchlist.sources.mapping_settings import MappingSettings
from cekalwatch.server.watchlist.sources.source import (
    OfferedOrder,
    RefusedRow,
    SourceItem,
    SourceMisconfigured,
    SourceUnavailable,
    WithdrawnOrder,
)
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES
from tests.support.builders.watchlist import WIB, FixedClock
from tests.support.builders.watchlist_folder import row
from tests.support.fakes.simulated_application import QUICK, simulated, with_photograph
from tests.support.scenarios.watchlist_sources import items, offered

FIELDS = (
    *("order_id", "subject_id", "kind", "requesting_agency", "valid_from", "valid_until", "received_on", "name"),
    *("photographs", "extends_order_id"),
)
MAPPING = MappingSettings(fields={name: name for name in FIELDS})
ROW = ("CEGAH", "Kejaksaan Agung", "2026-01-01", "2026-06-30", "2026-01-01", "Contoh Satu", "", None)


class Office:
    """A database with orders, and sources that read it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "cekal.sqlite3"
        self.clock = FixedClock()
        self.engine = sa.create_engine(f"sqlite:///{self.file}", poolclass=sa.pool.NullPool)
        self.run(f"CREATE TABLE cekal ({', '.join(FIELDS)}, changed, gone, photo BLOB, photo_version)")

    def run(self, statement: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), values)

    def add(self, *order_ids: object, changed: object = None) -> None:
        for order_id in order_ids:
            statement = sa.insert(sa.table("cekal", *map(sa.column, (*FIELDS, "changed"))))
            values = (order_id, f"S-{order_id}", *ROW, changed)
            with self.engine.begin() as connection:
                connection.execute(statement, dict(zip((*FIELDS, "changed"), values, strict=True)))

    def source(self, **settings: Any) -> SqlSource:
        usual: dict[str, Any] = {
            "address": f"sqlite:///{self.file}",
            "query": "cekal",
            "mapping": MAPPING,
            "rows_at_once": 2,
        }
        return SqlSource(SqlSettings(kind="sql", **usual | settings), WIB, self.clock)

    def read(self, cursor: str = "", **settings: Any) -> tuple[bool, list[SourceItem], str]:
        with closing(self.source(**settings)) as source:
            reading = source.read(cursor)
            pages = list(reading.pages)
            return reading.whole, [item for page in pages for item in page.items], pages[-1].cursor


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def keys(found: list[SourceItem]) -> list[str]:
    return [item.order_id for item in found if isinstance(item, OfferedOrder)]


def test_keys_that_several_rows_have_are_refused_after_the_first(office: Office) -> None:
    office.add("C-1", "C-2", "C-2", "C-3", "C-2")
    _, found, _ = office.read()
    assert keys(found) == ["C-1", "C-2", "C-3"]
    refused = [item.report for item in found if isinstance(item, RefusedRow)]
    assert [(one.order_id, one.field) for one in refused] == [("C-2", "order_id")] * 2


def test_a_column_that_tells_no_rows_apart_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cekalwatch.extensions.sql_source.source.MAX_REPEATED", 1)
    office.add("C-1", "C-1", "C-2", "C-2")
    with pytest.raises(SourceMisconfigured, match="does not tell rows apart"):
        office.read()


def test_keys_may_be_numbers(office: Office) -> None:
    office.add(*range(1, 12))
    with closing(office.source()) as source:
        first = next(iter(source.read("").pages))
        assert keys(list(first.items)) == ["1", "2"]
        assert keys(items(source.read(first.cursor))) == [str(number) for number in range(3, 12)]


def test_a_row_without_a_key_is_told_and_says_so_when_the_reading_goes_on(office: Office) -> None:
    office.add(None, "C-1", "C-2", "C-3")
    with closing(office.source()) as source:
        first = next(iter(source.read("").pages))
        again = items(source.read(first.cursor))
    for found in (list(first.items), again):
        (refused,) = [item for item in found if isinstance(item, RefusedRow)]
        assert not refused.keyed


def test_the_source_cannot_write(office: Office) -> None:
    office.add("C-1")
    for query in ("DELETE FROM cekal", "SELECT 1; DROP TABLE cekal", "cekal; DROP TABLE cekal"):
        with pytest.raises((SourceMisconfigured, SourceUnavailable)):
            office.read(query=query)
    assert keys(office.read()[1]) == ["C-1"]


def test_a_text_that_is_no_utf_8_refuses_its_row_and_no_other(office: Office) -> None:
    office.add("C-1", "C-2", "C-3")
    office.run("UPDATE cekal SET name = CAST(:raw AS TEXT) WHERE order_id = 'C-2'", raw="Müller".encode("cp1252"))
    _, found, _ = office.read()
    (refused,) = [item for item in found if isinstance(item, RefusedRow)]
    assert (refused.report.order_id, refused.report.field) == ("C-2", "name")
    assert len(found) == 3


@pytest.mark.parametrize(
    "query", ["DELETE FROM cekal", "SELECT * FROM nowhere", "SELECT * FROM cekal; DROP TABLE cekal"]
)
def test_a_query_that_cannot_be_run_is_told_as_such(office: Office, query: str) -> None:
    with pytest.raises(SourceMisconfigured, match="cannot run the query"):
        office.read(query=query)


def test_a_database_that_another_program_locks_is_told(office: Office) -> None:
    with closing(sqlite3.connect(office.file)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceUnavailable, match="SQLITE_BUSY"):
            office.read(timeout_seconds=1)


def test_missing_columns_and_tables_are_named_without_what_rows_hold(office: Office) -> None:
    with pytest.raises(SourceMisconfigured, match=r"has no column nik; it has order_id, subject_id"):
        office.read(mapping=MappingSettings(fields={name: name for name in (*FIELDS, "nik")}))
    with pytest.raises(SourceUnavailable):
        office.read(query="nothing")
    with pytest.raises(SourceUnavailable, match="There is no database"):
        office.read(address="sqlite:////nowhere/cekal.sqlite3")


def test_a_column_that_rises_gives_deltas(office: Office) -> None:
    at = datetime(2026, 3, 1, 12)  # noqa: DTZ001  # as databases have it

    # SQLite keeps times as texts, whose deltas begin with the last change itself.
    office.add("C-1", changed=str(at))
    office.add("C-2", changed=str(at + timedelta(hours=1)))
    whole, found, cursor = office.read(changed_column="changed")
    assert (whole, keys(found)) == (True, ["C-1", "C-2"])
    office.add("C-3", changed=str(at + timedelta(hours=2)))
    whole, found, later = office.read(cursor, changed_column="changed")
    assert (whole, keys(found)) == (False, ["C-2", "C-3"])
    whole, found, _ = office.read(later, changed_column="changed")
    assert (whole, keys(found)) == (False, ["C-3"])


def test_a_reading_is_whole_when_it_is_time_for_one(office: Office) -> None:
    """A delta does not see the row that was deleted."""
    office.add("C-1", "C-2", changed=1)
    _, _, cursor = office.read(changed_column="changed")
    office.run("DELETE FROM cekal WHERE order_id = 'C-1'")
    office.clock.advance(timedelta(hours=23))
    assert office.read(cursor, changed_column="changed")[0] is False
    office.clock.advance(timedelta(hours=1))
    whole, found, _ = office.read(cursor, changed_column="changed")
    assert (whole, keys(found)) == (True, ["C-2"])


def test_a_clock_that_was_ahead_puts_no_whole_reading_off(office: Office) -> None:
    office.add("C-1", "C-2", changed=1)
    office.clock.advance(timedelta(days=365))
    _, _, cursor = office.read(changed_column="changed")
    office.clock.advance(timedelta(days=-365))
    assert office.read(cursor, changed_column="changed")[0] is True


@pytest.mark.parametrize(
    ("gone", "withdrawn"),
    [
        (1, True),
        ("2026-01-01", True),
        ("Ya", True),
        (0, False),
        (None, False),
        ("f", False),
        # MySQL's drivers give a BIT as bytes, and a time that is none as a text.
        (b"\0", False),
        (b"\1", True),
        (b"\0\0", False),
        (b"0", False),
        (b"ya", True),
        ("0000-00-00 00:00:00", False),
        ("0000-00-00", False),
    ],
)
def test_a_row_can_say_that_its_order_has_left(office: Office, gone: object, withdrawn: bool) -> None:
    office.add("C-1")
    office.run("UPDATE cekal SET gone = :gone", gone=gone)
    _, (item,), _ = office.read(withdrawn_column="gone")
    assert isinstance(item, WithdrawnOrder) is withdrawn


@pytest.mark.parametrize(("bit", "urgent"), [(b"\0", False), (b"\1", True)])
def test_a_bit_is_a_yes_or_no(office: Office, bit: bytes, urgent: bool) -> None:
    office.add("C-1")
    office.run("UPDATE cekal SET gone = :bit", bit=bit)
    mapping = MappingSettings(fields={**{name: name for name in FIELDS}, "urgent": "gone"})
    with closing(office.source(mapping=mapping)) as source:
        assert offered(source.read(""))["C-1"].load().order.urgent is urgent


def test_a_column_of_changes_that_is_bytes_is_told(office: Office) -> None:
    """SQL Server's ROWVERSION is."""
    office.add("C-1", changed=b"\0\0\0\0\0\0\0\7")
    with pytest.raises(SourceMisconfigured, match="changed is neither a time nor a number"):
        office.read(changed_column="changed")


class TestPhotographs:
    def test_bytes_are_read_when_they_are_wanted_and_bounded_before(self, office: Office) -> None:
        office.add("C-1", "C-2")
        office.run("UPDATE cekal SET photo = zeroblob(:size) WHERE order_id = 'C-1'", size=MAX_PHOTO_BYTES + 1)
        office.run("UPDATE cekal SET photo = :data WHERE order_id = 'C-2'", data=b"photograph")
        with closing(office.source(photograph_columns=["photo"])) as source:
            found = offered(source.read(""))
            assert found["C-1"].load().photographs == (Photograph("photo", problem=Code.PHOTO_TOO_LARGE),)
            assert found["C-2"].load().photographs == (Photograph("photo", b"photograph"),)

    def test_a_column_without_content_is_no_photograph(self, office: Office) -> None:
        """Else everybody without one would be asked for at every run."""
        office.add("C-1", "C-2")
        office.run("UPDATE cekal SET photo = zeroblob(0) WHERE order_id = 'C-2'")
        with closing(office.source(photograph_columns=["photo"])) as source:
            assert [one.load().photographs for one in offered(source.read("")).values()] == [(), ()]

    def test_a_version_column_stands_for_the_bytes(self, office: Office) -> None:
        office.add("C-1")
        office.run("UPDATE cekal SET photo = :data, photo_version = 1", data=b"one")
        settings: dict[str, Any] = {"photograph_columns": ["photo"], "photograph_version": "photo_version"}

        def fingerprint() -> str:
            (item,) = office.read(**settings)[1]
            assert isinstance(item, OfferedOrder)
            return item.fingerprint

        first = fingerprint()
        office.run("UPDATE cekal SET photo = :data", data=b"two")
        assert fingerprint() == first
        office.run("UPDATE cekal SET photo_version = 2")
        assert fingerprint() != first

    def test_names_are_files_of_a_folder(self, office: Office, tmp_path: Path) -> None:
        office.add("C-1")
        office.run("UPDATE cekal SET photographs = 'a.jpg|../cekal.sqlite3'")
        (tmp_path / "foto").mkdir()
        (tmp_path / "foto" / "a.jpg").write_bytes(b"A")
        with closing(office.source(photographs=tmp_path / "foto")) as source:
            (record,) = (one.load() for one in offered(source.read("")).values())
        assert [(one.data, one.problem) for one in record.photographs] == [(b"A", None), (b"", Code.PHOTO_UNREADABLE)]

    def test_names_are_addresses_on_a_server(self, office: Office) -> None:
        office.add("C-1")
        office.run("UPDATE cekal SET photographs = 'photographs/C-1.jpg'")
        with simulated() as simulator:
            with_photograph(simulator, "C-1", b"A")
            settings: dict[str, Any] = {"photograph_server": f"{simulator.origin}/", "access": QUICK}
            with closing(office.source(**settings)) as source:
                (record,) = (one.load() for one in offered(source.read("")).values())
        assert [one.data for one in record.photographs] == [b"A"]

    def test_without_a_place_they_are_missing(self, office: Office) -> None:
        office.add("C-1")
        office.run("UPDATE cekal SET photographs = 'a.jpg'")
        (item,) = office.read()[1]
        assert isinstance(item, OfferedOrder)
        assert item.load().photographs == (Photograph("a.jpg", problem=Code.PHOTO_MISSING),)


def test_an_address_with_options_that_its_driver_cannot_use_is_told(office: Office) -> None:
    with pytest.raises(SourceMisconfigured, match=r"The driver cannot use the address \(ValueError\)"):
        office.read(address=f"sqlite:///{office.file}?timeout=lama")


def test_a_secret_is_shown_to_nobody(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEKAL_PASSWORD", "geheim")
    address = "postgresql+psycopg://cekalwatch@127.0.0.1:1/cekal"
    with closing(office.source(address=address, password_from="env:CEKAL_PASSWORD", timeout_seconds=2)) as source:
        assert source.name == "sql postgresql 127.0.0.1/cekal"
        with pytest.raises(SourceUnavailable) as caught:
            source.read("")
    assert "geheim" not in f"{caught.value!r} {caught.value.__cause__}"


@pytest.mark.parametrize("lacking", [OPTIONAL_COLUMNS, OPTIONAL_COLUMNS[1:], ()])
def test_a_table_for_0_2_has_fewer_columns_and_is_read_as_before(tmp_path: Path, lacking: tuple[str, ...]) -> None:
    columns = [name for name in EVERY_FIELD if name not in lacking]
    with closing(sqlite3.connect(tmp_path / "list.sqlite3")) as connection, connection:
        connection.execute(f"CREATE TABLE orders ({', '.join(columns)})")
        values = [row("O-1", ground="kepentingan nasional").get(name, "") for name in columns]
        connection.execute(f"INSERT INTO orders VALUES ({', '.join('?' * len(columns))})", values)  # noqa: S608
    chosen = SqlSettings(kind="sql", address=f"sqlite:///{tmp_path / 'list.sqlite3'}", query="orders")
    with closing(SqlSource(chosen, WIB)) as source:
        (item,) = items(source.read(""))
    assert isinstance(item, OfferedOrder)
    found = item.load().order
    assert found.ground is (None if "ground" in lacking else OrderGround.NATIONAL_INTEREST)
    assert (found.person_status, found.revocation_ground, found.revocation_reference) == (None, None, "")
