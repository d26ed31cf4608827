"""A list in a PostgreSQL that does not keep texts in UTF8."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa

from cekalwatch.extensions.sql_source.source import SqlSource
from cekalwatch.extensions.sql_source.source_settings import SqlSettings
from cekalwatch.server.watchlist.sources.mapping_settings import REQUIRED, MappingSettings
from cekalwatch.server.watchlist.sources.source import OfferedOrder, SourceMisconfigured
from tests.support.builders.watchlist import WIB
from tests.support.tools.postgres import fresh_database

pytestmark = pytest.mark.slow

NAME = "Jürgen Müller"
ROW = ("C-1", "S-1", "CEGAH", "Kejaksaan Agung", "2026-01-01", "2026-06-30", "2026-01-01", NAME)


def held(address: str, written: str) -> str:
    """Put one order there, whose text a program has written in that encoding, and return the source's address."""
    driven = address.replace("postgresql:", "postgresql+psycopg:")
    engine = sa.create_engine(driven, poolclass=sa.pool.NullPool, connect_args={"client_encoding": written})
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE cekal ({', '.join(f'{name} TEXT' for name in REQUIRED)})")
        connection.execute(
            sa.insert(sa.table("cekal", *map(sa.column, REQUIRED))), dict(zip(REQUIRED, ROW, strict=True))
        )
    return driven


@pytest.fixture
def nameless(postgres: str) -> Iterator[str]:
    """The address of a database that does not say what its texts are in."""
    with fresh_database(postgres, encoding="SQL_ASCII") as address:
        yield address


def names(address: str) -> list[str]:
    mapping = MappingSettings(fields={name: name for name in REQUIRED})
    with closing(SqlSource(SqlSettings(kind="sql", address=address, query="cekal", mapping=mapping), WIB)) as source:
        found = [item for page in source.read("").pages for item in page.items]
        return [item.load().subject.name for item in found if isinstance(item, OfferedOrder)]


def test_a_database_of_one_script_is_converted(postgres: str) -> None:
    with fresh_database(postgres, encoding="LATIN1") as address:
        assert names(held(address, "UTF8")) == [NAME]


def test_where_none_is_named_it_is_utf_8(nameless: str) -> None:
    assert names(held(nameless, "UTF8")) == [NAME]


def test_another_one_is_asked_for_and_named_in_the_address(nameless: str) -> None:
    address = held(nameless, "WIN1252")
    with pytest.raises(SourceMisconfigured, match=r"\?client_encoding=WIN1252"):
        names(address)
    assert names(f"{address}{'&' if '?' in address else '?'}client_encoding=WIN1252") == [NAME]
