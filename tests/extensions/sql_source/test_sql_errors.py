"""A technician learns from an error whether the query or the connection is wrong, and the database's number for it."""

from __future__ import annotations

import pytest
from sqlalchemy import exc

from cekalwatch.extensions.sql_source.rows import unavailable
from cekalwatch.server.watchlist.sources.source import SourceMisconfigured


class DriverError(Exception):
    """As drivers have it: the number, then a text that may quote a row."""


def told(number: object, kind: type[exc.DBAPIError] = exc.OperationalError) -> exc.SQLAlchemyError:
    return kind("SELECT nama FROM perintah", None, DriverError(number, "Rahasia Nama"))


@pytest.mark.parametrize("number", [1052, 1054, 1060, 1142, 1143, 1356])
def test_a_query_that_mysql_refuses_is_no_connection_that_is_lost(number: int) -> None:
    found = unavailable(told(number))
    assert isinstance(found, SourceMisconfigured)
    assert f"cannot run the query (DriverError {number})" in str(found)


@pytest.mark.parametrize("number", [1045, 1969, 2003, 2013, "28000"])
def test_a_connection_is_told_with_its_number(number: object) -> None:
    found = unavailable(told(number))
    assert not isinstance(found, SourceMisconfigured)
    assert f"cannot be reached, or refuses to answer (DriverError {number})" in str(found)


def test_oracle_keeps_its_number_in_an_object() -> None:
    class OracleError:
        full_code = "ORA-00942"

    assert str(unavailable(told(OracleError(), exc.DatabaseError))) == (
        "The database cannot be read (DriverError ORA-00942)"
    )


def test_what_an_error_quotes_is_never_told() -> None:
    for number in (1054, 1045, "Rahasia Nama", "RAHASIA", None):
        for kind in (exc.OperationalError, exc.ProgrammingError, exc.DataError):
            message = str(unavailable(told(number, kind)))
            assert "rahasia" not in message.lower()
            assert "perintah" not in message
