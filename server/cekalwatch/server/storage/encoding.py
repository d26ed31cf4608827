"""The encoding of a PostgreSQL: only UTF8 has a place for every name that a list or a document may have."""

from __future__ import annotations

from typing import Any, Final

from cekalwatch.program.errors import Exit, ProgramError

ENCODING: Final = "UTF8"
"""As PostgreSQL names it; connections speak it, whatever the environment or the address says."""


def refuse_other_encoding(connection: Any, name: str) -> None:  # noqa: ANN401  # psycopg's, which is an extra
    """Raise ProgramError unless the database `name`, to which a psycopg connection was made, keeps texts in UTF8.

    The connection is closed then. Nothing is asked: the server has told it as the connection began.
    """
    found = connection.info.parameter_status("server_encoding")
    if found == ENCODING:
        return
    connection.close()
    raise ProgramError(
        f"The database {name} keeps texts in the encoding {found}, which cannot hold every name. Make another one and "
        f"name it: createdb --template=template0 --encoding={ENCODING} --locale=C.UTF-8 NAME",
        Exit.CONFIG,
    )
