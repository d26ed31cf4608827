"""A database's columns compare keys by rules of their own; ours are texts, and each is its own order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from cekalwatch.extensions.sql_source.source import SqlSource
from cekalwatch.extensions.sql_source.source_settings import SqlSettings
from cekalwatch.server.watchlist.sources.mapping_settings import REQUIRED, MappingSettings
from cekalwatch.server.watchlist.sources.source import OfferedOrder, RefusedRow, SourceItem
from tests.support.builders.watchlist import WIB
from tests.support.tools.postgres import fresh_database

ROW = ("CEGAH", "Kejaksaan Agung", "2026-01-01", "2026-06-30", "2026-01-01", "Contoh Satu")
UUIDS = tuple(str(UUID(int=number)) for number in (1, 2**100, 2**127))


@dataclass(frozen=True)
class Column:
    """A column of keys: on which database, of which type, and what it holds."""

    database: str
    kind: str
    keys: tuple[str, ...]


WITHOUT_CASE = ("A", "C-1", "c-1", "C-2", "c-2", "D-1", "d-1", "E")
COLUMNS = {
    "sqlite-without-case": Column("sqlite", "TEXT COLLATE NOCASE", WITHOUT_CASE),
    "postgresql-without-case": Column("postgresql", "text COLLATE without_case", WITHOUT_CASE),
    "postgresql-uuid": Column("postgresql", "uuid", UUIDS),
    "postgresql-numeric": Column("postgresql", "numeric(20)", ("2", "10", "10000000000000000001")),
    "postgresql-char": Column("postgresql", "char(12)", ("A", "B", "C")),
}


class Keys:
    """A table with orders of these keys, in a database that has them in a column of this type."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.engine = sa.create_engine(address, poolclass=sa.pool.NullPool)

    def hold(self, kind: str, keys: tuple[str, ...]) -> None:
        postgres = self.engine.dialect.name == "postgresql"
        with self.engine.begin() as connection:
            if postgres:
                connection.exec_driver_sql(
                    "CREATE COLLATION without_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
                )
            columns = [f"order_id {kind}", *(f"{name} TEXT" for name in REQUIRED[1:])]
            photo = f"photo {'bytea' if postgres else 'BLOB'}"
            connection.exec_driver_sql(f"CREATE TABLE cekal ({', '.join(columns)}, {photo})")
            table = sa.table("cekal", *map(sa.column, (*REQUIRED, "photo")))
            for key in keys:
                values = [sa.literal(key, sa.types.NULLTYPE), f"S-{key.strip()}", *ROW, key.encode()]
                connection.execute(sa.insert(table).values(dict(zip((*REQUIRED, "photo"), values, strict=True))))

    def source(self) -> SqlSource:
        entry = SqlSettings(
            kind="sql",
            address=self.address,
            query="cekal",
            mapping=MappingSettings(fields={name: name for name in REQUIRED}),
            photograph_columns=("photo",),
            rows_at_once=2,
        )
        return SqlSource(entry, WIB)

    def read(self) -> list[SourceItem]:
        with closing(self.source()) as source:
            return [item for page in source.read("").pages for item in page.items]

    def read_broken_off_after_each_page(self) -> list[SourceItem]:
        found: list[SourceItem] = []
        cursor, more = "", True
        while more and len(found) < 100:
            with closing(self.source()) as source:
                page = next(iter(source.read(cursor).pages))
            found += page.items
            cursor = page.cursor
            more = bool(cursor) and json.loads(cursor)[1] is not None
        return found


@pytest.fixture
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Keys]:
    column: Column = request.param
    if column.database == "sqlite":
        held = Keys(f"sqlite:///{tmp_path / 'cekal.sqlite3'}")
        held.hold(column.kind, column.keys)
        yield held
        return
    with fresh_database(request.getfixturevalue("postgres")) as address:
        held = Keys(address.replace("postgresql://", "postgresql+psycopg://"))
        held.hold(column.kind, column.keys)
        yield held


def of_columns(*columns: Column) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("keys", columns, indirect=True)


def offered(found: list[SourceItem]) -> list[str]:
    return [item.order_id for item in found if isinstance(item, OfferedOrder)]


@pytest.mark.parametrize("keys", COLUMNS.values(), ids=COLUMNS, indirect=True)
def test_a_reading_that_breaks_off_after_each_page_leaves_no_order_out(keys: Keys, request: pytest.FixtureRequest):
    """An order that was left out would count as gone from the source, and be ended."""
    expected = request.node.callspec.params["keys"].keys
    assert set(offered(keys.read_broken_off_after_each_page())) == set(expected)


@pytest.mark.parametrize("keys", COLUMNS.values(), ids=COLUMNS, indirect=True)
def test_each_order_has_its_own_photograph(keys: Keys):
    """Another's would have somebody stopped who is on no list."""
    with closing(keys.source()) as source:
        found = [item for page in source.read("").pages for item in page.items if isinstance(item, OfferedOrder)]
        photographs = {item.order_id: item.load().photographs[0].data.decode() for item in found}
    assert photographs == {key: key for key in photographs}


@of_columns(
    Column("sqlite", "TEXT COLLATE NOCASE", ("c-1", "C-1", "C-1", "C-2")),
    Column("sqlite", "TEXT COLLATE RTRIM", ("c-1", "C-1", "C-1  ", "C-2")),
    Column("sqlite", "TEXT", ("c-1", "C-1", "C-1  ", "C-2")),
)
@pytest.mark.parametrize("reading", [Keys.read, Keys.read_broken_off_after_each_page])
def test_a_key_that_stands_twice_is_refused_though_others_look_the_same_to_the_database(
    keys: Keys, reading: Callable[[Keys], list[SourceItem]]
):
    found = reading(keys)
    assert set(offered(found)) == {"c-1", "C-1", "C-2"}
    assert offered(keys.read()).count("C-1") == 1
    assert {item.report.order_id for item in found if isinstance(item, RefusedRow)} == {"C-1"}
